/* SPDX-License-Identifier: Apache-2.0 */
/* What load.c and load_base.c share.
 *
 * Frozen weights: a scale is of many elements, and whoever has a whole matrix quantizes it alone.
 * So each rank reads its part of a piece, all ranks gather the piece, and each quantizes all of it:
 * that costs the network less than a step, and the bits are those of one rank. */
#ifndef SFT_JOB_TRAIN_LOAD_INTERNAL_H
#define SFT_JOB_TRAIN_LOAD_INTERNAL_H

#include "job/train/load.h"

/* Collective: the unit's, through `piece`, LOAD_PIECE bytes of host memory. After a failure a rank
 * goes on with the collectives. */
#define LOAD_PIECE ((size_t)16 << 20)
int load_base_unit(const struct load *load, int unit, char *piece, struct sft_error *err);

#endif
