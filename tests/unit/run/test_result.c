/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a run that another thread ends while the main one writes. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "job/run/result.h"

static struct result result;
static struct sft_error err;
static char folder[] = "/tmp/sft-result.XXXXXX";
static int memory;

static void open_result(void)
{
    char number[16];
    memory = memfd_create("record", MFD_CLOEXEC);
    assert_true(memory >= 0);
    snprintf(number, sizeof number, "%d", memory);
    setenv(SFT_RECORD_ENV, number, 1);
    if (result_open(&result, true, &err) < 0 || result_folder(&result, folder, &err) < 0)
        fail_msg("%s", err.text);
}

/* A step of the training loop as far as the record goes. */
static void account(int step)
{
    assert_int_equal(sft_record_set(&result.record, "state", "running", &err), 0);
    assert_int_equal(sft_record_set_integer(&result.record, "steps_done", step, &err), 0);
    assert_int_equal(sft_record_set_real(&result.record, "step_ms", 10 + step, &err), 0);
    assert_int_equal(result_add_loss(&result, 5.0 / (step + 1), &err), 0);
    assert_int_equal(result_write(&result, true, &err), 0);
}

static void expect_failed(const char *why, int least)
{
    char page[SFT_RECORD_PAGE + 1] = "";
    struct sft_record record;
    assert_int_equal(pread(memory, page, SFT_RECORD_PAGE, 0), SFT_RECORD_PAGE);
    if (sft_record_parse(&record, sft_record_page_text(page), NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(sft_record_get(&record, "state"), "failed");
    assert_string_equal(sft_record_get(&record, "fail"), why);
    assert_true(sft_record_get_real(&record, "steps_done", -1) >= least);
    sft_record_clear(&record);
    json_t *root = json_load_file(result.out, 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "state")), "failed");
    assert_string_equal(json_string_value(json_object_get(root, "fail")), why);
    assert_true(json_array_size(json_object_get(root, "losses")) > (size_t)least);
    json_decref(root);
}

static void close_result(void)
{
    result_close(&result);
    unlink(result.out);
    close(memory);
}

static void test_failed_aside_stays(void **state)
{
    (void)state;
    open_result();
    account(0);
    account(1);
    /* Not written yet: the main thread may be in the middle of it. */
    assert_int_equal(sft_record_set(&result.record, "state", "complete", &err), 0);
    result_fail_aside(&result, "rank 3 on node-3 is gone");
    expect_failed("rank 3 on node-3 is gone", 1);
    account(2);
    result_fail(&result, "something else");
    result_fail_aside(&result, "once more");
    expect_failed("rank 3 on node-3 is gone", 1);
    close_result();
    result_fail_aside(&result, "after the end");
}

/* Before the first write there is nothing to keep but the reason. */
static void test_failed_before_the_first_write(void **state)
{
    char page[SFT_RECORD_PAGE + 1] = "";
    (void)state;
    open_result();
    result_fail_aside(&result, "rank 1 is late");
    assert_int_equal(pread(memory, page, SFT_RECORD_PAGE, 0), SFT_RECORD_PAGE);
    assert_contains(page, "state=failed");
    assert_contains(page, "fail=rank%201%20is%20late");
    close_result();
}

static atomic_bool written;

static void *fail_aside(void *unused)
{
    while (!atomic_load(&written))
        ;
    result_fail_aside(&result, "in the middle");
    return unused;
}

static void test_both_threads_write(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        open_result();
        atomic_store(&written, false);
        assert_int_equal(pthread_create(&thread, NULL, fail_aside, NULL), 0);
        for (int step = 0; step < 50; step++) {
            account(step);
            atomic_store(&written, true);
        }
        pthread_join(thread, NULL);
        expect_failed("in the middle", 0);
        close_result();
    }
}

/* Another rank of the node, with the same file. */
static void other_fails(const char *why)
{
    static struct result other;
    char number[16];
    snprintf(number, sizeof number, "%d", memory);
    setenv(SFT_RECORD_ENV, number, 1);
    assert_int_equal(result_open(&other, false, &err), 0);
    result_fail(&other, why);
    result_close(&other);
}

static void expect_page(const char *part)
{
    char page[SFT_RECORD_PAGE + 1] = "";
    assert_int_equal(pread(memory, page, SFT_RECORD_PAGE, 0), SFT_RECORD_PAGE);
    assert_contains(sft_record_page_text(page), part);
}

static void test_another_rank_tells(void **state)
{
    (void)state;
    open_result();
    assert_int_equal(ftruncate(memory, SFT_RECORD_PAGE), 0);
    other_fails("");
    other_fails("no memory (rank 1 on node-1)");
    expect_page("sft2{state=failed fail=no%20memory%20(rank%201%20on%20node-1)}");
    /* Rank 0 goes on for a moment; the reason stays. */
    account(0);
    result_fail(&result, "something that follows from it");
    expect_page("fail=no%20memory");
    close_result();
}

/* What rank 0 measured stays, and so does an end that it wrote. */
static void test_another_rank_tells_in_the_run(void **state)
{
    (void)state;
    open_result();
    account(2);
    other_fails("a late error (rank 3 on node-1)");
    expect_page("state=failed steps_done=2");
    expect_page("fail=a%20late%20error");
    close_result();
    open_result();
    account(2);
    assert_int_equal(sft_record_set(&result.record, "state", "complete", &err), 0);
    assert_int_equal(result_write(&result, true, &err), 0);
    other_fails("too late (rank 3 on node-1)");
    expect_page("state=complete");
    close_result();
}

/* The page is there before anything else can fail. */
static void test_failed_without_a_folder(void **state)
{
    char number[16];
    (void)state;
    memory = memfd_create("record", MFD_CLOEXEC);
    snprintf(number, sizeof number, "%d", memory);
    setenv(SFT_RECORD_ENV, number, 1);
    assert_int_equal(result_open(&result, true, &err), 0);
    result_fail(&result, "no PMIx");
    expect_page("sft2{state=failed start=");
    expect_page("fail=no%20PMIx}");
    result_close(&result);
    close(memory);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_aside_stays),
        cmocka_unit_test(test_failed_before_the_first_write),
        cmocka_unit_test(test_both_threads_write),
        cmocka_unit_test(test_another_rank_tells),
        cmocka_unit_test(test_another_rank_tells_in_the_run),
        cmocka_unit_test(test_failed_without_a_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
