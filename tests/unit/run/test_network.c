/* SPDX-License-Identifier: Apache-2.0 */
/* What explain and the job's log make of the plugin's word on a node's network. */
#include "tests/unit/unit.h"

#include "job/run/network.h"

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

#define NOTED(call)                                                                                \
    do {                                                                                           \
        struct notes *notes = notes_create();                                                      \
        assert_non_null(notes);                                                                    \
        call;                                                                                      \
        PRINTED(notes_print(notes, out, "", 0));                                                   \
        notes_destroy(notes);                                                                      \
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
    said_print(out, node);
    return 0;
}

static void test_fields(void **state)
{
    (void)state;
    char value[32];
    const char *cursor = node_a, *line = said_next(&cursor, "port");
    said_field(line, 0, value, sizeof value);
    assert_string_equal(value, "mlx5_0:1");
    said_field(line, 6, value, sizeof value);
    assert_string_equal(value, "10.1.0.1");
    said_field(line, 7, value, sizeof value); /* the line's last, empty: not the next line's */
    assert_string_equal(value, "");
    said_field(line, 20, value, sizeof value);
    assert_string_equal(value, "");
    assert_non_null(said_next(&cursor, "port"));
    assert_non_null(said_next(&cursor, "port"));
    assert_null(said_next(&cursor, "port"));
    cursor = "portx\t1\nport";
    assert_null(said_next(&cursor, "port"));
}

static void test_tables(void **state)
{
    (void)state;
    PRINTED(print_all(out, node_a));
    assert_contains(text,
                    " mlx5_1:1          yes   eth2          400     1  3 10.1.0.2            -\n");
    assert_contains(text, " mlx5_2:1          no    -               0     1  -                     "
                          "its state is DOWN\n");
    assert_contains(text,
                    " NCCL_IB_HCA                   set      =mlx5_0:1,mlx5_1:1    2 of 3 ports\n");
    assert_contains(
        text, " NCCL_IB_TC                    unset    -                     the site's file");
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
    NOTED(network_notes(notes, "a", node_a));
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
    NOTED(network_compare(notes, "a", node_a, "a", node_a));
    assert_int_equal(count, 0);
    NOTED(network_compare(notes, "b", one, "a", node_a));
    assert_int_equal(count, 1);
    assert_string_equal(text, "warning: b: 1 port carry 400 Gb/s, 2 ports of a 800\n");
    NOTED(network_compare(notes, "b", slow, "a", node_a));
    assert_string_equal(text, "warning: b: 2 ports carry 600 Gb/s, 2 ports of a 800\n");
    NOTED(network_compare(notes, "b", other, "a", node_a));
    assert_int_equal(count, 1);
    assert_contains(text, "the GID of mlx5_1:1 has index 5, that of mlx5_1:1 of a has 3");
    NOTED(network_compare(notes, "b", six, "a", node_a));
    assert_int_equal(count, 1);
    assert_contains(text, "mlx5_0:1 has the GID fd00::3, but mlx5_0:1 of a has 10.1.0.1");
    NOTED(network_compare(notes, "b", "", "a", node_a));
    assert_int_equal(count, 0);
}

/* The environment that network_now sees: NAME=VALUE lines. */
static const char *environment;

static char *get(const char *name)
{
    static char values[8][512]; /* as many are held at a time */
    static int next;
    char *value = values[next = (next + 1) % 8];
    size_t length = strlen(name);
    for (const char *line = environment; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            snprintf(value, sizeof values[0], "%.*s", (int)strcspn(line + length + 1, "\n"),
                     line + length + 1);
            return value;
        }
    return NULL;
}

static const char *now(const char *node, const char *lines)
{
    static char said[SAID_FABRIC];
    environment = lines;
    snprintf(said, sizeof said, "%s", node);
    network_now(said, get);
    return said;
}

static const char whole[] = "rate\t800\n"
                            "warn\tNCCL_IB_HCA=old of the user takes none\t0\n"
                            "warn\tmlx5_2:1 is DOWN and carries nothing\t1\n"
                            "var\tNCCL_IB_HCA\tset\t=mlx5_0:1,mlx5_1:1\t2 of 3 ports\n"
                            "var\tNCCL_SOCKET_IFNAME\tset\t=eno1\tthe default route's interface\n"
                            "var\tNCCL_IB_TC\tunset\t\tthe site's file gives no traffic_class\n"
                            "var\tNCCL_DEBUG\tuser's\tINFO\tthe user has set it\n"
                            "var\tNCCL_PROTO\tuser's\tLL\t/home/u/.nccl.conf\n"
                            "port\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.1\t\tup\teth\t\n"
                            "port\tmlx5_1:1\tyes\teth2\t400\t1\t3\t10.1.0.2\t\tup\teth\t\n"
                            "port\tmlx5_2:1\tno\t\t0\t1\t\t\tits state is DOWN\tdown\teth\t\n"
                            "port\tmlx5_9:1\tno\tstor0\t100\t1\t\t\tstorage?\tup\teth\t\n"
                            "ifs\teno1:up,eno2:down,eth1:up\n";
#define SAME "NCCL_IB_HCA==mlx5_0:1,mlx5_1:1\nNCCL_SOCKET_IFNAME==eno1\nNCCL_DEBUG=INFO\n"

