/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strcasestr */

#include "lib/roofline.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Dense rates of the vendors' data sheets, which print NVIDIA's with sparsity: half of those. The
 * more specific names stand first. Memory is what nvidia-smi shows of such a GPU. The link is
 * NVLink where all GPUs of a node have it, of cards PCIe: bridges join two or four of them.
 *
 * Compared in November 2026 with public copies of the data sheets: H100 SXM and PCIe at
 * archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html, H200 SXM at aiwiki.ai/wiki/nvidia_h200,
 * A100 at thundercompute.com/blog/nvidia-a100-specs-full-guide and
 * glennklockwood.com/garden/processors, where B200 is, too (HGX, 1,000 W; its later sheet has 7.7
 * TB/s, the bound is the larger), L40S at mullet.se/product.html?product_id=355414, H20 at
 * willitrunai.com/es/gpus/h20-96gb, memory of a B200 by nvidia-smi at docs.vultr.com. H200 NVL,
 * H100 NVL, H20-3e and both GH200 were not found there. */
static const struct sft_roofline table[] = {
    {"H200 NVL", 835.5, 1670.5, 60, 4800, 140.4, 128, 132, "NVIDIA H200 data sheet, NVL"},
    {"H200", 989.5, 1979, 67, 4800, 140.4, 900, 132, "NVIDIA H200 data sheet, SXM"},
    {"GH200 144G", 989.5, 1979, 67, 4900, 140.4, 900, 132, "NVIDIA GH200 data sheet, 144 GB HBM3e"},
    {"GH200", 989.5, 1979, 67, 4000, 95.6, 900, 132, "NVIDIA GH200 data sheet, 96 GB HBM3"},
    {"H100 PCIe", 756.5, 1513, 51.2, 2000, 79.6, 128, 114, "NVIDIA H100 data sheet, PCIe"},
    {"H100 NVL", 835.5, 1670.5, 60, 3900, 93.6, 128, 132, "NVIDIA H100 data sheet, NVL"},
    {"H100", 989.5, 1979, 67, 3350, 79.6, 900, 132, "NVIDIA H100 data sheet, SXM"},
    {"H20-3e", 148, 296, 44, 4800, 140.4, 900, 78, "NVIDIA H20 specification, 141 GB HBM3e"},
    {"H20", 148, 296, 44, 4000, 95.6, 900, 78, "NVIDIA H20 specification, 96 GB HBM3"},
    {"B200", 2250, 4500, 80, 8000, 179.1, 1800, 148, "NVIDIA HGX B200 data sheet"},
    {"A100-SXM4-40GB", 312, 0, 19.5, 1555, 40, 600, 108, "NVIDIA A100 data sheet, 40 GB"},
    {"A100-PCIE-40GB", 312, 0, 19.5, 1555, 40, 64, 108, "NVIDIA A100 data sheet, 40 GB"},
    {"A100 80GB PCIe", 312, 0, 19.5, 1935, 80, 64, 108, "NVIDIA A100 data sheet, 80 GB PCIe"},
    {"A100", 312, 0, 19.5, 2039, 80, 600, 108, "NVIDIA A100 data sheet, 80 GB SXM"},
    {"L40S", 362.05, 733, 91.6, 864, 45, 64, 142, "NVIDIA L40S data sheet"},
};

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) != 0;
}

/* Nothing of a longer word before or behind it. */
static bool has_words(const char *text, const char *words)
{
    size_t length = strlen(words);
    for (const char *at = text; (at = strcasestr(at, words)) != NULL; at++)
        if ((at == text || !is_letter(at[-1])) && !is_letter(at[length]))
            return true;
    return false;
}

const struct sft_roofline *sft_roofline_find(const char *device_name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (has_words(device_name, table[i].match))
            return &table[i];
    return NULL;
}

const char *sft_roofline_names(char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof table / sizeof table[0] && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", table[i].match);
    return text;
}

/* What nvidia-smi mig -lgip lists at most: g of 7 parts, but 26 of an H100's 132 multiprocessors
 * for 1g with double memory, and 60 for 3g. */
static double slices_share(int slices)
{
    return slices == 1 ? 0.25 : slices == 3 ? 0.5 : slices >= 7 ? 1 : slices / 7.0;
}

double sft_roofline_share(const char *device_name)
{
    const char *mig = strstr(device_name, " MIG ");
    int instances, slices;
    if (mig == NULL)
        return 1;
    if (sscanf(mig, " MIG %1dc.%1dg.", &instances, &slices) == 2 && slices > 0 &&
        instances <= slices)
        return slices_share(slices) * instances / slices;
    return sscanf(mig, " MIG %1dg.", &slices) == 1 && slices > 0 ? slices_share(slices) : 1;
}

double sft_roofline_fp32(const char *device_name, bool tf32)
{
    const struct sft_roofline *roofline = sft_roofline_find(device_name);
    if (roofline == NULL)
        return 1;
    return tf32 ? 0.5 : roofline->fp32_tflops / roofline->bf16_tflops;
}

double sft_roofline_peak(const char *device_name, int processors, bool fp8)
{
    const struct sft_roofline *roofline = sft_roofline_find(device_name);
    if (roofline == NULL)
        return 0;
    double share = sft_roofline_share(device_name);
    if (share < 1 && processors > 0 && processors <= roofline->processors)
        share = (double)processors / roofline->processors;
    return share * (fp8 ? roofline->fp8_tflops : roofline->bf16_tflops);
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
