/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/request.h"

#include <string.h>

static bool is_test_model(const struct sft_preset *preset)
{
    return preset != NULL && preset->test;
}

/* What a preset is trained with where nobody says otherwise. */
static void standard_take(struct sft_request *request, const struct sft_standard *standard)
{
    if (standard->seq > 0)
        request->seq = standard->seq;
    if (standard->batch > 0)
        request->micro_batch = request->global_batch = standard->batch;
    if (standard->lr > 0)
        request->lr = standard->lr;
    if (standard->sgd)
        request->optimizer = SFT_OPTIMIZER_SGD;
}

void sft_request_defaults(struct sft_request *request, const struct sft_preset *preset)
{
    sft_request_init(request);
    request->preset = preset;
    sft_fields_default(sft_request_keys(), request, is_test_model(preset));
    int positions = preset != NULL ? sft_preset_positions(preset) : 0;
    if (positions > 0 && request->seq > positions)
        request->seq = positions;
    if (preset != NULL)
        standard_take(request, &preset->standard);
}
