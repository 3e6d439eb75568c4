/* SPDX-License-Identifier: Apache-2.0 */
/* What a run works on: its plan, the data and their tokenizer, and the shape that they make. */
#ifndef SFT_JOB_DATA_INPUT_H
#define SFT_JOB_DATA_INPUT_H

#include "job/data/data.h"
#include "job/data/tokenizer.h"
#include "lib/plan.h"
#include "lib/request.h"

struct input {
    struct sft_plan plan;
    struct sft_preset shape; /* the preset with the vocabulary as it runs */
    struct tokenizer *tokenizer;
    struct data *data;
    struct data *held; /* to evaluate with; NULL: nothing is */
};

/* As the request says, for so many nodes and ranks. */
int input_open(struct input *input, const struct sft_request *request, int nodes, int ranks,
               struct sft_error *err);
/* One that did not open, or zeroes, too. */
void input_close(struct input *input);

#endif
