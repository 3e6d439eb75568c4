/* SPDX-License-Identifier: Apache-2.0 */
/* Trains a preset on a GPU in bf16 on a file of records, and goes on from there, in the same
 * process, in bf16 and in FP8 by each scaling: the loss on sequences that nobody trained on.
 *   tune_fp8 MODEL DATA TOKENIZER SEQ MICRO ACCUMULATION BEFORE STEPS LR LR-AFTER [HELD]
 * Ends with 1 where FP8 is more than 0.5% behind bf16. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/golden/tuning.h"

static const struct model_recipe recipes[] = {
    {.recompute = RECOMPUTE_NORMS},
    {.recompute = RECOMPUTE_NORMS, .scaling = SCALING_TENSOR, .copies = MODEL_COPIES_BOTH},
    {.recompute = RECOMPUTE_NORMS, .scaling = SCALING_ROW, .copies = MODEL_COPIES_BOTH}};
static const char *const names[] = {"bf16", "fp8, scaling=tensor", "fp8, scaling=row"};

enum { RECIPES = 3 };

/* The last ones only where the device has them. */
static int recipes_of(const struct device *device)
{
    int count = 1;
    while (count < RECIPES && (device->scalings & 1u << recipes[count].scaling) != 0)
        count++;
    return count;
}

static int report(double first, const double *losses, int count)
{
    const double bar = 0.5; /* % */
    int behind = 0;
    printf("held-out loss %.5f after bf16 alone\n", first);
    for (int i = 0; i < count; i++) {
        double percent = 100 * (losses[i] / losses[0] - 1);
        printf("%-20s %.5f %+.3f%%\n", names[i], losses[i], percent);
        behind |= !(percent <= bar);
    }
    return behind || !(losses[0] < first) || count == 1;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    double first, losses[RECIPES];
    struct tuning t = {.shape = argc >= 11 ? sft_preset_find(argv[1]) : NULL};
    if (t.shape == NULL) {
        fputs("tune_fp8 MODEL DATA TOKENIZER SEQ MICRO ACCUMULATION BEFORE STEPS LR LR-AFTER "
              "[HELD]\n",
              stderr);
        return 2;
    }
    t.seq = atoi(argv[4]);
    t.micro = atoi(argv[5]);
    t.accumulation = atoi(argv[6]);
    t.before = atoi(argv[7]);
    t.steps = atoi(argv[8]);
    t.lr = atof(argv[9]);
    t.lr_after = atof(argv[10]);
    t.held = argc > 11 ? atoi(argv[11]) : 32;
    struct tokenizer *tokenizer = tokenizer_open(argv[3], &err);
    if (tokenizer != NULL)
        t.data = data_open(argv[2], tokenizer, t.seq, 1, 1, &err);
    if (t.data != NULL)
        t.device = device_create_cuda(0, &err);
    int count = t.device == NULL ? 0 : recipes_of(t.device);
    if (count == 0 || tuning_run(&t, recipes, count, &first, losses, &err) < 0) {
        fprintf(stderr, "tune_fp8: %s\n", err.text);
        return 1;
    }
    return report(first, losses, count);
}
