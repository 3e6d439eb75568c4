/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep runs, what it finds of itself in Slurm, and what is missing. */
#include "tests/unit/unit.h"

#include <math.h>

#include "sweep/plan.h"
#include "sweep/state.h"
#include "sweep/submit.h"
#include "tests/unit/report/report_rows.h"

static struct sweep_options options;
static struct sweep_cells cells;
static struct sweep_state state;

static int begin(void **unused)
{
    (void)unused;
    memset(&cells, 0, sizeof cells);
    memset(&state, 0, sizeof state);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    sweep_cells_clear(&cells);
    sweep_state_clear(&state);
    return 0;
}

#define PARSE(err, ...)                                                                            \
    sweep_options_parse(&options,                                                                  \
                        (int)(sizeof((char *[]){"sft-sweep", __VA_ARGS__}) / sizeof(char *)),      \
                        (char *[]){"sft-sweep", __VA_ARGS__, NULL}, 1780000000, err)

static void make(void)
{
    struct sft_error err = {""};
    sweep_cells_clear(&cells);
    if (sweep_cells_make(&cells, &options, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_the_grid(void **unused)
{
    (void)unused;
    static const char *const expected[] = {
        "llama-7b:1,steps=5,seq=1024", "llama-7b:4,steps=5,seq=1024", "llama-7b:1,steps=5,seq=2048",
        "llama-7b:4,steps=5,seq=2048", "tiny:1,steps=5,seq=1024",     "tiny:4,steps=5,seq=1024",
        "tiny:1,steps=5,seq=2048",     "tiny:4,steps=5,seq=2048",
    };
    struct sft_error err = {""};
    if (PARSE(&err, "--models", "llama-7b,tiny", "--nodes=1,4", "--with", "steps=5", "--vary",
              "seq=1024,2048", "--name", "n1") < 0)
        fail_msg("%s", err.text);
    assert_int_equal(options.repeat, 3);
    make();
    assert_int_equal(cells.count, 8);
    for (size_t i = 0; i < cells.count; i++)
        assert_string_equal(cells.cell[i].text, expected[i]);
}

static void test_a_name_of_its_own(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1"), 0);
    assert_true(strncmp(options.name, "sweep-2026", 10) == 0 && strlen(options.name) == 21);
}

static void test_what_is_refused(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    assert_int_equal(PARSE(&err, "--models", "tiny"), -1);
    assert_contains(err.text, "--nodes");
    assert_int_equal(PARSE(&err, "--status"), -1);
    assert_contains(err.text, "--name");
    assert_int_equal(PARSE(&err, "--name", "a b", "--status"), -1);
    assert_contains(err.text, "'a b'");
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--repeat", "0"), -1);
    assert_contains(err.text, "'0'");
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "more"), -1);
    assert_contains(err.text, "more");
    assert_int_equal(PARSE(&err, "--suite", "F", "--nodes", "2"), -1);
    assert_string_equal(err.text, "--nodes: is of --models; of a suite it is a line of the file: "
                                  "nodes = 2");
    static const struct {
        const char *models, *nodes, *with, *message;
    } cases[] = {
        {"gpt-5", "1", "steps=5", "unknown model 'gpt-5'"},
        {"tiny,", "1", "steps=5", "no model"},
        {"tiny:2", "1", "steps=5", "nodes are --nodes'"},
        {"tiny", "0", "steps=5", "'0' is no whole number"},
        {"tiny", "1,,2", "steps=5", "'' is no whole number"},
        {"tiny", "2 4", "steps=5", "'2 4' is no whole number"},
        {"tiny", "1,1", "steps=5", "stands twice"},
        {"tiny", "1", "speed=5", "--with: "},
        {"tiny", "1", "steps=many", "--with: "},
        {"tiny", "1", "nodes=2", "nodes are --nodes'"},
        {"tiny", "1", "data=/a b.json", "no white space"},
        {"explain", "1", "steps=5", "trains nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char with[64];
        snprintf(with, sizeof with, "%s", cases[i].with);
        assert_int_equal(PARSE(&err, "--models", (char *)cases[i].models, "--nodes",
                               (char *)cases[i].nodes, "--with", with),
                         0);
        if (sweep_cells_make(&cells, &options, &err) == 0)
            fail_msg("case %zu was taken", i);
        assert_contains(err.text, cases[i].message);
    }
    char text[400] = "out=/";
    memset(text + 5, 'x', 320);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--with", text), 0);
    assert_int_equal(sweep_cells_make(&cells, &options, &err), -1);
    assert_contains(err.text, "longer than 300 bytes");
}

static void count(const char *queue, int add)
{
    char text[4096];
    struct sft_error err = {""};
    snprintf(text, sizeof text, "%s", queue);
    assert_int_equal(sweep_state_queue(&state, "m", text, &err), 0);
    sweep_state_count(&state, &cells, add);
}

/* Records have the file that a site's name of data stands for. */
static void test_a_name_of_data(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    static struct conf_data names;
    assert_int_equal(conf_data_set(&names, "data.mine", "/shared/a.json", &err), 0);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--vary", "data=mine,/b.json"),
                     0);
    make();
    assert_null(sweep_cells_find(&cells, "tiny:1,data=/shared/a.json", false, ""));
    sweep_cells_resolve(&cells, &names);
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:1,data=/shared/a.json", false, ""),
                     &cells.cell[0]);
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:1,data=mine", true, ""), &cells.cell[0]);
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:1,data=/b.json", false, ""), &cells.cell[1]);
    assert_null(sweep_cells_find(&cells, "tiny:1,data=/shared/b.json", false, ""));
    assert_null(sweep_cells_find(&cells, "tiny:1", false, ""));
}

