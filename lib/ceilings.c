/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ceilings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file_read.h"
#include "lib/roofline.h"

/* As tests/bench/ceilings printed them: doc/measurements.md. */
static const struct sft_ceiling table[] = {
    {.device = "NVIDIA H200",
     .matmul_tflops = 695,
     .memory_gbs = 3970,
     .launch_us = 3.3,
     .fp8_tflops = 1250,
     .lengths = {128, 512, 1024, 2048, 4096, 8192, 0},
     .forward = {133, 313, 422, 484, 539, 570, 0},
     .backward = {53, 174, 250, 313, 364, 397, 0}},
    {.device = "NVIDIA H100 80GB HBM3",
     .matmul_tflops = 701,
     .memory_gbs = 2885,
     .launch_us = 3.36,
     .lengths = {128, 512, 1024, 2048, 4096, 8192, 0},
     .forward = {95, 317, 412, 478, 531, 566, 0},
     .backward = {39, 137, 219, 290, 345, 386, 0}},
};

static struct sft_ceilings site; /* sft_ceilings_load's */

int sft_ceilings_load(const char *path, struct sft_error *err)
{
    size_t size;
    site.count = 0;
    if (path[0] == '\0')
        return 0;
    char *text = file_read(path, "ceilings", SFT_CEILINGS_BYTES + 1, &size, err);
    if (text == NULL)
        return -1;
    int rc = size > SFT_CEILINGS_BYTES
                 ? sft_error_set(err, "%s: longer than %d bytes", path, SFT_CEILINGS_BYTES)
                 : sft_ceilings_parse(&site, text, size, path, err);
    if (rc < 0)
        site.count = 0;
    free(text);
    return rc;
}

/* The number-th of all, the site's first; NULL: no more. */
static const struct sft_ceiling *ceiling_at(size_t number)
{
    size_t ours = sizeof table / sizeof table[0], theirs = (size_t)site.count;
    if (number < theirs)
        return &site.device[number];
    return number - theirs < ours ? &table[number - theirs] : NULL;
}

const struct sft_ceiling *sft_ceiling_find(const char *device_name)
{
    const struct sft_ceiling *ceiling;
    for (size_t i = 0; (ceiling = ceiling_at(i)) != NULL; i++)
        if (strcmp(device_name, ceiling->device) == 0)
            return ceiling;
    return NULL;
}

int sft_ceiling_busbw_nodes(const struct sft_ceiling *c, int nodes)
{
    int taken = 0;
    for (int i = 0; i < c->busbws; i++)
        if (c->busbw[i].nodes <= nodes && (c->busbw[i].nodes > 1) == (nodes > 1))
            taken = c->busbw[i].nodes;
    return taken;
}

double sft_ceiling_busbw(const struct sft_ceiling *c, int nodes, double bytes)
{
    const struct sft_busbw *below = NULL;
    int taken = sft_ceiling_busbw_nodes(c, nodes);
    for (int i = 0; i < c->busbws; i++) {
        const struct sft_busbw *at = &c->busbw[i];
        if (at->nodes != taken)
            continue;
        if (at->bytes >= bytes && below != NULL)
            return below->gbs +
                   (at->gbs - below->gbs) * (bytes - below->bytes) / (at->bytes - below->bytes);
        if (at->bytes >= bytes)
            return at->gbs;
        below = at;
    }
    return below != NULL ? below->gbs : 0;
}

static double part(double of, double whole, double other)
{
    return whole > 0 ? of / whole * other : 0;
}

double sft_ceiling_fp8(const struct sft_ceiling *c)
{
    const struct sft_ceiling *measured = &table[0];
    const struct sft_roofline *sheet = sft_roofline_find(c->device);
    if (c->fp8_tflops > 0)
        return c->fp8_tflops;
    if (sheet == NULL || sheet->fp8_tflops <= 0)
        return 0;
    return c->matmul_tflops * measured->fp8_tflops / measured->matmul_tflops;
}

/* As shares of the data sheet that the measured GPU reaches of its own. */
static void gpu_estimate(struct sft_gpu *gpu, const struct sft_roofline *sheet)
{
    const struct sft_ceiling *measured = &table[0];
    const struct sft_roofline *its = sft_roofline_find(measured->device);
    struct sft_ceiling *c = &gpu->ceiling;
    *c = *measured;
    snprintf(c->device, sizeof c->device, "%s", gpu->name);
    c->estimated = true;
    c->matmul_tflops = part(measured->matmul_tflops, its->bf16_tflops, sheet->bf16_tflops);
    c->memory_gbs = part(measured->memory_gbs, its->memory_gbs, sheet->memory_gbs);
    c->fp8_tflops = part(measured->fp8_tflops, its->fp8_tflops, sheet->fp8_tflops);
    for (int i = 0; c->lengths[i] != 0; i++) {
        c->forward[i] = part(measured->forward[i], its->bf16_tflops, sheet->bf16_tflops);
        c->backward[i] = part(measured->backward[i], its->bf16_tflops, sheet->bf16_tflops);
    }
}

/* Of that name, or a whole GPU of that kind, which is none of a slice. */
static const struct sft_ceiling *ceiling_of_model(const char *model,
                                                  const struct sft_roofline *sheet)
{
    const struct sft_ceiling *ceiling = sft_ceiling_find(model);
    if (sft_roofline_share(model) < 1)
        return ceiling;
    for (size_t i = 0; ceiling == NULL && sheet != NULL && ceiling_at(i) != NULL; i++)
        if (sft_roofline_find(ceiling_at(i)->device) == sheet &&
            sft_roofline_share(ceiling_at(i)->device) == 1)
            ceiling = ceiling_at(i);
    return ceiling;
}

int sft_gpu_find(struct sft_gpu *gpu, const char *model, struct sft_error *err)
{
    const double taken = 1.4; /* GiB that driver and context have of an H200: 139 are left */
    const struct sft_roofline *sheet = sft_roofline_find(model);
    const struct sft_ceiling *ceiling = ceiling_of_model(model, sheet);
    char names[512];
    if (ceiling == NULL && (sheet == NULL || sft_roofline_share(model) < 1))
        return sft_error_set(err,
                             "'%.64s' is no GPU whose data sheet is known (%s), and none that the "
                             "file of ceilings= names",
                             model, sft_roofline_names(names, sizeof names));
    if (ceiling == NULL) {
        snprintf(gpu->name, sizeof gpu->name, "NVIDIA %s", sheet->match);
        gpu_estimate(gpu, sheet);
    } else {
        gpu->ceiling = *ceiling;
        snprintf(gpu->name, sizeof gpu->name, "%s", ceiling->device);
    }
    if (sheet == NULL)
        sheet = sft_roofline_find(gpu->name);
    bool whole = sheet != NULL && sft_roofline_share(gpu->name) == 1;
    double gib = gpu->ceiling.memory_gib > 0 ? gpu->ceiling.memory_gib
                 : whole                     ? sheet->memory_gib
                                             : 0;
    if (gib <= taken)
        return sft_error_set(err,
                             "'%.64s': how much memory it has is not known: give it "
                             "memory_gib in the file of ceilings=",
                             model);
    gpu->gib = gib - taken;
    return 0;
}
