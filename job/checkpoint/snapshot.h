/* SPDX-License-Identifier: Apache-2.0 */
/* A rank's file of a checkpoint: its bytes are copied to host memory while training waits, and
 * written behind by a thread while it goes on. */
#ifndef SFT_JOB_CHECKPOINT_SNAPSHOT_H
#define SFT_JOB_CHECKPOINT_SNAPSHOT_H

#include "job/checkpoint/checkpoint.h"

struct snapshot;

/* NULL and err. */
struct snapshot *snapshot_create(struct sft_error *err);
/* Waits for what is written. NULL does nothing. */
void snapshot_destroy(struct snapshot *s);

/* Memory for `bytes`, which threads have the kernel clear while the caller goes on. -1 and err
 * without memory. */
int snapshot_reserve(struct snapshot *s, uint64_t bytes, struct sft_error *err);
/* An empty file of `bytes`, in host memory that stays for the next one, of pieces that have these
 * kinds. -1 and err without memory. Nothing may be written at the time. */
int snapshot_begin(struct snapshot *s, const enum format formats[CHECKPOINT_KINDS], uint64_t bytes,
                   struct sft_error *err);
/* The next piece: where its bytes of all kinds go, one kind behind the other. */
char *snapshot_piece(struct snapshot *s, uint32_t tensor, uint64_t from, uint64_t count);
/* The thread sums the pieces and writes the file, of that number, into the folder, on the disk. */
int snapshot_write(struct snapshot *s, const char *folder, uint32_t number, struct sft_error *err);
bool snapshot_is_busy(struct snapshot *s);
/* Waits; -1 and err where the file could not be written. */
int snapshot_finish(struct snapshot *s, struct sft_error *err);

/* Of the file that was written last. */
const struct checkpoint_piece *snapshot_pieces(const struct snapshot *s, size_t *count);
uint64_t snapshot_bytes(const struct snapshot *s);

#endif
