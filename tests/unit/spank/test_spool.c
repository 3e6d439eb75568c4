/* SPDX-License-Identifier: Apache-2.0 */
/* Records kept on the node: their files, how long an end waits for slurmctld, and out of which
 * groups the process leaves that waits longer. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spank/hold.h"
#include "spank/leave.h"
#include "spank/spool.h"

static char top[] = "/tmp/sft-spool-XXXXXX";
static char place[128];

static int make_top(void **state)
{
    (void)state;
    strcpy(top + strlen(top) - 6, "XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    return spool_place(top, "n1", "h1", place, sizeof place);
}

static int remove_top(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    return system(command);
}

static struct spooled record_of(uint32_t job, uint32_t step)
{
    struct spooled s = {
        .cluster = "Big One", .job_id = job, .step_id = step, .comment = true, .time = 1790000000};
    snprintf(s.text, sizeof s.text, "sft1{step=%u.%u state=complete data=It%%27s%%20%%22Mine%%22}",
             job, step);
    return s;
}

static void write_record(int folder, uint32_t job, uint32_t step)
{
    struct spooled s = record_of(job, step);
    struct sft_error err = {""};
    assert_int_equal(spool_write(folder, &s, &err), 0);
}

static void write_text(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_a_place_of_the_node(void **state)
{
    char path[64], little[8];
    (void)state;
    assert_int_equal(spool_place("/var/spool/%n", "gpu-0001", "hgx1", path, sizeof path), 0);
    assert_string_equal(path, "/var/spool/gpu-0001/sft-bench");
    assert_int_equal(spool_place("/s/%h/100%", "gpu-0001", "hgx1", path, sizeof path), 0);
    assert_string_equal(path, "/s/hgx1/100%/sft-bench");
    assert_int_equal(spool_place("/var/spool", "n", "h", little, sizeof little), -1);
}

static void test_what_is_written_is_read(void **state)
{
    struct spooled wrote = record_of(7, 0), read;
    struct stat info;
    struct sft_error err = {""};
    (void)state;
    int folder = spool_open(place, true, &err);
    assert_true(folder >= 0);
    assert_int_equal(spool_write(folder, &wrote, &err), 0);
    assert_int_equal(fstatat(folder, "7.0", &info, 0), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(fstat(folder, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(spool_read(folder, "7.0", &read, &err), 0);
    assert_string_equal(read.cluster, "Big One");
    assert_int_equal(read.job_id, 7);
    assert_int_equal(read.step_id, 0);
    assert_int_equal(read.time, 1790000000);
    assert_true(read.comment);
    assert_string_equal(read.text, wrote.text);
    close(folder);
}

static void test_the_longest_record(void **state)
{
    struct spooled wrote = record_of(7, 0), read;
    struct sft_error err = {""};
    (void)state;
    memset(wrote.text + strlen(wrote.text) - 1, 'x', sizeof wrote.text - strlen(wrote.text));
    strcpy(wrote.text + sizeof wrote.text - 2, "}");
    int folder = spool_open(place, true, &err);
    assert_int_equal(spool_write(folder, &wrote, &err), 0);
    assert_int_equal(spool_read(folder, "7.0", &read, &err), 0);
    assert_string_equal(read.text, wrote.text);
    close(folder);
}

static void test_a_later_record_of_a_step(void **state)
{
    struct spooled s = record_of(7, 1);
    struct sft_error err = {""};
    char(*names)[SPOOL_NAME];
    (void)state;
    int folder = spool_open(place, true, &err);
    write_record(folder, 7, 1);
    strcpy(s.text, "sft1{state=later}");
    assert_int_equal(spool_write(folder, &s, &err), 0);
    assert_int_equal(spool_read(folder, "7.1", &s, &err), 0);
    assert_string_equal(s.text, "sft1{state=later}");
    assert_int_equal(spool_list(folder, &names, &err), 1);
    free(names);
    close(folder);
}

static void test_the_list_has_records_only(void **state)
{
    struct sft_error err = {""};
    char(*names)[SPOOL_NAME];
    (void)state;
    int folder = spool_open(place, true, &err);
    write_record(folder, 10, 0);
    write_record(folder, 9, 1);
    write_record(folder, 9, 0);
    write_text(folder, ".9.2.77", "half a file");
    write_text(folder, "9.3.4", "");
    write_text(folder, "README", "");
    assert_int_equal(spool_list(folder, &names, &err), 3);
    assert_string_equal(names[0], "9.0");
    assert_string_equal(names[1], "9.1");
    assert_string_equal(names[2], "10.0");
    free(names);
    assert_int_equal(spool_remove(folder, "9.1", &err), 0);
    assert_int_equal(spool_remove(folder, "9.1", &err), 0);
    assert_int_equal(spool_list(folder, &names, &err), 2);
    free(names);
    close(folder);
}

static void test_a_folder_that_is_not_ours_alone(void **state)
{
    struct sft_error err = {""};
    char link[160];
    (void)state;
    assert_int_equal(spool_open(place, false, &err), -1);
    assert_int_equal(errno, ENOENT);
    close(spool_open(place, true, &err));
    assert_int_equal(chmod(place, 0770), 0);
    assert_int_equal(spool_open(place, true, &err), -1);
    assert_contains(err.text, "who alone may write in it");
    assert_int_equal(chmod(place, 0700), 0);
    snprintf(link, sizeof link, "%s/link", top);
    assert_int_equal(symlink(place, link), 0);
    assert_int_equal(spool_open(link, true, &err), -1);
}

/* The name of the file that is being written is known: a link planted there is not followed. */
static void test_links_are_not_followed(void **state)
{
    struct spooled s;
    struct stat info;
    struct sft_error err = {""};
    char name[64], target[160];
    (void)state;
    int folder = spool_open(place, true, &err);
    snprintf(name, sizeof name, ".7.0.%d", (int)getpid());
    snprintf(target, sizeof target, "%s/target", top);
    assert_int_equal(symlinkat(target, folder, name), 0);
    write_record(folder, 7, 0);
    assert_int_equal(stat(target, &info), -1);
    assert_int_equal(symlinkat("7.0", folder, "8.0"), 0);
    assert_int_equal(spool_read(folder, "8.0", &s, &err), -1);
    assert_int_equal(mkfifoat(folder, "9.0", 0600), 0);
    assert_int_equal(spool_read(folder, "9.0", &s, &err), -1);
    close(folder);
}

