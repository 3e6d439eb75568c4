/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a run leaves: whole or not at all, with the reason, and through nothing that others
 * put there. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/file_write.h"
#include "job/run/result.h"

static char folder[] = "/tmp/sft-test-write.XXXXXX";
static char path[64], other[64];

static int make_folder(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/f.json", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void file_make(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_file(const char *name, const char *text)
{
    char found[256] = "";
    FILE *file = fopen(name, "r");
    if (file == NULL)
        fail_msg("no %s", name);
    assert_true(fread(found, 1, sizeof found - 1, file) < sizeof found);
    fclose(file);
    assert_string_equal(found, text);
}

static int entries(void)
{
    int count = 0;
    DIR *listed = opendir(folder);
    while (readdir(listed) != NULL)
        count++;
    closedir(listed);
    return count - 2;
}

static int file_put(const char *text, struct sft_error *err)
{
    struct file_write file;
    if (file_write_open(&file, path, err) < 0)
        return -1;
    file_write_print(&file, "%s", text);
    return file_write_close(&file, true, err);
}

static void test_a_file_is_replaced_whole(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct file_write file;
    file_make(path, "old");
    assert_int_equal(file_write_open(&file, path, &err), 0);
    for (int i = 0; i < 10000; i++)
        file_write_print(&file, "%d,", i % 10);
    expect_file(path, "old");
    assert_int_equal(entries(), 2);
    assert_int_equal(file_write_close(&file, false, &err), 0);
    assert_int_equal(entries(), 1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 20000);
    unlink(path);
}

/* Another's file behind a link, or of a second name, stays as it is. */
static void test_planted_names_are_replaced(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct stat info;
    file_make(other, "precious");
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(file_put("new", &err), 0);
    expect_file(other, "precious");
    expect_file(path, "new");
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    unlink(path);
    assert_int_equal(link(other, path), 0);
    assert_int_equal(file_put("new", &err), 0);
    expect_file(other, "precious");
    expect_file(path, "new");
    unlink(path);
    assert_int_equal(symlink("/nonexistent/x", path), 0);
    assert_int_equal(file_put("new", &err), 0);
    expect_file(path, "new");
    assert_int_equal(file_write_clear(path, &err), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(file_write_clear(path, &err), 0); /* nothing there */
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(file_write_clear(path, &err), 0);
    expect_file(other, "precious");
    unlink(other);
}

static void refused(const char *name, const char *why)
{
    struct sft_error err = {""};
    struct file_write file;
    assert_int_equal(file_write_open(&file, name, &err), -1);
    assert_contains(err.text, why);
    err.text[0] = '\0';
    assert_int_equal(file_write_clear(name, &err), -1);
    assert_contains(err.text, why);
}

static void test_what_is_no_file_is_refused(void **state)
{
    (void)state;
    alarm(20);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(path, "it is a pipe and no file");
    assert_int_equal(symlink(path, other), 0);
    refused(other, "it is a pipe and no file");
    unlink(other);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(path, "it is a folder and no file");
    rmdir(path);
    refused("/dev/null", "files do not belong there");
    refused("/dev/stdout", "files do not belong there");
    refused("/tmp/", "a folder's name");
    refused("/nonexistent/x", "cannot write /nonexistent/x: No such file");
    refused("/proc/self/exe/x", "Not a directory");
    alarm(0);
    assert_int_equal(entries(), 0);
}

/* In a folder where all may write, the folder to write into may be another's link to anywhere. */
static void test_planted_folders(void **state)
{
    (void)state;
    char target[64], inside[128];
    struct sft_error err = {""};
    snprintf(target, sizeof target, "%s/target", folder);
    snprintf(inside, sizeof inside, "%s/f.json", other);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, other), 0);
    struct file_write file;
    assert_int_equal(chmod(folder, 01777), 0);
    assert_int_equal(file_write_open(&file, inside, &err), 0); /* one's own link */
    file_write_put(&file, "x", 1);
    assert_int_equal(file_write_close(&file, false, &err), 0);
    if (geteuid() == 0) { /* who alone can give a link to another */
        assert_int_equal(lchown(other, 12345, 12345), 0);
        refused(inside, "is a link that another user (uid 12345) has put there");
    }
    assert_int_equal(chmod(folder, 0755), 0); /* nobody else can have put it there */
    assert_int_equal(file_write_clear(inside, &err), 0);
    unlink(other);
    assert_int_equal(rmdir(target), 0);
    assert_int_equal(chmod(folder, 0700), 0);
}

