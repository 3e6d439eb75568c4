/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "spank/conf.h"

static int parse(struct conf *conf, const char *text, struct sft_error *err)
{
    conf_init(conf);
    return conf_parse(conf, text, strlen(text), "site.conf", err);
}

static void assert_refused(const char *text, const char *message)
{
    struct conf conf;
    struct sft_error err = { "" };
    if (parse(&conf, text, &err) == 0)
        fail_msg("'%s' was taken", text);
    assert_string_equal(err.text, message);
}

static void test_every_key_is_read(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = { "" };
    assert_int_equal(parse(&conf,
                           "# the site\n\njob = /opt/sft/bin/job\n  partition=gpu  \r\n"
                           "gpus_per_node = 8\ncpus_per_task=14\ndata = /data/a b.json\n"
                           "tokenizer = /data/t.model\nmpi = pmix_v4\ncomment = no\n"
                           "update_seconds = 30",
                           &err),
                     0);
    assert_string_equal(conf.job, "/opt/sft/bin/job");
    assert_string_equal(conf.partition, "gpu");
    assert_int_equal(conf.gpus_per_node, 8);
    assert_int_equal(conf.cpus_per_task, 14);
    assert_string_equal(conf.data, "/data/a b.json");
    assert_string_equal(conf.tokenizer, "/data/t.model");
    assert_string_equal(conf.mpi, "pmix_v4");
    assert_false(conf.comment);
    assert_int_equal(conf.update_seconds, 30);
}

static void test_an_empty_file_leaves_the_defaults(void **state)
{
    (void)state;
    struct conf conf;
    assert_int_equal(parse(&conf, "", NULL), 0);
    assert_contains(conf.job, "/sft-bench-job");
    assert_string_equal(conf.mpi, "pmix");
    assert_int_equal(conf.gpus_per_node, -1);
    assert_int_equal(conf.cpus_per_task, -1);
    assert_int_equal(conf.update_seconds, 60);
    assert_true(conf.comment);
}

static void test_complaints_name_file_and_line(void **state)
{
    (void)state;
    assert_refused("\n\nnonsense\n", "site.conf:3: 'nonsense' is not of the form key = value");
    assert_refused("gpu = 8",
                   "site.conf:1: unknown key 'gpu'; known are job, partition, gpus_per_node, "
                   "cpus_per_task, data, tokenizer, mpi, comment, update_seconds");
    assert_refused("# c\ngpus_per_node = many",
                   "site.conf:2: gpus_per_node: 'many' is no number");
    assert_refused("gpus_per_node = 65",
                   "site.conf:1: gpus_per_node: 65 is out of range, 0 to 64");
    assert_refused("update_seconds = 99999999999999999999",
                   "site.conf:1: update_seconds: 99999999999999999999 is out of range, 1 to 86400");
    assert_refused("comment = maybe", "site.conf:1: comment: 'maybe' is neither yes nor no");
    assert_refused("job = bin/job", "site.conf:1: job: 'bin/job' is no absolute path");
    assert_refused("mpi =", "site.conf:1: mpi: the value is missing");
}

static void test_overlong_things_are_refused(void **state)
{
    (void)state;
    char text[3 * CONF_PATH];
    memset(text, 'x', sizeof text);
    memcpy(text, "data=", 5);
    text[5 + CONF_PATH] = '\0';
    assert_refused(text, "site.conf:1: data: longer than 1023 bytes");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_refused(text, "site.conf:1: the line is longer than 2047 bytes");
}

static void test_a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = { "" };
    conf_init(&conf);
    assert_int_equal(conf_parse(&conf, "mpi=a\nmpi\0=b", 12, "f", &err), -1);
    assert_string_equal(err.text, "f:2: the line holds a NUL byte");
}

static void test_plugstack_arguments(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = { "" };
    char file[] = "/tmp/test_conf.XXXXXX", argument[64];
    int fd = mkstemp(file);
    assert_int_equal(write(fd, "job=/a\nmpi=none\n", 16), 16);
    close(fd);
    snprintf(argument, sizeof argument, "config=%s", file);
    assert_int_equal(conf_load(&conf, 2, (char *[]) { "job=/b", argument }, &err), 0);
    unlink(file);
    assert_string_equal(conf.job, "/b"); /* the argument wins */
    assert_string_equal(conf.mpi, "none");
    assert_int_equal(conf_load(&conf, 1, (char *[]) { argument }, &err), -1);
    assert_contains(err.text, "No such file");
    assert_contains(err.text, file);
    assert_int_equal(conf_load(&conf, 1, (char *[]) { "jobs=/b" }, &err), -1);
    assert_contains(err.text, "unknown argument 'jobs=/b'");
    assert_int_equal(conf_load(&conf, 1, (char *[]) { "job=b" }, &err), -1);
    assert_string_equal(err.text, "plugstack.conf: job: 'b' is no absolute path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_an_empty_file_leaves_the_defaults),
        cmocka_unit_test(test_complaints_name_file_and_line),
        cmocka_unit_test(test_overlong_things_are_refused),
        cmocka_unit_test(test_a_nul_byte_is_refused),
        cmocka_unit_test(test_plugstack_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
