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

/* The least that a rank must have done for the tokens that the record tells of, attention left out:
 * 6 FLOPs a parameter, since every method here trains all of them. 0: it does not tell. */
static double least_tflops(const struct sft_record *record)
{
    const char *model = sft_record_get(record, "model"), *method = sft_record_get(record, "method");
    const struct sft_preset *shape = model == NULL ? NULL : sft_preset_find(model);
    double ranks = figure(record, "ranks");
    double tok_s = figure(record, "tok_s");
    bool full = method == NULL || strcmp(method, "full") == 0;
    if (shape == NULL || shape->vocab_grows || !full || !(ranks >= 1))
        return 0;
    return 6 * (double)sft_params_multiplied(shape) * tok_s / ranks / 1e12;
}

static bool is_fp8(const struct sft_record *record)
{
    const char *precision = sft_record_get(record, "precision");
    return precision != NULL && strcmp(precision, "fp8") == 0;
}

double sft_record_peak(const struct sft_record *record)
{
    const char *device = sft_record_get(record, "device");
    return device == NULL ? 0 : sft_roofline_peak(device, 0, is_fp8(record));
}

int sft_record_possible(const struct sft_record *record, struct sft_error *err)
{
    double peak = sft_record_peak(record);
    double mfu = figure(record, "mfu");
    if (sft_roofline_check(figure(record, "tflops"), peak, "tflops", err) < 0 ||
        sft_roofline_check(least_tflops(record), peak, "what tok_s needs", err) < 0)
        return -1;
    if (!isfinite(mfu) || mfu < 0 || (mfu > 100 && !is_fp8(record)))
        return sft_error_set(err, "mfu is %g%%", mfu);
    return peak > 0 ? 1 : 0;
}
