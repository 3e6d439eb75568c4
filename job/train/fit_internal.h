/* SPDX-License-Identifier: Apache-2.0 */
/* Between fit's files: memory (fit.c), speed (fit_choose.c), what to do otherwise (fit_advice.c).
 */
#ifndef SFT_JOB_TRAIN_FIT_INTERNAL_H
#define SFT_JOB_TRAIN_FIT_INTERNAL_H

#include "job/train/fit.h"

/* Fill in what the fit's choices take with its micro-batch; true where that fits. */
bool fit_count(struct fit *fit, const struct fit_question *q);

/* States for this micro-batch, and some way with them that fits; else what needs least, and false.
 * fit->micro_batch and accumulation are given. */
bool fit_search(struct fit *fit, const struct fit_question *q);

/* What else would fit: one sentence's end. */
void fit_advise(char *text, size_t size, const struct fit_question *q);

/* ",zero=3" where there is a choice */
const char *fit_zero_words(const struct fit *fit, const struct sft_plan *plan, char words[16]);

#endif
