/* SPDX-License-Identifier: Apache-2.0 */
/* What a rank measures, alone or in a team. */
#ifndef SFT_JOB_VERIFY_PROBE_H
#define SFT_JOB_VERIFY_PROBE_H

#include "job/collective/team.h"
#include "job/tensor/device.h"
#include "job/verify/judge.h"

/* One pass of a check that needs no other rank: JUDGE_REPEATS figures in its unit. Returns how many
 * figures there are, 0 where this check is not for this device; -1 and err. */
int probe_pass(struct device *device, enum check check, double values[JUDGE_REPEATS],
               struct sft_error *err);

/* A collective of one size among the ranks of a team: this rank's seconds of one, in each repeat of
 * `times`. The size counts as nccl-tests has it, the larger side's bytes. The memory is kept for
 * the next time, and for good after a team that was late. */
struct probe_memory {
    char *memory;
    size_t bytes;
};
int probe_team(struct team *team, struct device *device, struct probe_memory *room,
               enum collective_kind kind, size_t bytes, int times, double limit,
               double seconds[JUDGE_REPEATS], struct sft_error *err);

/* Bytes that parts of which a team's ranks share, whole and aligned. */
size_t probe_bytes(size_t bytes, int members);
/* Bytes on the wire for each byte, by nccl-tests' PERFORMANCE.md. */
double probe_busbw_factor(enum collective_kind kind, int members);

#endif
