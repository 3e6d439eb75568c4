/* SPDX-License-Identifier: Apache-2.0 */
/* Which words are options, which one ends them, and what goes in front of them. */
#include "tests/unit/unit.h"

#include "spank/cmdline.h"
#include "spank/ask.h"
#include "node/gres.h"
#include "spank/line.h"
#include "lib/words.h"

/* A part of srun's own table. */
static const struct option table[] = {
    {"nodes", required_argument, NULL, 'N'},
    {"ntasks", required_argument, NULL, 'n'},
    {"label", no_argument, NULL, 'l'},
    {"kill-on-bad-exit", optional_argument, NULL, 'K'},
    {"wait", required_argument, NULL, 'W'},
    {"comment", required_argument, NULL, 300},
    {"gres", required_argument, NULL, 301},
    {"mpi", required_argument, NULL, 302},
    {"nodelist", required_argument, NULL, 'w'},
    {"signal", required_argument, NULL, 303},
    {"gpus", required_argument, NULL, 'G'},
    {"gpus-per-node", required_argument, NULL, 304},
    {"gpus-per-task", required_argument, NULL, 305},
    {"ntasks-per-node", required_argument, NULL, 306},
    {"ntasks-per-gpu", required_argument, NULL, 307},
    {"partition", required_argument, NULL, 'p'},
    {"sft-bench", required_argument, NULL, 400},
    {NULL, 0, NULL, 0},
};
static const char letters[] = "+N:n:lK::w:G:p:";

static struct cmdline scanned(const char *text, size_t length)
{
    struct cmdline cmdline;
    struct sft_error err = {""};
    assert_int_equal(cmdline_set(&cmdline, text, length, &err), 0);
    assert_int_equal(cmdline_scan(&cmdline, table, letters, &err), 0);
    return cmdline;
}

/* The words stand in one text with NULs between, as in /proc/self/cmdline. */
#define SCANNED(text) scanned(text, sizeof(text))

static void assert_option(const char *text, size_t length, const char *value, int rest, bool dashes)
{
    struct cmdline c = scanned(text, length);
    const char *is = cmdline_value(&c, "sft-bench");
    if (value == NULL)
        assert_null(is);
    else
        assert_string_equal(is, value);
    assert_int_equal(c.rest, rest);
    assert_int_equal(c.dashes, dashes);
    cmdline_clear(&c);
}

#define ASSERT_OPTION(text, ...) assert_option(text, sizeof(text), __VA_ARGS__)

static void test_every_way_to_write_the_option(void **state)
{
    (void)state;
    ASSERT_OPTION("srun\0--sft-bench=tiny:2", "tiny:2", 2, false);
    ASSERT_OPTION("srun\0--sft-bench\0tiny:2", "tiny:2", 3, false);
    ASSERT_OPTION("srun\0--sft-b=tiny", "tiny", 2, false);
    ASSERT_OPTION("srun\0--sf\0tiny", "tiny", 3, false);
    ASSERT_OPTION("srun\0--s\0tiny", NULL, 2, false); /* ambiguous: no option of ours */
    ASSERT_OPTION("srun\0--sft-bench=tiny\0--sft-bench=llama-7b", "llama-7b", 3, false);
    ASSERT_OPTION("srun\0-lN2\0--sft-bench=tiny", "tiny", 3, false);
    ASSERT_OPTION("srun\0-N\0"
                  "2\0-l\0--sft-bench\0tiny\0-n4",
                  "tiny", 7, false);
}

static void test_options_end_at_the_first_other_word(void **state)
{
    (void)state;
    ASSERT_OPTION("srun\0hostname\0--sft-bench=tiny", NULL, 1, false);
    ASSERT_OPTION("srun\0-N2\0hostname\0--sft-bench=tiny", NULL, 2, false);
    ASSERT_OPTION("srun\0-l\0x\0--sft-bench=tiny", NULL, 2, false);
    ASSERT_OPTION("srun\0-K\0x\0--sft-bench=tiny", NULL, 2, false); /* -K's value is optional */
    ASSERT_OPTION("srun\0--\0--sft-bench=tiny", NULL, 2, true);
    ASSERT_OPTION("srun\0--comment\0--sft-bench=tiny\0x", NULL, 3, false);
    ASSERT_OPTION("srun", NULL, 1, false);
}

