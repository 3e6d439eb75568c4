/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer ids TOKENIZER <TEXTS >IDS: the ids of each text, a line each; texts end with a NUL.
 * tokenizer time TOKENIZER <TEXTS: seconds that all of them take, the best of five; reading is left
 * out, and each turn begins with a tokenizer that has seen none of them. For tokenizer.py. */
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>
#include <string.h>

#include "job/data/tokenizer.h"
#include "lib/clock.h"

static char *texts;
static size_t size;

static int texts_read(void)
{
    size_t room = 1 << 20, got;
    texts = malloc(room);
    while (texts != NULL && (got = fread(texts + size, 1, room - size, stdin)) > 0) {
        size += got;
        if (size == room)
            texts = realloc(texts, room *= 2);
    }
    return texts == NULL || size == 0 || texts[size - 1] != '\0' ? -1 : 0;
}

static int texts_encode(struct tokenizer *tokenizer, bool print, struct sft_error *err)
{
    for (const char *text = texts; text < texts + size; text += strlen(text) + 1) {
        int32_t *ids = NULL;
        long count = tokenizer_encode(tokenizer, text, strlen(text), &ids, err);
        if (count < 0)
            return -1;
        for (long i = 0; i < count && print; i++)
            printf("%s%d", i > 0 ? " " : "", ids[i]);
        if (print)
            putchar('\n');
        free(ids);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    bool print = argc == 3 && strcmp(argv[1], "ids") == 0;
    if ((!print && (argc != 3 || strcmp(argv[1], "time") != 0)) || texts_read() < 0) {
        fprintf(stderr, "usage: tokenizer ids|time TOKENIZER <TEXTS, each with a NUL behind it\n");
        return 2;
    }
    double best = -1;
    for (int turn = 0; turn < (print ? 1 : 5); turn++) {
        struct tokenizer *tokenizer = tokenizer_open(argv[2], &err);
        double begin = sft_clock_now();
        if (tokenizer == NULL || texts_encode(tokenizer, print, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        double seconds = sft_clock_now() - begin;
        best = best < 0 || seconds < best ? seconds : best;
        tokenizer_close(tokenizer);
    }
    if (!print)
        printf("%.6f\n", best);
    return 0;
}
