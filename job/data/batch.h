/* SPDX-License-Identifier: Apache-2.0 */
/* One micro-batch, in host memory: what data gives and the model takes. */
#ifndef SFT_JOB_DATA_BATCH_H
#define SFT_JOB_DATA_BATCH_H

#include <stdint.h>

#include "lib/error.h"

struct batch {
    int rows;           /* sequences * seq */
    int32_t *tokens;    /* [rows]; padding holds the tokenizer's end-of-text id */
    int32_t *targets;   /* [rows] next token of the same document, or -1: not trained */
    int32_t *positions; /* [rows] from 0 in each document */
    int documents;
    int32_t *start,
        *length;  /* [documents], room for rows each; a document never crosses a sequence */
    long real;    /* tokens that are not padding */
    long trained; /* rows with a target */
    double squared_lengths; /* sum over documents of length^2 */
    uint64_t first;         /* number of its first row in the whole run, whoever has it */
};

int batch_create(struct batch *batch, int rows, struct sft_error *err);
void batch_destroy(struct batch *batch); /* frees the arrays; zeroed or NULL does nothing */

#endif
