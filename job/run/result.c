/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/result.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/figures.h"
#include "lib/file_write.h"
#include "lib/clock.h"

#define WRITE_SECONDS 1.0
#define FAIL_SIZE 400 /* bytes of a reason in the record */

/* The main thread writes; the watchdog's may end it at any time. The first is held for moments
 * alone, and guards the page, its file and `active` and `cut`; the second result.json, whose file
 * server may hang. */
static pthread_mutex_t page_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t json_lock = PTHREAD_MUTEX_INITIALIZER;

/* A memory file has no name: no link leads to it, and it is no pipe, terminal or folder. */
static int memory_file(void)
{
    const char *text = getenv(SFT_RECORD_ENV);
    struct stat info;
    if (text == NULL)
        return -1;
    int file = atoi(text);
    unsetenv(SFT_RECORD_ENV);
    if (file <= STDERR_FILENO || fstat(file, &info) < 0 || !S_ISREG(info.st_mode) ||
        info.st_nlink != 0)
        return -1;
    fcntl(file, F_SETFD, FD_CLOEXEC);
    return file;
}

/* Has another rank of this node written why it failed? */
static bool page_is_told(const struct result *result)
{
    char page[SFT_RECORD_PAGE + 1] = "";
    struct sft_record record;
    if (pread(result->file, page, SFT_RECORD_PAGE, 0) != SFT_RECORD_PAGE ||
        memcmp(page, result->page, SFT_RECORD_PAGE) == 0 ||
        sft_record_parse(&record, sft_record_page_text(page), NULL, NULL) < 0)
        return false;
    const char *state = sft_record_get(&record, "state");
    bool failed = state != NULL && strcmp(state, "failed") == 0;
    sft_record_clear(&record);
    return failed;
}

/* By its memory, as long as the step daemon made it: a write would count against a limit of file
 * sizes, which is for the user's files. */
