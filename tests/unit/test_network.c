/* SPDX-License-Identifier: Apache-2.0 */
/* What explain and the job's log make of the plugin's word on a node's network. */
#include "tests/unit/unit.h"

#include "job/network.h"

static const char node_a[] = "rate\t800\n"
                             "warn\tmlx5_2:1 is DOWN and carries nothing\n"
                             "port\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.1\t\n"
                             "port\tmlx5_1:1\tyes\teth2\t400\t1\t3\t10.1.0.2\t\n"
                             "port\tmlx5_2:1\tno\t\t0\t1\t\t\tits state is DOWN\n"
                             "var\tNCCL_IB_HCA\tset\t=mlx5_0:1,mlx5_1:1\t2 of 3 ports\n"
                             "var\tNCCL_IB_TC\tunset\t\tthe site's file gives no traffic_class\n"
                             "var\tNCCL_DEBUG\tuser's\tINFO\tthe user has set it\n"
                             "var\tNCCL_CROSS_NIC\tset\t2\tas it goes best\n";

/* What the function printed, and what it returned. */
static char *text;
static size_t size;
static int count;

#define PRINTED(call)                                                                              \
    do {                                                                                           \
        free(text);                                                                                \
        text = NULL;                                                                               \
        FILE *out = open_memstream(&text, &size);                                                  \
        assert_non_null(out);                                                                      \
        count = (call);                                                                            \
        fclose(out);                                                                               \
    } while (0)

static int end(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static int print_all(FILE *out, const char *node)
{
    network_print(out, node);
    return 0;
}

static void test_fields(void **state)
{
    (void)state;
    char value[32];
    const char *cursor = node_a, *line = network_next(&cursor, "port");
    network_field(line, 0, value, sizeof value);
    assert_string_equal(value, "mlx5_0:1");
    network_field(line, 6, value, sizeof value);
    assert_string_equal(value, "10.1.0.1");
    network_field(line, 7, value, sizeof value); /* the line's last, empty: not the next line's */
    assert_string_equal(value, "");
    network_field(line, 20, value, sizeof value);
    assert_string_equal(value, "");
    assert_non_null(network_next(&cursor, "port"));
    assert_non_null(network_next(&cursor, "port"));
    assert_null(network_next(&cursor, "port"));
    cursor = "portx\t1\nport";
    assert_null(network_next(&cursor, "port"));
}

static void test_tables(void **state)
{
    (void)state;
    PRINTED(print_all(out, node_a));
    assert_contains(text, " mlx5_1:1          yes   eth2          400     1  3 10.1.0.2            -\n");
    assert_contains(text, " mlx5_2:1          no    -               0     1  -                     its state is DOWN\n");
    assert_contains(text, " NCCL_IB_HCA                   set     =mlx5_0:1,mlx5_1:1    2 of 3 ports\n");
    assert_contains(text, " NCCL_IB_TC                    unset   -                     the site's file");
    PRINTED(print_all(out, ""));
    assert_string_equal(text, "");
}

static void test_short_form(void **state)
{
    (void)state;
    char line[200];
    network_short(node_a, line, sizeof line);
    assert_string_equal(line, "NCCL_IB_HCA==mlx5_0:1,mlx5_1:1 NCCL_DEBUG=INFO NCCL_CROSS_NIC=2");
    network_short(node_a, line, 30); /* whole variables, or none of it */
    assert_string_equal(line, "NCCL_DEBUG=INFO");
    network_short("", line, sizeof line);
    assert_string_equal(line, "");
}

static void test_warnings_name_the_host(void **state)
{
    (void)state;
    PRINTED(network_warn(out, "a", node_a));
    assert_int_equal(count, 1);
    assert_string_equal(text, "warning: a: mlx5_2:1 is DOWN and carries nothing\n");
}

static void test_nodes_that_differ(void **state)
{
    (void)state;
    static const char one[] = "rate\t400\nport\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.3\t\n";
    static const char slow[] = "rate\t600\nport\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.3\t\n"
                               "port\tmlx5_1:1\tyes\teth2\t200\t0\t3\t10.1.0.4\t\n";
    static const char other[] = "rate\t800\nport\tmlx5_4:1\tno\teth4\t100\t0\t\t\tstorage\n"
                                "port\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.3\t\n"
                                "port\tmlx5_1:1\tyes\teth2\t400\t0\t5\t10.1.0.4\t\n";
    static const char six[] = "rate\t800\nport\tmlx5_0:1\tyes\teth1\t400\t0\t3\tfd00::3\t\n"
                              "port\tmlx5_1:1\tyes\teth2\t400\t0\t3\t10.1.0.4\t\n";
    PRINTED(network_compare(out, "a", node_a, "a", node_a));
    assert_int_equal(count, 0);
    PRINTED(network_compare(out, "b", one, "a", node_a));
    assert_int_equal(count, 1);
    assert_string_equal(text, "warning: b: 1 port carry 400 Gb/s, 2 ports of a 800\n");
    PRINTED(network_compare(out, "b", slow, "a", node_a));
    assert_string_equal(text, "warning: b: 2 ports carry 600 Gb/s, 2 ports of a 800\n");
    PRINTED(network_compare(out, "b", other, "a", node_a));
    assert_int_equal(count, 1);
    assert_contains(text, "the GID of mlx5_1:1 has index 5, that of mlx5_1:1 of a has 3");
    PRINTED(network_compare(out, "b", six, "a", node_a));
    assert_int_equal(count, 1);
    assert_contains(text, "mlx5_0:1 has the GID fd00::3, but mlx5_0:1 of a has 10.1.0.1");
    PRINTED(network_compare(out, "b", "", "a", node_a));
    assert_int_equal(count, 0);
}

static void test_what_a_task_really_has(void **state)
{
    (void)state;
    PRINTED(network_check(out, 3, "b", node_a,
                          "NCCL_CROSS_NIC=2\nNCCL_DEBUG=WARN\nNCCL_IB_HCA==mlx5_0:1,mlx5_1:1\n"));
    assert_int_equal(count, 0); /* the user's own may be what it likes */
    PRINTED(network_check(out, 3, "b", node_a, "NCCL_CROSS_NIC=22\nNCCL_IB_HCAX=1\n"));
    assert_int_equal(count, 2);
    assert_contains(text, "rank 3 on b has no NCCL_IB_HCA, not =mlx5_0:1,mlx5_1:1:");
    assert_contains(text, "rank 3 on b has NCCL_CROSS_NIC=22, not 2:");
}

static void test_json(void **state)
{
    (void)state;
    json_t *all = network_json(node_a), *ports = json_object_get(all, "ports");
    assert_int_equal(json_integer_value(json_object_get(all, "rate_gbps")), 800);
    assert_int_equal(json_array_size(ports), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(ports, 2), "why_not")),
                        "its state is DOWN");
    json_t *first = json_array_get(json_object_get(all, "variables"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "value")), "=mlx5_0:1,mlx5_1:1");
    assert_int_equal(json_array_size(json_object_get(all, "warnings")), 1);
    json_decref(all);
    all = network_json("");
    assert_int_equal(json_object_size(all), 0);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test_teardown(test_tables, end),
        cmocka_unit_test(test_short_form),
        cmocka_unit_test_teardown(test_warnings_name_the_host, end),
        cmocka_unit_test_teardown(test_nodes_that_differ, end),
        cmocka_unit_test_teardown(test_what_a_task_really_has, end),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
