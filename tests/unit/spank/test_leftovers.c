/* SPDX-License-Identifier: Apache-2.0 */
/* Names that an earlier run of a step left: put aside, or refused and not touched. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "spank/leftovers.h"

static char root[] = "/tmp/sft-leftovers.XXXXXX";
static char spool[64], tmp[64], proc[64];

static struct leftovers step_of(void)
{
    return (struct leftovers){.spool = spool,
                              .tmp = tmp,
                              .proc = proc,
                              .uid = getuid(),
                              .gid = getgid(),
                              .job_id = 12,
                              .step_id = 3};
}

static const char *in(const char *folder, const char *name)
{
    static char path[8][160];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Entries of a folder that begin with this. */
static int count_of(const char *folder, const char *begin)
{
    int count = 0;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        count += strncmp(entry->d_name, begin, strlen(begin)) == 0;
    closedir(all);
    return count;
}

static const char *client(void)
{
    static char name[96];
    struct leftovers left = step_of();
    leftovers_client(&left, name, sizeof name);
    return name;
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    snprintf(spool, sizeof spool, "%s/spool", root);
    snprintf(tmp, sizeof tmp, "%s/tmp", root);
    snprintf(proc, sizeof proc, "%s/proc", root);
    return mkdir(spool, 0755) | mkdir(tmp, 0755) | mkdir(proc, 0755);
}

