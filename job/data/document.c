/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void document_maker_clear(struct document_maker *maker)
{
    chat_clear(&maker->chat);
    chat_text_clear(&maker->text);
}

int document_template(const struct tokenizer *tokenizer, enum sft_template asked,
                      enum sft_template *found, struct sft_error *err)
{
    const char *jinja = tokenizer_chat_template(tokenizer);
    *found = asked;
    if (asked == SFT_TEMPLATE_AUTO && jinja != NULL) {
        *found = chat_template_find(jinja);
        if (*found == SFT_TEMPLATE_AUTO)
            return sft_error_set(err,
                                 "the chat template beside tokenizer %s is none that is known: "
                                 "name one with template=alpaca, llama2, llama3, llama31 or chatml",
                                 tokenizer_name(tokenizer));
    } else if (asked == SFT_TEMPLATE_AUTO) {
        *found = tokenizer_special(tokenizer, "<|start_header_id|>") >= 0 ? SFT_TEMPLATE_LLAMA3
                 : tokenizer_special(tokenizer, "<|im_start|>") >= 0      ? SFT_TEMPLATE_CHATML
                 : tokenizer_special(tokenizer, "</s>") >= 0              ? SFT_TEMPLATE_LLAMA2
                                                                          : SFT_TEMPLATE_ALPACA;
    }
    if (strcmp(tokenizer_name(tokenizer), "bytes") == 0)
        return 0; /* has no special tokens: it spells them */
    for (const char *const *special = chat_specials(*found); *special != NULL; special++)
        if (tokenizer_special(tokenizer, *special) < 0)
            return sft_error_set(err,
                                 "template=%s wants the special token %s, which tokenizer %s "
                                 "does not have",
                                 sft_template_words[*found], *special, tokenizer_name(tokenizer));
    return 0;
}

/* One text's tokens on their way. */
struct tokens {
    int32_t *ids;
    uint8_t *marks;
    size_t count, room;
};

static int tokens_put(struct tokens *tokens, const int32_t *ids, size_t count, bool trained)
{
    if (count == 0)
        return 0; // there may be no array yet
    if (tokens->count + count > tokens->room) {
        size_t room = 2 * (tokens->count + count) + 64;
        int32_t *grown = realloc(tokens->ids, room * sizeof *grown);
        if (grown == NULL)
            return -1;
        tokens->ids = grown;
        uint8_t *marks = realloc(tokens->marks, room);
        if (marks == NULL)
            return -1;
        tokens->marks = marks;
        tokens->room = room;
    }
    memcpy(tokens->ids + tokens->count, ids, count * sizeof *ids);
    memset(tokens->marks + tokens->count, trained, count);
    tokens->count += count;
    return 0;
}

static int text_put(struct tokenizer *tokenizer, struct tokens *tokens, const char *text,
                    size_t length, bool trained, struct sft_error *err)
{
    int32_t *ids = NULL;
    long count = tokenizer_encode(tokenizer, text, length, &ids, err);
    if (count < 0)
        return -1;
    int result = tokens_put(tokens, ids, (size_t)count, trained);
    free(ids);
    return result < 0 ? sft_error_set(err, "no memory for %ld tokens", count) : 0;
}

static int part_put(struct tokenizer *tokenizer, struct tokens *tokens,
                    const struct chat_text *text, size_t number, bool joins, struct sft_error *err)
{
    const struct chat_part *part = &text->parts[number];
    const char *bytes = text->bytes + part->begin;
    char special[64];
    int32_t id = part->kind == CHAT_BEGIN ? tokenizer_begin(tokenizer) : tokenizer_end(tokenizer);
    if (part->kind == CHAT_SPECIAL) {
        snprintf(special, sizeof special, "%.*s", (int)part->length, bytes);
        id = tokenizer_special(tokenizer, special);
    }
    if (part->kind == CHAT_TEXT || (part->kind == CHAT_SPECIAL && id < 0)) {
        size_t space = joins && number > 0 && text->parts[number - 1].kind == CHAT_TEXT &&
                       part->length > 0 && bytes[0] == ' ';
        return text_put(tokenizer, tokens, bytes + space, part->length - space, part->trained, err);
    }
    if (id >= 0 && tokens_put(tokens, &id, 1, part->trained) < 0)
        return sft_error_set(err, "no memory for tokens");
    return 0;
}

