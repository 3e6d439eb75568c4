/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_keys.h"

#include <stddef.h>
#include <string.h>

#define RENAME_OUTPUT "rename response to output"
#define RENAME_PAIR(instruction, output)                                                           \
    "rename " instruction " to instruction and " output " to output"
#define UNWRAP "write the array of records alone into a file"

enum {
    COLUMNS,
    INSTRUCTION,
    CONTEXT,
    RESPONSE,
    COMPLETION,
    ANSWER,
    CHOSEN,
    REJECTED,
    CONVERSATIONS,
    CONVERSATION,
    MESSAGES,
    PROMPT,
    QUESTION,
    INPUTS,
    TARGETS,
    INPUT,
    OUTPUT,
    INSTANCES,
    DATA,
    TRAIN,
    EXAMPLES,
    ROWS,
    WEIGHT_MAP,
    TEXT,
    ERROR,
    KEYS
};

static const char *const names[KEYS] = {
    [COLUMNS] = DATA_KEYS_COLUMNS,
    [INSTRUCTION] = "instruction",
    [CONTEXT] = "context",
    [RESPONSE] = "response",
    [COMPLETION] = "completion",
    [ANSWER] = "answer",
    [CHOSEN] = "chosen",
    [REJECTED] = "rejected",
    [CONVERSATIONS] = "conversations",
    [CONVERSATION] = "conversation",
    [MESSAGES] = "messages",
    [PROMPT] = "prompt",
    [QUESTION] = "question",
    [INPUTS] = "inputs",
    [TARGETS] = "targets",
    [INPUT] = "input",
    [OUTPUT] = "output",
    [INSTANCES] = "instances",
    [DATA] = "data",
    [TRAIN] = "train",
    [EXAMPLES] = "examples",
    [ROWS] = "rows",
    [WEIGHT_MAP] = "weight_map",
    [TEXT] = "text",
    [ERROR] = "error",
};

/* What has more keys stands before what has fewer of them. */
static const struct data_keys rows[] = {
    {"a table by columns (as pandas' to_json() writes it)",
     "write it with orient='records', lines=True", 1u << COLUMNS},
    {"Dolly's records (keys instruction, context, response)",
     "rename context to input and response to output",
     1u << INSTRUCTION | 1u << CONTEXT | 1u << RESPONSE},
    {"records with an instruction and a response", RENAME_OUTPUT,
     1u << INSTRUCTION | 1u << RESPONSE},
    {"records with an instruction and a completion", "rename completion to output",
     1u << INSTRUCTION | 1u << COMPLETION},
    {"records with an instruction and an answer", "rename answer to output",
     1u << INSTRUCTION | 1u << ANSWER},
    {"pairs of preferences (keys chosen, rejected)",
     "they are not for supervised fine-tuning; take chosen as output",
     1u << CHOSEN | 1u << REJECTED},
    {"conversations that are no array of turns (key conversations)",
     "each turn is an object with from and value", 1u << CONVERSATIONS},
    {"ShareGPT's records (key conversation)", "rename conversation to conversations",
     1u << CONVERSATION},
    {"messages that are no array of turns (key messages)",
     "each turn is an object with role and content", 1u << MESSAGES},
    {"OpenOrca's records (keys question, response)", RENAME_PAIR("question", "response"),
     1u << QUESTION | 1u << RESPONSE},
    {"records with a prompt and a response", RENAME_PAIR("prompt", "response"),
     1u << PROMPT | 1u << RESPONSE},
    {"records with a prompt and an answer", RENAME_PAIR("prompt", "answer"),
     1u << PROMPT | 1u << ANSWER},
    {"questions and answers (keys question, answer)", RENAME_PAIR("question", "answer"),
     1u << QUESTION | 1u << ANSWER},
    {"FLAN's records (keys inputs, targets)", RENAME_PAIR("inputs", "targets"),
     1u << INPUTS | 1u << TARGETS},
    {"records with an input and an output alone", "rename input to instruction",
     1u << INPUT | 1u << OUTPUT},
    {"records inside of an object (key instances)", UNWRAP, 1u << INSTANCES},
    {"records inside of an object (key data)", UNWRAP, 1u << DATA},
    {"records inside of an object (key train)", UNWRAP, 1u << TRAIN},
    {"records inside of an object (key examples)", UNWRAP, 1u << EXAMPLES},
    {"rows of Hugging Face's viewer (key rows)", "write each row's `row` as a record", 1u << ROWS},
    {"the index of a model's files (key weight_map)", "data= wants records", 1u << WEIGHT_MAP},
    {"plain texts (key text)", "supervised fine-tuning wants an instruction and an output apart",
     1u << TEXT},
    {"a server's error in place of the file (key error)", "look at it, and fetch the file again",
     1u << ERROR},
};

unsigned data_keys_bit(const char *key)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (strcmp(names[i], key) == 0)
            return 1u << i;
    return 0;
}

const struct data_keys *data_keys_find(unsigned bits)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((bits & rows[i].keys) == rows[i].keys)
            return &rows[i];
    return NULL;
}