static void test_a_name_of_data_to_evaluate_with(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    static struct conf_data names;
    assert_int_equal(conf_data_set(&names, "data.held", "/shared/h.json", &err), 0);
    assert_int_equal(conf_data_set(&names, "data.mine", "/shared/a.json", &err), 0);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--vary", "data=mine,/b.json",
                           "--with", "eval=held"),
                     0);
    make();
    sweep_cells_resolve(&cells, &names);
    assert_ptr_equal(
        sweep_cells_find(&cells, "tiny:1,data=/shared/a.json,eval=/shared/h.json", false, ""),
        &cells.cell[0]);
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:1,data=/b.json,eval=/shared/h.json", false, ""),
                     &cells.cell[1]);
    assert_null(sweep_cells_find(&cells, "tiny:1,data=/b.json,eval=/shared/a.json", false, ""));
    assert_null(sweep_cells_find(&cells, "tiny:1,data=/b.json", false, ""));
    /* without data= */
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--with", "eval=held"), 0);
    make();
    sweep_cells_resolve(&cells, &names);
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:1,eval=/shared/h.json", false, ""),
                     &cells.cell[0]);
}

/* The request in a record has the site's defaults, too. */
static void test_a_request_that_says_more(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1,2", "--vary", "seq=512,1024"),
                     0);
    make();
    assert_ptr_equal(
        sweep_cells_find(&cells, "tiny:2,data=/shared/a.json,seq=1024,tokenizer=bytes", false, ""),
        &cells.cell[3]);
    assert_null(sweep_cells_find(&cells, "tiny:2,seq=256", false, ""));
    assert_null(sweep_cells_find(&cells, "tiny:2", false, ""));
    assert_null(sweep_cells_find(&cells, "tiny:2,seq=1024,steps=5", false, ""));
    assert_null(sweep_cells_find(&cells, "tiny:2,data=/shared/a.json,seq=1024", true, ""));
    assert_ptr_equal(sweep_cells_find(&cells, "tiny:2,seq=1024", true, ""), &cells.cell[3]);
    assert_null(sweep_cells_find(&cells, "llama-7b:2,seq=512", false, ""));
    assert_null(sweep_cells_find(&cells, "rubbish", false, ""));
    assert_null(sweep_cells_find(&cells, "", false, ""));
}

static void test_the_queue(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1,2", "--repeat", "3"), 0);
    make();
    count("m|11|PENDING||||sft-sweep:tiny:1\n"
          "m|12|RUNNING||||sft-sweep:tiny:2 sft1{step=12.0 state=running tok_s=5}\n"
          "m|13|COMPLETED||||sft-sweep:tiny:2 sft1{step=13.0 state=complete model=tiny tok_s=700}\n"
          "m|14|CANCELLED||||sft-sweep:tiny:1 sft1{step=14.0 state=partial}\n"
          "m|15|COMPLETED||||sft-sweep:tiny:1\n"
          "m|16|PENDING||||another comment\n"
          "19|COMPLETED|sft-sweep:tiny:1 sft1{state=complete}\n" /* a comment's second line */
          "m|17|PENDING||||sft-sweep:gpt-5:1\n"
          "rubbish\nm|||\nm|18|COMPLETED\n18|COMPLETED|sft-sweep:tiny:1\nm|99999999999999999999|"
          "PENDING|sft-sweep:tiny:1\n",
          false);
    assert_int_equal(state.count, 7);
    assert_true(cells.cell[0].had == 0 && sweep_cell_alive(&cells.cell[0]) == 1 &&
                cells.cell[0].bad == 2);
    assert_true(cells.cell[1].had == 1 && sweep_cell_alive(&cells.cell[1]) == 1 &&
                cells.cell[1].bad == 0);
    assert_true(state.job[2].tok_s == 700);
    assert_int_equal(plan_missing(&cells.cell[0], 3), 2);
    assert_int_equal(plan_missing(&cells.cell[1], 3), 1);
    assert_int_equal(plan_missing(&cells.cell[1], 1), 0);
    strcpy(cells.cell[0].refused, "too many nodes");
    assert_int_equal(plan_missing(&cells.cell[0], 3), 0);
    assert_false(submit_is_whole(&cells, 1));
}