static void test_dashes_are_told_from_a_value(void **state)
{
    (void)state;
    ASSERT_OPTION("srun\0--sft-bench=tiny\0--\0--data\0x", "tiny", 3, true);
    ASSERT_OPTION("srun\0--sft-bench=tiny\0--comment\0--\0x", "tiny", 4, false);
    ASSERT_OPTION("srun\0--sft-bench=tiny\0--comment\0--\0--", "tiny", 5, true);
    ASSERT_OPTION("srun\0--sft-bench=tiny\0--", "tiny", 3, true);
    ASSERT_OPTION("srun\0--sft-bench=tiny\0./my\0--", "tiny", 2, false);
}

static void test_getopt_is_left_as_it_was(void **state)
{
    (void)state;
    optind = 7;
    opterr = 3;
    optopt = 5;
    optarg = "mine";
    ASSERT_OPTION("srun\0--unknown\0--sft-bench=tiny", "tiny", 3, false);
    assert_int_equal(optind, 7);
    assert_int_equal(opterr, 3);
    assert_int_equal(optopt, 5);
    assert_string_equal(optarg, "mine");
}

static void test_hints(void **state)
{
    (void)state;
    struct cmdline c = SCANNED("srun\0-N2\0hostname");
    assert_false(cmdline_hints(&c));
    cmdline_clear(&c);
    c = SCANNED("srun\0--sf=tiny");
    assert_true(cmdline_hints(&c));
    cmdline_clear(&c);
    c = SCANNED("srun\0--signal=9\0sft-bench");
    assert_false(cmdline_hints(&c));
    cmdline_clear(&c);
}

static void test_this_process(void **state)
{
    (void)state;
    struct cmdline c;
    struct sft_error err = {""};
    assert_int_equal(cmdline_read(&c, &err), 0);
    assert_true(c.count >= 1);
    assert_contains(c.words[0], "test_cmdline");
    assert_null(c.words[c.count]);
    cmdline_clear(&c);
    assert_int_equal(cmdline_set(&c, "srun", 4, &err), -1); /* no NUL at the end */
}

static const struct sft_cluster outside = {.partition = "gpu", .nodes = 8, .gpus_per_node = 8};
static const struct sft_cluster inside = {.nodes = 8, .allocated = true, .gpus_per_node = 8};

static void assert_line(const char *text, size_t length, const char *request,
                        const struct sft_cluster *cluster, bool step, const char *expected)
{
    struct cmdline user = scanned(text, length);
    struct sft_request asked;
    struct sft_plan plan;
    struct conf conf;
    struct ask ask;
    struct words words = {0};
    struct sft_error err = {""};
    int tasks;
    conf_init(&conf);
    assert_int_equal(sft_request_parse(&asked, request, NULL), 0);
    if (ask_read(&ask, &user, step ? ASK_SRUN : ASK_SBATCH, cluster->allocated, &err) < 0 ||
        ask_nodes(&ask, &asked, &err) < 0 ||
        ask_settle(&ask, &asked, cluster->gpus_per_node, &tasks, &err) < 0)
        fail_msg("%s: %s", request, err.text);
    assert_int_equal(sft_plan_make(&plan, &asked, cluster, NULL), 0);
    plan.cpus_per_task = 12;
    struct line line = {&user, &ask, &plan, cluster, &conf, NULL, "", step, gres_is_slice(ask.type),
                        step};
    line_options(&words, &line);
    char *is = words_quote(&words);
    assert_string_equal(is, expected);
    free(is);
    words_clear(&words);
    ask_clear(&ask);
    cmdline_clear(&user);
}

