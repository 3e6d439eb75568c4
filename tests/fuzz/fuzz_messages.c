/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as records, once for each template; what is taken is told with losses where they may
 * be. */
#include <stdlib.h>
#include <string.h>

#include "job/data/data_internal.h"

static void check(const char *text, size_t size, enum sft_template template)
{
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open("bytes", &err);
    struct data *data = data_create("fuzz", 64, tokenizer_end(tokenizer), 1, &err);
    data->template = template;
    if (data_parse(data, tokenizer, "fuzz", text, size, 100, &err) == 0) {
        for (size_t i = 0; i < data->count; i++)
            if (data->documents[i].response < 1 ||
                data->documents[i].response >= data->documents[i].length ||
                !data->marks[data->documents[i].first + (size_t)data->documents[i].response])
                abort();
    } else if (err.text[0] == '\0' || strchr(err.text, '\n') != NULL) {
        abort();
    }
    data_close(data);
    tokenizer_close(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text =
        malloc(size > 0 ? size : 1); /* no NUL behind it: the sanitizer sees a byte too many */
    memcpy(text, bytes, size);
    for (int template = SFT_TEMPLATE_AUTO; template <= SFT_TEMPLATE_CHATML; template ++)
        check(text, size, (enum sft_template) template);
    free(text);
    return 0;
}
