/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as PEFT's adapter_config.json, beside each kind of model: what is taken of it are
 * adapters whose parameters can be counted, and which are written and read again as the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/weights/adapter_config.h"
#include "lib/params.h"

static void adapters_check(const struct sft_preset *shape, const struct sft_adapters *a)
{
    char text[SFT_ADAPTERS_TEXT];
    unsigned again = 0;
    struct sft_preset with = *shape;
    if (a->rank < 1 || !isfinite(a->alpha) || a->alpha <= 0 || !(a->dropout >= 0) ||
        a->dropout >= 1 || a->targets == 0)
        abort();
    if (sft_adapters_read(shape, sft_adapters_write(shape, a->targets, text), &again, NULL) < 0 ||
        again != a->targets)
        abort();
    with.adapters = *a;
    if (sft_params_trained(&with) == 0 || sft_params_trained(&with) >= sft_params_count(&with))
        abort();
}

static void parse(const char *model, const uint8_t *bytes, size_t size)
{
    const struct sft_preset *shape = sft_preset_find(model);
    struct sft_adapters adapters;
    struct sft_error err = {""};
    char *text = malloc(size > 0 ? size : 1); /* no NUL behind it: the sanitizer sees a byte more */
    memcpy(text, bytes, size);
    if (adapter_config_parse(&adapters, shape, text, size, &err) == 0)
        adapters_check(shape, &adapters);
    else if (err.text[0] == '\0')
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    parse("tiny", bytes, size);
    parse("gpt2", bytes, size);
    return 0;
}
