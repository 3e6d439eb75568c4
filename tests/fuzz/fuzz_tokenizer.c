/* SPDX-License-Identifier: Apache-2.0 */
/* Any text through both tokenizers; SFT_TOKENIZER names a SentencePiece model (none: bytes alone).
 */
#include <stdlib.h>

#include "job/data/tokenizer.h"

static void check(struct tokenizer *tokenizer, const uint8_t *text, size_t size)
{
    int32_t *ids = NULL;
    struct sft_error err;
    long count = tokenizer_encode(tokenizer, (const char *)text, size, &ids, &err);
    if (count < 0)
        abort();
    for (long i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= tokenizer_vocab(tokenizer))
            abort();
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size)
{
    static struct tokenizer *bytes, *pieces;
    const char *model = getenv("SFT_TOKENIZER");
    if (bytes == NULL) {
        bytes = tokenizer_open("bytes", NULL);
        pieces = model != NULL && model[0] != '\0' ? tokenizer_open(model, NULL) : NULL;
    }
    check(bytes, text, size);
    if (pieces != NULL)
        check(pieces, text, size);
    return 0;
}
