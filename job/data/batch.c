/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/batch.h"

#include <stdlib.h>
#include <string.h>

int batch_create(struct batch *batch, int rows, struct sft_error *err)
{
    size_t n = (size_t)rows;
    memset(batch, 0, sizeof *batch);
    batch->rows = rows;
    batch->tokens = calloc(n, sizeof(int32_t));
    batch->targets = calloc(n, sizeof(int32_t));
    batch->positions = calloc(n, sizeof(int32_t));
    batch->start = calloc(n, sizeof(int32_t));
    batch->length = calloc(n, sizeof(int32_t));
    if (batch->tokens != NULL && batch->targets != NULL && batch->positions != NULL &&
        batch->start != NULL && batch->length != NULL)
        return 0;
    batch_destroy(batch);
    return sft_error_set(err, "no memory for a batch of %d rows", rows);
}

void batch_destroy(struct batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->tokens);
    free(batch->targets);
    free(batch->positions);
    free(batch->start);
    free(batch->length);
    memset(batch, 0, sizeof *batch);
}
