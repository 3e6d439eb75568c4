/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a sweep's name, in a folder of the user's own. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep/lock.h"

static char folder[] = "/tmp/sft-lock-XXXXXX";

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sft-lock-XXXXXX");
    return mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) != 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned next;
    snprintf(path[++next % 4], sizeof path[0], "%s/%s", folder, name);
    return path[next % 4];
}

/* What another process is told that takes the lock, "" where it gets it. */
static void other_is_told(const char *name, char *told, size_t size)
{
    int ends[2];
    struct sft_error err = {""};
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int rc = lock_take(name, &err);
        ssize_t put = write(ends[1], err.text, strlen(err.text));
        _exit(put < 0 || (rc < 0) != (err.text[0] != '\0'));
    }
    int status;
    close(ends[1]);
    ssize_t got = read(ends[0], told, size - 1);
    told[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    char told[SFT_ERROR_SIZE], mine[64];
    struct sft_error err = {""};
    if (lock_take("nightly", &err) < 0)
        fail_msg("%s", err.text);
    other_is_told("nightly", told, sizeof told);
    snprintf(mine, sizeof mine, "process %ld on ", (long)getpid());
    assert_contains(told, "another sft-sweep of the name nightly is at work");
    assert_contains(told, mine);
    assert_contains(told, path_of("sft-bench/sweep-nightly.lock"));
    other_is_told("weekly", told, sizeof told);
    assert_string_equal(told, "");
    other_is_told("weekly", told, sizeof told); /* it ends with who had it; the file stays */
    assert_string_equal(told, "");
    struct stat there;
    assert_int_equal(stat(path_of("sft-bench/sweep-weekly.lock"), &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    assert_int_equal(stat(path_of("sft-bench"), &there), 0);
    assert_int_equal(there.st_mode & 0777, 0700);
}

static void is_refused(const char *part)
{
    struct sft_error err = {""};
    assert_int_equal(lock_take("nightly", &err), -1);
    assert_contains(err.text, part);
    assert_null(strchr(err.text, '\n'));
}

/* What another user could have put there first. */
static void test_what_is_planted(void **state)
{
    (void)state;
    char other[128];
    snprintf(other, sizeof other, "%s", path_of("other"));
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(symlink(other, path_of("sft-bench")), 0); /* a link for the folder */
    is_refused("XDG_STATE_HOME");
    assert_int_equal(unlink(path_of("sft-bench")), 0);
    assert_int_equal(mkdir(path_of("sft-bench"), 0700), 0);
    assert_int_equal(symlink(path_of("victim"), path_of("sft-bench/sweep-nightly.lock")),
                     0); /* and for the file */
    is_refused("sweep-nightly.lock");
    assert_int_equal(access(path_of("victim"), F_OK), -1);
    assert_int_equal(unlink(path_of("sft-bench/sweep-nightly.lock")), 0);
    assert_int_equal(mkfifo(path_of("sft-bench/sweep-nightly.lock"), 0600),
                     0); /* a pipe would hang */
    is_refused("no file of yours");
    assert_int_equal(unlink(path_of("sft-bench/sweep-nightly.lock")), 0);
    assert_int_equal(chmod(path_of("sft-bench"), 0777), 0);
    is_refused("others may write there");
    assert_int_equal(chmod(path_of("sft-bench"), 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path_of("sft-bench"), 65534, 65534), 0);
        is_refused("not yours");
        assert_int_equal(chown(path_of("sft-bench"), 0, 0), 0);
        int fd = creat(path_of("sft-bench/sweep-nightly.lock"), 0666);
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        close(fd);
        is_refused("no file of yours");
    }
}

static void test_where_there_is_no_home(void **state)
{
    (void)state;
    setenv("XDG_STATE_HOME", "relative", 1); /* counts as none */
    setenv("HOME", path_of("home"), 1);
    struct sft_error err = {""};
    if (lock_take("nightly", &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(access(path_of("home/.local/state/sft-bench/sweep-nightly.lock"), F_OK), 0);
    setenv("HOME", "/dev/null", 1);
    is_refused("/dev/null");
    is_refused("set XDG_STATE_HOME to a folder of your own");
    setenv("HOME", "/proc/nonexistent", 1);
    is_refused("set XDG_STATE_HOME to a folder of your own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_planted, begin, end),
        cmocka_unit_test_setup_teardown(test_where_there_is_no_home, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
