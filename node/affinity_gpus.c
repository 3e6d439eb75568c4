/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GPUS_INDEX 65536 /* an index from here on is nonsense */

static int list_word(const char *word, size_t length, struct affinity_list *list,
                     struct sft_error *err)
{
    if (list->count == AFFINITY_GPUS)
        return sft_error_set(err, "more than %d GPUs", AFFINITY_GPUS);
    if (length >= 4 && strncmp(word, "MIG-", 4) == 0)
        return sft_error_set(err, "'%.*s' is a MIG instance: nothing is pinned for these",
                             length < 80 ? (int)length : 80, word);
    char *uuid = list->uuid[list->count];
    uuid[0] = '\0';
    list->number[list->count] = -1;
    if (length > 4 && length < AFFINITY_UUID && strncmp(word, "GPU-", 4) == 0) {
        memcpy(uuid, word, length);
        uuid[length] = '\0';
        list->count++;
        return 0;
    }
    size_t digits = 0;
    long number = 0;
    for (; digits < length && digits < 6 && isdigit((unsigned char)word[digits]); digits++)
        number = 10 * number + word[digits] - '0';
    if (digits == 0 || digits < length || number >= GPUS_INDEX)
        return sft_error_set(err, "'%.*s' is neither a GPU's index nor its UUID",
                             length < 80 ? (int)length : 80, word);
    list->number[list->count++] = (int)number;
    return 0;
}

int affinity_list_parse(const char *text, struct affinity_list *list, struct sft_error *err)
{
    list->count = 0;
    /* CUDA's and Slurm's ways to say none. */
    if (strcmp(text, "-1") == 0 || strcmp(text, "NoDevFiles") == 0)
        return 0;
    while (isspace((unsigned char)*text))
        text++;
    while (*text != '\0') {
        size_t whole = strcspn(text, ","), length = whole;
        while (length > 0 && isspace((unsigned char)text[length - 1]))
            length--;
        if (list_word(text, length, list, err) < 0)
            return -1;
        text += whole;
        if (*text == ',' && text[1] == '\0')
            return sft_error_set(err, "a GPU is missing behind the last comma");
        text += *text == ',';
        while (isspace((unsigned char)*text))
            text++;
    }
    return 0;
}

static int gpus_of_uuid(const struct affinity_machine *machine, const char *uuid,
                        struct sft_error *err)
{
    int found = -1;
    for (int i = 0; i < machine->gpus; i++) {
        if (strncasecmp(machine->gpu[i].uuid, uuid, strlen(uuid)) != 0)
            continue;
        if (found >= 0)
            return sft_error_set(err, "%s is the beginning of several GPUs' UUIDs", uuid);
        found = i;
    }
    if (found < 0)
        return sft_error_set(err, "this node has no GPU %s", uuid);
    return found;
}

static bool gpus_minors_known(const struct affinity_machine *machine)
{
    for (int i = 0; i < machine->gpus; i++)
        if (machine->gpu[i].minor < 0)
            return false;
    return machine->gpus > 0;
}

/* Slurm counts device files; where the driver tells no minors, they are taken to be in PCI order.
 */
static int gpus_of_minor(const struct affinity_machine *machine, int minor, struct sft_error *err)
{
    bool known = gpus_minors_known(machine);
    for (int i = 0; i < machine->gpus; i++)
        if ((known ? machine->gpu[i].minor : i) == minor)
            return i;
    return sft_error_set(err, "this node has no GPU %d, but %d GPUs", minor, machine->gpus);
}

static int gpus_add(struct affinity_gpus *gpus, int gpu, struct sft_error *err)
{
    for (int i = 0; i < gpus->count; i++)
        if (gpus->gpu[i] == gpu)
            return sft_error_set(err, "a GPU is listed twice");
    gpus->gpu[gpus->count++] = gpu;
    return 0;
}

/* The list's GPUs; its numbers are CUDA's indices among the `pool` (PCI order), or minors without.
 */
static int gpus_resolve(const struct affinity_machine *machine, const struct affinity_list *list,
                        const struct affinity_gpus *pool, struct affinity_gpus *gpus,
                        struct sft_error *err)
{
    gpus->count = 0;
    for (int i = 0; i < list->count; i++) {
        int gpu;
        if (list->number[i] < 0)
            gpu = gpus_of_uuid(machine, list->uuid[i], err);
        else if (pool == NULL)
            gpu = gpus_of_minor(machine, list->number[i], err);
        else if (list->number[i] < pool->count)
            gpu = pool->gpu[list->number[i]];
        else
            gpu = sft_error_set(err, "no GPU %d among the %d there", list->number[i], pool->count);
        if (gpu < 0 || gpus_add(gpus, gpu, err) < 0)
            return -1;
    }
    return 0;
}

