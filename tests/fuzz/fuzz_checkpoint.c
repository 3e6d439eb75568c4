/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a checkpoint's index: of what is taken each tensor's elements stand in pieces that
 * follow each other and lie inside their files. */
#include <stdlib.h>
#include <string.h>

#include "job/checkpoint/checkpoint.h"

static void tensor_check(const struct checkpoint *c, const struct checkpoint_tensor *t)
{
    uint64_t from = 0;
    if (t->first + t->pieces > c->piece_count)
        abort();
    for (size_t i = t->first; i < t->first + t->pieces; i++) {
        const struct checkpoint_piece *p = &c->pieces[i];
        if (p->from != from || p->count < 1 || p->count > CHECKPOINT_PIECE ||
            p->file >= c->file_count ||
            p->at + checkpoint_bytes(c->formats, p->count) > c->files[p->file])
            abort();
        from += p->count;
    }
    if (from != (uint64_t)t->rows * (uint64_t)t->columns)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct checkpoint c;
    struct sft_error err = {""};
    char *text = malloc(size > 0 ? size : 1); /* no NUL behind it: the sanitizer sees a byte more */
    memcpy(text, bytes, size);
    if (checkpoint_parse(&c, text, size, "fuzz", &err) < 0) {
        if (err.text[0] == '\0')
            abort();
    } else {
        for (size_t i = 0; i < c.tensor_count; i++)
            tensor_check(&c, &c.tensors[i]);
        if (c.eval.best_step > c.eval.last_step || c.eval.last_step > c.step ||
            (!c.eval.any && (int)c.formats[CHECKPOINT_BEST] != CHECKPOINT_NONE))
            abort();
    }
    checkpoint_clear(&c);
    free(text);
    return 0;
}
