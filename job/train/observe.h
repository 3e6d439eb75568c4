/* SPDX-License-Identifier: Apache-2.0 */
/* What the GPUs of a run say about themselves over its measured steps. On the CPU, and where there
 * is no NVML, everything does nothing and the record says nothing. */
#ifndef SFT_JOB_TRAIN_OBSERVE_H
#define SFT_JOB_TRAIN_OBSERVE_H

#include "job/tensor/backend.h"
#include "job/control/control.h"
#include "lib/record.h"

struct observe; /* may be NULL everywhere */

/* Sensors of the backend's GPU, sampling from observe_begin to observe_end. NULL: none; *why then
 * says it in one line, "" for a backend without a GPU. */
struct observe *observe_open(const struct backend *backend, struct sft_error *why);
void observe_close(struct observe *observe);
void observe_begin(struct observe *observe);
void observe_end(struct observe *observe);

/* Collective. On rank 0 (record not NULL): means over the ranks, the hottest and the slowest GPU,
 * all ranks' energy, and `tokens` a joule. */
int observe_record(struct observe *observe, struct control *control, double tokens,
                   struct sft_record *record, struct sft_error *err);

#endif
