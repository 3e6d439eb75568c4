/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a data file: a clear error, or packs whose numbers add up and texts that are UTF-8.
 */
#include <stdlib.h>

#include "job/data/data_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open("bytes", &err);
    struct data *data = data_create("fuzz", 512, tokenizer_end(tokenizer), 1, &err);
    char *text = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)bytes[i];
    text[size] = '\0';
    int failed =
        data_parse(data, tokenizer, "fuzz", text, size, size % 3 == 0 ? 100 : 1, &err) < 0 ||
        data_pack(data, &err) < 0;
    if (failed && err.text[0] == '\0')
        abort();
    if (data_facts(data).skipped < 0 ||
        data_facts(data).mended > (long)data->count + (long)data->cut)
        abort();
    if (!failed) {
        struct batch batch;
        long real = 0;
        if (batch_create(&batch, 512, &err) < 0)
            abort();
        for (long i = 0; i < data_facts(data).packs; i++) {
            data_fill(data, (uint64_t)i, 1, &batch);
            if (batch.real > 512 || batch.trained < 1)
                abort();
            real += batch.real;
        }
        if (real != (long)data->pool_count)
            abort();
        batch_destroy(&batch);
    }
    free(text);
    data_close(data);
    tokenizer_close(tokenizer);
    return 0;
}
