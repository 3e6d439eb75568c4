/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a header: what is taken of it lies inside the file, each byte of it once. The first
 * two bytes say how much data is behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/weights/safetensors_internal.h"

static void check(const struct safetensors *st, size_t header, uint64_t data)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < st->count; i++) {
        const struct safetensors_tensor *t = &st->tensors[i];
        if (t->begin < 8 + header || t->begin + t->bytes > 8 + header + data ||
            t->name[0] == '\0' || safetensors_find(st, t->name) == NULL)
            abort();
        sum += t->bytes;
    }
    if (sum != data)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct safetensors st = {.file = -1};
    struct sft_error err = {""};
    if (size < 2)
        return 0;
    uint64_t data = (uint64_t)bytes[0] << 8 | bytes[1];
    char *header = malloc(size - 2 + 1); /* the sanitizer sees a byte too many */
    memcpy(header, bytes + 2, size - 2);
    if (safetensors_parse(&st, header, size - 2, data, &err) == 0)
        check(&st, size - 2, data);
    else if (err.text[0] == '\0')
        abort();
    free(st.tensors);
    free(header);
    return 0;
}