long document_encode(struct tokenizer *tokenizer, const struct chat_text *text, bool joins,
                     int32_t **ids, uint8_t **marks, struct sft_error *err)
{
    struct tokens tokens = {0};
    int failed = tokens_put(&tokens, NULL, 0, false);
    for (size_t i = 0; i < text->count && !failed; i++)
        failed = part_put(tokenizer, &tokens, text, i, joins, err);
    *ids = tokens.ids;
    *marks = tokens.marks;
    return failed ? -1 : (long)tokens.count;
}

static int turn_put(struct chat *chat, enum chat_role role, const char *text, const char *more)
{
    struct chat_turn *turn = chat_add(chat, role);
    if (turn == NULL || chat_say(turn, text) < 0)
        return -1;
    return more[0] != '\0' && (chat_say(turn, "\n\n") < 0 || chat_say(turn, more) < 0) ? -1 : 0;
}

/* Alpaca's fields and pairs as two turns, for a template that was asked for. */
static const struct chat *turns_of(struct document_maker *maker, const struct record *record)
{
    struct chat *chat = &maker->chat;
    bool pair = record_format(record) == RECORD_PAIR;
    if (record_format(record) == RECORD_TURNS)
        return &record->chat;
    chat_begin(chat);
    const char *asked = record_text(record, pair ? RECORD_PROMPT : RECORD_INSTRUCTION);
    const char *said = record_text(record, pair ? RECORD_COMPLETION : RECORD_OUTPUT);
    const char *input = pair ? "" : record_text(record, RECORD_INPUT);
    return turn_put(chat, CHAT_USER, asked, input) < 0 ||
                   turn_put(chat, CHAT_ASSISTANT, said, "") < 0
               ? NULL
               : chat;
}

/* Begin, prompt, answer, end. */
static int plain_render(struct document_maker *maker, const struct record *record)
{
    bool pair = record_format(record) == RECORD_PAIR;
    char *prompt = pair ? strdup(record_text(record, RECORD_PROMPT))
                        : data_prompt(record_text(record, RECORD_INSTRUCTION),
                                      record_text(record, RECORD_INPUT));
    const char *answer = record_text(record, pair ? RECORD_COMPLETION : RECORD_OUTPUT);
    int result = prompt == NULL ? -1 : chat_render_plain(prompt, answer, &maker->text);
    free(prompt);
    return result;
}

static int turns_render(struct document_maker *maker, const struct record *record, char *why,
                        size_t size, struct sft_error *err)
{
    if (maker->turns == SFT_TEMPLATE_AUTO &&
        document_template(maker->tokenizer, maker->asked, &maker->turns, err) < 0)
        return -1;
    const struct chat *chat = turns_of(maker, record);
    const char *fault = chat == NULL ? NULL : chat_fault(chat, maker->turns);
    if (fault != NULL)
        snprintf(why, size, "%s", fault);
    if (fault != NULL)
        return 1;
    if (chat == NULL || chat_render(chat, maker->turns, &maker->text) < 0)
        return sft_error_set(err, "no memory for a record");
    return 0;
}

int document_make(struct document_maker *maker, const struct record *record, char *why, size_t size,
                  struct sft_error *err)
{
    bool turns = record_format(record) == RECORD_TURNS;
    bool plain =
        !turns && (maker->asked == SFT_TEMPLATE_AUTO || maker->asked == SFT_TEMPLATE_ALPACA);
    int32_t *ids = NULL;
    uint8_t *marks = NULL;
    if (plain && plain_render(maker, record) < 0)
        return sft_error_set(err, "no memory for a record");
    int result = plain ? 0 : turns_render(maker, record, why, size, err);
    if (result != 0)
        return result;
    bool joins =
        !plain && maker->turns == SFT_TEMPLATE_LLAMA2 && tokenizer_adds_space(maker->tokenizer);
    long count = document_encode(maker->tokenizer, &maker->text, joins, &ids, &marks, err);
    result = count < 0 ? -1 : data_add_marked(maker->data, ids, marks, count, err);
    free(ids);
    free(marks);
    return result;
}
