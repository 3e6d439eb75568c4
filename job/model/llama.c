/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/block.h"

void llama_blocks(struct model *model, int unit)
{
    if (unit == 0) {
        block_embedding(model, unit);
    } else if (unit <= model->shape.layers) {
        block_norm(model, unit, SFT_ROLE_ATTENTION_NORM, NORM_RMS);
        block_attention(model, unit, true);
        block_norm(model, unit, SFT_ROLE_FFN_NORM, NORM_RMS);
        block_ffn(model, unit, ACTIVATION_SWIGLU);
    } else {
        block_norm(model, unit, SFT_ROLE_FINAL_NORM, NORM_RMS);
        block_head(model, unit);
    }
}