static void test_files_that_are_no_record(void **state)
{
    static const char *const texts[] = {
        "",
        "junk\n",
        "sft-bench spool 2\ncluster c\njob 1\nstep 0\ncomment 1\ntime 1\nrecord sft1{}\n",
        "sft-bench spool 1\ncluster c\njob 1\nstep 0\ncomment 1\ntime 1\nrecord sft1{}",
        "sft-bench spool 1\ncluster c\njob one\nstep 0\ncomment 1\ntime 1\nrecord sft1{}\n",
        "sft-bench spool 1\ncluster c\njob 1\nstep 0\ncomment 1\ntime 1\n",
    };
    struct spooled s;
    (void)state;
    int folder = spool_open(place, true, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sft_error err = {""};
        write_text(folder, "1.0", texts[i]);
        assert_int_equal(spool_read(folder, "1.0", &s, &err), -1);
        assert_contains(err.text, "1.0: no record of");
        assert_int_equal(unlinkat(folder, "1.0", 0), 0);
    }
    close(folder);
}

static int limit(bool well, int seconds, int unkillable, int message)
{
    struct hold hold = {
        .well = well, .seconds = seconds, .unkillable = unkillable, .message_timeout = message};
    return hold_limit(&hold);
}

static void test_how_long_an_end_waits(void **state)
{
    (void)state;
    assert_int_equal(limit(true, 900, 60, 10), 900);
    assert_int_equal(limit(true, 20, 60, 10), 20);
    assert_int_equal(limit(false, 900, 60, 10), 30);
    assert_int_equal(limit(false, 900, 40, 10), 25);
    assert_int_equal(limit(false, 900, 60, 50), 5);
    assert_int_equal(limit(false, 900, 60, 100), 1);
    assert_int_equal(limit(false, 12, 60, 10), 12);
}

static void test_groups_that_are_left(void **state)
{
    char path[128];
    (void)state;
    assert_int_equal(leave_file("0::/system.slice/slurmstepd.scope/job_7/step_0/slurm", "/cg", path,
                                sizeof path),
                     0);
    assert_string_equal(path, "/cg/cgroup.procs");
    assert_int_equal(
        leave_file("4:cpu,cpuacct:/slurm/uid_5/job_7/step_0", "/cg", path, sizeof path), 0);
    assert_string_equal(path, "/cg/cpu,cpuacct/cgroup.procs");
    assert_int_equal(leave_file("1:name=systemd:/slurm_n1/uid_5/job_7", "/cg", path, sizeof path),
                     0);
    assert_string_equal(path, "/cg/systemd/cgroup.procs");
    assert_int_equal(leave_file("0::/system.slice/slurmd.service", "/cg", path, sizeof path), -1);
    assert_int_equal(leave_file("junk", "/cg", path, sizeof path), -1);
    assert_int_equal(leave_file("4:memory:/slurm/job_7", "/cg", path, 12), -1);
}

#define IN_TOP(test) cmocka_unit_test_setup_teardown(test, make_top, remove_top)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_place_of_the_node),
        IN_TOP(test_what_is_written_is_read),
        IN_TOP(test_the_longest_record),
        IN_TOP(test_a_later_record_of_a_step),
        IN_TOP(test_the_list_has_records_only),
        IN_TOP(test_a_folder_that_is_not_ours_alone),
        IN_TOP(test_links_are_not_followed),
        IN_TOP(test_files_that_are_no_record),
        cmocka_unit_test(test_how_long_an_end_waits),
        cmocka_unit_test(test_groups_that_are_left),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
