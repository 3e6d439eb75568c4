/* SPDX-License-Identifier: Apache-2.0 */
/* The page is the user's: what a hostile one, an empty one or none becomes. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "spank/page.h"

static struct sft_record record;
static struct sft_error err;

/* Wait statuses as wait(2) makes them. */
#define EXITED(status) ((status) << 8)
#define KILLED(number) (number)

static struct page_facts facts_of(enum page_end end, int status)
{
    return (struct page_facts){
        .step = "17.2",
        .request = "tiny:2,gpus=2",
        .model = "tiny",
        .nodes = 2,
        .ranks = 4,
        .host = "node1",
        .start = 1767225600,
        .life = 10,
        .verdict = PROGRAM_SITE,
        .program = "site",
        .end = end,
        .status = status,
    };
}

/* A whole page as rank 0 writes it. */
static int read_page(const char *text, const struct page_facts *facts)
{
    char page[SFT_RECORD_PAGE] = "";
    size_t length = strlen(text);
    assert_true(length <= sizeof page);
    if (length > 0)
        memset(page, '\n', sizeof page);
    memcpy(page, text, length);
    err.text[0] = '\0';
    return page_read(page, sizeof page, facts, &record, &err);
}

static const char *value(const char *key)
{
    const char *text = sft_record_get(&record, key);
    return text == NULL ? "(none)" : text;
}

static void becomes(const char *text, struct page_facts facts, const char *state, const char *fail)
{
    assert_int_equal(read_page(text, &facts), 1);
    assert_string_equal(value("state"), state);
    assert_contains(value("fail"), fail);
    sft_record_clear(&record);
}

#define GOING "sft1{state=running model=tiny nodes=2 ranks=4 steps=20 steps_done=3 step_ms=100}"
#define DONE                                                                                       \
    "sft1{state=complete model=tiny nodes=2 ranks=4 steps=20 steps_done=20 step_ms=100 "           \
    "steps_s=2.1}"

static void test_the_end_is_slurms(void **state)
{
    (void)state;
    becomes(DONE, facts_of(PAGE_ENDED, 0), "complete", "(none)");
    becomes(DONE, facts_of(PAGE_RUNS, 0), "partial", "(none)");
    becomes(DONE, facts_of(PAGE_ENDED, KILLED(SIGKILL)), "partial",
            "rank 0 on node1 was killed by signal 9 (out of memory, another rank's end, or "
            "somebody's kill) "
            "after its last word");
    becomes(DONE, facts_of(PAGE_ENDED, EXITED(1)), "partial",
            "rank 0 on node1 ended with status 1 after");
    becomes(DONE, facts_of(PAGE_ENDED, EXITED(SFT_EXIT_NO_FILE)), "complete", "(none)");
    becomes(DONE, facts_of(PAGE_ORPHANED, 0), "partial",
            "slurmstepd on node1 was killed after its last word");
    becomes(GOING, facts_of(PAGE_RUNS, 0), "partial", "(none)");
    becomes(GOING, facts_of(PAGE_ENDED, 0), "partial",
            "rank 0 on node1 ended with status 0 before its last word");
    becomes(GOING, facts_of(PAGE_ENDED, KILLED(SIGTERM)), "partial",
            "signal 15 (cancelled, or its time was up)");
    becomes("sft1{state=failed fail=no%20GPU}", facts_of(PAGE_ENDED, EXITED(1)), "failed",
            "no GPU");
    becomes("sft1{state=failed}", facts_of(PAGE_ENDED, EXITED(1)), "failed", "ended with status 1");
    becomes("sft1{state=whatever}", facts_of(PAGE_ENDED, EXITED(1)), "partial",
            "ended with status 1");
}

/* Verify's status is its verdict, and where a rank hangs it kills the step, itself too. */
static void test_a_verdict_is_no_failure(void **state)
{
    static const char *const done = "sft2{state=complete task=verify nodes=2 ranks=4 verdict=bad}";
    static const char *const going = "sft2{state=running task=verify nodes=2 ranks=4}";
    struct page_facts two = facts_of(PAGE_ENDED, EXITED(2)), killed = two, runs = two;
    (void)state;
    killed.status = KILLED(SIGKILL);
    runs.end = PAGE_RUNS;
    becomes(done, two, "partial", "ended with status 2");
    two.judges = killed.judges = runs.judges = true;
    becomes(done, two, "complete", "(none)");
    becomes(done, killed, "complete", "(none)");
    becomes(done, runs, "partial", "(none)");
    becomes(going, two, "partial", "ended with status 2 before its last word");
}