/* Why a run failed is told with it, from the accounting or, before it is there, from the queue. */
static void test_a_failure_has_its_reason(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct rows rows;
    char text[1024] = "";
    rows_init(&rows);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--repeat", "4"), 0);
    make();
    struct row *row = test_row(&rows, 20, 1, 1280, "request=tiny:1");
    sft_record_set(&row->record, "fail", "rank 3: no\x1b GPU", NULL);
    row->state = "failed";
    row = test_row(&rows, 21, 1, 1280, "request=tiny:1 fail=left");
    row->state = "complete";
    assert_int_equal(sweep_state_rows(&state, &rows, &err), 0);
    count("m|22|FAILED||||sft-sweep:tiny:1 sft1{state=failed "
          "fail=no%20data}\nm|23|FAILED||||sft-sweep:tiny:1\n",
          false);
    assert_int_equal(cells.cell[0].bad, 3);
    FILE *out = fmemopen(text, sizeof text, "w");
    submit_failed(&state, &cells, out);
    for (size_t i = 0; i < state.count; i++)
        sweep_job_print(&state.job[i], out);
    fclose(out);
    assert_contains(text, "failed: 20  tiny:1  failed  163840 tokens/s: rank 3: no? GPU\n");
    assert_contains(text, "failed: 22  tiny:1  FAILED: no data\n");
    assert_contains(text, "failed: 23  tiny:1  FAILED\n");
    assert_contains(text, "21  tiny:1  complete  ");
    assert_null(strstr(text, "left"));
    rows_clear(&rows);
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = strdup(by);
}

static void row_add(struct rows *rows, long long id, const char *said, const char *request,
                    unsigned marks)
{
    char field[400] = "";
    if (*request != '\0')
        snprintf(field, sizeof field, "request=%s", request);
    struct row *row = test_row(rows, id, 1, 1280, field);
    row->state = said;
    row->marks = marks;
}

/* A job that the accounting and the queue know is one; what its owner could have written alone
 * counts for nothing. */
static void test_accounting_and_queue_together(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct rows rows;
    rows_init(&rows);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--repeat", "4"), 0);
    make();
    row_add(&rows, 20, "complete", "tiny:1,data=synthetic", 0);
    row_add(&rows, 21, "partial", "tiny:1", ROW_PARTIAL);
    row_add(&rows, 22, "complete", "tiny:1", ROW_COMMENT_ALONE);
    row_add(&rows, 23, "failed", "tiny:1", 0);
    row_add(&rows, 23, "complete", "tiny:1", 0); /* another step of the same job */
    row_add(&rows, 24, "running", "tiny:1", 0);
    assert_int_equal(sweep_state_rows(&state, &rows, &err), 0);
    count("m|20|COMPLETED||||sft-sweep:tiny:1 "
          "sft1{state=complete}\nm|24|RUNNING||||sft-sweep:tiny:1\n",
          false);
    assert_int_equal(state.count, 4);
    assert_int_equal(cells.cell[0].had, 2);
    assert_int_equal(cells.cell[0].bad, 1);
    assert_int_equal(sweep_cell_alive(&cells.cell[0]), 1);
    rows_clear(&rows);
}

/* The accounting has the run that was requeued, and the queue the job, which is not to be submitted
 * once more. */
static void test_a_requeued_job_is_alive(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct rows rows;
    rows_init(&rows);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--repeat", "4"), 0);
    make();
    row_add(&rows, 20, "partial", "tiny:1", ROW_PARTIAL);
    row_add(&rows, 21, "failed", "tiny:1", 0);
    row_add(&rows, 22, "partial", "tiny:1", ROW_PARTIAL);
    assert_int_equal(sweep_state_rows(&state, &rows, &err), 0);
    count(
        "m|20|PENDING||||sft-sweep:tiny:1\nm|21|RUNNING||||sft-sweep:tiny:1\nm|22|CANCELLED||||sft-"
        "sweep:"
        "tiny:1\n",
        false);
    assert_int_equal(cells.cell[0].pending, 1);
    assert_int_equal(cells.cell[0].running, 1);
    assert_int_equal(cells.cell[0].bad, 1);
    assert_string_equal(state.job[2].word, "partial");
    rows_clear(&rows);
}