static void test_what_nobody_changed_stays(void **state)
{
    (void)state;
    assert_string_equal(now(whole, SAME), whole); /* NCCL_PROTO is in a file of NCCL's */
    assert_string_equal(now("", "NCCL_DEBUG=WARN\n"), "");
}

static void test_what_a_task_really_has(void **state)
{
    (void)state;
    const char *said =
        now(whole, "NCCL_IB_HCA=mlx5_9\nNCCL_SOCKET_IFNAME==eno1\nNCCL_DEBUG=WARN\nNCCL_IB_TC=41\n"
                   "NCCL_PROTO=Simple\n");
    assert_contains(said, "rate\t100\n");
    assert_contains(
        said,
        "warn\tNCCL_IB_HCA=mlx5_9, not =mlx5_0:1,mlx5_1:1: something changed it after the plugin");
    assert_contains(said, "warn\tNCCL_DEBUG=WARN, not INFO: something changed it");
    assert_contains(said, "warn\tNCCL_IB_TC=41, which was not set: something changed it");
    assert_contains(said, "warn\tNCCL_PROTO=Simple, not LL: something changed it");
    assert_null(strstr(said, "NCCL_IB_HCA=old"));
    assert_contains(said, "warn\tmlx5_2:1 is DOWN");
    assert_contains(
        said, "var\tNCCL_IB_HCA\tchanged\tmlx5_9\twas =mlx5_0:1,mlx5_1:1 when the plugin looked\n");
    assert_contains(said, "var\tNCCL_IB_TC\tchanged\t41\tnot set when the plugin looked\n");
    assert_contains(
        said, "port\tmlx5_0:1\tno\teth1\t400\t0\t\t\tnot by the variables that were changed\t");
    assert_contains(said, "port\tmlx5_9:1\tyes\tstor0\t100\t1\t\t\t\tup\t");
    said = now(whole, "NCCL_SOCKET_IFNAME==eno1\nNCCL_DEBUG=INFO\n");
    assert_contains(said,
                    "warn\tNCCL_IB_HCA is gone, not =mlx5_0:1,mlx5_1:1: something changed it");
    assert_contains(said, "rate\t900\n"); /* NCCL takes what it finds */
}

static void test_what_was_changed_is_judged(void **state)
{
    (void)state;
    const char *said = now(
        whole, "NCCL_IB_HCA=ibp\nNCCL_SOCKET_IFNAME=eno2\nNCCL_DEBUG=INFO\nNCCL_P2P_DISABLE=1\n");
    assert_contains(
        said,
        "NCCL_IB_HCA=ibp of a TaskProlog or wrapper takes none of this node's ports (mlx5_0, ");
    assert_contains(
        said,
        "NCCL_SOCKET_IFNAME=eno2 of a TaskProlog or wrapper: no such interface of this node is up");
    assert_contains(said, "NCCL_P2P_DISABLE=1, which was not set");
    assert_contains(said, "var\tNCCL_P2P_DISABLE\tchanged\t1\t");
    said = now(whole, SAME "NCCL_IB_DISABLE=1\n");
    assert_contains(said, "NCCL_IB_DISABLE=1 of a TaskProlog or wrapper: sockets in place of RDMA");
    assert_contains(said, "rate\t0\n");
    assert_null(strstr(said, "\tyes\t"));
    char cut[2048];
    snprintf(cut, sizeof cut, "%scut\tyes\n", whole);
    said = now(cut, "NCCL_IB_HCA=ibp\nNCCL_SOCKET_IFNAME==eno1\nNCCL_DEBUG=INFO\n");
    assert_contains(said, "NCCL_IB_HCA=ibp, not =mlx5_0:1,mlx5_1:1");
    assert_null(strstr(said, "takes none")); /* the ports that are told may not be all */
}

static void test_many_nodes_one_line(void **state)
{
    (void)state;
    struct notes *notes = notes_create();
    char host[16];
    for (int i = 0; i < 9; i++) {
        snprintf(host, sizeof host, "n%d", i);
        network_notes(notes, host, whole);
        network_notes(notes, host, whole); /* two ranks */
    }
    notes_add(notes, 0, "n3", "%s", "alone");
    notes_add(notes, 2, "", "%s", "rank 7 on n3 has less");
    PRINTED(notes_print(notes, out, "job: ", 0));
    assert_int_equal(count, 4);
    assert_string_equal(
        text,
        "job: warning: 9 nodes (n0, n1, n2, n3, ...): NCCL_IB_HCA=old of the user takes none\n"
        "job: warning: n3: alone\n"
        "job: warning: 9 nodes (n0, n1, n2, n3, ...): mlx5_2:1 is DOWN and carries nothing\n"
        "job: warning: rank 7 on n3 has less\n");
    PRINTED(notes_print(notes, out, "", 1));
    assert_int_equal(count, 4);
    assert_string_equal(
        text, "warning: 9 nodes (n0, n1, n2, n3, ...): NCCL_IB_HCA=old of the user takes none\n");
    notes_destroy(notes);
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
        cmocka_unit_test(test_what_nobody_changed_stays),
        cmocka_unit_test(test_what_a_task_really_has),
        cmocka_unit_test(test_what_was_changed_is_judged),
        cmocka_unit_test_teardown(test_many_nodes_one_line, end),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