static void test_silence_has_a_reason(void **state)
{
    struct page_facts facts = facts_of(PAGE_ENDED, KILLED(SIGKILL));
    (void)state;
    becomes("", facts_of(PAGE_RUNS, 0), "failed", "no rank wrote anything");
    becomes("", facts_of(PAGE_UNSTARTED, 0), "failed",
            "Slurm did not start the tasks: look at slurmd's log on node1");
    becomes("", facts_of(PAGE_ORPHANED, 0), "failed",
            "slurmstepd on node1 was killed before its first word");
    becomes(
        "", facts, "failed",
        "signal 9 (out of memory, another rank's end, or somebody's kill) before its first word");
    becomes("", facts_of(PAGE_ENDED, KILLED(SIGSEGV)), "failed", "signal 11 (Segmentation fault)");
    becomes("", facts_of(PAGE_ENDED, EXITED(127)), "failed",
            "ended with status 127 before its first word: its output");
    facts.other = true;
    facts.other_rank = 3;
    facts.other_status = EXITED(1);
    becomes("", facts, "failed", "before its first word, after rank 3 ended with status 1");
    facts = facts_of(PAGE_UNSTARTED, 0);
    strcpy(facts.unstarted, "/tmp/pmix.17.2 is in the way");
    becomes("", facts, "failed", "/tmp/pmix.17.2 is in the way");
}

/* What a first record has, before any task wrote a word. */
static void test_facts_fill_a_record(void **state)
{
    struct page_facts facts = facts_of(PAGE_RUNS, 0);
    (void)state;
    facts.verdict = PROGRAM_UNSEEN;
    facts.program[0] = '\0';
    assert_int_equal(read_page("", &facts), 1);
    assert_string_equal(value("step"), "17.2");
    assert_string_equal(value("request"), "tiny:2,gpus=2");
    assert_string_equal(value("model"), "tiny");
    assert_string_equal(value("nodes"), "2");
    assert_string_equal(value("ranks"), "4");
    assert_string_equal(value("start"), "2026-01-01T00:00:00Z");
    assert_string_equal(value("seconds"), "10");
    assert_string_equal(value("checked"), "nodes,ranks");
    assert_string_equal(value("program"), "(none)");
    assert_string_not_equal(value("version"), "(none)");
    sft_record_clear(&record);
    facts.idle = true;
    assert_int_equal(read_page("", &facts), 0);
}

/* Another step's name, times, numbers: the record stays this step's, and says what was wrong. */
static void test_claims_are_held_against_the_facts(void **state)
{
    const struct page_facts facts = facts_of(PAGE_ENDED, 0);
    (void)state;
    assert_int_equal(
        read_page("sft1{step=16.0 state=complete model=llama-70b nodes=1024 ranks=8192 "
                  "start=1999-01-01T00:00:00Z "
                  "seconds=1 program=site checked=everything doubted= steps_done=10 step_ms=1}",
                  &facts),
        1);
    assert_string_equal(value("step"), "17.2");
    assert_string_equal(value("nodes"), "2");
    assert_string_equal(value("ranks"), "4");
    assert_string_equal(value("start"), "2026-01-01T00:00:00Z");
    assert_string_equal(value("seconds"), "10");
    assert_string_equal(value("checked"), "program,time");
    assert_contains(value("doubted"), "nodes were 2, not 1024");
    assert_contains(value("doubted"), "ranks were 4, not 8192");
    assert_contains(value("doubted"), "it calls itself step 16.0");
    assert_contains(value("doubted"), "tiny was asked for, not llama-70b");
    assert_string_equal(value("model"), "tiny");
    sft_record_clear(&record);
    assert_int_equal(read_page(DONE, &facts), 1);
    assert_string_equal(value("checked"), "program,nodes,ranks,time");
    assert_string_equal(value("doubted"), "(none)");
    sft_record_clear(&record);
    assert_int_equal(read_page("sft1{nodes=nan ranks=4e0}", &facts), 1);
    assert_contains(value("doubted"), "nodes were 2, not nan");
    assert_contains(value("checked"), "ranks");
    sft_record_clear(&record);
}

