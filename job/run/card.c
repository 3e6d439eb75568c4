/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/card.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/weights/save_folder.h"
#include "lib/figures.h"
#include "lib/file_write.h"

/* A figure a line; those that the record lacks are left out. */
static const char *const recipe[] = {
    "data",         "data_sum", "records",      "seq",          "tokenizer",    "steps_done",
    "warmup",       "lr",       "global_batch", "accumulation", "precision",    "states",
    "zero",         "seed",     "method",       "lora_rank",    "lora_alpha",   "lora_dropout",
    "lora_targets", "rslora",   "base",         "eval",         "eval_records",
};
static const char *const figures[] = {
    "loss_first", "loss_last", "eval_best", "eval_best_step", "tok_s", "samples_s",
    "step_ms",    "tflops",    "mfu",       "device",         "ranks", "nodes",
    "start",      "step",      "version",   "request",
};

static void card_table(struct file_write *out, const struct sft_record *record,
                       const char *const *keys, size_t count)
{
    file_write_print(out, "\n| | |\n| --- | --- |\n");
    for (size_t i = 0; i < count; i++) {
        const char *value = sft_record_get(record, keys[i]);
        const struct sft_figure *figure = sft_figure_find(keys[i]);
        if (value == NULL || figure == NULL)
            continue;
        file_write_print(out, "| %s | ", keys[i]);
        for (const char *at = value; *at != '\0'; at++) /* a bar would end the cell */
            file_write_print(out, *at == '|' ? "\\%c" : "%c", *at);
        file_write_print(out, "%s%s |\n", figure->unit[0] == '\0' ? "" : " ", figure->unit);
    }
}

static void card_front(struct file_write *out, const struct run *run, bool adapters)
{
    const struct weights *weights = run->base.weights;
    const char *name = weights == NULL ? "" : weights_name(weights);
    file_write_print(out, "---\nlibrary_name: %s\npipeline_tag: text-generation\n",
                     adapters ? "peft" : "transformers");
    if (strchr(name, '/') != NULL) /* a name of Hugging Face's, and not a folder of somebody's */
        file_write_print(out, "base_model: %s\n", name);
    file_write_print(out, "tags:\n- " SAVE_MARK "\n- sft\n%s---\n\n", adapters ? "- lora\n" : "");
}

/* What a user of the folder must know of it. */
static void card_kind(struct file_write *out, const struct run *run, const struct sft_preset *saved)
{
    const struct sft_adapters *a = &run->input.shape.adapters;
    const char *stood = sft_record_get(&run->result.record, "base");
    char targets[SFT_ADAPTERS_TEXT];
    if (a->rank == 0 || stood == NULL)
        return;
    file_write_print(out,
                     "Adapters of rank %d (LoRA) were trained beside %s; its own weights stood "
                     "in %s.",
                     a->rank, sft_adapters_names(&run->input.shape, a->targets, targets), stood);
    if (saved->adapters.rank > 0)
        file_write_print(out, " This folder has the adapters alone: PEFT loads them beside the "
                              "model that adapter_config.json names.\n");
    else if (a->base == SFT_BASE_DEVICE)
        file_write_print(out, " They are merged into the weights here.\n");
    else
        file_write_print(out,
                         " They are merged here into what the weights mean in %s, which is what "
                         "they were trained beside, and not into the weights before that.\n",
                         stood);
}

static void card_body(struct file_write *out, const struct run *run, const struct sft_preset *saved)
{
    const struct sft_record *record = &run->result.record;
    const struct weights *weights = run->base.weights;
    bool full = run->input.shape.adapters.rank == 0;
    file_write_print(out, "# %s, fine-tuned\n\n", saved->title);
    if (weights != NULL)
        file_write_print(out, "%s %s (checksum %016llx) were trained by sft-bench.\n",
                         full ? "All parameters of" : "Adapters of", weights_name(weights),
                         (unsigned long long)run->base.sum);
    else
        file_write_print(out, "Trained by sft-bench from weights that were drawn at random: for "
                              "tests and benchmarks, and no use else.\n");
    card_kind(out, run, saved);
    if (run->base.adapters != NULL)
        file_write_print(out, "They went on from those of %s.\n", weights_name(run->base.adapters));
    file_write_print(out, "\n## Data and recipe\n");
    card_table(out, record, recipe, sizeof recipe / sizeof recipe[0]);
    file_write_print(out, "\n## Figures\n");
    card_table(out, record, figures, sizeof figures / sizeof figures[0]);
    file_write_print(out, "\nThe keys are explained in sft-record(5).\n");
}

int card_write(const struct run *run, const struct sft_preset *saved, const char *folder,
               struct sft_error *err)
{
    struct file_write out;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" SAVE_CARD, folder);
    if (file_write_open(&out, path, err) < 0)
        return -1;
    card_front(&out, run, saved->adapters.rank > 0);
    card_body(&out, run, saved);
    return file_write_close(&out, true, err);
}
