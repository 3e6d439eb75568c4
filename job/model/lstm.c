/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/block.h"

void lstm_blocks(struct model *model, int unit)
{
    if (unit == 0)
        block_features(model, unit);
    else if (unit <= model->shape.layers)
        block_lstm(model, unit);
    else
        block_classifier(model, unit);
}