static void test_program(void **state)
{
    struct page_facts facts = facts_of(PAGE_ENDED, 0);
    (void)state;
    facts.verdict = PROGRAM_WRONG;
    strcpy(facts.program, "other:python3");
    assert_int_equal(read_page(DONE, &facts), 1);
    assert_string_equal(value("program"), "other:python3");
    assert_string_equal(value("doubted"), "program is other:python3");
    assert_string_equal(value("checked"), "nodes,ranks,time");
    assert_string_equal(value("state"), "complete");
    sft_record_clear(&record);
    facts.verdict = PROGRAM_SCRIPT;
    strcpy(facts.program, "script");
    assert_int_equal(read_page(DONE, &facts), 1);
    assert_string_equal(value("checked"), "nodes,ranks,time");
    assert_string_equal(value("doubted"), "(none)");
    sft_record_clear(&record);
}

/* What the record's own device cannot do: by its tflops, its tokens or its mfu. A slice has no more
 * than its share, H20 is no H200, and peak_tflops= in the page lifts nothing. */
static void test_ceiling(void **state)
{
    static const struct {
        const char *text, *doubted;
        bool checked;
    } cases[] = {
        {"device=NVIDIA%20H200 tflops=989", "(none)", true},
        {"device=NVIDIA%20H200 tflops=990", "tflops is 990 TFLOP/s, above the 989.5", false},
        {"device=NVIDIA%20H200 tflops=990 peak_tflops=2000 mfu=49.5", "above the 989.5", false},
        {"device=NVIDIA%20H200 tflops=1200 precision=fp8 mfu=121", "(none)", true},
        {"device=NVIDIA%20H200 tflops=2000 precision=fp8", "above the 1979", false},
        {"device=NVIDIA%20H200 model=llama-7b tflops=1930 precision=fp8 mfu=195", "(none)", true},
        {"device=NVIDIA%20H200 model=llama-7b tflops=1950 precision=fp8", "above the 1941", false},
        {"device=NVIDIA%20H200 model=gpt2 tflops=1600 precision=fp8", "above the 150", false},
        {"device=NVIDIA%20H20 tflops=400", "above the 148", false},
        {"device=NVIDIA%20H100%20PCIe tflops=800", "above the 756.5", false},
        {"device=NVIDIA%20GH200%20480GB tflops=900", "(none)", true},
        {"device=NVIDIA%20H100%2080GB%20HBM3%20MIG%202g.20gb tflops=250", "(none)", true},
        {"device=NVIDIA%20H100%2080GB%20HBM3%20MIG%202g.20gb tflops=300", "above the 282.7", false},
        {"device=NVIDIA%20H200 tflops=nan", "tflops is nan", false},
        {"device=NVIDIA%20H200 tflops=-1", "tflops is -1", false},
        {"device=RTX%204090 tflops=1e9", "(none)", false},
        {"device=RTX%204090 tflops=100 peak_tflops=50 mfu=200", "mfu is 200%", false},
        /* 6 x 6,607,343,616 parameters multiplied x 100,000 tokens / 4 ranks = 991.1 */
        {"device=NVIDIA%20H200 model=llama-7b tok_s=99000 tflops=500", "(none)", true},
        {"device=NVIDIA%20H200 model=llama-7b tok_s=100000 tflops=500",
         "what tok_s needs is 991.1 TFLOP/s", false},
    };
    struct page_facts facts = facts_of(PAGE_RUNS, 0);
    (void)state;
    facts.model[0] = '\0';
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "sft2{state=running nodes=2 ranks=4 %s}", cases[i].text);
        assert_int_equal(read_page(text, &facts), 1);
        assert_contains(value("doubted"), cases[i].doubted);
        if ((strstr(value("checked"), "ceiling") != NULL) != cases[i].checked)
            fail_msg("%s: checked %s", cases[i].text, value("checked"));
        sft_record_clear(&record);
    }
}

