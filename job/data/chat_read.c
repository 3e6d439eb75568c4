/* SPDX-License-Identifier: Apache-2.0 */
/* Turns as OpenAI and ShareGPT write them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/chat.h"

void chat_clear(struct chat *chat)
{
    for (size_t i = 0; i < chat->room; i++)
        free(chat->turns[i].text.bytes);
    free(chat->turns);
    memset(chat, 0, sizeof *chat);
}

void chat_begin(struct chat *chat)
{
    chat->count = 0;
}

struct chat_turn *chat_add(struct chat *chat, enum chat_role role)
{
    if (chat->count == chat->room) {
        size_t room = 2 * chat->room + 4;
        struct chat_turn *turns = realloc(chat->turns, room * sizeof *turns);
        if (turns == NULL)
            return NULL;
        memset(turns + chat->room, 0, (room - chat->room) * sizeof *turns);
        chat->turns = turns;
        chat->room = room;
    }
    struct chat_turn *turn = &chat->turns[chat->count];
    turn->role = role;
    turn->silent = turn->text.mended = false;
    turn->text.length = 0;
    if (turn->text.bytes == NULL) {
        turn->text.bytes = calloc(1, 16);
        turn->text.room = turn->text.bytes == NULL ? 0 : 16;
    }
    if (turn->text.bytes == NULL)
        return NULL;
    turn->text.bytes[0] = '\0';
    chat->count++;
    return turn;
}

static const struct {
    const char *name;
    enum chat_role role;
} roles[] = {
    {"system", CHAT_SYSTEM},     {"developer", CHAT_SYSTEM},    {"user", CHAT_USER},
    {"human", CHAT_USER},        {"assistant", CHAT_ASSISTANT}, {"gpt", CHAT_ASSISTANT},
    {"chatgpt", CHAT_ASSISTANT}, {"model", CHAT_ASSISTANT},     {"bard", CHAT_ASSISTANT},
    {"bing", CHAT_ASSISTANT},
};

/* One array on its way. */
struct reader {
    struct scan *scan;
    size_t most;
    bool *no_memory;
    char *why;
    size_t size;
};

/* The first complaint stays. */
__attribute__((format(printf, 2, 3))) static void complain(struct reader *r, const char *format,
                                                           ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (r->why[0] == '\0')
        vsnprintf(r->why, r->size, format, arguments);
    va_end(arguments);
}

static int role_read(struct reader *r, size_t number, struct chat_turn *turn)
{
    struct scan_text name = {0};
    bool known = false;
    if (scan_type(r->scan) != SCAN_TEXT) {
        complain(r, "has no text as role in turn %zu", number);
        return scan_value(r->scan);
    }
    int result = scan_take(r->scan, &name, 64, r->no_memory);
    for (size_t i = 0; i < sizeof roles / sizeof *roles && result == 0; i++)
        if (strcmp(name.bytes, roles[i].name) == 0) {
            turn->role = roles[i].role;
            known = true;
        }
    if (result == 0 && !known)
        complain(r, "has in turn %zu the role '%.20s', which no template has", number, name.bytes);
    free(name.bytes);
    return result;
}

/* {"type": "text", "text": ...}: its text is appended. Any other part is seen by what it lacks. */
static int part_read(struct reader *r, struct chat_turn *turn, bool *text)
{
    char key[16];
    int member;
    struct scan_text part = {0};
    *text = false;
    for (bool first = true; (member = scan_member(r->scan, first, key, sizeof key)) == 1;
         first = false) {
        bool taken = strcmp(key, "text") == 0 && scan_type(r->scan) == SCAN_TEXT;
        size_t most = r->most > turn->text.length ? r->most - turn->text.length : 0;
        if ((taken ? scan_take(r->scan, &part, most, r->no_memory) : scan_value(r->scan)) < 0) {
            member = -1;
            break;
        }
        *text = *text || taken;
        scan_space(r->scan);
    }
    turn->text.mended = turn->text.mended || part.mended;
    if (member == 0 && *text && chat_say(turn, part.bytes) < 0) {
        *r->no_memory = true;
        member = -1;
    }
    free(part.bytes);
    return member;
}

