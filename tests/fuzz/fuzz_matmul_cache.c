/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of chosen algorithms, and as the lines behind its first: no crash, and what
 * is found for the keys that stand there is the key's and a number of milliseconds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/matmul_cache.h"

static void find_each(const struct matmul_cache *cache, const char *text)
{
    struct matmul_choice choice;
    int32_t numbers[MATMUL_KEY_NUMBERS];
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        char *at = (char *)(uintptr_t)line;
        for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
            numbers[i] = (int32_t)strtol(at, &at, 10);
        memcpy(&choice.key, numbers, sizeof numbers);
        if (matmul_cache_find(cache, &choice) &&
            (memcmp(&choice.key, numbers, sizeof numbers) != 0 || !isfinite(choice.milliseconds)))
            abort();
        line += *line == '\n';
    }
}

static void read_text(struct matmul_cache *cache, char *text, size_t size)
{
    FILE *file = fmemopen(text, size, "r");
    if (file == NULL)
        return;
    matmul_cache_read(cache, file);
    fclose(file);
    find_each(cache, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t first = strlen(matmul_cache_form);
    char *text = malloc(first + size + 1);
    unsetenv("SFT_BENCH_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    struct matmul_cache *cache = matmul_cache_open("fuzz", 1);
    if (text != NULL && cache != NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
        read_text(cache, text, size);
        memcpy(text, matmul_cache_form, first);
        memcpy(text + first, bytes, size);
        text[first + size] = '\0';
        read_text(cache, text, first + size);
    }
    matmul_cache_close(cache);
    free(text);
    return 0;
}