/* The step lived for 10 s. */
static void test_time(void **state)
{
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {
        {"steps_done=20 step_ms=100", true},
        {"steps_done=99 step_ms=100", true},
        {"steps_done=200 step_ms=100", false},
        {"steps_done=1000000000 step_ms=1", false},
        /* half of the steps were much shorter than the median: nothing impossible in that */
        {"steps_done=100 step_ms=180 steps_s=9.5", true},
        {"steps_done=100 step_ms=180 steps_s=8", false},
        {"steps_done=100 step_ms=180 steps_s=18", false},
        {"steps_done=10 step_ms=1 seconds=100", false},
        {"steps_done=-5 step_ms=1", false},
        {"steps_done=5 step_ms=-1", false},
        {"steps_done=x step_ms=1", false},
        {"steps_done=5 step_ms=1 steps_s=nan", true},
    };
    const struct page_facts facts = facts_of(PAGE_ENDED, 0);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "sft1{state=complete %s}", cases[i].text);
        assert_int_equal(read_page(text, &facts), 1);
        if ((strstr(value("checked"), "time") != NULL) != cases[i].fits ||
            (strstr(value("doubted"), "do not fit into 10.0 s") == NULL) != cases[i].fits)
            fail_msg("%s: checked %s, doubted %s", cases[i].text, value("checked"),
                     value("doubted"));
        sft_record_clear(&record);
    }
}

static void test_junk(void **state)
{
    static const char *const junk[] = {
        "sft1{state=running",
        "sft1{state=complete state=failed}",
        "sft1{a={}",
        "sft1{State=x}",
        "%s%n",
        "sft3{state=complete}",
        "sft1{a=%00}",
        "sft1{a=\x01}",
        "\xff",
    };
    (void)state;
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        struct page_facts facts = facts_of(PAGE_RUNS, 0);
        assert_int_equal(read_page(junk[i], &facts), 0); /* it may be in the middle of a write */
        assert_string_not_equal(err.text, "");
        facts = facts_of(PAGE_ENDED, 0);
        becomes(junk[i], facts, "failed", "what rank 0 on node1 wrote is no record: ");
        assert_string_not_equal(err.text, "");
    }
    /* Behind the record may stand anything. */
    becomes("sft1{state=complete} sft1{step=1.0 state=complete}", facts_of(PAGE_ENDED, 0),
            "complete", "(none)");
    becomes("sft2{state=complete} sft2{step=1.0 state=complete}", facts_of(PAGE_ENDED, 0),
            "complete", "(none)");
}

/* As many fields and as many bytes as a record may have leave room for ours. */
static void test_full_pages(void **state)
{
    char text[SFT_RECORD_PAGE] = "sft1{state=complete";
    char formatted[SFT_RECORD_MAX];
    const struct page_facts facts = facts_of(PAGE_ENDED, 0);
    (void)state;
    for (int i = 0; i < SFT_RECORD_FIELDS - 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " k%d=v", i);
    strcat(text, "}");
    becomes(text, facts, "complete", "(none)");
    for (int unknown = 0; unknown < 2; unknown++) {
        snprintf(text, sizeof text, "sft1{state=complete %s=%0*d tok_s=5}",
                 unknown ? "zzz" : "nccl_env", SFT_RECORD_MAX - 110, 0);
        assert_int_equal(read_page(text, &facts), 1);
        assert_int_equal(sft_record_format(&record, false, formatted, sizeof formatted, &err), 0);
        assert_string_equal(value("state"), "complete");
        assert_string_equal(value("tok_s"), "5");
        assert_string_equal(value("step"), "17.2");
        sft_record_clear(&record);
    }
    snprintf(text, sizeof text, "sft1{state=complete precision=%0*d}", SFT_RECORD_MAX - 110, 0);
    becomes(text, facts, "failed", "is no record: the record is longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_end_is_slurms),
        cmocka_unit_test(test_a_verdict_is_no_failure),
        cmocka_unit_test(test_silence_has_a_reason),
        cmocka_unit_test(test_facts_fill_a_record),
        cmocka_unit_test(test_claims_are_held_against_the_facts),
        cmocka_unit_test(test_program),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_junk),
        cmocka_unit_test(test_full_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
