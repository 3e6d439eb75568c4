/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "job/data_internal.h"
#include "job/random.h"

enum { DOCUMENTS = 8192, SHORTEST = 32 };

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

struct data *data_synthetic(int vocab, int seq, uint64_t seed, struct sft_error *err)
{
    struct random random = { random_mix(seed, 0x73796e) };
    struct data *data = data_create("synthetic", seq, 0, seed, err);
    int32_t *tokens = calloc((size_t)seq, sizeof *tokens);
    int failed = 0;
    if (data != NULL && tokens == NULL)
        failed = sft_error_set(err, "no memory for %d tokens", seq);
    for (int i = 0; i < DOCUMENTS && data != NULL && !failed; i++) {
        int length = synthetic_length(&random, seq);
        for (int t = 0; t < length; t++)
            tokens[t] = (int32_t)random_below(&random, (uint32_t)vocab);
        failed = data_add(data, tokens, length, length - (int)(length * response_share), err);
    }
    free(tokens);
    if (data == NULL || failed || data_pack(data, err) < 0) {
        data_close(data);
        return NULL;
    }
    return data;
}
