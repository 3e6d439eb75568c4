/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the parser takes must be written and read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plan.h"
#include "lib/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sft_request request, again;
    char *text = strndup((const char *)data, size), written[2 * SFT_REQUEST_MAX];
    struct sft_error err;
    if (text != NULL && sft_request_parse(&request, text, &err) == 0) {
        struct sft_plan plan;
        struct sft_cluster cluster = {.partition = "p", .nodes = 16384, .gpus_per_node = 64};
        if (sft_request_format(&request, written, sizeof written, &err) < 0 ||
            sft_request_parse(&again, written, &err) < 0 ||
            memcmp(&request, &again, sizeof request) != 0)
            abort();
        if (sft_plan_make(&plan, &request, &cluster, &err) == 0 &&
            (long long)plan.ranks * plan.micro_batch * plan.accumulation != plan.global_batch)
            abort();
    }
    free(text);
    return 0;
}
