/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a program would start here, without starting it. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "spank/loads.h"

static char folder[64], program[128];
static struct sft_error err;

static int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sft-loads.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(program, sizeof program, "%s/program", folder);
    return 0;
}

static int folder_remove(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* A copy of the shell in which a text of its file is another of the same length. */
static void program_make(const char *was, const char *is)
{
    static char file[4 << 20];
    FILE *from = fopen("/bin/sh", "rb"), *to = fopen(program, "wb");
    assert_non_null(from);
    assert_non_null(to);
    size_t size = fread(file, 1, sizeof file, from), length = strlen(was) + 1;
    assert_true(size < sizeof file && strlen(is) + 1 == length);
    int found = 0;
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(file + i, was, length) == 0) {
            memcpy(file + i, is, length);
            found++;
        }
    assert_true(found > 0);
    assert_int_equal(fwrite(file, 1, size, to), size);
    fclose(from);
    fclose(to);
    assert_int_equal(chmod(program, 0755), 0);
}

static void assert_refused(const char *part)
{
    char *environment[] = {NULL};
    err.text[0] = '\0';
    assert_int_equal(loads_check(program, environment, &err), -1);
    assert_contains(err.text, program);
    assert_contains(err.text, part);
    assert_contains(err.text, "--exclude");
}

static void test_what_starts_is_let_through(void **state)
{
    char *environment[] = {NULL};
    (void)state;
    assert_int_equal(loads_check("/bin/sh", environment, &err), 0);
    assert_int_equal(loads_check("sh", environment, &err), 0); /* Slurm looks for it itself */
    FILE *script = fopen(program, "w");
    fputs("#!/bin/sh\n", script);
    fclose(script);
    chmod(program, 0755);
    assert_int_equal(loads_check(program, environment, &err), 0);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    assert_refused("No such file or directory");
    assert_int_equal(mkdir(program, 0755), 0);
    assert_refused("no file that this user may execute");
    rmdir(program);
    fclose(fopen(program, "w"));
    chmod(program, 0644);
    assert_refused("no file that this user may execute");
}

static void test_a_library_is_missing(void **state)
{
    (void)state;
    program_make("libc.so.6", "libq.so.6");
    assert_refused(" needs libq.so.6: install");
}

/* The environment is the task's, not ours. */
static void test_the_tasks_own_environment_finds_it(void **state)
{
    char variable[128], path[128];
    char *environment[] = {variable, NULL};
    (void)state;
    program_make("libc.so.6", "libq.so.6");
    snprintf(path, sizeof path, "%s/libq.so.6", folder);
    snprintf(variable, sizeof variable, "LD_LIBRARY_PATH=%s", folder);
    const char *const places[] = {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6",
                                  "/lib/aarch64-linux-gnu/libc.so.6"};
    int found = 0;
    for (size_t i = 0; i < 3 && !found; i++)
        found = access(places[i], R_OK) == 0 && symlink(places[i], path) == 0;
    if (!found)
        skip();
    assert_int_equal(loads_check(program, environment, &err), 0);
}

static void test_a_loader_that_is_missing(void **state)
{
    (void)state;
#ifdef __x86_64__
    program_make("/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.9");
    assert_refused(" needs /lib64/ld-linux-x86-64.so.9: install");
#else
    skip();
#endif
}

static void test_the_loaders_answer(void **state)
{
    (void)state;
    assert_int_equal(loads_read("job", "", &err), 0);
    assert_int_equal(
        loads_read("job", "\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\tlinux-vdso.so.1 (0x7f)\n", &err),
        0);
    assert_int_equal(loads_read("job",
                                "\tlibmpi.so.40 => not found\n\tlibc.so.6 => /lib/libc.so.6\n"
                                "\tlibpmix.so.2 => not found\n\tlibmpi.so.40 => not found\n",
                                &err),
                     -1);
    assert_contains(err.text, "job needs libmpi.so.40, libpmix.so.2: install what is missing");
    assert_int_equal(loads_read("job",
                                "job: /lib/libc.so.6: version `GLIBC_2.38' not found (required by "
                                "job)\njob: /lib/libm.so.6: version `GLIBC_2.38' not found "
                                "(required by job)\n",
                                &err),
                     -1);
    assert_contains(err.text, "job needs GLIBC_2.38: install");
}

/* More than there is room for is cut by whole names. */
static void test_a_long_answer(void **state)
{
    char answer[8192] = "";
    (void)state;
    for (int i = 0; i < 200; i++)
        sprintf(answer + strlen(answer), "\tlib%03d.so.1 => not found\n", i);
    assert_int_equal(loads_read("job", answer, &err), -1);
    assert_contains(err.text, "lib000.so.1, lib001.so.1, ");
    assert_contains(err.text, ".so.1: install what is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_starts_is_let_through, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_a_library_is_missing, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_the_tasks_own_environment_finds_it, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(test_a_loader_that_is_missing, folder_make, folder_remove),
        cmocka_unit_test(test_the_loaders_answer),
        cmocka_unit_test(test_a_long_answer),
    };
    return cmocka_run_group_tests_name("loads", tests, NULL, NULL);
}
