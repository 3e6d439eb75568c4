/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration sft-sweep plans with: the one in plugstack.conf's line of the plugin. */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "sweep/site.h"
#include "tests/unit/node/machine_tree.h"

static struct tree tree;

static int begin(void **unused)
{
    (void)unused;
    return tree_create(&tree);
}

static int end(void **unused)
{
    (void)unused;
    tree_remove(&tree);
    unsetenv("SFT_SCONTROL");
    return 0;
}

/* The plugin's arguments with this plugstack.conf, "none" without the plugin. */
static const char *arguments_of(const char *text)
{
    static char line[512];
    char path[128];
    struct words words = {0};
    tree_write(&tree, text, "plugstack.conf");
    snprintf(path, sizeof path, "%s/plugstack.conf", tree.root);
    strcpy(line, site_arguments(path, &words) ? "" : "none");
    for (int i = 0; i < words.count; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "[%s]", words.list[i]);
    words_clear(&words);
    return line;
}

static void test_values_of_the_configuration(void **unused)
{
    (void)unused;
    static const char text[] = "Configuration data as of 2026-11-24T10:00:00\n"
                               "PlugStackConfigX        = /wrong\n"
                               "PlugStackConfig         = /etc/slurm/plugstack.conf\n"
                               "Prolog                  = (null)\n"
                               "SLURM_CONF              = /etc/slurm/slurm.conf";
    char value[64], small[8];
    site_value(text, "PlugStackConfig", value, sizeof value);
    assert_string_equal(value, "/etc/slurm/plugstack.conf");
    site_value(text, "SLURM_CONF", value, sizeof value);
    assert_string_equal(value, "/etc/slurm/slurm.conf");
    site_value(text, "Prolog", value, sizeof value);
    assert_string_equal(value, "");
    site_value(text, "Epilog", value, sizeof value);
    assert_string_equal(value, "");
    site_value(text, "SLURM_CONF", small, sizeof small);
    assert_string_equal(small, "");
}

static void test_the_plugins_line(void **unused)
{
    (void)unused;
    assert_string_equal(arguments_of(""), "none");
    assert_string_equal(
        arguments_of("required /usr/lib/other.so config=/other\n#optional sft_bench.so config=/no\n"
                     "optional /x/sft_bench.so.old config=/old\noptional /sft_bench.so/y.so z\n"),
        "none");
    assert_string_equal(
        arguments_of("required other.so a\n"
                     "\toptional \t/x/sft_bench.so  config=/a job=/b # config=/c\n"),
        "[config=/a][job=/b]");
    assert_string_equal(arguments_of("required sft_bench.so"), "");
    assert_string_equal(
        arguments_of("optional sft_bench.so config=/1\noptional sft_bench.so config=/2\n"),
        "[config=/1]");
}

static void test_included_files(void **unused)
{
    (void)unused;
    char text[256];
    tree_write(&tree, "optional other.so config=/other\n", "d/a.conf");
    tree_write(&tree, "required sft_bench.so config=/b\n", "d/b.conf");
    tree_write(&tree, "required sft_bench.so config=/c\n", "d/c.conf");
    assert_string_equal(arguments_of("include d/*.conf\nrequired sft_bench.so config=/last\n"),
                        "[config=/b]");
    assert_string_equal(arguments_of("include none/*\nrequired sft_bench.so config=/last\n"),
                        "[config=/last]");
    snprintf(text, sizeof text, "include %s/d/c*\n", tree.root);
    assert_string_equal(arguments_of(text), "[config=/c]");
    assert_string_equal(
        arguments_of("include plugstack.conf\noptional sft_bench.so config=/after\n"),
        "[config=/after]");
}

/* site_load with a scontrol that gives this answer. */
static int load(struct conf *conf, const char *answer, struct sft_error *err)
{
    char script[512], path[128];
    snprintf(script, sizeof script, "#!/bin/sh\n[ \"$*\" = 'show config' ] && echo '%s'\n", answer);
    tree_write(&tree, script, "scontrol");
    snprintf(path, sizeof path, "%s/scontrol", tree.root);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("SFT_SCONTROL", path, 1);
    return site_load(conf, err);
}

/* By its own name, or beside slurm.conf. */
static void test_the_sites_file_is_found(void **unused)
{
    (void)unused;
    char line[256], named[256], beside[256];
    struct conf conf;
    struct sft_error err = {""};
    tree_write(&tree, "gpus_per_node = 5\n", "site.conf");
    snprintf(line, sizeof line, "optional sft_bench.so config=%s/site.conf job=/opt/job\n",
             tree.root);
    tree_write(&tree, line, "plugstack.conf");
    snprintf(named, sizeof named, "PlugStackConfig = %s/plugstack.conf", tree.root);
    snprintf(beside, sizeof beside, "PlugStackConfig = (null)\nSLURM_CONF = %s/slurm.conf",
             tree.root);
    assert_int_equal(load(&conf, named, &err), 0);
    assert_int_equal(conf.gpus_per_node, 5);
    assert_string_equal(conf.job, "/opt/job");
    assert_int_equal(load(&conf, beside, &err), 0);
    assert_int_equal(conf.gpus_per_node, 5);

    tree_write(&tree, "gpus_per_node = many\n", "site.conf");
    assert_int_equal(load(&conf, named, &err), -1);
    assert_contains(err.text, "site.conf:1: gpus_per_node: 'many' is no number");
}

/* This machine's own default file, where it has one, would count here: it sets no job below
 * /opt/none. */
static void test_without_slurm_the_default_place_counts(void **unused)
{
    (void)unused;
    struct conf conf;
    struct sft_error err = {""};
    tree_write(&tree, "optional sft_bench.so job=/opt/none/job\n", "plugstack.conf");
    assert_int_equal(load(&conf, "SLURM_CONF = /nowhere/slurm.conf", &err), 0);
    assert_string_not_equal(conf.job, "/opt/none/job");
    setenv("SFT_SCONTROL", "/nowhere/scontrol", 1);
    assert_int_equal(site_load(&conf, &err), 0);
    assert_string_not_equal(conf.job, "/opt/none/job");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_of_the_configuration),
        TEST(test_the_plugins_line),
        TEST(test_included_files),
        TEST(test_the_sites_file_is_found),
        TEST(test_without_slurm_the_default_place_counts),
    };
    return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