#define ASSERT_LINE(text, ...) assert_line(text, sizeof(text), __VA_ARGS__)

static void test_the_whole_line(void **state)
{
    (void)state;
    ASSERT_LINE(
        "srun\0--sft-bench=tiny:2", "tiny:2", &outside, true,
        "--nodes=2 --ntasks=16 --ntasks-per-node=8 --gpus-per-node=8 --gpu-bind=none "
        "--cpus-per-task=12 --mpi=pmix --kill-on-bad-exit=1 --wait=0 --job-name=sft-bench:tiny");
    ASSERT_LINE("srun\0--wait=30\0--sft-bench=tiny:2", "tiny:2,gpus=0", &outside, true,
                "--nodes=2 --ntasks=2 --ntasks-per-node=1 --gpu-bind=none --cpus-per-task=12 "
                "--mpi=pmix --kill-on-bad-exit=1 --job-name=sft-bench:tiny");
    ASSERT_LINE("sbatch\0--sft-bench=tiny:2", "tiny:2", &outside, false,
                "--nodes=2 --ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=12 "
                "--job-name=sft-bench:tiny");
    ASSERT_LINE("srun", "tiny:2,gpus=0", &outside, true,
                "--nodes=2 --ntasks=2 --ntasks-per-node=1 --gpu-bind=none --cpus-per-task=12 "
                "--mpi=pmix --kill-on-bad-exit=1 --wait=0 --job-name=sft-bench:tiny");
    ASSERT_LINE("srun", "verify:2,gpus=0", &outside, true,
                "--nodes=2 --ntasks=2 --ntasks-per-node=1 --gpu-bind=none --cpus-per-task=12 "
                "--mpi=pmix --kill-on-bad-exit=0 --wait=0 --job-name=sft-bench:verify");
}

#define STEP "--mpi=pmix --kill-on-bad-exit=1 --wait=0 --job-name=sft-bench:tiny"

static void test_the_users_own_options_win(void **state)
{
    (void)state;
    ASSERT_LINE("srun\0-N4\0--mpi=none\0-K0", "tiny:4", &outside, true,
                "--ntasks=32 --ntasks-per-node=8 --gpus-per-node=8 --gpu-bind=none "
                "--cpus-per-task=12 --wait=0 --job-name=sft-bench:tiny");
    ASSERT_LINE(
        "srun\0-n4", "tiny:2", &outside, true,
        "--nodes=2 --ntasks-per-node=2 --gpus-per-node=2 --gpu-bind=none --cpus-per-task=12 " STEP);
    ASSERT_LINE(
        "srun\0--gres=gpu:1\0-wa,b", "tiny:2", &outside, true,
        "--nodes=2 --ntasks=2 --ntasks-per-node=1 --gpu-bind=none --cpus-per-task=12 " STEP);
    ASSERT_LINE("srun\0-wa", "tiny:2", &outside, true,
                "--nodes=2 --ntasks=16 --ntasks-per-node=8 --gpus-per-node=8 --gpu-bind=none "
                "--cpus-per-task=12 " STEP);
    ASSERT_LINE("srun\0-G4", "tiny:2", &outside, true,
                "--nodes=2 --ntasks=4 --ntasks-per-node=2 --gpus-per-node=2 --gpu-bind=none "
                "--cpus-per-task=12 " STEP);
    ASSERT_LINE("srun\0--gpus-per-task=1", "tiny:1", &outside, true,
                "--nodes=1 --ntasks=8 --ntasks-per-node=8 --cpus-per-task=12 " STEP);
    ASSERT_LINE("srun\0--ntasks-per-gpu=1\0-G2", "tiny:1", &outside, true,
                "--nodes=1 --gpu-bind=none --cpus-per-gpu=12 " STEP);
    ASSERT_LINE(
        "srun\0--gres=gpu:1g.10gb:2", "tiny:1", &outside, true,
        "--nodes=1 --ntasks=2 --ntasks-per-node=2 --gpu-bind=per_task:1 --cpus-per-task=12 " STEP);
}

