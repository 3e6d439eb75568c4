/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record.h"

#include <math.h>
#include <string.h>

#include "lib/params.h"
#include "lib/preset.h"
#include "lib/roofline.h"

/* 0: not there; NAN: no number. */
static double figure(const struct sft_record *record, const char *key)
{
    return sft_record_get(record, key) == NULL ? 0 : sft_record_get_real(record, key, NAN);
}

/* FLOPs a parameter of the model: 6, or 4 of frozen ones; 0: not known. */
static double flops_of(const char *method)
{
    if (method == NULL || strcmp(method, "full") == 0)
        return 6;
    return strcmp(method, "lora") == 0 || strcmp(method, "qlora") == 0 ? 4 : 0;
}

/* The least that a rank must have done for the tokens that the record tells of, attention and
 * adapters left out. 0: it does not tell. */
static double least_tflops(const struct sft_record *record)
{
    const char *model = sft_record_get(record, "model"), *method = sft_record_get(record, "method");
    const struct sft_preset *shape = model == NULL ? NULL : sft_preset_find(model);
    double ranks = figure(record, "ranks");
    double tok_s = figure(record, "tok_s");
    if (shape == NULL || shape->vocab_grows || !(ranks >= 1))
        return 0;
    if (shape->architecture == SFT_LSTM)
        return sft_params_flops(shape, tok_s / ranks, 0) / 1e12;
    return flops_of(method) * (double)sft_params_multiplied(shape) * tok_s / ranks / 1e12;
}

static bool is_fp8(const struct sft_record *record)
{
    const char *precision = sft_record_get(record, "precision");
    return precision != NULL && strcmp(precision, "fp8") == 0;
}

double sft_record_peak(const struct sft_record *record)
{
    const char *device = sft_record_get(record, "device");
    return device == NULL ? 0 : sft_roofline_peak(device, 0, false);
}

/* Of the peak in bf16 what products of fp32 can reach. */
static double wide_share(const struct sft_record *record)
{
    const char *device = sft_record_get(record, "device");
    const char *precision = sft_record_get(record, "precision");
    if (device == NULL || precision == NULL)
        return 1;
    bool tf32 = strcmp(precision, "tf32") == 0;
    return tf32 || strcmp(precision, "fp32") == 0 ? sft_roofline_fp32(device, tf32) : 1;
}

/* What no rank can exceed: in FP8 of the model's parts each has its own peak. */
static double limit_of(const struct sft_record *record)
{
    const char *device = sft_record_get(record, "device"), *model = sft_record_get(record, "model");
    const struct sft_preset *shape = model == NULL ? NULL : sft_preset_find(model);
    double slow = sft_record_peak(record) * wide_share(record);
    double fast = device == NULL || !is_fp8(record) ? 0 : sft_roofline_peak(device, 0, true);
    if (fast <= 0)
        return slow;
    return shape == NULL || shape->vocab_grows ? fast : sft_params_limit(shape, fast, slow);
}

int sft_record_possible(const struct sft_record *record, struct sft_error *err)
{
    double limit = limit_of(record);
    double mfu = figure(record, "mfu");
    if (sft_roofline_check(figure(record, "tflops"), limit, "tflops", err) < 0 ||
        sft_roofline_check(least_tflops(record), limit, "what tok_s needs", err) < 0)
        return -1;
    if (!isfinite(mfu) || mfu < 0 || (mfu > 100 && !is_fp8(record)))
        return sft_error_set(err, "mfu is %g%%", mfu);
    return limit > 0 ? 1 : 0;
}