static void limit_set(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The kernel takes a part of the write first, without an error: the reason comes with the rest. */
static void test_a_limit_of_size_is_said(void **state)
{
    (void)state;
    struct sft_error err = {""};
    file_make(path, "old");
    limit_set(5);
    assert_int_equal(file_put("longer than that", &err), -1);
    limit_set(RLIM_INFINITY);
    assert_contains(err.text, "f.json: File too large: raise the limit (ulimit -f)");
    expect_file(path, "old");
    assert_int_equal(entries(), 1);
    unlink(path);
}

static void test_a_full_device_is_said(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    errno = 0;
    assert_int_equal(file_write_all(full, "x", 1, -1), -1);
    assert_int_equal(errno, ENOSPC);
    close(full);
}

static void test_leftovers_are_removed(void **state)
{
    (void)state;
    char old[128], young[128], link[128];
    struct timeval times[2];
    snprintf(old, sizeof old, "%s/.f.json.0123abcd.new", folder);
    snprintf(young, sizeof young, "%s/.f.json.0123abce.new", folder);
    snprintf(link, sizeof link, "%s/.g.json.0123abcd.new", folder);
    file_make(old, "half");
    file_make(young, "half");
    file_make(link, "another's");
    gettimeofday(&times[0], NULL);
    times[0].tv_sec -= 3600;
    times[1] = times[0];
    assert_int_equal(utimes(old, times), 0);
    assert_int_equal(utimes(link, times), 0);
    file_write_sweep(path);
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(unlink(young), 0); /* its writer may live */
    assert_int_equal(unlink(link), 0);
}

/* The record of a run whose result.json finds no room: the run before's is gone, the page complete.
 */
static void test_a_run_goes_on_without_its_file(void **state)
{
    (void)state;
    static struct result result;
    struct sft_error err = {""};
    char number[16], page[SFT_RECORD_PAGE + 1] = "", long_text[600];
    int memory = memfd_create("record", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memory, SFT_RECORD_PAGE), 0);
    snprintf(number, sizeof number, "%d", memory);
    setenv(SFT_RECORD_ENV, number, 1);
    snprintf(path, sizeof path, "%s/result.json", folder);
    file_make(path, "{\"state\": \"complete\"}");
    assert_int_equal(result_open(&result, true, &err), 0);
    assert_int_equal(result_folder(&result, folder, &err), 0);
    FILE *begun = fopen(path, "r");
    assert_true(fread(page, 1, 200, begun) > 0);
    fclose(begun);
    assert_null(strstr(page, "complete"));
    assert_int_equal(result_lost(&result, &err), 0);
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(sft_record_set(&result.record, "hosts", long_text, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* now it cannot be written, as on a full disk */
    assert_int_equal(sft_record_set(&result.record, "state", "complete", &err), 0);
    assert_int_equal(result_write(&result, true, &err), 0);
    assert_int_equal(pread(memory, page, SFT_RECORD_PAGE, 0), SFT_RECORD_PAGE);
    assert_contains(page, "state=complete");
    assert_int_equal(result_lost(&result, &err), -1);
    assert_contains(err.text, "result.json");
    rmdir(path);
    assert_int_equal(result_write(&result, true, &err), 0); /* there is room again */
    assert_int_equal(result_lost(&result, &err), 0);
    result_close(&result);
    close(memory);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_replaced_whole),
        cmocka_unit_test(test_planted_names_are_replaced),
        cmocka_unit_test(test_what_is_no_file_is_refused),
        cmocka_unit_test(test_planted_folders),
        cmocka_unit_test(test_a_limit_of_size_is_said),
        cmocka_unit_test(test_a_full_device_is_said),
        cmocka_unit_test(test_leftovers_are_removed),
        cmocka_unit_test(test_a_run_goes_on_without_its_file),
    };
    return cmocka_run_group_tests_name("file_write", tests, make_folder, remove_folder);
}
