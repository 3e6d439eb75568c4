/* SPDX-License-Identifier: Apache-2.0 */
/* Samples for models that classify: nothing is read, all are as long as a sequence, and each has
 * one of the classes, drawn, at its last step, as in SuperBench's trainings. */
#include <stdlib.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

enum { SAMPLES = 8192 };

static int sample_add(struct data *data, int32_t *tokens, int vocab, int classes,
                      struct random *random, struct sft_error *err)
{
    for (int i = 0; i < data->seq && vocab > 0; i++)
        tokens[i] = (int32_t)random_below(random, (uint32_t)vocab);
    data->labels[data->count] = (int32_t)random_below(random, (uint32_t)classes);
    return data_add_unmarked(data, tokens, data->seq, err);
}

struct data *data_labelled(int vocab, int classes, int seq, uint64_t seed, struct sft_error *err)
{
    struct random random = {random_mix(seed, 0x6c6162)};
    struct data *data = data_create("synthetic", seq, 0, seed, err);
    if (data == NULL)
        return NULL;
    int32_t *tokens = calloc((size_t)seq, sizeof *tokens);
    data->labels = calloc(SAMPLES, sizeof *data->labels);
    data->drawn = true;
    data->workload = "labelled";
    int failed = tokens == NULL || data->labels == NULL
                     ? sft_error_set(err, "no memory for %d samples of %d", SAMPLES, seq)
                     : 0;
    for (int i = 0; i < SAMPLES && !failed; i++)
        failed = sample_add(data, tokens, vocab, classes, &random, err);
    free(tokens);
    if (failed || data_pack(data, err) < 0) {
        data_close(data);
        return NULL;
    }
    return data;
}
