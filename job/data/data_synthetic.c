/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

enum { DOCUMENTS = 8192, MEAN = 128, SHORTEST = 32 };

/* exp(m + s^2 / 2) = 128 with s = 0.55, which spreads lengths as Alpaca's do */
static const double log_mean = 4.7008, log_spread = 0.55, response_share = 0.4;

static int synthetic_length(struct random *random, int seq)
{
    double length = exp(log_mean + log_spread * random_normal(random));
    int tokens = (int)lround(length);
    if (tokens < SHORTEST)
        tokens = SHORTEST;
    return tokens < seq ? tokens : seq;
}

/* Of one length: so many that all sequences hold as many as each other, whole epochs through. */
static int synthetic_count(int seq, int length)
{
    if (length == 0)
        return DOCUMENTS;
    int each = seq / length;
    return (DOCUMENTS * MEAN / (each * length) + 1) * each;
}

struct data *data_synthetic(int vocab, int seq, int length, uint64_t seed, struct sft_error *err)
{
    struct random random = {random_mix(seed, 0x73796e)};
    char source[32] = "synthetic";
    if (length > 0)
        snprintf(source, sizeof source, "synthetic:%d", length);
    struct data *data = data_create(source, seq, 0, seed, err);
    int32_t *tokens = calloc((size_t)seq, sizeof *tokens);
    int failed = 0;
    if (data != NULL && tokens == NULL)
        failed = sft_error_set(err, "no memory for %d tokens", seq);
    int documents = synthetic_count(seq, length);
    for (int i = 0; i < documents && data != NULL && !failed; i++) {
        int tokens_here = length > 0 ? length : synthetic_length(&random, seq);
        int prompt = length > 0 ? 1 : tokens_here - (int)(tokens_here * response_share);
        for (int t = 0; t < tokens_here; t++)
            tokens[t] = (int32_t)random_below(&random, (uint32_t)vocab);
        failed = data_add(data, tokens, tokens_here, prompt, err);
    }
    free(tokens);
    if (data == NULL || failed || data_pack(data, err) < 0) {
        data_close(data);
        return NULL;
    }
    return data;
}
