/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of ceilings: refused in one line that names it, or devices with rates that a
 * forecast can divide by and none above its data sheet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ceilings.h"
#include "lib/roofline.h"

static void check_device(const struct sft_ceiling *c)
{
    double peak = sft_roofline_peak(c->device, 0, false);
    int last = 0;
    if (c->device[0] == '\0' || !(c->matmul_tflops > 0) || !(c->memory_gbs > 0) ||
        !(c->launch_us > 0) || c->lengths[0] <= 0 || (peak > 0 && c->matmul_tflops > peak))
        abort();
    for (int i = 0; c->lengths[i] != 0; i++) {
        if (c->lengths[i] <= last || !(c->forward[i] > 0) || !(c->backward[i] > 0))
            abort();
        last = c->lengths[i];
    }
    for (int nodes = 1; nodes <= 16384; nodes *= 4)
        if (!(sft_ceiling_busbw(c, nodes, 1e6 * nodes) >= 0))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct sft_ceilings ceilings;
    struct sft_error err = {""};
    if (sft_ceilings_parse(&ceilings, (const char *)bytes, size, "fuzz", &err) < 0) {
        if (strncmp(err.text, "fuzz:", 5) != 0 || strchr(err.text, '\n') != NULL)
            abort();
        return 0;
    }
    if (ceilings.count < 1 || ceilings.count > SFT_CEILINGS_MAX || err.text[0] != '\0')
        abort();
    for (int i = 0; i < ceilings.count; i++)
        check_device(&ceilings.device[i]);
    return 0;
}
