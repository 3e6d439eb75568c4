/* SPDX-License-Identifier: Apache-2.0 */
/* losses.jsonl of a run that goes on, where it can be read and where it cannot: no line is lost
 * that no step replaces. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "job/run/observe_losses.h"
#include "job/run/result.h"

#define LINES 8

static struct result result;
static struct sft_record record;
static struct sft_error err;
static char folder[] = "/tmp/sft-losses.XXXXXX";

/* In the place of the C library's: what a process without descriptors, or a disk, says. */
static int refuse; /* errno of the next fdopen */
static int broken; /* errno of its reads, behind the file's first line */
static const char *readable;

static ssize_t broken_read(void *cookie, char *to, size_t size)
{
    size_t length = strlen(readable) < size ? strlen(readable) : size;
    (void)cookie;
    memcpy(to, readable, length);
    readable += length;
    errno = broken;
    return length > 0 ? (ssize_t)length : -1;
}

FILE *fdopen(int file, const char *mode)
{
    char path[32];
    if (refuse != 0) {
        errno = refuse;
        return NULL;
    }
    if (broken != 0) {
        close(file);
        readable = "{\"step\": 1, \"loss\": 2, \"tokens\": 10}\n";
        return fopencookie(NULL, mode, (cookie_io_functions_t){.read = broken_read});
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    FILE *stream = fopen(path, mode);
    close(file);
    return stream;
}

static void lines_write(char *text, size_t size)
{
    size_t used = 0;
    for (int step = 1; step <= LINES; step++)
        used += (size_t)snprintf(text + used, size - used,
                                 "{\"step\": %d, \"loss\": %d, \"lr\": 0.001, \"tokens\": %d}\n",
                                 step, LINES - step, 10 * step);
    char path[128];
    snprintf(path, sizeof path, "%s/losses.jsonl", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void file_check(const char *text)
{
    char path[128], there[2048] = "";
    snprintf(path, sizeof path, "%s/losses.jsonl", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    there[fread(there, 1, sizeof there - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(there, text);
}

/* A run that has done so many steps before. Returns what open does, and whether the curve is there.
 */
static int go_on(int steps)
{
    static struct training training;
    static struct observed run;
    void *self = NULL;
    training = (struct training){.first_step = steps};
    run = (struct observed){.training = &training, .record = &record, .user = &result};
    err.text[0] = '\0';
    int failed = observer_losses.open(&run, &self, &err);
    if (failed < 0)
        return failed;
    assert_int_equal(observer_losses.record(self, &record, &err), 0);
    observer_losses.close(self);
    return 0;
}

static void test_goes_on(void **state)
{
    char text[2048];
    (void)state;
    lines_write(text, sizeof text);
    assert_int_equal(go_on(5), 0);
    assert_contains(sft_record_get(&record, "loss_curve"), "5:3");
    *strstr(text, "{\"step\": 6") = '\0';
    file_check(text);
    assert_int_equal(go_on(0), 0);
    file_check("");
}

static void test_unread(void **state)
{
    char text[2048];
    (void)state;
    lines_write(text, sizeof text);
    refuse = EMFILE;
    assert_int_equal(go_on(5), -1);
    assert_contains(err.text, "losses.jsonl: Too many open files: it stays as it is");
    refuse = 0;
    file_check(text);
    broken = EIO;
    assert_int_equal(go_on(5), -1);
    assert_contains(err.text, "losses.jsonl: Input/output error: it stays as it is");
    broken = 0;
    file_check(text);
}

static int begin(void **state)
{
    (void)state;
    sft_record_init(&record);
    return mkdtemp(folder) == NULL || result_open(&result, true, &err) < 0
               ? -1
               : result_folder(&result, folder, &err);
}

static int finish(void **state)
{
    (void)state;
    sft_record_clear(&record);
    result_close(&result);
    unit_shell("rm -rf %s", folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_unread),
    };
    return cmocka_run_group_tests_name("losses", tests, begin, finish);
}
