/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/place.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS 8192 /* the kernel's largest NR_CPUS */

bool place_said(char text[SAID_PLACE])
{
    struct sft_error err = {""};
    const char *said = getenv(SAID_PLACE_ENV), *place = said_open(said, &err);
    if (place == NULL)
        snprintf(text, SAID_PLACE, "why=%s", err.text);
    else
        snprintf(text, SAID_PLACE, "%s", place);
    return said != NULL;
}

void place_cpus(char *text, size_t size)
{
    static const char word[] = "Cpus_allowed_list:\t";
    char line[4096];
    FILE *file = fopen("/proc/self/status", "re");
    text[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, sizeof word - 1) == 0)
            snprintf(text, size, "%.*s", (int)strcspn(line + sizeof word - 1, "\n"),
                     line + sizeof word - 1);
    if (file != NULL)
        fclose(file);
}

/* "0-3,7" as bits; false for what is no such list. */
static bool cpus_read(const char *text, unsigned char bits[CPUS / 8])
{
    memset(bits, 0, CPUS / 8);
    do {
        char *end;
        long from = strtol(text, &end, 10), to = from;
        if (end == text || !isdigit((unsigned char)*text))
            return false;
        if (*end == '-') {
            text = end + 1;
            to = strtol(text, &end, 10);
            if (end == text || !isdigit((unsigned char)*text))
                return false;
        }
        if (from > to || to >= CPUS)
            return false;
        for (long cpu = from; cpu <= to; cpu++)
            bits[cpu / 8] |= (unsigned char)(1 << cpu % 8);
        text = end + (*end == ',');
        if (*end != ',' && *end != '\0')
            return false;
    } while (*text != '\0');
    return true;
}

/* Are all of these CPUs among those? */
static bool cpus_inside(const char *these, const char *those)
{
    unsigned char a[CPUS / 8], b[CPUS / 8];
    bool inside = cpus_read(these, a) && cpus_read(those, b);
    for (int i = 0; i < CPUS / 8 && inside; i++)
        inside = (a[i] & ~b[i]) == 0;
    return inside;
}

static int list_count(const char *list)
{
    int count = list[0] != '\0';
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* The word that the rank takes of a list; "" of none. */
static void list_word(const char *list, int rank, char *word, size_t size)
{
    int count = list_count(list);
    for (int skip = count > 0 ? rank % count : 0; skip > 0; skip--)
        list += strcspn(list, ",") + 1;
    snprintf(word, size, "%.*s", (int)strcspn(list, ","), list);
}

/* The rank's word; without the variable CUDA counts the pool. */
static void visible_word(const char *cuda, const char *pool, int rank, char *word, size_t size)
{
    int pools = list_count(pool);
    if (strcmp(cuda, "unset") == 0)
        snprintf(word, size, "%d", pools > 0 ? rank % pools : rank);
    else
        list_word(cuda, rank, word, size);
}

static bool is_index(const char *word)
{
    return word[0] != '\0' && strlen(word) < 6 && word[strspn(word, "0123456789")] == '\0';
}

/* What CUDA itself would make of a list: NULL, or what is wrong with it. */
static const char *visible_fault(const char *cuda)
{
    char word[96], other[96];
    int count = list_count(cuda);
    if (strcmp(cuda, "unset") == 0)
        return NULL;
    if (count == 0 || strcmp(cuda, "-1") == 0 || strcmp(cuda, "NoDevFiles") == 0)
        return "the task sees no GPU";
    for (int i = 0; i < count && count < 128; i++) {
        list_word(cuda, i, word, sizeof word);
        if (!is_index(word) && strncmp(word, "GPU-", 4) != 0 && strncmp(word, "MIG-", 4) != 0)
            return "a word of it is neither a GPU's index nor its UUID, and CUDA stops there";
        for (int k = 0; k < i; k++) {
            list_word(cuda, k, other, sizeof other);
            if (strcmp(word, other) == 0)
                return "a GPU stands there twice, and CUDA then sees none";
        }
    }
    return NULL;
}

/* Something has changed it: which GPU is the rank's now? */
static void judge_gpu(struct place_now *now, const char *place, const char *told, const char *cuda,
                      int rank)
{
    char pool[512], before[96], after[96];
    said_word(place, "pool", pool, sizeof pool);
    visible_word(told, pool, rank, before, sizeof before);
    visible_word(cuda, pool, rank, after, sizeof after);
    if (strcmp(before, after) == 0)
        return;
    bool known = is_index(after) && atoi(after) < list_count(pool);
    char old[128];
    snprintf(old, sizeof old, "%s", now->gpu);
    snprintf(now->gpu, sizeof now->gpu, "unknown");
    if (known)
        list_word(pool, atoi(after), now->gpu, sizeof now->gpu);
    snprintf(now->cuda_warning, sizeof now->cuda_warning,
             "CUDA_VISIBLE_DEVICES=%.100s, not %.100s: something changed it after the plugin, and "
             "the task has another GPU%s%.60s",
             cuda, told, old[0] != '\0' ? " than the one that it was placed by, " : "", old);
    if (now->pinned) {
        now->pinned = false;
        now->cpus[0] = '\0';
        snprintf(now->why, sizeof now->why, "%.500s", now->cuda_warning);
    }
}

static void judge_cpus(struct place_now *now, const char *place, const char *has)
{
    char told[256];
    said_word(place, "cpus", told, sizeof told);
    now->moved = told[0] != '\0' && strcmp(told, has) != 0;
    now->pinned = told[0] != '\0' && (!now->moved || cpus_inside(has, told));
    if (now->pinned)
        snprintf(now->cpus, sizeof now->cpus, "%s", has);
    else if (now->moved)
        snprintf(now->why, sizeof now->why,
                 "it has CPUs %.200s, not %.200s: something bound it after the plugin", has, told);
}

void place_judge(struct place_now *now, const char *place, int local_rank, const char *cuda,
                 const char *has)
{
    char told[SAID_CUDA + 8];
    memset(now, 0, sizeof *now);
    said_word(place, "gpu", now->gpu, sizeof now->gpu);
    said_word(place, "why", now->why, sizeof now->why);
    judge_cpus(now, place, has);
    if (strstr(place, "cuda=") != place) /* nobody told what was visible */
        return;
    said_word(place, "cuda", told, sizeof told);
    if (strcmp(told, cuda) != 0)
        judge_gpu(now, place, told, cuda, local_rank);
    const char *fault = visible_fault(cuda);
    if (fault != NULL)
        snprintf(now->cuda_warning, sizeof now->cuda_warning, "CUDA_VISIBLE_DEVICES=%.100s: %s",
                 cuda, fault);
    else if (now->cuda_warning[0] == '\0' && strncmp(now->why, "CUDA_VISIBLE_DEVICES: ", 22) == 0 &&
             strstr(now->why, "MIG instance") == NULL) /* asked for, and as it should be */
        snprintf(now->cuda_warning, sizeof now->cuda_warning, "%.500s", now->why);
}