/* OpenAI's list of parts; texts follow each other as one. */
static int parts_read(struct reader *r, size_t number, struct chat_turn *turn)
{
    int element;
    bool any = false;
    turn->text.length = 0;
    for (bool first = true; (element = scan_element(r->scan, first)) == 1; first = false) {
        bool text = false, object = scan_type(r->scan) == SCAN_OBJECT;
        if ((object ? part_read(r, turn, &text) : scan_value(r->scan)) < 0)
            return -1;
        if (!text)
            complain(r, "has in turn %zu a part that is no text", number);
        any = true;
        scan_space(r->scan);
    }
    if (!any)
        complain(r, "has no text in turn %zu", number);
    return element;
}

static int content_read(struct reader *r, size_t number, struct chat_turn *turn)
{
    if (scan_type(r->scan) == SCAN_TEXT)
        return scan_take(r->scan, &turn->text, r->most, r->no_memory);
    if (scan_type(r->scan) == SCAN_ARRAY)
        return parts_read(r, number, turn);
    complain(r, "has no text in turn %zu", number);
    return scan_value(r->scan);
}

/* OpenAI's weight of 0: no loss. */
static int weight_read(struct reader *r, struct chat_turn *turn)
{
    const char *begin = r->scan->at;
    int result = scan_value(r->scan);
    turn->silent = result == 0 && r->scan->at == begin + 1 && *begin == '0';
    return result;
}

static int turn_read(struct reader *r, struct chat *chat)
{
    char key[16];
    int member;
    bool role = false, content = false;
    size_t number = chat->count + 1;
    struct chat_turn *turn = chat_add(chat, CHAT_USER);
    *r->no_memory = turn == NULL;
    if (turn == NULL)
        return -1;
    for (bool first = true; (member = scan_member(r->scan, first, key, sizeof key)) == 1;
         first = false) {
        int result;
        if (strcmp(key, "role") == 0 || strcmp(key, "from") == 0) {
            role = true;
            result = role_read(r, number, turn);
        } else if (strcmp(key, "content") == 0 || strcmp(key, "value") == 0) {
            content = true;
            result = content_read(r, number, turn);
        } else {
            result = strcmp(key, "weight") == 0 ? weight_read(r, turn) : scan_value(r->scan);
        }
        if (result < 0)
            return -1;
        scan_space(r->scan);
    }
    if (!role || !content)
        complain(r, "has no %s in turn %zu", role ? "content" : "role", number);
    return member;
}

int chat_read(struct chat *chat, struct scan *scan, size_t most, bool *no_memory, char *why,
              size_t size)
{
    struct reader r = {scan, most, no_memory, why, size};
    int element;
    *no_memory = false;
    why[0] = '\0';
    chat_begin(chat);
    for (bool first = true; (element = scan_element(scan, first)) == 1; first = false) {
        bool object = scan_type(scan) == SCAN_OBJECT;
        if (!object)
            complain(&r, "has in turn %zu no object {...}", chat->count + 1);
        if ((object ? turn_read(&r, chat) : scan_value(scan)) < 0)
            return -1;
        scan_space(scan);
    }
    return element;
}

int chat_put_system(struct chat *chat, const char *text)
{
    if (text[0] == '\0' || (chat->count > 0 && chat->turns[0].role == CHAT_SYSTEM))
        return 0;
    struct chat_turn *turn = chat_add(chat, CHAT_SYSTEM);
    if (turn == NULL || chat_say(turn, text) < 0)
        return -1;
    struct chat_turn system = *turn;
    memmove(chat->turns + 1, chat->turns, (chat->count - 1) * sizeof *chat->turns);
    chat->turns[0] = system;
    return 0;
}

int chat_say(struct chat_turn *turn, const char *words)
{
    size_t more = strlen(words), room = turn->text.length + more + 1;
    if (room > turn->text.room) {
        char *bytes = realloc(turn->text.bytes, 2 * room);
        if (bytes == NULL)
            return -1;
        turn->text.bytes = bytes;
        turn->text.room = 2 * room;
    }
    memcpy(turn->text.bytes + turn->text.length, words, more + 1);
    turn->text.length += more;
    return 0;
}
