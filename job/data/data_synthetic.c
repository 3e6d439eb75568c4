/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

enum {
    DOCUMENTS = 52002, /* of Alpaca */
    ONE_LENGTH_TOKENS = 1048576,
    RESPONSE_PERCENT = 40,
    /* Of 1,000 of Alpaca's records those that have no input, and the tokens of their shorter
     * prompt. */
    WITHOUT_INPUT = 602,
    SHORTER = 17
};

/* How many of 10,000 of Alpaca's records have fewer tokens, by Llama's tokenizer. From 8,176 on as
 * published in alpaca-lora's lengths.ipynb, which has all 52,002 records with the prompt for an
 * input and a line's end more than ours; it tells of the rest that none has fewer than 60. Between
 * lies a log-normal with the mean of 128 that Alpaca has with its own prompts. Whole numbers alone,
 * so that all machines draw the same. */
static const struct {
    int below, tokens;
} lengths[] = {
    {0, 60},     {100, 66},   {500, 74},   {1000, 80},  {2000, 90},  {3000, 99},
    {4000, 109}, {5000, 121}, {6000, 134}, {7000, 152}, {8176, 184}, {9521, 256},
    {9762, 309}, {9951, 433}, {9988, 558}, {9995, 682}, {9998, 807}, {10000, 1305},
};

static int synthetic_length(struct random *random, int seq)
{
    enum { FINE = 100 };
    int drawn = (int)random_below(random, 10000 * FINE), i = 1;
    while (drawn >= lengths[i].below * FINE)
        i++;
    int from = lengths[i - 1].below * FINE, to = lengths[i].below * FINE;
    int tokens = lengths[i - 1].tokens +
                 (lengths[i].tokens - lengths[i - 1].tokens) * (drawn - from) / (to - from) - 1;
    if (random_below(random, 1000) < WITHOUT_INPUT)
        tokens -= SHORTER;
    return tokens < seq ? tokens : seq;
}

/* Of one length: so many that all sequences hold as many as each other, whole epochs through. */
static int synthetic_count(int seq, int length)
{
    if (length == 0)
        return DOCUMENTS;
    int each = seq / length;
    return (ONE_LENGTH_TOKENS / (each * length) + 1) * each;
}

struct data *data_synthetic(int vocab, int seq, int length, uint64_t seed, struct sft_error *err)
{
    struct random random = {random_mix(seed, 0x73796e)};
    char source[32] = "synthetic";
    if (length > 0)
        snprintf(source, sizeof source, "synthetic:%d", length);
    struct data *data = data_create(source, seq, 0, seed, err);
    if (data != NULL) {
        data->drawn = true;
        data->workload = length == 0 ? "alpaca-packed" : NULL;
    }
    int32_t *tokens = calloc((size_t)seq, sizeof *tokens);
    int failed = 0;
    if (data != NULL && tokens == NULL)
        failed = sft_error_set(err, "no memory for %d tokens", seq);
    int documents = synthetic_count(seq, length);
    for (int i = 0; i < documents && data != NULL && !failed; i++) {
        int tokens_here = length > 0 ? length : synthetic_length(&random, seq);
        int prompt = length > 0 ? 1 : tokens_here - tokens_here * RESPONSE_PERCENT / 100;
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
