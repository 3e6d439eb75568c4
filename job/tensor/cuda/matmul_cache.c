/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/cuda/matmul_cache.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file_write.h"

enum { LINE = 512 };

/* The first line; whoever changes what a line holds counts up. Files before the second form had
 * none. */
const char matmul_cache_form[] =
    "sft-bench matmul 3: m n k transpose_a transpose_b type_a type_b type_c "
    "compute accumulate stride_a stride_b stride_c epilogue scaling fast "
    "alignment milliseconds algorithm\n";

struct matmul_cache {
    char path[PATH_MAX]; /* "": none */
    struct matmul_table choices;
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

/* A number and the character behind it, which must be `end`; nothing else, no sign but a minus. */
static bool number_read(const char **at, char end, int32_t *value)
{
    char *stop;
    errno = 0;
    long number = strtol(*at, &stop, 10);
    bool digits = **at == '-' || (**at >= '0' && **at <= '9');
    if (!digits || errno != 0 || *stop != end || number < INT32_MIN || number > INT32_MAX)
        return false;
    *value = (int32_t)number;
    *at = stop + 1;
    return true;
}

static bool word_read(const char **at, char end, uint64_t *value)
{
    char *stop;
    errno = 0;
    *value = strtoull(*at, &stop, 16);
    if (!isxdigit((unsigned char)**at) || errno != 0 || *stop != end)
        return false;
    *at = stop + 1;
    return true;
}

static bool milliseconds_read(const char **at, float *value)
{
    char *stop;
    *value = strtof(*at, &stop);
    if (!isdigit((unsigned char)**at) || *stop != ' ' || !isfinite(*value))
        return false;
    *at = stop + 1;
    return true;
}

static bool line_read(const char *line, struct matmul_choice *choice)
{
    int32_t numbers[MATMUL_KEY_NUMBERS];
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
        if (!number_read(&line, ' ', &numbers[i]))
            return false;
    memcpy(&choice->key, numbers, sizeof numbers);
    if (!milliseconds_read(&line, &choice->milliseconds))
        return false;
    for (size_t i = 0; i < MATMUL_ALGORITHM_WORDS; i++)
        if (!word_read(&line, i + 1 < MATMUL_ALGORITHM_WORDS ? ' ' : '\n', &choice->algorithm[i]))
            return false;
    return true;
}

static void line_write(char *line, size_t size, const struct matmul_choice *choice)
{
    int32_t numbers[MATMUL_KEY_NUMBERS];
    size_t used = 0;
    memcpy(numbers, &choice->key, sizeof numbers);
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
        used += (size_t)snprintf(line + used, size - used, "%" PRId32 " ", numbers[i]);
    used += (size_t)snprintf(line + used, size - used, "%.4g", (double)choice->milliseconds);
    for (size_t i = 0; i < MATMUL_ALGORITHM_WORDS; i++)
        used += (size_t)snprintf(line + used, size - used, " %" PRIx64, choice->algorithm[i]);
    snprintf(line + used, size - used, "\n");
}

static bool choice_keep(struct matmul_cache *cache, const struct matmul_choice *choice)
{
    struct matmul_choice *kept;
    if (matmul_table_find(&cache->choices, &choice->key) != NULL)
        return true;
    kept = malloc(sizeof *kept);
    if (kept == NULL)
        return false;
    *kept = *choice;
    if (matmul_table_add(&cache->choices, &kept->key, kept) == 0)
        return true;
    free(kept);
    return false;
}

/* Lines that are none, cut off by a full disk say, are passed over, and so is what is left of one
 * that is longer than any of ours. */
bool matmul_cache_read(struct matmul_cache *cache, FILE *file)
{
    char line[LINE];
    if (fgets(line, sizeof line, file) == NULL)
        return true;
    if (strcmp(line, matmul_cache_form) != 0)
        return false;
    for (bool whole = true; fgets(line, sizeof line, file) != NULL;) {
        struct matmul_choice choice;
        bool begins = whole;
        whole = strchr(line, '\n') != NULL;
        if (begins && line_read(line, &choice) && !choice_keep(cache, &choice))
            break;
    }
    return true;
}

/* A folder's file for that GPU and version. */
static void path_make(char path[PATH_MAX], const char *folder, const char *device, size_t version)
{
    char name[128];
    size_t i = 0;
    for (; device[i] != '\0' && i < sizeof name - 1; i++) {
        char c = device[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        name[i] = plain ? c : '-';
    }
    name[i] = '\0';
    snprintf(path, PATH_MAX, "%.*s/cublaslt-%s-%zu", PATH_MAX - 300, folder, name, version);
}

struct matmul_cache *matmul_cache_load(const char *folder, const char *device, size_t version)
{
    enum { MOST = 8 << 20 };
    struct matmul_cache *table = calloc(1, sizeof *table);
    char path[PATH_MAX];
    struct stat is;
    if (table == NULL || folder == NULL || folder[0] == '\0')
        return table;
    path_make(path, folder, device, version);
    int number = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *file = number < 0 ? NULL : fdopen(number, "r");
    if (file == NULL) {
        if (number >= 0)
            close(number);
        return table;
    }
    if (fstat(number, &is) == 0 && S_ISREG(is.st_mode) && is.st_size <= MOST)
        matmul_cache_read(table, file);
    fclose(file);
    return table;
}

size_t matmul_cache_count(const struct matmul_cache *cache)
{
    return cache == NULL ? 0 : cache->choices.count;
}

/* Rows apart, of akin ones. */
static int64_t distance(const struct matmul_key *a, const struct matmul_key *b)
{
    int64_t m = (int64_t)a->m - b->m, k = (int64_t)a->k - b->k;
    return (m < 0 ? -m : m) + (k < 0 ? -k : k);
}

const struct matmul_choice *matmul_cache_hint(const struct matmul_cache *cache,
                                              const struct matmul_key *key)
{
    const struct matmul_choice *nearest = NULL;
    for (size_t i = 0; cache != NULL && i < cache->choices.room; i++) {
        const struct matmul_choice *choice = cache->choices.entries[i].value;
        if (choice != NULL && matmul_key_akin(&choice->key, key) &&
            (nearest == NULL || distance(&choice->key, key) < distance(&nearest->key, key)))
            nearest = choice;
    }
    return nearest;
}

static int by_key(const void *a, const void *b)
{
    const struct matmul_choice *const *first = a, *const *second = b;
    int32_t numbers[2][MATMUL_KEY_NUMBERS];
    memcpy(numbers[0], &(*first)->key, sizeof numbers[0]);
    memcpy(numbers[1], &(*second)->key, sizeof numbers[1]);
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
        if (numbers[0][i] != numbers[1][i])
            return numbers[0][i] < numbers[1][i] ? -1 : 1;
    return 0;
}

/* By key, so that equal tables are equal files. */
static int table_write(const struct matmul_cache *table, const char *path, struct sft_error *err)
{
    struct file_write w;
    char line[LINE];
    size_t count = 0;
    const struct matmul_choice **sorted = malloc((table->choices.count + 1) * sizeof(void *));
    if (sorted == NULL)
        return sft_error_set(err, "%s: no memory", path);
    for (size_t i = 0; i < table->choices.room; i++)
        if (table->choices.entries[i].value != NULL)
            sorted[count++] = table->choices.entries[i].value;
    qsort(sorted, count, sizeof(void *), by_key);
    int failed = file_write_open(&w, path, err);
    if (failed == 0) {
        file_write_put(&w, matmul_cache_form, strlen(matmul_cache_form));
        for (size_t i = 0; i < count; i++) {
            line_write(line, sizeof line, sorted[i]);
            file_write_put(&w, line, strlen(line));
        }
        fchmod(w.file, 0644);
        failed = file_write_close(&w, false, err);
    }
    free(sorted);
    return failed;
}

int matmul_cache_save(const struct matmul_cache *cache, const char *folder, const char *device,
                      size_t version, struct sft_error *err)
{
    struct matmul_cache *table = matmul_cache_load(folder, device, version);
    char path[PATH_MAX];
    if (table == NULL || cache == NULL)
        return sft_error_set(err, "no memory for a table of matrix products");
    size_t before = table->choices.count;
    int failed = 0;
    for (size_t i = 0; i < cache->choices.room; i++)
        if (cache->choices.entries[i].value != NULL)
            choice_keep(table, cache->choices.entries[i].value);
    path_make(path, folder, device, version);
    if (table->choices.count > before)
        failed = table_write(table, path, err);
    matmul_cache_close(table);
    return failed;
}

struct matmul_cache *matmul_cache_open(const char *device, size_t version)
{
    struct matmul_cache *cache = calloc(1, sizeof *cache);
    char folder[PATH_MAX - 300];
    if (cache == NULL)
        return NULL;
    cache_folder(folder, sizeof folder);
    if (folder[0] == '\0')
        return cache;
    cache_make_folder(folder);
    path_make(cache->path, folder, device, version);
    FILE *file = fopen(cache->path, "re");
    if (file != NULL) {
        matmul_cache_read(cache, file);
        fclose(file);
    }
    return cache;
}

void matmul_cache_close(struct matmul_cache *cache)
{
    if (cache == NULL)
        return;
    matmul_table_clear(&cache->choices, free);
    free(cache);
}

bool matmul_cache_find(const struct matmul_cache *cache, struct matmul_choice *choice)
{
    const struct matmul_choice *found =
        cache != NULL ? matmul_table_find(&cache->choices, &choice->key) : NULL;
    if (found != NULL)
        *choice = *found;
    return found != NULL;
}

/* A file of another form is emptied. Of several ranks that begin a file at once each writes the
 * first line, which is no choice when it comes again. */
static bool file_begins(int file)
{
    char begin[sizeof matmul_cache_form - 1];
    ssize_t length = pread(file, begin, sizeof begin, 0);
    if (length == sizeof begin && memcmp(begin, matmul_cache_form, sizeof begin) == 0)
        return false;
    return length == 0 || (length > 0 && ftruncate(file, 0) == 0);
}

void matmul_cache_add(struct matmul_cache *cache, const struct matmul_choice *choice)
{
    char text[sizeof matmul_cache_form + LINE];
    if (cache == NULL)
        return;
    choice_keep(cache, choice);
    if (cache->path[0] == '\0')
        return;
    int file = open(cache->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return;
    size_t used = file_begins(file) ? sizeof matmul_cache_form - 1 : 0;
    memcpy(text, matmul_cache_form, used);
    line_write(text + used, LINE, choice);
    size_t length = strlen(text);
    if (write(file, text, length) != (ssize_t)length)
        cache->path[0] = '\0'; /* a full disk: do not try again */
    close(file);
}
