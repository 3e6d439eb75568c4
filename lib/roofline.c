/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/roofline.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Dense rates of the vendors' data sheets; the more specific names stand first. */
static const struct sft_roofline table[] = {
    {"H200 NVL", 835.5, 1671, 4800, "NVIDIA H200 data sheet"},
    {"H200", 989.5, 1979, 4800, "NVIDIA H200 data sheet, SXM"},
    {"H100 PCIe", 756, 1513, 2000, "NVIDIA H100 data sheet"},
    {"H100 NVL", 835.5, 1671, 3900, "NVIDIA H100 data sheet"},
    {"H100", 989.5, 1979, 3350, "NVIDIA H100 data sheet, SXM"},
    {"A100", 312, 0, 2039, "NVIDIA A100 data sheet"},
};

const struct sft_roofline *sft_roofline_find(const char *device_name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strstr(device_name, table[i].match) != NULL)
            return &table[i];
    return NULL;
}

static bool flag_is_set(const char *flags, const char *flag)
{
    size_t length = strlen(flag);
    for (const char *at = flags; (at = strstr(at, flag)) != NULL; at += length)
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

double sft_roofline_cpu_tflops(int cores, const char *flags)
{
    /* FLOPs a cycle: 2 units x 2 (multiply and add) x fp32 lanes; 16 lanes where nothing is known
     * of the vectors (not x86), because the bound must never refuse a true figure. */
    int lanes = 16;
    if (flag_is_set(flags, "sse2") && !flag_is_set(flags, "avx512f"))
        lanes = flag_is_set(flags, "avx") ? 8 : 4;
    return cores * 6.5e9 * 2 * 2 * lanes / 1e12;
}

int sft_roofline_check(double tflops, double peak_tflops, const char *what, struct sft_error *err)
{
    if (!isfinite(tflops) || tflops < 0)
        return sft_error_set(err, "%s is %g TFLOP/s: no figure; a clock or a count is wrong", what,
                             tflops);
    if (peak_tflops > 0 && tflops > peak_tflops)
        return sft_error_set(err,
                             "%s is %.4g TFLOP/s, above the %.4g TFLOP/s that the hardware can "
                             "reach: a clock or a FLOP count is wrong, nothing is reported",
                             what, tflops, peak_tflops);
    return 0;
}