static void test_an_allocation_keeps_its_nodes(void **state)
{
    (void)state;
    ASSERT_LINE(
        "srun", "tiny", &inside, true,
        "--ntasks=64 --ntasks-per-node=8 --gpus-per-node=8 --gpu-bind=none "
        "--cpus-per-task=12 --mpi=pmix --kill-on-bad-exit=1 --wait=0 --job-name=sft-bench:tiny");
    ASSERT_LINE(
        "srun", "tiny:3", &inside, true,
        "--nodes=3 --ntasks=24 --ntasks-per-node=8 --gpus-per-node=8 --gpu-bind=none "
        "--cpus-per-task=12 --mpi=pmix --kill-on-bad-exit=1 --wait=0 --job-name=sft-bench:tiny");
}

static void test_quotes_survive_a_shell(void **state)
{
    (void)state;
    struct words words = {0};
    words_add(&words, "srun");
    words_add(&words, "--sft-bench=%s", "tiny:2,data=/a b");
    words_add(&words, "%s", "it's $x `y` \"z\"");
    words_add(&words, "%s", "");
    char *line = words_quote(&words);
    assert_string_equal(line, "srun '--sft-bench=tiny:2,data=/a b' 'it'\\''s $x `y` \"z\"' ''");
    free(line);
    words_clear(&words);
}

static void test_gres(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int gpus;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"gpu:8", 8},
        {"gpu", 1},
        {"gpu:h100:8(S:0-1)", 8},
        {"gpu:h100", 1},
        {"nic:2,gpu:a100:4(S:0,1),gpu:t4:1", 5},
        {"gpu:h100:4,gpu:1g.10gb:7", 4}, /* slices are no GPUs */
        {"gpu:nvidia_a100_3g.20gb:2(S:0)", 0},
        {"gpu:a100-1g.5gb:7,gpu:mig-2g:3", 0},
        {"gpu:rtx_4090:2,gpu:gtx1080:1,gpu:a10g:1", 4},
        {"gpu:2(IDX:0,3)", 2},
        {"cpu=4,mem=4G,node=2,billing=4,gres/gpu=16", 16},
        {"gres:gpu:3", 3},
        {"gpumem:80", 0},
        {"shard:8", 0},
        {"gpu:99999999999999999999", 1024},
        {"gpu:(((", 1},
        {",,,", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (gres_gpus(cases[i].text) != cases[i].gpus)
            fail_msg("'%s': %d, not %d", cases[i].text, gres_gpus(cases[i].text), cases[i].gpus);
}

static void test_cpus(void **state)
{
    (void)state;
    assert_int_equal(gres_cpus(NULL), 0);
    assert_int_equal(gres_cpus(""), 0);
    assert_int_equal(gres_cpus("4"), 4);
    assert_int_equal(gres_cpus("72(x2),36"), 36);
    assert_int_equal(gres_cpus("36,72(x2)"), 36);
    assert_int_equal(gres_cpus("x"), 0);
    assert_int_equal(gres_cpus("4,"), 4);
    assert_int_equal(gres_cpus("4;"), 0);
    assert_int_equal(gres_cpus("-4"), 0);
}

int main(void)
{
    clearenv(); /* no SLURM_ variables of a job that runs the tests */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_to_write_the_option),
        cmocka_unit_test(test_options_end_at_the_first_other_word),
        cmocka_unit_test(test_dashes_are_told_from_a_value),
        cmocka_unit_test(test_getopt_is_left_as_it_was),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_this_process),
        cmocka_unit_test(test_the_whole_line),
        cmocka_unit_test(test_the_users_own_options_win),
        cmocka_unit_test(test_an_allocation_keeps_its_nodes),
        cmocka_unit_test(test_quotes_survive_a_shell),
        cmocka_unit_test(test_gres),
        cmocka_unit_test(test_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
