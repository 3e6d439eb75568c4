/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/block.h"

void llama_blocks(struct model *model, int unit)
{
    if (unit == 0) {
        block_embedding(model, unit);
    } else if (unit <= model->shape.layers) {
        block_norm(model, unit, SFT_ROLE_ATTENTION_NORM);
        block_attention(model, unit);
        block_norm(model, unit, SFT_ROLE_FFN_NORM);
        block_ffn(model, unit);
    } else {
        block_norm(model, unit, SFT_ROLE_FINAL_NORM);
        block_head(model, unit);
    }
}