static int page_store(int file, const char page[SFT_RECORD_PAGE])
{
    struct stat info;
    if (fstat(file, &info) < 0 || info.st_size < SFT_RECORD_PAGE)
        return file_write_all(file, page, SFT_RECORD_PAGE, 0);
    char *memory = mmap(NULL, SFT_RECORD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return -1;
    memcpy(memory, page, SFT_RECORD_PAGE);
    munmap(memory, SFT_RECORD_PAGE);
    return 0;
}

static int page_put(struct result *result, const struct sft_record *record, struct sft_error *err)
{
    if (result->file < 0 || page_is_told(result))
        return 0;
    if (sft_record_page(record, result->page, err) < 0)
        return -1;
    if (page_store(result->file, result->page) < 0)
        return sft_error_set(err, "cannot write the record for the step daemon: %s",
                             strerror(errno));
    return 0;
}

static int page_write(struct result *result, struct sft_error *err)
{
    pthread_mutex_lock(&page_lock);
    int failed = result->cut ? 0 : page_put(result, &result->record, err);
    pthread_mutex_unlock(&page_lock);
    return failed;
}

static json_t *json_reals(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

/* As sft-report's JSON has it. */
static json_t *json_value(const struct sft_record_field *field)
{
    long long whole;
    double real;
    enum sft_type type = sft_figure_read(sft_figure_find(field->key), field->value, &whole, &real);
    return type == SFT_INTEGER ? json_integer(whole)
           : type == SFT_REAL  ? json_real(real)
                               : json_string(field->value);
}

static json_t *result_json(const struct result *result)
{
    json_t *root = json_object(), *hosts = json_array();
    for (size_t i = 0; i < result->record.count; i++) {
        const struct sft_record_field *field = &result->record.fields[i];
        json_object_set_new(root, field->key, json_value(field));
    }
    json_object_set_new(root, "losses", json_reals(result->loss, result->losses));
    if (result->ranks > 0) {
        json_object_set_new(root, "rank_compute_ms", json_reals(result->rank_ms, result->ranks));
        for (size_t i = 0; i < result->ranks; i++)
            json_array_append_new(hosts, json_string(result->hosts + i * result->host_size));
        json_object_set_new(root, "rank_hosts", json_incref(hosts));
    }
    if (result->ports != NULL)
        json_object_set(root, "rdma_ports", result->ports);
    json_decref(hosts);
    return root;
}

static int json_put_once(const struct result *result, struct file_write *file, bool durable,
                         struct sft_error *err)
{
    if (file_write_open(file, result->out, err) < 0)
        return -1;
    file_write_put(file, result->json, strlen(result->json));
    return file_write_close(file, durable, err);
}

/* What is written is kept, since nobody should have to read it back from where others may write. */
static int json_put(struct result *result, const json_t *root, bool durable, struct sft_error *err)
{
    struct file_write file;
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    if (text == NULL)
        return sft_error_set(err, "no memory for %s", result->out);
    free(result->json);
    result->json = text;
    int failed = json_put_once(result, &file, durable, err);
    /* The last word is worth more than the one before, whose room may do for it. */
    if (failed && durable && (file.failed == ENOSPC || file.failed == EDQUOT) &&
        file_write_clear(result->out, NULL) == 0)
        failed = json_put_once(result, &file, durable, err);
    return failed;
}

static bool result_is_cut(const struct result *result)
{
    pthread_mutex_lock(&page_lock);
    bool cut = result->cut;
    pthread_mutex_unlock(&page_lock);
    return cut;
}

static int json_write(struct result *result, bool durable, struct sft_error *err)
{
    int failed = 0;
    if (result->out[0] == '\0')
        return 0;
    json_t *root = result_json(result);
    pthread_mutex_lock(&json_lock);
    if (!result_is_cut(result))
        failed = json_put(result, root, durable, err);
    pthread_mutex_unlock(&json_lock);
    json_decref(root);
    return failed;
}

static int out_make(struct result *result, const char *out, struct sft_error *err)
{
    if (out[0] == '\0')
        return 0;
    if (mkdir(out, 0777) < 0 && errno != EEXIST)
        return sft_error_set(err, "out=%s: cannot make this folder: %s", out, strerror(errno));
    snprintf(result->out, sizeof result->out, "%s/result.json", out);
    file_write_sweep(result->out);
    if (file_write_clear(result->out, err) < 0 || json_write(result, true, err) < 0) {
        result->out[0] = '\0'; /* the end would only say the same */
        return sft_error_prefix(err, "out=%s", out);
    }
    return 0;
}

int result_open(struct result *result, bool active, struct sft_error *err)
{
    char start[32];
    time_t now = time(NULL);
    pthread_mutex_lock(&page_lock);
    memset(result, 0, sizeof *result);
    sft_record_init(&result->record);
    result->file = memory_file();
    result->active = active;
    result->begin = sft_clock_now();
    pthread_mutex_unlock(&page_lock);
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    return active ? sft_record_set(&result->record, "start", start, err) : 0;
}

int result_folder(struct result *result, const char *out, struct sft_error *err)
{
    return result->active ? out_make(result, out, err) : 0;
}

void result_close(struct result *result)
{
    pthread_mutex_lock(&page_lock);
    result->active = false;
    result->file = -1;
    pthread_mutex_unlock(&page_lock);
    sft_record_clear(&result->record);
    free(result->loss);
    free(result->rank_ms);
    free(result->json);
    json_decref(result->ports);
    result->json = NULL;
    result->ports = NULL;
    result->loss = result->rank_ms = NULL;
}

/* What stands there already, as failed: the main thread may be changing what it would be made of.
 */
static void json_cut(struct result *result, const char *why)
{
    pthread_mutex_lock(&json_lock);
    json_t *root =
        result->out[0] == '\0' || result->json == NULL ? NULL : json_loads(result->json, 0, NULL);
    if (root != NULL && json_object_set_new(root, "state", json_string("failed")) == 0 &&
        json_object_set_new(root, "fail", json_string(why)) == 0)
        json_put(result, root, true, NULL);
    json_decref(root);
    pthread_mutex_unlock(&json_lock);
}

int result_write(struct result *result, bool force, struct sft_error *err)
{
    double now = sft_clock_now();
    if (!result->active || (!force && now - result->written < WRITE_SECONDS))
        return 0;
    result->written = now;
    if (sft_record_set_real(&result->record, "seconds", now - result->begin, err) < 0 ||
        page_write(result, err) < 0)
        return -1;
    struct sft_error why = {""};
    if (json_write(result, force, &why) == 0)
        why.text[0] = '\0'; /* of a first try */
    result_file_end(result, RESULT_JSON, &why);
    return 0;
}

void result_file_end(struct result *result, enum result_file file, const struct sft_error *why)
{
    result->lost[file] = *why;
    if (why->text[0] == '\0' || result->told[file])
        return;
    result->told[file] = true;
    fprintf(stderr, "sft-bench-job: %s (the run does not end for it)\n", why->text);
}

int result_lost(const struct result *result, struct sft_error *err)
{
    for (int i = 0; i < RESULT_FILES; i++)
        if (result->lost[i].text[0] != '\0')
            return sft_error_set(err, "the run is complete, and its record; but %s",
                                 result->lost[i].text);
    return 0;
}

int result_add_loss(struct result *result, double loss, struct sft_error *err)
{
    if (!result->active)
        return 0;
    double *grown = realloc(result->loss, (result->losses + 1) * sizeof *grown);
    if (grown == NULL)
        return sft_error_set(err, "no memory for the losses");
    result->loss = grown;
    grown[result->losses++] = loss;
    return 0;
}

/* Another rank's word: what rank 0 wrote last, as failed; an end that it wrote stays. Called with
 * the lock. */
static void page_tell(struct result *result, const char *why)
{
    struct sft_record record;
    char *page = result->page;
    sft_record_init(&record);
    if (result->file >= 0 && pread(result->file, page, SFT_RECORD_PAGE, 0) == SFT_RECORD_PAGE &&
        (page[0] == '\0' ||
         sft_record_parse(&record, sft_record_page_text(page), NULL, NULL) == 0)) {
        const char *state = sft_record_get(&record, "state");
        bool ended = state != NULL && strcmp(state, "running") != 0;
        if (!ended && sft_record_set(&record, "state", "failed", NULL) == 0 &&
            sft_record_set(&record, "fail", why, NULL) == 0)
            page_put(result, &record, NULL);
    }
    sft_record_clear(&record);
}

void result_fail(struct result *result, const char *why)
{
    struct sft_error ignored;
    char cut[FAIL_SIZE];
    snprintf(cut, sizeof cut, "%s", why);
    if (cut[0] == '\0')
        return;
    if (!result->active) {
        pthread_mutex_lock(&page_lock);
        page_tell(result, cut);
        pthread_mutex_unlock(&page_lock);
    } else if (sft_record_set(&result->record, "state", "failed", &ignored) == 0 &&
               sft_record_set(&result->record, "fail", cut, &ignored) == 0) {
        result_write(result, true, &ignored);
    }
}

static void page_cut(struct result *result, const char *why)
{
    struct sft_record record;
    sft_record_init(&record);
    if (result->page[0] == '\0' ||
        sft_record_parse(&record, sft_record_page_text(result->page), NULL, NULL) == 0)
        if (sft_record_set(&record, "state", "failed", NULL) == 0 &&
            sft_record_set(&record, "fail", why, NULL) == 0)
            page_put(result, &record, NULL);
    sft_record_clear(&record);
}

void result_fail_aside(struct result *result, const char *why)
{
    char cut[FAIL_SIZE];
    snprintf(cut, sizeof cut, "%s", why);
    pthread_mutex_lock(&page_lock);
    bool active = result->active && !result->cut;
    result->cut = true;
    if (active)
        page_cut(result, cut);
    else if (!result->active)
        page_tell(result, cut);
    pthread_mutex_unlock(&page_lock);
    if (active)
        json_cut(result, cut);
}
