/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/chat.h"

#include <stdlib.h>
#include <string.h>

void chat_text_clear(struct chat_text *text)
{
    free(text->bytes);
    free(text->parts);
    memset(text, 0, sizeof *text);
}

/* One text on its way; failed: no memory. */
struct writer {
    struct chat_text *text;
    bool trained, failed;
};

static bool room_make(void **array, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return true;
    void *grown = realloc(*array, 2 * needed * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = 2 * needed;
    return true;
}

static void put(struct writer *w, enum chat_kind kind, const char *bytes, size_t length)
{
    struct chat_text *text = w->text;
    struct chat_part *last = text->count > 0 ? &text->parts[text->count - 1] : NULL;
    bool joins =
        kind == CHAT_TEXT && last != NULL && last->kind == CHAT_TEXT && last->trained == w->trained;
    if (w->failed || (kind == CHAT_TEXT && length == 0))
        return;
    if (!room_make((void **)&text->bytes, &text->bytes_room, text->length + length + 1, 1) ||
        !room_make((void **)&text->parts, &text->parts_room, text->count + 1,
                   sizeof *text->parts)) {
        w->failed = true;
        return;
    }
    if (joins)
        text->parts[text->count - 1].length += length;
    else
        text->parts[text->count++] = (struct chat_part){kind, w->trained, text->length, length};
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static void say(struct writer *w, const char *words)
{
    put(w, CHAT_TEXT, words, strlen(words));
}

static void mark(struct writer *w, enum chat_kind kind, const char *special)
{
    put(w, kind, special, strlen(special));
}

/* Bytes of the white space at `at`, as Python's str.strip() has it; 0: it is none. */
static size_t space_at(const char *at, const char *end)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    if ((c[0] >= 9 && c[0] <= 13) || (c[0] >= 28 && c[0] <= 32))
        return 1;
    if (left >= 2 && c[0] == 0xc2 && (c[1] == 0x85 || c[1] == 0xa0))
        return 2;
    if (left < 3)
        return 0;
    unsigned code = (c[0] & 15u) << 12 | (c[1] & 63u) << 6 | (c[2] & 63u);
    bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                 code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return (c[0] & 0xf0) == 0xe0 && space ? 3 : 0;
}

static void say_stripped(struct writer *w, const struct scan_text *text)
{
    const char *begin = text->bytes, *end = begin + text->length;
    size_t space;
    while (begin < end && (space = space_at(begin, end)) > 0)
        begin += space;
    while (end > begin) {
        const char *last = end - 1;
        while (last > begin && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (space_at(last, end) != (size_t)(end - last))
            break;
        end = last;
    }
    put(w, CHAT_TEXT, begin, (size_t)(end - begin));
}

static void say_text(struct writer *w, const struct scan_text *text)
{
    put(w, CHAT_TEXT, text->bytes, text->length);
}

static const char *role_name(enum chat_role role)
{
    return role == CHAT_SYSTEM ? "system" : role == CHAT_USER ? "user" : "assistant";
}

static bool is_trained(const struct chat_turn *turn)
{
    return turn->role == CHAT_ASSISTANT && !turn->silent;
}

static void llama3_header(struct writer *w, enum chat_role role)
{
    mark(w, CHAT_SPECIAL, "<|start_header_id|>");
    say(w, role_name(role));
    mark(w, CHAT_SPECIAL, "<|end_header_id|>");
    say(w, "\n\n");
}

/* 3.1 has a system text always, which begins with dates: these, where nobody gives it another. */
static size_t llama31_system(struct writer *w, const struct chat *chat)
{
    bool has = chat->count > 0 && chat->turns[0].role == CHAT_SYSTEM;
    llama3_header(w, CHAT_SYSTEM);
    say(w, "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n");
    if (has)
        say_stripped(w, &chat->turns[0].text);
    mark(w, CHAT_SPECIAL, "<|eot_id|>");
    return has;
}

static void llama3_render(struct writer *w, const struct chat *chat, bool dated)
{
    mark(w, CHAT_BEGIN, "");
    for (size_t i = dated ? llama31_system(w, chat) : 0; i < chat->count; i++) {
        const struct chat_turn *turn = &chat->turns[i];
        llama3_header(w, turn->role);
        w->trained = is_trained(turn);
        say_stripped(w, &turn->text);
        mark(w, CHAT_SPECIAL, "<|eot_id|>");
        w->trained = false;
    }
}

static bool is_llama3(enum sft_template template)
{
    return template == SFT_TEMPLATE_LLAMA3 || template == SFT_TEMPLATE_LLAMA31;
}

static void chatml_render(struct writer *w, const struct chat *chat)
{
    for (size_t i = 0; i < chat->count; i++) {
        const struct chat_turn *turn = &chat->turns[i];
        mark(w, CHAT_SPECIAL, "<|im_start|>");
        say(w, role_name(turn->role));
        say(w, "\n");
        w->trained = is_trained(turn);
        say_text(w, &turn->text);
        mark(w, CHAT_SPECIAL, "<|im_end|>");
        w->trained = false;
        say(w, "\n");
    }
}

/* The system text stands in front of the user's first one, and both are stripped as one. */
static void llama2_user(struct writer *w, const struct chat_turn *system,
                        const struct chat_turn *turn)
{
    struct chat_text whole = {0};
    struct writer inner = {.text = &whole};
    mark(w, CHAT_BEGIN, "");
    say(w, "[INST] ");
    if (system != NULL) {
        say(&inner, "<<SYS>>\n");
        say_text(&inner, &system->text);
        say(&inner, "\n<</SYS>>\n\n");
    }
    say_text(&inner, &turn->text);
    if (whole.length > 0)
        say_stripped(w, &(struct scan_text){.bytes = whole.bytes, .length = whole.length});
    w->failed |= inner.failed;
    chat_text_clear(&whole);
    say(w, " [/INST]");
}

static void llama2_render(struct writer *w, const struct chat *chat)
{
    const struct chat_turn *system =
        chat->count > 0 && chat->turns[0].role == CHAT_SYSTEM ? &chat->turns[0] : NULL;
    size_t first = system != NULL;
    for (size_t i = first; i < chat->count; i++) {
        const struct chat_turn *turn = &chat->turns[i];
        if (turn->role == CHAT_USER) {
            llama2_user(w, i == first ? system : NULL, turn);
            continue;
        }
        w->trained = is_trained(turn);
        say(w, " ");
        say_stripped(w, &turn->text);
        say(w, " ");
        mark(w, CHAT_END, "");
        w->trained = false;
    }
}

/* As Alpaca's prompt without an input; a system text stands in place of its first lines. */
static void alpaca_render(struct writer *w, const struct chat *chat)
{
    size_t first = chat->count > 0 && chat->turns[0].role == CHAT_SYSTEM;
    mark(w, CHAT_BEGIN, "");
    if (first > 0)
        say_text(w, &chat->turns[0].text);
    else
        say(w, "Below is an instruction that describes a task. Write a response that appropriately "
               "completes the request.");
    for (size_t i = first; i < chat->count; i++) {
        const struct chat_turn *turn = &chat->turns[i];
        if (turn->role == CHAT_USER) {
            say(w, "\n\n### Instruction:\n");
            say_text(w, &turn->text);
            say(w, "\n\n### Response:");
            continue;
        }
        w->trained = is_trained(turn);
        say_text(w, &turn->text);
        mark(w, CHAT_END, "");
        w->trained = false;
    }
}

int chat_render(const struct chat *chat, enum sft_template template, struct chat_text *text)
{
    struct writer writer = {.text = text};
    text->length = text->count = 0;
    if (is_llama3(template))
        llama3_render(&writer, chat, template == SFT_TEMPLATE_LLAMA31);
    else if (template == SFT_TEMPLATE_CHATML)
        chatml_render(&writer, chat);
    else if (template == SFT_TEMPLATE_LLAMA2)
        llama2_render(&writer, chat);
    else
        alpaca_render(&writer, chat);
    return writer.failed ? -1 : 0;
}

int chat_render_plain(const char *prompt, const char *answer, struct chat_text *text)
{
    struct writer writer = {.text = text};
    text->length = text->count = 0;
    mark(&writer, CHAT_BEGIN, "");
    say(&writer, prompt);
    writer.trained = true;
    say(&writer, answer);
    mark(&writer, CHAT_END, "");
    return writer.failed ? -1 : 0;
}

const char *chat_fault(const struct chat *chat, enum sft_template template)
{
    bool answered = false, strict = !is_llama3(template) && template != SFT_TEMPLATE_CHATML;
    size_t first = strict && chat->count > 0 && chat->turns[0].role == CHAT_SYSTEM;
    for (size_t i = 0; i < chat->count; i++) {
        enum chat_role role = chat->turns[i].role;
        answered |= is_trained(&chat->turns[i]) && chat->turns[i].text.length > 0;
        if (strict && i >= first && role != ((i - first) % 2 == 0 ? CHAT_USER : CHAT_ASSISTANT))
            return "has turns that do not go user, assistant, user, ... as this template wants "
                   "them";
    }
    return answered ? NULL : "has no text of the assistant";
}

static bool holds(const char *text, const char *words)
{
    return strstr(text, words) != NULL;
}

/* Those of later releases say more than the turns (tools, the date, a system text of their own);
 * Llama 3.1's to 3.3's do the same to turns without tools. */
enum sft_template chat_template_find(const char *jinja)
{
    bool more = holds(jinja, "tool") || holds(jinja, "Today Date") || holds(jinja, "You are");
    bool llama3 = holds(jinja, "<|start_header_id|>") && holds(jinja, "<|eot_id|>");
    if (llama3 && holds(jinja, "\"Cutting Knowledge Date: December 2023\\n\"") &&
        holds(jinja, "\"26 Jul 2024\""))
        return SFT_TEMPLATE_LLAMA31;
    if (more)
        return SFT_TEMPLATE_AUTO;
    if (llama3)
        return SFT_TEMPLATE_LLAMA3;
    if (holds(jinja, "<|im_start|>") && holds(jinja, "<|im_end|>"))
        return SFT_TEMPLATE_CHATML;
    if (holds(jinja, "[INST]") && holds(jinja, "<<SYS>>"))
        return SFT_TEMPLATE_LLAMA2;
    return holds(jinja, "### Instruction:") && holds(jinja, "### Response:") ? SFT_TEMPLATE_ALPACA
                                                                             : SFT_TEMPLATE_AUTO;
}

const char *const *chat_specials(enum sft_template template)
{
    static const char *const llama3[] = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
                                         NULL};
    static const char *const chatml[] = {"<|im_start|>", "<|im_end|>", NULL};
    static const char *const none[] = {NULL};
    return is_llama3(template) ? llama3 : template == SFT_TEMPLATE_CHATML ? chatml : none;
}
