/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a config.json: what is taken of it is a shape that can be counted, and small enough
 * to be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/weights/config.h"
#include "lib/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sft_preset shape;
    struct sft_error err = {""};
    char *text = malloc(size > 0 ? size : 1); /* no NUL behind it: the sanitizer sees a byte more */
    memcpy(text, bytes, size);
    if (config_parse(&shape, text, size, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
    } else if (sft_params_check(&shape, NULL) < 0 || sft_params_count(&shape) == 0 ||
               shape.context < 1 || shape.norm_eps <= 0 ||
               (shape.rope_scaling.factor != 0 &&
                shape.rope_scaling.high <= shape.rope_scaling.low)) {
        abort();
    }
    free(text);
    return 0;
}
