/* SPDX-License-Identifier: Apache-2.0 */
/* The training that is compared with Hugging Face's: the tiny model from its own initial weights on
 * a file of instructions, as bytes. */
#ifndef SFT_TESTS_GOLDEN_TRAINING_H
#define SFT_TESTS_GOLDEN_TRAINING_H

#include "job/data/data.h"
#include "job/train/optim.h"

enum { TRAINING_STEPS = 200, TRAINING_END = 10 };

struct training {
    int sequences; /* a step */
    struct tokenizer *tokenizer;
    struct data *data;
    struct batch batch; /* of the last step */
    struct device *device;
    struct model *model;
    struct optim *optim;
    struct optim_options options;
};

/* 0, or -1 and err; close in either case. */
int training_open(struct training *training, const char *path, int seq, int sequences,
                  struct sft_error *err);
void training_close(struct training *training);

/* Step `step` from 0: fill the batch, one update; *loss is the mean over the trained tokens. */
int training_step(struct training *training, int step, double *loss, struct sft_error *err);

/* Mean of the first TRAINING_END losses less that of the last. */
double training_drop(const double *losses);

#endif
