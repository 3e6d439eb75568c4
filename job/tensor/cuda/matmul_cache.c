/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/cuda/matmul_cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 320 };

struct matmul_cache {
    char path[PATH_MAX]; /* "": none */
    struct matmul_choice *choices;
    size_t count;
};

static void cache_folder(char *folder, size_t size)
{
    const char *own = getenv("SFT_BENCH_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    folder[0] = '\0';
    if (own != NULL && own[0] != '\0')
        snprintf(folder, size, "%s", own);
    else if (xdg != NULL && xdg[0] == '/')
        snprintf(folder, size, "%s/sft-bench", xdg);
    else if (home != NULL && home[0] == '/')
        snprintf(folder, size, "%s/.cache/sft-bench", home);
}

static void cache_make_folder(const char *folder)
{
    char part[PATH_MAX];
    for (size_t i = 1; i <= strlen(folder) && i < sizeof part; i++)
        if (folder[i] == '/' || folder[i] == '\0') {
            memcpy(part, folder, i);
            part[i] = '\0';
            mkdir(part, 0777); /* what fails here fails again, and counts, at open() */
        }
}

static bool line_read(const char *line, struct matmul_choice *choice)
{
    uint64_t *w = choice->algorithm;
    struct matmul_key *k = &choice->key;
    char end;
    return sscanf(line,
                  "%" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32
                  " %f %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
                  " %" SCNx64 " %" SCNx64 "%c",
                  &k->m, &k->n, &k->k, &k->transpose_a, &k->transpose_b, &k->alignment,
                  &choice->milliseconds, &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6], &w[7],
                  &end) == 16 &&
           end == '\n';
}

/* Lines that are none, cut off by a full disk say, are passed over. */
static void cache_read(struct matmul_cache *cache)
{
    char line[LINE];
    FILE *file = fopen(cache->path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        struct matmul_choice choice = {0};
        if (!line_read(line, &choice))
            continue;
        struct matmul_choice *grown =
            realloc(cache->choices, (cache->count + 1) * sizeof *cache->choices);
        if (grown == NULL)
            break;
        cache->choices = grown;
        cache->choices[cache->count++] = choice;
    }
    if (file != NULL)
        fclose(file);
}

struct matmul_cache *matmul_cache_open(const char *device, size_t version)
{
    struct matmul_cache *cache = calloc(1, sizeof *cache);
    char folder[PATH_MAX - 300], name[128];
    size_t i = 0;
    if (cache == NULL)
        return NULL;
    for (; device[i] != '\0' && i < sizeof name - 1; i++) {
        char c = device[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        name[i] = plain ? c : '-';
    }
    name[i] = '\0';
    cache_folder(folder, sizeof folder);
    if (folder[0] == '\0')
        return cache;
    cache_make_folder(folder);
    snprintf(cache->path, sizeof cache->path, "%s/cublaslt-%s-%zu", folder, name, version);
    cache_read(cache);
    return cache;
}

void matmul_cache_close(struct matmul_cache *cache)
{
    if (cache == NULL)
        return;
    free(cache->choices);
    free(cache);
}

bool matmul_cache_find(const struct matmul_cache *cache, struct matmul_choice *choice)
{
    for (size_t i = 0; cache != NULL && i < cache->count; i++)
        if (memcmp(&cache->choices[i].key, &choice->key, sizeof choice->key) == 0) {
            *choice = cache->choices[i];
            return true;
        }
    return false;
}

void matmul_cache_add(struct matmul_cache *cache, const struct matmul_choice *choice)
{
    const struct matmul_key *k = &choice->key;
    const uint64_t *w = choice->algorithm;
    char line[LINE];
    if (cache == NULL || cache->path[0] == '\0')
        return;
    int length = snprintf(
        line, sizeof line,
        "%" PRId32 " %" PRId32 " %" PRId32 " %" PRId32 " %" PRId32 " %" PRId32 " %.4g %" PRIx64
        " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n",
        k->m, k->n, k->k, k->transpose_a, k->transpose_b, k->alignment,
        (double)choice->milliseconds, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
    int file = open(cache->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return;
    if (write(file, line, (size_t)length) != length)
        cache->path[0] = '\0'; /* a full disk: do not try again */
    close(file);
}
