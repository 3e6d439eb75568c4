/* SPDX-License-Identifier: Apache-2.0 */
/* What a process executes, looked up in /proc: the site's file, another, one that its user can
 * change. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spank/program.h"

static char folder[64], program[128], library[128], text[PROGRAM_TEXT];
static struct program_site site;

static void copy(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp %s %s && chmod 755 %s", from, to, to);
    assert_int_equal(system(command), 0);
}

/* A process that executes the path, as /proc shows it. */
static pid_t start(const char *path, const char *preload, int *proc)
{
    char name[64], exe[128] = "";
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ready[1], STDOUT_FILENO);
        if (preload != NULL)
            setenv("LD_PRELOAD", preload, 1);
        execl(path, "sh", "-c", "echo ready; read -r nothing", NULL);
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], exe, 1), 1);
    close(ready[0]);
    snprintf(name, sizeof name, "/proc/%d", (int)pid);
    *proc = open(name, O_PATH | O_DIRECTORY);
    assert_true(*proc >= 0);
    return pid;
}

static void stop(pid_t pid, int proc)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(proc);
}

/* The shell waits for a line that never comes. */
static int hold_stdin(void **state)
{
    static int ends[2];
    (void)state;
    if (pipe(ends) < 0 || dup2(ends[0], STDIN_FILENO) < 0)
        return -1;
    strcpy(folder, "/tmp/sft-program.XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) < 0)
        return -1;
    snprintf(program, sizeof program, "%s/job", folder);
    snprintf(library, sizeof library, "%s/library.so", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(program);
    unlink(library);
    return rmdir(folder);
}

static void looks(const char *executes, const char *preload, enum program_verdict verdict,
                  const char *expected)
{
    int proc;
    pid_t pid = start(executes, preload, &proc);
    enum program_verdict found = program_look(&site, proc, -1, text);
    stop(pid, proc);
    assert_string_equal(text, expected);
    assert_int_equal(found, verdict);
}

/* Root's file, seen by an ordinary user's job. Where the test is not root, its own files stand for
 * root's. */
static void site_is(const char *path)
{
    snprintf(site.path, sizeof site.path, "%s", path);
    site.uid = 4242;
    site.groups = 0;
}

static void test_the_sites_program(void **state)
{
    (void)state;
    copy("/bin/sh", program);
    site_is(program);
    looks(program, NULL, PROGRAM_SITE, "site");
    looks("/bin/sh", NULL, PROGRAM_WRONG, "other:dash");
}

static void test_a_file_that_its_user_can_change(void **state)
{
    (void)state;
    copy("/bin/sh", program);
    site_is(program);
    chmod(program, 0757);
    looks(program, NULL, PROGRAM_WRONG, "writable:job");
    chmod(program, 0775);
    looks(program, NULL, PROGRAM_SITE, "site"); /* in another group */
    site.group[site.groups++] = getgid();
    looks(program, NULL, PROGRAM_WRONG, "writable:job");
    chmod(program, 0755);
    looks(program, NULL, PROGRAM_SITE, "site");
    chmod(folder, 0777);
    looks(program, NULL, PROGRAM_WRONG, "writable:job");
    chmod(folder, 01777); /* nobody replaces others' files there */
    looks(program, NULL, PROGRAM_SITE, "site");
    chmod(folder, 0755);
    site.uid = getuid();
    looks(program, NULL, getuid() == 0 ? PROGRAM_SITE : PROGRAM_WRONG,
          getuid() == 0 ? "site" : "writable:job");
}

static void test_a_library_of_the_users(void **state)
{
    (void)state;
    if (system("gcc -shared -o /dev/null -xc /dev/null 2>/dev/null") != 0)
        skip();
    char command[256];
    snprintf(command, sizeof command, "gcc -shared -o %s -xc /dev/null", library);
    assert_int_equal(system(command), 0);
    copy("/bin/sh", program);
    site_is(program);
    chmod(library, 0755);
    looks(program, library, PROGRAM_SITE, "site"); /* the site's own preload */
    chmod(library, 0777);
    looks(program, library, PROGRAM_WRONG, "library:library.so");
}

static void test_a_script(void **state)
{
    FILE *file = fopen(program, "w");
    (void)state;
    assert_non_null(file);
    fputs("#!/bin/sh\n", file);
    fclose(file);
    site_is(program);
    looks("/bin/sh", NULL, PROGRAM_SCRIPT, "script");
}

/* The site's file cannot be read on the node: nothing is said for the program, and nothing against
 * it. */
static void test_a_site_that_is_not_known(void **state)
{
    (void)state;
    site_is("");
    looks("/bin/sh", NULL, PROGRAM_UNSEEN, "");
}

static void test_not_executed_yet_and_gone(void **state)
{
    int ours = open("/proc/self", O_PATH | O_DIRECTORY), proc;
    (void)state;
    assert_true(ours >= 0);
    site_is("/bin/sh");
    assert_int_equal(program_look(&site, ours, ours, text), PROGRAM_UNSEEN);
    pid_t pid = start("/bin/sh", NULL, &proc);
    assert_int_equal(program_look(&site, proc, ours, text), PROGRAM_SITE);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(program_look(&site, proc, ours, text), PROGRAM_UNSEEN);
    close(proc);
    close(ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sites_program),
        cmocka_unit_test(test_a_file_that_its_user_can_change),
        cmocka_unit_test(test_a_library_of_the_users),
        cmocka_unit_test(test_a_script),
        cmocka_unit_test(test_a_site_that_is_not_known),
        cmocka_unit_test(test_not_executed_yet_and_gone),
    };
    return cmocka_run_group_tests(tests, hold_stdin, remove_folder);
}
