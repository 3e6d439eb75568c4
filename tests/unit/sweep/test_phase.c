/* SPDX-License-Identifier: Apache-2.0 */
/* A suite's phases: which nodes it uses, what each phase runs, and which is next by what Slurm has.
 */
#include "tests/unit/unit.h"

#include <math.h>

#include "sweep/phase.h"
#include "sweep/plan.h"
#include "sweep/submit.h"
#include "sweep/waits.h"
#include "tests/unit/report/report_rows.h"

static struct suite suite;
static struct sweep_options options;
static struct phase_nodes nodes;
static struct words there, away, ran;
static struct sweep_verify verify;
static struct sweep_cells cells[PHASES];
static struct sweep_state state;

static int begin(void **unused)
{
    (void)unused;
    memset(&options, 0, sizeof options);
    memset(&verify, 0, sizeof verify);
    names_read(
        &there, &away,
        "n1|idle\nn2|mixed\nn3|allocated\nn4|idle~\nn2|mixed\nn5|drained\nn6|idle*\nn7|down\n"
        "n8|draining\nn9\n-x|idle\nmaint1|maint\n|idle\n");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    words_clear(&there);
    words_clear(&away);
    words_clear(&ran);
    phase_nodes_clear(&nodes);
    sweep_state_clear(&state);
    memset(&state, 0, sizeof state);
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        sweep_cells_clear(&cells[phase]);
    return 0;
}

static void expect(const struct words *list, const char *names)
{
    char *text = names_join(list);
    assert_string_equal(text != NULL ? text : "", names);
    free(text);
}

