/* SPDX-License-Identifier: Apache-2.0 */
/* save=: what was trained, as a folder that transformers loads, or PEFT. */
#ifndef SFT_JOB_RUN_SAVING_H
#define SFT_JOB_RUN_SAVING_H

#include "job/run/run.h"

/* Before any file is written: the rest of what the request has written lies outside of the folder.
 */
int saving_apart(const struct sft_request *request, struct sft_error *err);
/* One process alone, before anything runs: could the folder be made, and is there room? */
int saving_check(const struct sft_request *request, const struct sft_preset *shape,
                 enum format format, struct sft_error *err);
/* Collective, before training: the same on rank 0, and every node sees what stands there. */
int saving_agree(const struct run *run, struct sft_error *err);
/* Collective, after it: with eval= the weights of the lowest loss. What fails leaves the folder of
 * that name as it was; it is -1 on all ranks, and on rank 0 err says why. */
int saving_save(struct run *run, struct sft_error *err);

#endif
