/* SPDX-License-Identifier: Apache-2.0 */
/* What a device sustains, for the file of sft-ceilings(5). */
#ifndef SFT_JOB_VERIFY_CEILINGS_H
#define SFT_JOB_VERIFY_CEILINGS_H

#include <stdio.h>

#include "job/tensor/device.h"
#include "lib/ceilings.h"

/* Each rate on a chip that has been busy for a while, through the operations that train:
 *
 *   matmul_tflops   the products of a Llama 7B layer and head, forward and backward, 8,192 rows,
 *                   weighted as a layer has them
 *   memory_gbs      norms, rotary embedding and SwiGLU, forward and backward, bytes read and
 * written launch_us       a small kernel, launched in a row attention       causal, 32 heads of
 * 128, 16,384 tokens in documents of a length
 *
 * and the memory; on a CPU of shapes that it does in moments. `seconds` each, after as long again.
 * notes: gets a comment's line a product; NULL: none. -1 and err. */
int ceilings_measure(struct device *device, double seconds, FILE *notes,
                     struct sft_ceiling *ceiling, struct sft_error *err);

/* One device's lines; of busbw those that are there. */
void ceilings_write(FILE *out, const struct sft_ceiling *ceiling);

#endif