/* A record leaves its request out where it is long, and has the site's words in it; sft-sweep's own
 * stands in the comment. Under one name a run with more keys is another configuration. */
static void test_what_was_asked_counts(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct rows rows;
    rows_init(&rows);
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "1", "--repeat", "9"), 0);
    make();
    row_add(&rows, 30, "complete", "", 0);
    row_add(&rows, 31, "complete", "", 0);
    row_add(&rows, 32, "complete", "tiny:1,data=/site.json,tokenizer=bytes,bind=none", 0);
    row_add(&rows, 33, "complete", "tiny:1,data=/other.json", 0);
    row_add(&rows, 34, "complete", "tiny:1,steps=5", 0);
    replace(&rows.row[1]->asked, "tiny:1");
    replace(&rows.row[3]->asked, "tiny:1,data=/other.json");
    assert_int_equal(sweep_state_rows(&state, &rows, &err), 0);
    count("m|35|COMPLETED||||sft-sweep:tiny:1,warmup=0 sft1{state=complete}\n", false);
    assert_int_equal(state.count, 6);
    assert_int_equal(cells.cell[0].had, 2); /* 31 and 32 */
    rows_clear(&rows);
}

static void test_cells_of_what_is_there(void **unused)
{
    (void)unused;
    memset(&options, 0, sizeof options);
    count("m|1|PENDING||||sft-sweep:tiny:2\nm|2|PENDING||||sft-sweep:tiny:2\nm|3|PENDING||||sft-"
          "sweep:"
          "tiny:"
          "1\nm|4|PENDING||||x\n",
          true);
    assert_int_equal(cells.count, 2);
    assert_string_equal(cells.cell[0].text, "tiny:2");
    assert_int_equal(sweep_cell_alive(&cells.cell[0]), 2);
}

static void test_the_partition(void **unused)
{
    (void)unused;
    struct plan_nodes nodes;
    static const char text[] =
        "cpu|10|(null)\ngpu*|7|gpu:h200:8(S:0-1)\ngpu*|1|gpu:h200:4\nold|2|gpu:8\n";
    plan_nodes_read(&nodes, text, NULL);
    assert_string_equal(nodes.partition, "gpu");
    assert_true(nodes.nodes == 8 && nodes.gpus == 8 && !nodes.other);
    assert_string_equal(nodes.gpu, "H200");
    plan_nodes_read(&nodes, text, "gpu");
    assert_int_equal(nodes.nodes, 8);
    plan_nodes_read(&nodes, text, "old");
    assert_true(nodes.nodes == 2 && nodes.gpus == 8 && nodes.gpu[0] == '\0');
    assert_false(nodes.other);
    static const char *const types[][2] = {
        {"a100", "A100"},   {"nvidia_h100_80gb_hbm3", "H100"},           {"h100_pcie", "H100 PCIe"},
        {"gh200", "GH200"}, {"nvidia_a100-sxm4-40gb", "A100-SXM4-40GB"}, {"nvidia_l40s", "L40S"},
        {"h20", "H20"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, "a*|2|gpu:%s:8(S:0-1)\n", types[i][0]);
        plan_nodes_read(&nodes, line, NULL);
        assert_string_equal(nodes.gpu, types[i][1]);
        assert_true(!nodes.other && nodes.gpus == 8);
    }
    plan_nodes_read(&nodes, "a*|2|gpu:v100:8\n", NULL);
    assert_true(nodes.other && nodes.gpus == 8);
    plan_nodes_read(&nodes, "a*|2|gpu:h100:8\na*|1|gpu:h200:8\n", NULL);
    assert_true(nodes.other);
    plan_nodes_read(&nodes, text, "cpu");
    assert_true(nodes.nodes == 10 && nodes.gpus == 0);
    plan_nodes_read(&nodes, text, "gp");
    assert_int_equal(nodes.nodes, 0);
    plan_nodes_read(
        &nodes, "a*|2062813099|(null)\na*|2062812956|(null)\na*|99999999999999999999|x\n", NULL);
    assert_int_equal(nodes.nodes, SFT_REQUEST_NODES_MAX);
    plan_nodes_read(&nodes, "||\nx\n\n|", NULL);
    assert_int_equal(nodes.nodes, 0);
}

