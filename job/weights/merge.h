/* SPDX-License-Identifier: Apache-2.0 */
/* An adapter folded into the matrix that it stands beside: W + s B A, in fp32. */
#ifndef SFT_JOB_WEIGHTS_MERGE_H
#define SFT_JOB_WEIGHTS_MERGE_H

#include <stddef.h>

#include "lib/params.h"

struct merge {
    const struct sft_param *weight, *a, *b; /* of one linear layer (enum sft_adapter) */
    const float *a_values, *b_values;       /* all of both */
    float scale;                            /* s */
};

/* Elements [from, from + count) of the matrix get their share; those of projections without an
 * adapter stay. `row` has room for a row of the matrix. */
void merge_add(const struct merge *merge, float *values, size_t from, size_t count, float *row);

#endif
