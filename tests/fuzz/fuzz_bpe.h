/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of byte-level BPE; what is taken of it encodes a text. */
#ifndef SFT_TESTS_FUZZ_FUZZ_BPE_H
#define SFT_TESTS_FUZZ_FUZZ_BPE_H

#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe.h"

static const char text[] =
    "I'll take 1234 words,\n\n  caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xff == aaaa";

static void encode(struct bpe *bpe)
{
    int32_t *ids = NULL;
    long count = bpe_encode(bpe, text, sizeof text - 1, &ids);
    for (long i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= bpe_vocab(bpe))
            abort();
    free(ids);
}

typedef struct bpe *bpe_reader(const char *text, size_t size, struct sft_error *err);

static int fuzz_bpe(bpe_reader *read, const uint8_t *bytes, size_t size)
{
    struct sft_error err = {""};
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    struct bpe *bpe = read(copy, size, &err);
    if (bpe != NULL)
        encode(bpe);
    else if (err.text[0] == '\0' || strchr(err.text, '\n') != NULL)
        abort();
    bpe_close(bpe);
    free(copy);
    return 0;
}

#endif
