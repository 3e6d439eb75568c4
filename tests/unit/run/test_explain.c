/* SPDX-License-Identifier: Apache-2.0 */
/* What srun --sft-bench=explain:N prints of tasks that said something, nothing, or not what is so.
 */
#include "tests/unit/unit.h"

#include <jansson.h>

#include "job/run/explain.h"

static struct explain_task task(int rank, const char *host, const char *has, const char *place,
                                const char *variables)
{
    struct explain_task t = {.rank = rank};
    snprintf(t.host, sizeof t.host, "%s", host);
    snprintf(t.has, sizeof t.has, "%s", has);
    snprintf(t.place, sizeof t.place, "%s", place);
    snprintf(t.variables, sizeof t.variables, "%s", variables);
    return t;
}

static char *printed(const struct explain_task *tasks, int count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    explain_print(out, tasks, count);
    fclose(out);
    return text;
}

static int lines_with(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

static const char place0[] =
    "gpu=0000:18:00.0 cpus=0-11 numa=0 nics=mlx5_0 distance=PIX why=12 of 48 cores, cpus=all";
#define PLACE1 "gpu=0000:2a:00.0 cpus=12-23 numa=0 nics= distance= why=as above"
static const char place1[] = PLACE1, said1[] = SAID_OPENING " " PLACE1;

static void test_fields(void **state)
{
    (void)state;
    char value[64];
    said_word(place0, "cpus", value, sizeof value);
    assert_string_equal(value, "0-11");
    said_word(place0, "why", value, sizeof value); /* to the end, whatever stands in it */
    assert_string_equal(value, "12 of 48 cores, cpus=all");
    said_word(place1, "nics", value, sizeof value);
    assert_string_equal(value, "");
    said_word("why=no cpus=1", "cpus", value, sizeof value);
    assert_string_equal(value, "");
    said_word("", "cpus", value, sizeof value);
    assert_string_equal(value, "");
}

static void test_tasks_stand_by_host(void **state)
{
    (void)state;
    const struct explain_task tasks[] = {
        task(0, "b", "0-11", place0, "NCCL_DEBUG=INFO\n"),
        task(1, "a", "0-11", place0, "NCCL_DEBUG=INFO\n"),
        task(2, "b", "12-23", place1, "NCCL_DEBUG=INFO\n"),
        task(3, "a", "0-47", "", "NCCL_DEBUG=INFO\n"),
    };
    char *text = printed(tasks, 4);
    assert_true(strstr(text, "node b\n") < strstr(text, "node a\n"));
    assert_int_equal(lines_with(text, "node b\n"), 1);
    assert_true(strstr(text, "    2  0000:2a:00.0") < strstr(text, "node a\n"));
    assert_non_null(strstr(text, "mlx5_0 (PIX)\n"));
    assert_non_null(strstr(text, "    3  -               not bound"));
    assert_int_equal(lines_with(text, " NCCL's variables:\nNCCL_DEBUG=INFO\n"), 2);
    assert_non_null(strstr(text, "no warnings\n"));
    free(text);
}

static void test_what_does_not_agree_is_warned_of(void **state)
{
    (void)state;
    const struct explain_task tasks[] = {
        task(0, "a", "0-11", place0, "NCCL_IB_HCA==mlx5_0:1\n"),
        task(1, "a", "0-3", place1, "NCCL_IB_HCA==mlx5_0:1\n"),
        task(2, "b", "0-11", place0, ""),
    };
    char *text = printed(tasks, 3);
    assert_int_equal(lines_with(text, "warning:"), 2);
    assert_non_null(strstr(text, "rank 1 on a has CPUs 0-3, not 12-23"));
    assert_non_null(strstr(text, "rank 2 on b has other NCCL_ variables than rank 0 on a"));
    assert_null(strstr(text, "no warnings"));
    free(text);
}

static void test_json_says_the_same(void **state)
{
    (void)state;
    const struct explain_task tasks[] = {
        task(0, "a", "0-11", place0, "NCCL_A=1\nNCCL_IB_HCA==mlx5_0:1,mlx5_1:1\n"),
        task(1, "a\"b", "0", "", ""),
    };
    char *text = NULL;
    size_t size;
    struct sft_error err = {""};
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(explain_print_json(out, tasks, 2, &err), 0);
    fclose(out);
    json_t *root = json_loads(text, 0, NULL), *list = json_object_get(root, "tasks");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(first, "cpus")), "0-11");
    assert_string_equal(json_string_value(json_object_get(first, "why")),
                        "12 of 48 cores, cpus=all");
    json_t *variables = json_object_get(first, "variables");
    assert_int_equal(json_object_size(variables), 2);
    assert_string_equal(json_string_value(json_object_get(variables, "NCCL_IB_HCA")),
                        "=mlx5_0:1,mlx5_1:1");
    assert_string_equal(json_string_value(json_object_get(second, "host")), "a\"b");
    assert_int_equal(json_object_size(json_object_get(second, "variables")), 0);
    json_decref(root);
    free(text);
}

/* This process' own: the kernel's list of its CPUs, its variables in order and nothing else's. */
static void test_self(void **state)
{
    (void)state;
    static struct explain_task t;
    struct bootstrap bootstrap = {.rank = 3, .host = "here"};
    setenv("NCCL_Z", "2", 1);
    setenv("NCCL_A", "1", 1);
    setenv("NOT_NCCL_B", "3", 1);
    setenv("SFT_BENCH_PLACE", said1, 1);
    explain_self(&t, &bootstrap);
    assert_string_equal(t.variables, "NCCL_A=1\nNCCL_Z=2\n");
    assert_string_equal(t.place, place1);
    assert_string_equal(t.host, "here");
    assert_int_equal(t.rank, 3);
    assert_true(t.has[0] >= '0' && t.has[0] <= '9');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_tasks_stand_by_host),
        cmocka_unit_test(test_what_does_not_agree_is_warned_of),
        cmocka_unit_test(test_json_says_the_same),
        cmocka_unit_test(test_self),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
