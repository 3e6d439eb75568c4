/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a file of goals holds: no crash; what is refused names a line, what is taken is whole.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/goals.h"
#include "lib/preset.h"

static void goal_hold(const struct sft_goal *goal)
{
    double value = sft_goal_value(goal), needs = sft_goal_tflops(goal, 8);
    if (memchr(goal->name, '\0', sizeof goal->name) == NULL || !(value > 0) || goal->line < 1 ||
        (goal->model[0] != '\0' && sft_preset_find(goal->model) == NULL))
        abort();
    if (goal->kind == SFT_GOAL_RATE ? !(needs > 0) || !isfinite(needs) : !isnan(needs))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct sft_goals goals;
    struct sft_error err = {""};
    int rc = sft_goals_parse(&goals, (const char *)data, size, "fuzz", &err);
    if (rc < 0 && (strncmp(err.text, "fuzz:", 5) != 0 || strchr(err.text, '\n') != NULL))
        abort();
    if (rc == 0 && (goals.count == 0 || goals.count > SFT_GOALS_MAX))
        abort();
    for (size_t i = 0; rc == 0 && i < goals.count; i++)
        goal_hold(&goals.goal[i]);
    return 0;
}
