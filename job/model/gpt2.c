/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/block.h"

void gpt2_blocks(struct model *model, int unit)
{
    if (unit == 0) {
        block_embedding(model, unit);
    } else if (unit <= model->shape.layers) {
        block_norm(model, unit, SFT_ROLE_ATTENTION_NORM, NORM_LAYER);
        block_attention(model, unit, false);
        block_norm(model, unit, SFT_ROLE_FFN_NORM, NORM_LAYER);
        block_ffn(model, unit, ACTIVATION_GELU);
    } else {
        block_norm(model, unit, SFT_ROLE_FINAL_NORM, NORM_LAYER);
        block_head(model, unit);
    }
}
