/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/task.h"

#include <stdio.h>

int task_complain(const struct sft_error *err)
{
    if (err->text[0] != '\0')
        fprintf(stderr, "sft-bench-job: %s\n", err->text);
    return SFT_EXIT_FAILED;
}
