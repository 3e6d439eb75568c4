/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations, and the texts that templates make of them: to the letter what transformers'
 * apply_chat_template makes of the published ones. */
#ifndef SFT_JOB_DATA_CHAT_H
#define SFT_JOB_DATA_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "job/data/scan.h"
#include "lib/error.h"
#include "lib/request.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_turn {
    enum chat_role role;
    bool silent; /* the assistant's, without a loss */
    struct scan_text text;
};

/* Read one after the other into the same chat, which keeps its memory. */
struct chat {
    struct chat_turn *turns;
    size_t count, room; /* turns behind count have texts whose memory is kept */
};

void chat_clear(struct chat *chat);
void chat_begin(struct chat *chat);
/* The next turn, with an empty text; NULL: no memory. */
struct chat_turn *chat_add(struct chat *chat, enum chat_role role);

/* More of a turn's text. -1: no memory. */
int chat_say(struct chat_turn *turn, const char *words);
/* ShareGPT's system text beside the turns, in front of them where they have none. -1: no memory. */
int chat_put_system(struct chat *chat, const char *text);

/* The array at scan->at: {"role", "content"} as OpenAI has it, {"from", "value"} as ShareGPT. -1
 * and scan->why, or *no_memory. What is JSON and no turn is said in why[size], "" where all are. */
int chat_read(struct chat *chat, struct scan *scan, size_t most, bool *no_memory, char *why,
              size_t size);

enum chat_kind { CHAT_TEXT, CHAT_SPECIAL, CHAT_BEGIN, CHAT_END };

/* A template's text is its parts one behind the other; that of CHAT_BEGIN and CHAT_END is empty. A
 * text part ends where another kind stands or where the loss begins or ends. */
struct chat_part {
    enum chat_kind kind;
    bool trained;
    size_t begin, length; /* in bytes */
};

struct chat_text {
    char *bytes;
    size_t length, bytes_room;
    struct chat_part *parts;
    size_t count, parts_room;
};

void chat_text_clear(struct chat_text *text);

/* Why this template cannot have these turns, as "has turn 3 of the user behind another"; NULL: it
 * can. */
const char *chat_fault(const struct chat *chat, enum sft_template template);

/* -1: no memory. The loss is on the assistant's texts and on what ends them. */
int chat_render(const struct chat *chat, enum sft_template template, struct chat_text *text);

/* Begin, the prompt as it stands, the answer and the end, which have the loss. -1: no memory. */
int chat_render_plain(const char *prompt, const char *answer, struct chat_text *text);

/* Which template a checkpoint's Jinja text is, by its words; SFT_TEMPLATE_AUTO: none of these. */
enum sft_template chat_template_find(const char *jinja);

/* The special tokens that a template's text has, NULL behind the last. */
const char *const *chat_specials(enum sft_template template);

#endif