static int remove_root(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* A socket under that name; it listens while the descriptor is open. */
static int make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* A process of a pretended /proc that began `seconds` ago. */
static void make_process(int pid, const char *comm, const char *title, int seconds)
{
    char name[32], text[256];
    struct timespec boot;
    snprintf(name, sizeof name, "%d", pid);
    assert_int_equal(mkdir(in(proc, name), 0755), 0);
    snprintf(name, sizeof name, "%d/comm", pid);
    snprintf(text, sizeof text, "%s\n", comm);
    write_file(in(proc, name), text, strlen(text));
    snprintf(name, sizeof name, "%d/cmdline", pid);
    write_file(in(proc, name), title, strlen(title) + 1);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    snprintf(text, sizeof text, "%d (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %lld 0 0\n",
             pid, comm, (long long)(boot.tv_sec - seconds) * sysconf(_SC_CLK_TCK));
    snprintf(name, sizeof name, "%d/stat", pid);
    write_file(in(proc, name), text, strlen(text));
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(leftovers_put_aside(&left, &err), 0);
    left.tmp = left.spool = "/nonexistent/folder";
    assert_int_equal(leftovers_put_aside(&left, &err), 0);
    assert_string_equal(err.text, "");
}

static void test_all_three(void **state)
{
    (void)state;
    char aside[128];
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(mkdir(in(tmp, client()), 0770), 0);
    assert_int_equal(mkdir(in(tmp, "spmix_appdir_0_12.33"), 0770), 0);
    assert_int_equal(mkdir(in(spool, "pmix.12.3"), 0770), 0);
    write_file(in(spool, "pmix.12.3/file"), "mine", 4);
    close(make_socket(in(spool, "stepd.slurm.pmix.12.3")));
    assert_int_equal(leftovers_put_aside(&left, &err), 3);
    assert_false(is_there(in(tmp, client())) || is_there(in(spool, "pmix.12.3")) ||
                 is_there(in(spool, "stepd.slurm.pmix.12.3")));
    snprintf(aside, sizeof aside, "%s.aside.", client());
    assert_int_equal(count_of(tmp, aside), 1);
    assert_int_equal(count_of(spool, "pmix.12.3.aside."), 1);
    assert_int_equal(count_of(spool, "stepd.slurm.pmix.12.3.aside."), 1);
    assert_true(is_there(in(tmp, "spmix_appdir_0_12.33")));
    assert_int_equal(leftovers_put_aside(&left, &err), 0);
}

static void refused(const char *word)
{
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(leftovers_put_aside(&left, &err), -1);
    assert_contains(err.text, word);
}

static void test_other_kinds(void **state)
{
    (void)state;
    assert_int_equal(symlink("/etc", in(tmp, client())), 0);
    refused("is a symbolic link: remove it");
    assert_true(is_there(in(tmp, client())));
    assert_int_equal(unlink(in(tmp, client())), 0);
    write_file(in(spool, "pmix.12.3"), "", 0);
    refused("pmix.12.3 is in the way of Slurm's PMIx plugin and is a file: remove it");
    assert_int_equal(unlink(in(spool, "pmix.12.3")), 0);
    assert_int_equal(mkdir(in(spool, "stepd.slurm.pmix.12.3"), 0700), 0);
    refused("is a folder: remove it");
}

static void test_anothers(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(mkdir(in(tmp, client()), 0770), 0);
    assert_int_equal(chown(in(tmp, client()), 12345, 0), 0);
    refused("belongs to uid 12345");
    assert_true(is_there(in(tmp, client())));
}

/* The user's own folder is entered with the user's rights, and ours are whole afterwards. */
static void test_users_rights(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    struct sft_error err = {""};
    struct leftovers left = step_of();
    left.uid = left.gid = 12345;
    left.tmp_is_users = true;
    char name[96];
    leftovers_client(&left, name, sizeof name);
    assert_string_equal(name, "spmix_appdir_12345_12.3");
    assert_int_equal(
        chmod(root, 0755) | mkdir(in(tmp, name), 0770) | chown(in(tmp, name), 12345, 12345), 0);
    assert_int_equal(leftovers_put_aside(&left, &err), -1);
    assert_contains(err.text, "Permission denied");
    assert_true(is_there(in(tmp, name)));
    assert_int_equal(chown(tmp, 12345, 12345) | chmod(tmp, 0700), 0);
    assert_int_equal(leftovers_put_aside(&left, &err), 1);
    assert_int_equal(setfsuid((uid_t)-1), 0);
    assert_int_equal(setfsgid((gid_t)-1), 0);
}

/* Only a slurmstepd of that step, which began when the folder was made, and which has no keeper. */
static void test_living(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(mkdir(in(tmp, client()), 0770), 0);
    make_process(101, "slurmstepd", "slurmstepd: [12.3]", 1);
    refused("belongs to a step 12.3 that runs (slurmstepd, process 101): give each cluster");
    make_process(102, "sft-keeper", "slurmstepd: [12.3]", 1);
    assert_int_equal(leftovers_put_aside(&left, &err), 1);
}

static void test_not_living(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(mkdir(in(tmp, client()), 0770), 0);
    make_process(101, "slurmstepd", "slurmstepd: [12.33]", 1);
    make_process(102, "slurmstepd", "slurmstepd: [112.3]", 1);
    make_process(103, "sh", "slurmstepd: [12.3]", 1);
    make_process(104, "slurmstepd", "slurmstepd: [12.3]", 4000);
    assert_int_equal(leftovers_put_aside(&left, &err), 1);
}

/* A lock tells of a step of ours, whatever /proc says; but not of our own slurmd's, which hangs at
 * its end. */
static void test_locked(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct leftovers left = step_of();
    assert_int_equal(mkdir(in(tmp, client()), 0770), 0);
    leftovers_hold(&left);
    refused("(its slurmstepd has locked it)");
    int fd = make_socket(in(spool, "stepd.slurm.pmix.12.3"));
    assert_int_equal(leftovers_put_aside(&left, &err), 2);
    close(fd);
}

static void test_mpi_conf(void **state)
{
    (void)state;
    char base[64] = "";
    static const char *const texts[] = {
        "PMIxCliTmpDirBase=/a/b\n",
        "# PMIxCliTmpDirBase=/no\n  pmixclitmpdirbase = \"/a/b\" # yes\nPMIxDebug=1\n",
        "PMIxCliTmpDirBase=/no\nPMIxCliTmpDirBase=/a/b",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file(in(root, "mpi.conf"), texts[i], strlen(texts[i]));
        assert_true(leftovers_mpi_conf(in(root, "slurm.conf"), base, sizeof base));
        assert_string_equal(base, "/a/b");
    }
    static const char *const none[] = {"", "PMIxCliTmpDirBaseX=/a\n",
                                       "PMIxCliTmpDirBase=relative\n"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        write_file(in(root, "mpi.conf"), none[i], strlen(none[i]));
        assert_false(leftovers_mpi_conf(in(root, "slurm.conf"), base, sizeof base));
    }
    assert_false(leftovers_mpi_conf(in(root, "away/slurm.conf"), base, sizeof base));
    assert_false(leftovers_mpi_conf("slurm.conf", base, sizeof base));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_there), TEST(test_all_three),    TEST(test_other_kinds),
        TEST(test_anothers),      TEST(test_users_rights), TEST(test_living),
        TEST(test_not_living),    TEST(test_locked),       TEST(test_mpi_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