static int gpus_compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void gpus_sort(struct affinity_gpus *gpus)
{
    qsort(gpus->gpu, (size_t)gpus->count, sizeof gpus->gpu[0], gpus_compare);
}

static void gpus_all(const struct affinity_machine *machine, struct affinity_gpus *gpus)
{
    for (gpus->count = 0; gpus->count < machine->gpus; gpus->count++)
        gpus->gpu[gpus->count] = gpus->count;
}

/* Are its numbers 0..n-1, in any order? */
static bool list_counts_from_0(const struct affinity_list *list)
{
    bool seen[AFFINITY_GPUS] = {false};
    for (int i = 0; i < list->count; i++) {
        int number = list->number[i];
        if (number < 0 || number >= list->count || seen[number])
            return false;
        seen[number] = true;
    }
    return list->count > 0;
}

/* Among which GPUs CUDA counts. Slurm with ConstrainDevices hides the others from the step, and
 * then CUDA_VISIBLE_DEVICES is 0..n-1; without it the same variable counts all of the node's. */
static void gpus_pool(const struct affinity_machine *machine, const struct affinity_list *cuda,
                      const struct affinity_gpus *slurm, struct affinity_gpus *pool)
{
    gpus_all(machine, pool);
    if (slurm->count == 0 || !list_counts_from_0(cuda))
        return;
    if (cuda->count == slurm->count) {
        *pool = *slurm;
        gpus_sort(pool);
        return;
    }
    affinity_append(pool->note, sizeof pool->note,
                    "CUDA_VISIBLE_DEVICES names %d GPUs and Slurm %d: uncertain whether CUDA's "
                    "indices count the node's GPUs; ",
                    cuda->count, slurm->count);
}

static bool list_has_number(const struct affinity_list *list)
{
    for (int i = 0; i < list->count; i++)
        if (list->number[i] >= 0)
            return true;
    return false;
}

/* CUDA's order is PCI's; minors, which Slurm counts, differ from it on some boards. */
static void gpus_note_order(const struct affinity_machine *machine, struct affinity_gpus *gpus)
{
    for (int i = 1; i < machine->gpus && gpus_minors_known(machine); i++)
        if (machine->gpu[i].minor < machine->gpu[i - 1].minor) {
            affinity_append(
                gpus->note, sizeof gpus->note,
                "; /dev/nvidiaN are not in PCI order: uncertain which GPU CUDA gives a task");
            return;
        }
}

/* What changes CUDA_VISIBLE_DEVICES later counts among these. */
static void gpus_pool_keep(struct affinity_gpus *gpus, const struct affinity_gpus *pool)
{
    gpus->pools = pool->count;
    memmove(gpus->pool, pool->gpu, sizeof gpus->pool);
}

int affinity_gpus_find(const struct affinity_machine *machine, const char *cuda, const char *slurm,
                       struct affinity_gpus *gpus, struct sft_error *err)
{
    struct affinity_list cuda_list = {0}, slurm_list = {0};
    struct affinity_gpus step = {0}, pool = {0};
    *gpus = (struct affinity_gpus){0};
    if (slurm != NULL && (affinity_list_parse(slurm, &slurm_list, err) < 0 ||
                          gpus_resolve(machine, &slurm_list, NULL, &step, err) < 0))
        return sft_error_prefix(err, "Slurm's list of GPUs");
    if (cuda != NULL) {
        if (affinity_list_parse(cuda, &cuda_list, err) < 0)
            return sft_error_prefix(err, "CUDA_VISIBLE_DEVICES");
        gpus_pool(machine, &cuda_list, &step, &pool);
        if (gpus_resolve(machine, &cuda_list, &pool, gpus, err) < 0)
            return sft_error_prefix(err, "CUDA_VISIBLE_DEVICES");
        strcpy(gpus->note, pool.note);
        affinity_append(gpus->note, sizeof gpus->note, "GPUs by CUDA_VISIBLE_DEVICES");
        gpus_pool_keep(gpus, &pool);
    } else if (slurm != NULL) {
        *gpus = step;
        gpus_sort(gpus); /* as CUDA counts them */
        gpus_pool_keep(gpus, gpus);
        affinity_append(gpus->note, sizeof gpus->note, "GPUs by Slurm's list, in PCI order");
    } else {
        gpus_all(machine, gpus);
        gpus_pool_keep(gpus, gpus);
        affinity_append(gpus->note, sizeof gpus->note, "all GPUs of the node, in PCI order");
    }
    if (cuda == NULL || list_has_number(&cuda_list))
        gpus_note_order(machine, gpus);
    return 0;
}