/* 90 s, 16 GPUs, two of three runs to do: 180 s and 0.8 GPU-hours. */
static void test_the_plans_figures(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct plan_nodes nodes = {"gpu", 8, 0, 0, 8, "H100", false, true, ""};
    char *text = NULL;
    size_t size;
    assert_int_equal(PARSE(&err, "--models", "tiny", "--nodes", "2,4,9", "--name", "n"), 0);
    make();
    cells.cell[0].had = 1;
    cells.cell[0].seconds = 90;
    cells.cell[0].gpus = 16;
    strcpy(cells.cell[2].refused, "partition gpu has 8 nodes");
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(plan_print(&cells, &nodes, &options, out), 5);
    fclose(out);
    assert_contains(text, "sweep n on partition gpu: 3 configurations, 3 runs of each");
    assert_contains(text, "5 jobs to submit; estimated 3 min one after the other, 0.80 GPU-hours");
    assert_contains(text, "time not predicted of 3\n");
    assert_contains(text, "refused: tiny:9: partition gpu has 8 nodes\n");
    assert_contains(text, "the estimates are for H100, as Slurm names the GPUs of partition gpu\n");
    free(text);
}

/* Whose figures the estimates are: what gpu_model= says, what Slurm says, else an H200's. */
static void test_the_plan_says_for_which_gpu(void **unused)
{
    (void)unused;
    static const struct {
        char *with;
        const char *gpu, *said, *unsaid;
    } cases[] = {
        {"gpu_model=B200", "", "the estimates are for B200, as gpu_model= says\n", "for H200"},
        {"gpu_model=B200", "H100", "the estimates are for B200, as gpu_model= says\n", "for H100"},
        {"seed=1", "H100", "the estimates are for H100, as Slurm names the GPUs", "for H200"},
        {"seed=1", "", "the estimates are for H200: Slurm does not say which GPUs", "as Slurm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_error err = {""};
        struct plan_nodes nodes = {"gpu", 8, 0, 0, 8, "", false, true, ""};
        char *text = NULL;
        size_t size;
        strcpy(nodes.gpu, cases[i].gpu);
        assert_int_equal(PARSE(&err, "--models", "llama-7b", "--nodes", "2,4", "--with",
                               cases[i].with, "--name", "n"),
                         0);
        make();
        cells.cell[0].seconds = cells.cell[1].seconds = 90;
        FILE *out = open_memstream(&text, &size);
        plan_print(&cells, &nodes, &options, out);
        fclose(out);
        assert_contains(text, cases[i].said);
        assert_null(strstr(text, cases[i].unsaid));
        assert_ptr_equal(strstr(strstr(text, "the estimates") + 1, "the estimates"), NULL);
        free(text);
    }
}

static void test_the_words_of_a_submission(void **unused)
{
    (void)unused;
    static const char *const expected[] = {"sbatch",
                                           "--parsable",
                                           "--job-name=n",
                                           "--comment=sft-sweep:tiny:2",
                                           "--output=n-%j.out",
                                           "--dependency=singleton",
                                           "--partition=gpu",
                                           "--time=10",
                                           "--sft-bench=tiny:2",
                                           NULL};
    struct sft_error err = {""};
    unsetenv("SFT_SBATCH");
    assert_int_equal(
        PARSE(&err, "--models", "tiny", "--nodes", "2", "--name", "n", "-p", "gpu", "--time", "10"),
        0);
    make();
    char **words = submit_words(&options, &cells.cell[0]);
    assert_non_null(words);
    for (int i = 0; i < 10; i++) {
        if (expected[i] == NULL)
            assert_null(words[i]);
        else
            assert_string_equal(words[i], expected[i]);
        free(words[i]);
    }
    free(words);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_grid),
        TEST(test_a_name_of_its_own),
        TEST(test_what_is_refused),
        TEST(test_a_name_of_data),
        TEST(test_a_name_of_data_to_evaluate_with),
        TEST(test_a_request_that_says_more),
        TEST(test_the_queue),
        TEST(test_a_failure_has_its_reason),
        TEST(test_accounting_and_queue_together),
        TEST(test_a_requeued_job_is_alive),
        TEST(test_what_was_asked_counts),
        TEST(test_cells_of_what_is_there),
        TEST(test_the_partition),
        TEST(test_the_plans_figures),
        TEST(test_the_plan_says_for_which_gpu),
        TEST(test_the_words_of_a_submission),
    };
    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