static void choose(bool verified)
{
    struct sft_error err = {""};
    phase_nodes_clear(&nodes);
    if (phase_nodes_choose(&nodes, &there, &away, verified ? &verify : NULL, &ran, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_which_nodes_are_there(void **unused)
{
    (void)unused;
    expect(&there, "n1,n2,n3,n4,maint1");
    expect(&away, "n5,n6,n7,n8");
    choose(false);
    expect(&nodes.good, "n1,n2,n3,n4,maint1");
    expect(&nodes.bad, "");
}

/* What verify called bad, and what it did not see, is left out; what it could not tell is not. */
static void test_the_verdict(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    strcpy(verify.nodes, "n[1-4,7]");
    strcpy(verify.bad, "n2,n7");
    strcpy(verify.unknown, "n3");
    verify.bad_count = 2;
    verify.id = 12;
    choose(true);
    expect(&nodes.good, "n1,n3,n4");
    expect(&nodes.bad, "n2,n7");
    expect(&nodes.unknown, "n3");
    expect(&nodes.unverified, "maint1");
    /* a record whose list was cut is no list */
    verify.bad_count = 3;
    phase_nodes_clear(&nodes);
    assert_int_equal(phase_nodes_choose(&nodes, &there, &away, &verify, &ran, &err), -1);
    assert_contains(err.text, "verify (job 12) called 3 nodes bad and its record names 2");
    /* nor is a name that Slurm does not know */
    strcpy(verify.bad, "n2,node-two");
    verify.bad_count = 2;
    phase_nodes_clear(&nodes);
    assert_int_equal(phase_nodes_choose(&nodes, &there, &away, &verify, &ran, &err), -1);
    assert_contains(err.text, "called node-two bad");
    strcpy(verify.nodes, "");
    phase_nodes_clear(&nodes);
    assert_int_equal(phase_nodes_choose(&nodes, &there, &away, &verify, &ran, &err), -1);
    assert_contains(err.text, "verify (job 12): its list of nodes, '', cannot be read");
}

/* What Slurm has and verify has not called good; sbatch takes no other name. */
static void test_what_is_excluded(void **unused)
{
    (void)unused;
    struct words out = {0};
    strcpy(verify.nodes, "n[1-4,6-7],gone");
    strcpy(verify.bad, "gone,n2,n7");
    verify.bad_count = 3;
    choose(true);
    phase_nodes_exclude(&out, &nodes, &there);
    expect(&out, "n2,n7,maint1,n5,n8");
    words_clear(&out);
}

static void read_suite(const char *text)
{
    struct sft_error err = {""};
    if (suite_parse(&suite, text, strlen(text), "s", &err) < 0)
        fail_msg("%s", err.text);
    suite_options(&suite, &options);
}

static void make(void)
{
    struct sft_error err = {""};
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        if (phase_cells(cells, phase, &suite, &options, &nodes, there.count, &err) < 0)
            fail_msg("%s", err.text);
}

static void expect_cell(enum phase phase, size_t i, const char *text, const char *node)
{
    assert_true(i < cells[phase].count);
    assert_string_equal(cells[phase].cell[i].text, text);
    assert_string_equal(cells[phase].cell[i].node, node);
}

static void test_the_cells(void **unused)
{
    (void)unused;
    strcpy(verify.nodes, "n1,n2,n3,n4,maint1");
    strcpy(verify.bad, "n2,n3,maint1");
    verify.bad_count = 3;
    choose(true);
    read_suite("smoke = lstm\nsmoke = gpt2-smoke\nmodel = llama-7b\nmodel = llama-70b:8\n"
               "with = seq=64\nwith = steps=2\nverify = gemm");
    make();
    assert_int_equal(cells[PHASE_VERIFY].count, 1);
    expect_cell(PHASE_VERIFY, 0, "verify:5,checks=gemm", "");
    assert_int_equal(cells[PHASE_SMOKE].count, 4);
    expect_cell(PHASE_SMOKE, 0, "lstm:1,steps=2", "n1");
    expect_cell(PHASE_SMOKE, 1, "lstm:1,steps=2", "n4");
    expect_cell(PHASE_SMOKE, 2, "gpt2-smoke:1,steps=2", "n1");
    /* what reaches where nodes were bad is not forgotten: it is refused, and told */
    assert_int_equal(cells[PHASE_MODELS].count, 4);
    expect_cell(PHASE_MODELS, 0, "llama-7b:1,steps=2,seq=64", "");
    expect_cell(PHASE_MODELS, 2, "llama-7b:4,steps=2,seq=64", "");
    expect_cell(PHASE_MODELS, 3, "llama-70b:8,steps=2,seq=64", "");
    struct plan_nodes plan = {"gpu", 2, 3, 0, 0, "", false, false, ""};
    static struct conf conf;
    conf_init(&conf);
    plan_cells(&cells[PHASE_MODELS], &plan, &conf);
    assert_string_equal(cells[PHASE_MODELS].cell[1].refused, "");
    assert_string_equal(cells[PHASE_MODELS].cell[2].refused,
                        "partition gpu has 2 nodes for it: 3 left out");
}

/* A node that goes down keeps its cells: what it did not run is missing. */
static void test_a_node_that_goes_down(void **unused)
{
    (void)unused;
    static struct conf conf;
    struct plan_nodes plan = {.partition = "gpu", .nodes = 3, .left = 1, .away = 4};
    strcpy(verify.nodes, "n[1-2,5-7],gone");
    strcpy(verify.bad, "n2,n7");
    verify.bad_count = 2;
    choose(true);
    expect(&nodes.absent, "n5,n6,gone");
    read_suite("smoke = lstm\nmodel = tiny\nrepeat = 1");
    make();
    conf_init(&conf);
    assert_int_equal(cells[PHASE_SMOKE].count, 4);
    expect_cell(PHASE_SMOKE, 0, "lstm:1", "n1");
    expect_cell(PHASE_SMOKE, 1, "lstm:1", "n5");
    assert_int_equal(cells[PHASE_MODELS].count, 4);
    expect_cell(PHASE_MODELS, 3, "tiny:8", "");
    for (enum phase phase = PHASE_SMOKE; phase < PHASES; phase++) {
        plan_cells(&cells[phase], &plan, &conf);
        phase_cells_refuse(&cells[phase], &nodes);
    }
    assert_string_equal(cells[PHASE_SMOKE].cell[0].refused, "");
    assert_string_equal(cells[PHASE_SMOKE].cell[1].refused, "the node is down or drained now");
    assert_string_equal(cells[PHASE_SMOKE].cell[3].refused, "the node is gone from Slurm now");
    assert_string_equal(cells[PHASE_MODELS].cell[3].refused,
                        "partition gpu has 3 nodes for it: 1 left out, 4 down or drained now");
    assert_int_equal(phase_refused(cells, &options), 5);
    assert_false(submit_is_whole(&cells[PHASE_SMOKE], 1));
    /* what ran before it went down is there */
    for (size_t i = 0; i < 4; i++)
        cells[PHASE_SMOKE].cell[i].had = 1;
    assert_true(submit_is_whole(&cells[PHASE_SMOKE], 1));
    assert_int_equal(phase_refused(cells, &options), 2);
}

/* Without verify the nodes that have jobs of the name are the suite's. */
static void test_a_node_that_goes_down_without_verify(void **unused)
{
    (void)unused;
    char text[] = "m|1|COMPLETED|n[1,6]|||sft-sweep:tiny:2\nm|2|PENDING||n8||sft-sweep:lstm:1\n"
                  "m|3|FAILED|elsewhere|||sft-sweep:tiny:1\n";
    struct sft_error err = {""};
    assert_int_equal(sweep_state_queue(&state, "m", text, &err), 0);
    phase_nodes_ran(&ran, &state);
    choose(false);
    expect(&nodes.absent, "n6,n8");
    expect(&nodes.good, "n1,n2,n3,n4,maint1");
    assert_int_equal(nodes.reach, 7);
}

static void test_no_verify_and_what_is_refused(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    choose(false);
    read_suite("verify = no\nmodel = tiny\nnodes = 3,1");
    make();
    assert_int_equal(cells[PHASE_VERIFY].count, 0);
    assert_int_equal(cells[PHASE_SMOKE].count, 0);
    expect_cell(PHASE_MODELS, 0, "tiny:3", "");
    expect_cell(PHASE_MODELS, 1, "tiny:1", "");
    read_suite("model = tiny\nmodel = tiny:2");
    assert_int_equal(phase_cells(cells, PHASE_MODELS, &suite, &options, &nodes, there.count, &err),
                     -1);
    assert_contains(err.text, "tiny:2 stands twice");
    read_suite("smoke = tiny\nmodel = tiny");
    assert_int_equal(phase_cells(cells, PHASE_SMOKE, &suite, &options, &nodes, 5, &err), 0);
    assert_int_equal(phase_cells(cells, PHASE_MODELS, &suite, &options, &nodes, 5, &err), -1);
    assert_contains(err.text, "tiny:1 is a smoke training and a model's run");
}

static void count(const char *queue)
{
    char text[4096];
    struct sft_error err = {""};
    snprintf(text, sizeof text, "%s", queue);
    assert_int_equal(sweep_state_queue(&state, "m", text, &err), 0);
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        sweep_state_count(&state, &cells[phase], false);
}

/* From Slurm's words alone: verify of fewer nodes counts, a smoke training only on its own. */
static void test_which_phase_is_next(void **unused)
{
    (void)unused;
    choose(false);
    words_clear(&nodes.good);
    names_split(&nodes.good, "n1,n2");
    read_suite("smoke = lstm\nmodel = tiny:2\nrepeat = 2");
    make();
    assert_int_equal(phase_next(cells, &options), PHASE_VERIFY);
    count("m|1|RUNNING|n[1-2]|||sft-sweep:verify:2\n");
    assert_int_equal(phase_next(cells, &options), PHASE_VERIFY);
    assert_int_equal(cells[PHASE_VERIFY].cell[0].running, 1);
    assert_int_equal(plan_missing(&cells[PHASE_VERIFY].cell[0], 1), 0);
    sweep_state_clear(&state);
    count("m|1|COMPLETED|n[1-2]|||sft-sweep:verify:2 sft2{state=complete}\n"
          "m|2|COMPLETED|n1|||sft-sweep:lstm:1 sft2{state=complete}\n"
          "m|3|PENDING||n2||sft-sweep:lstm:1\n");
    assert_int_equal(phase_next(cells, &options), PHASE_SMOKE);
    assert_true(cells[PHASE_SMOKE].cell[0].had == 1 && cells[PHASE_SMOKE].cell[0].pending == 0);
    assert_true(cells[PHASE_SMOKE].cell[1].had == 0 && cells[PHASE_SMOKE].cell[1].pending == 1);
    assert_false(phase_is_accounted(&state));
    sweep_state_clear(&state);
    count("m|1|COMPLETED|n[1-2]|||sft-sweep:verify:2 sft2{state=complete}\n"
          "m|2|COMPLETED|n1|||sft-sweep:lstm:1 sft2{state=complete}\n"
          "m|3|COMPLETED|n2|n2||sft-sweep:lstm:1 sft2{state=complete}\n"
          "m|4|COMPLETED|n[1-2]|||sft-sweep:tiny:2 sft2{state=complete}\n"
          "m|5|FAILED|n[1-2]|||sft-sweep:tiny:2\n");
    assert_int_equal(phase_next(cells, &options), PHASE_MODELS);
    cells[PHASE_MODELS].cell[0].had = 2;
    assert_int_equal(phase_next(cells, &options), PHASES);
}

/* The accounting's word on verify: the newest complete run's of the checks that are asked for, and
 * no training's; and none where a newer one's is still to come. */
static void test_the_record_of_verify(void **unused)
{
    (void)unused;
    struct sft_error err = {""};
    struct rows rows;
    rows_init(&rows);
    static const char *const said[] = {"complete", "complete", "partial", "complete", "complete"};
    for (int i = 0; i < 5; i++) {
        struct row *row = test_row(&rows, 10 + i, 1, 1280, "nodes_bad=1");
        row->state = said[i];
        sft_record_set(&row->record, "request",
                       i == 4   ? "verify:3,checks=facts"
                       : i == 3 ? "tiny:3"
                                : "verify:3",
                       NULL);
        sft_record_set(&row->record, "task", i == 3 ? "train" : "verify", NULL);
        sft_record_set(&row->record, "hosts_bad", i == 1 ? "n2" : "n1", NULL);
        sft_record_set(&row->record, "hosts_unknown", "n3", NULL);
        free(row->nodelist);
        row->nodelist = strdup("n[1-3]");
    }
    assert_int_equal(sweep_state_rows(&state, &rows, &err), 0);
    choose(false);
    read_suite("smoke = lstm");
    make();
    const struct sweep_verify *verdict = sweep_state_verdict(&state, &cells[PHASE_VERIFY]);
    assert_non_null(verdict);
    assert_int_equal(verdict->id, 11);
    assert_string_equal(verdict->bad, "n2");
    assert_string_equal(verdict->unknown, "n3");
    assert_string_equal(verdict->nodes, "n[1-3]");
    assert_int_equal(verdict->bad_count, 1);
    assert_true(phase_is_accounted(&state));
    /* the other checks' verdict is another */
    read_suite("smoke = lstm\nverify = facts");
    make();
    verdict = sweep_state_verdict(&state, &cells[PHASE_VERIFY]);
    assert_true(verdict != NULL && verdict->id == 14 && strcmp(verdict->bad, "n1") == 0);
    count("m|20|COMPLETED|n[1-3]|||sft-sweep:verify:3,checks=facts sft2{state=complete}\n");
    assert_null(sweep_state_verdict(&state, &cells[PHASE_VERIFY]));
    read_suite("smoke = lstm\nverify = no");
    make();
    assert_null(sweep_state_verdict(&state, &cells[PHASE_VERIFY]));
    rows_clear(&rows);
}

/* What was cancelled before the suite went on ends it no second time. */
static void test_cancelled(void **unused)
{
    (void)unused;
    struct sweep_state begun = {0};
    struct sft_error err = {""};
    char text[] = "m|1|CANCELLED|n1|||x\nm|2|RUNNING|n1|||x\nm|3|PENDING||||x\n";
    assert_int_equal(sweep_state_queue(&begun, "m", text, &err), 0);
    count("m|1|CANCELLED|n1|||x\nm|2|FAILED|n1|||x\n");
    assert_false(phase_was_cancelled(&begun, &state));
    count("m|3|CANCELLED||||x\n");
    assert_true(phase_was_cancelled(&begun, &state));
    sweep_state_clear(&begun);
    assert_true(phase_was_cancelled(&begun, &state));
}

/* What the suite itself has ended is not what somebody cancelled. */
static void test_ended_by_the_suite(void **unused)
{
    (void)unused;
    struct sweep_state begun = {0};
    struct sft_error err = {""};
    char text[] = "m|1|PENDING||n1||x\n";
    assert_int_equal(sweep_state_queue(&begun, "m", text, &err), 0);
    count("m|1|CANCELLED|n1|||x\nm|2|CANCELLED|n2|||x\n");
    assert_int_equal(sweep_state_end(&begun, 1, &err), 0);
    assert_true(phase_was_cancelled(&begun, &state));
    assert_int_equal(sweep_state_end(&begun, 2, &err), 0);
    assert_false(phase_was_cancelled(&begun, &state));
    sweep_state_clear(&begun);
}

/* Slurm's reasons, as releases write them. */
static void test_what_a_job_waits_for(void **unused)
{
    (void)unused;
    static const struct {
        const char *reason;
        enum waits waits;
    } cases[] = {
        {"", WAITS_TURN},
        {"None", WAITS_TURN},
        {"Priority", WAITS_TURN},
        {"Resources", WAITS_TURN},
        {"Dependency", WAITS_TURN},
        {"BeginTime", WAITS_TURN},
        {"ReqNodeNotAvail, UnavailableNodes:n4", WAITS_NODE},
        {"Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority "
         "partitions",
         WAITS_NODE},
        {"launch failed requeued held", WAITS_HELD},
        {"launch_failed_requeued_held", WAITS_HELD},
        {"JobHeldUser", WAITS_HELD},
        {"JobHoldMaxRequeue", WAITS_HELD},
        {"BadConstraints", WAITS_NEVER},
        {"DependencyNeverSatisfied", WAITS_NEVER},
        {"PartitionTimeLimit", WAITS_NEVER},
        {"AssocGrpNodeLimit", WAITS_LIMIT},
        {"QOSMaxJobsPerUserLimit", WAITS_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (waits_read(cases[i].reason) != cases[i].waits)
            fail_msg("%s: %d", cases[i].reason, waits_read(cases[i].reason));
    count("m|1|RUNNING|n1||None|sft-sweep:lstm:1\nm|2|PENDING||n2|JobHeldUser|sft-sweep:lstm:1\n"
          "m|3|PENDING|||Dependency|sft-sweep:tiny:2\nm|4|COMPLETED|n1||None|x\n");
    assert_string_equal(state.job[1].reason, "JobHeldUser");
    assert_false(waits_for_help(&state.job[0]));
    assert_true(waits_for_help(&state.job[1]));
    assert_false(waits_for_help(&state.job[2]));
    state.job[1].waits = 5;
    assert_false(waits_for_nothing(&state, 5)); /* one runs */
    state.job[0].state = SWEEP_BAD;
    assert_true(waits_for_nothing(&state, 5));
    assert_false(waits_for_nothing(&state, 6));
    strcpy(state.job[1].reason, "Resources");
    assert_false(waits_for_nothing(&state, 5));
    /* others' jobs may fill a limit, and end */
    strcpy(state.job[1].reason, "QOSGrpNodeLimit");
    assert_false(waits_for_nothing(&state, 5));
    char *said = NULL;
    size_t size;
    FILE *out = open_memstream(&said, &size);
    strcpy(state.job[1].reason, "JobHeldUser");
    waits_say(&state.job[1], out);
    fclose(out);
    assert_string_equal(said, "sft-sweep: note: job 2 (lstm:1 on n2) waits: JobHeldUser; scontrol "
                              "release 2 lets it go on, scancel 2 ends it\n");
    free(said);
}

/* A smoke training has its node, and that alone; a model's run avoids what is left out. */
static void test_the_words_of_a_submission(void **unused)
{
    (void)unused;
    static const char *const expected[][8] = {
        {"sbatch", "--parsable", "--job-name=n", "--comment=sft-sweep:lstm:1", "--output=n-%j.out",
         "--nodelist=n1", "--exclusive", "--sft-bench=lstm:1"},
        {"sbatch", "--parsable", "--job-name=n", "--comment=sft-sweep:tiny:2", "--output=n-%j.out",
         "--dependency=singleton", "--exclude=n2,n3", "--sft-bench=tiny:2"}};
    unsetenv("SFT_SBATCH");
    choose(false);
    read_suite("name = n\nsmoke = lstm\nmodel = tiny:2");
    options.exclude = "n2,n3";
    make();
    for (int k = 0; k < 2; k++) {
        char **words = submit_words(&options, &cells[k == 0 ? PHASE_SMOKE : PHASE_MODELS].cell[0]);
        assert_non_null(words);
        for (int i = 0; i < 8; i++) {
            assert_string_equal(words[i], expected[k][i]);
            free(words[i]);
        }
        assert_null(words[8]);
        free(words);
    }
}

/* Nodes of their own are used beside each other: the time is one's, the GPU-hours are all's. */
static void test_the_sums(void **unused)
{
    (void)unused;
    struct plan_sum sum = {0};
    choose(false);
    read_suite("smoke = lstm\nsmoke = gpt2-smoke\nmodel = tiny:2\nrepeat = 3");
    make();
    for (size_t i = 0; i < 10; i++) {
        cells[PHASE_SMOKE].cell[i].seconds = i < 5 ? 90 : 60;
        cells[PHASE_SMOKE].cell[i].gpus = 8;
    }
    cells[PHASE_SMOKE].cell[0].had = 1;
    cells[PHASE_MODELS].cell[0].seconds = 100;
    cells[PHASE_MODELS].cell[0].gpus = 16;
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        plan_add(&sum, &cells[phase], phase_repeat(phase, &options));
    assert_int_equal(sum.jobs, 1 + 9 + 3);
    assert_int_equal(sum.open, 1);
    assert_true(fabs(sum.seconds - (90 + 60 + 300)) < 1e-9);
    assert_true(fabs(sum.gpu_hours * 3600 - (4 * 90 * 8 + 5 * 60 * 8 + 300 * 16)) < 1e-6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_which_nodes_are_there),
        TEST(test_the_verdict),
        TEST(test_what_is_excluded),
        TEST(test_the_cells),
        TEST(test_a_node_that_goes_down),
        TEST(test_a_node_that_goes_down_without_verify),
        TEST(test_no_verify_and_what_is_refused),
        TEST(test_which_phase_is_next),
        TEST(test_the_record_of_verify),
        TEST(test_cancelled),
        TEST(test_ended_by_the_suite),
        TEST(test_what_a_job_waits_for),
        TEST(test_the_words_of_a_submission),
        TEST(test_the_sums),
    };
    return cmocka_run_group_tests_name("phase", tests, NULL, NULL);
}
