/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL's variables: which ports, what only a site may say, what is warned of; and that a user's own
 * value survives, of every variable. Whole machines stand in test_fabric_machines. */
#include "tests/unit/unit.h"

#include "node/fabric_files.h"
#include "node/said.h"
#include "tests/unit/node/fabric_case.h"

#define TWO                                                                                        \
    "nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up ip=10.1.0.1\n"                  \
    "nic 0000:26/26:01.0/2a:00.0 numa=1 rdma=mlx5_10:up net=eth2:up ip=10.1.0.2\n"                 \
    "nic 0000:5e/5e:02.0/5f:00.0 numa=0 net=eno1:up\n"                                             \
    "route eno1\n"

static struct fabric_case made;

static void decide(const char *text)
{
    fabric_case_remove(&made);
    if (fabric_case_parse(&made, text, NULL) < 0 || made.fabric == NULL)
        fail_msg("no decision:\n%s", text);
}

static int end(void **state)
{
    (void)state;
    fabric_case_remove(&made);
    memset(&made, 0, sizeof made);
    return 0;
}

/* value NULL: left alone. */
static void assert_row(const char *name, const char *value)
{
    const struct fabric_variable *v = fabric_find(made.fabric, name);
    if (v == NULL || v->decision != (value != NULL ? FABRIC_SET : FABRIC_UNSET) ||
        strcmp(v->value, value != NULL ? value : "") != 0 || v->reason[0] == '\0')
        fail_msg("%s is '%s' (%s: %s), not '%s'", name, v == NULL ? "missing" : v->value,
                 v == NULL ? "" : fabric_decision_name(v->decision), v == NULL ? "" : v->reason,
                 value != NULL ? value : "left alone");
}

static bool warned(const char *part)
{
    for (int i = 0; i < made.fabric->warnings; i++)
        if (strstr(made.fabric->warning[i], part) != NULL)
            return true;
    return false;
}

static void assert_warned(int count, const char *part)
{
    if (made.fabric->warnings != count || !warned(part))
        fail_msg("%d warnings, first: %s; not %d and '%s'", made.fabric->warnings,
                 made.fabric->warning[0], count, part);
}

static void test_two_nics(void **state)
{
    (void)state;
    static const char *const left[] = {
        "NCCL_IB_GID_INDEX",
        "NCCL_IB_ADDR_FAMILY",
        "NCCL_IB_ADDR_RANGE",
        "NCCL_IB_ROCE_VERSION_NUM",
        "NCCL_IB_TC",
        "NCCL_IB_ADAPTIVE_ROUTING",
        "NCCL_IB_QPS_PER_CONNECTION",
        "NCCL_IB_SPLIT_DATA_ON_QPS",
        "NCCL_NET",
        "NCCL_NET_PLUGIN",
        "NCCL_TOPO_FILE",
        "NCCL_ALGO",
        "NCCL_PROTO",
        "NCCL_BUFFSIZE",
        "NCCL_NVLS_ENABLE",
        "NCCL_IB_SL",
        "NCCL_NET_GDR_LEVEL",
        "NCCL_IB_PCI_RELAXED_ORDERING",
    };
    decide(TWO "fabric nodes=2\n");
    assert_row("NCCL_IB_HCA", "=mlx5_0:1,mlx5_10:1");
    assert_row("NCCL_SOCKET_IFNAME", "=eno1");
    assert_row("NCCL_CROSS_NIC", "2");
    assert_row("NCCL_IGNORE_CPU_AFFINITY", "0");
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        assert_row(left[i], NULL);
    assert_int_equal(made.fabric->warnings, 0);
    assert_int_equal(made.fabric->rate, 800);
    assert_int_equal(made.fabric->port[0].gid, 3);
}

static void test_one_node_needs_no_network(void **state)
{
    (void)state;
    decide(TWO "fabric nodes=1\n");
    assert_row("NCCL_IB_HCA", NULL);
    assert_row("NCCL_SOCKET_IFNAME", "=eno1");
    decide("route eno1\nfabric nodes=1\n");
    assert_int_equal(made.fabric->warnings, 0);
    decide("route eno1\nfabric nodes=2\n");
    assert_true(warned("sockets, and the figure will be poor"));
}

/* The only port is the default route's: it must do. */
static void test_one_port_for_everything(void **state)
{
    (void)state;
    decide("nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eno1:up\nroute eno1\nfabric "
           "nodes=2\n");
    assert_row("NCCL_IB_HCA", "=mlx5_0:1");
}

static void test_old_nccl_is_told_its_entry(void **state)
{
    (void)state;
    decide(TWO "fabric nodes=2 nccl=22005\n");
    assert_row("NCCL_IB_GID_INDEX", "3");
    assert_row("NCCL_IB_ADDR_RANGE", NULL);
    decide(TWO
           "gid mlx5_0:1 1 10.1.0.1 v2 eth1\nfabric nodes=2 nccl=22005\n"); /* v2's is 1 there */
    assert_row("NCCL_IB_GID_INDEX", NULL);
    assert_warned(1, "another GID index");
    decide(TWO "fabric nodes=2 nccl=22100\n");
    assert_row("NCCL_IB_GID_INDEX", NULL);
}

static void test_addresses(void **state)
{
    (void)state;
    decide("nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up ip=fd00::7\nroute6 eth1\n"
           "fabric nodes=2\n");
    assert_row("NCCL_IB_ADDR_FAMILY", "AF_INET6");
    assert_row("NCCL_IB_ADDR_RANGE", NULL);
    decide("nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up "
           "ip=10.1.0.1,172.16.0.1\nroute eth1\n"
           "site fabric_addresses = fd00::/8,172.16.0.0/12\nfabric nodes=2\n");
    assert_row("NCCL_IB_ADDR_RANGE", "172.16.0.0/12");
    assert_int_equal(made.fabric->port[0].gid, 5);
}

/* A port outside of the site's networks is left out; with none inside, NCCL's default stands with a
 * warning. */
static void test_ranges_choose_ports(void **state)
{
    (void)state;
    decide(TWO "site fabric_addresses = 10.1.0.1/32\nfabric nodes=2\n");
    assert_row("NCCL_IB_HCA", "=mlx5_0:1");
    decide(TWO "site fabric_addresses = 192.168.0.0/16\nfabric nodes=2\n");
    assert_row("NCCL_IB_HCA", "=mlx5_0:1,mlx5_10:1");
    assert_true(warned("no RoCE v2 GID with an address in fabric_addresses"));
}

static void test_the_sites_part(void **state)
{
    (void)state;
    decide(TWO "site fabric = spectrum-x\nsite fabric_exclude = mlx5_1,eth2\nsite socket_interface "
               "= eth1\n"
               "site net_plugin = spcx\nsite topo_file = /etc/topo.xml\nsite traffic_class = 96\n"
               "site qps_per_connection = 2\nsite split_data_on_qps = 1\nsite cross_nic = 0\n"
               "site nccl_env = NCCL_DEBUG=WARN\nsite nccl_env = NCCL_ALGO=Ring\nfabric nodes=2\n");
    assert_row("NCCL_IB_HCA", "=mlx5_0:1");
    assert_row("NCCL_SOCKET_IFNAME", "=eth1");
    assert_row("NCCL_IB_TC", "96");
    assert_row("NCCL_IB_ADAPTIVE_ROUTING", "1");
    assert_row("NCCL_IB_QPS_PER_CONNECTION", "2");
    assert_row("NCCL_IB_SPLIT_DATA_ON_QPS", "1");
    assert_row("NCCL_CROSS_NIC", "0");
    assert_row("NCCL_NET_PLUGIN", "spcx");
    assert_row("NCCL_TOPO_FILE", "/etc/topo.xml");
    assert_row("NCCL_DEBUG", "WARN");
    assert_row("NCCL_ALGO", "Ring");
    assert_true(warned("/etc/topo.xml"));
    assert_true(warned("NCCL_ALGO=Ring of the site's file leaves out NVLS"));
    decide(TWO "site fabric = spectrum-x\nsite adaptive_routing = 0\nsite traffic_class = "
               "96\nfabric nodes=2\n");
    assert_row("NCCL_IB_ADAPTIVE_ROUTING", "0");
    assert_int_equal(made.fabric->warnings, 0);
}

static void test_verification_does_not_fall_back(void **state)
{
    (void)state;
    decide(TWO "fabric nodes=2 verify=1\n");
    assert_row("NCCL_NET", "IB");
}

/* Whatever would be set or left, by us or by the site: the user's value stands, an empty one too.
 */
static void test_the_users_own_survive(void **state)
{
    (void)state;
    static const char *const values[] = {"mine", ""};
    char text[2048], names[FABRIC_VARIABLES][64];
    decide(TWO "site nccl_env = NCCL_DEBUG=WARN\nfabric nodes=2\n");
    int rows = made.fabric->variables;
    assert_true(rows == 23);
    for (int i = 0; i < rows; i++)
        strcpy(names[i], made.fabric->variable[i].name);
    for (int i = 0; i < 2 * rows; i++) {
        const char *name = names[i / 2], *value = values[i % 2];
        snprintf(text, sizeof text,
                 TWO "env %s=%s\nsite nccl_env = %s=site's\nsite nccl_env = NCCL_DEBUG=WARN\n"
                     "fabric nodes=2\n",
                 name, value, name);
        decide(text);
        const struct fabric_variable *v = fabric_find(made.fabric, name);
        if (v->decision != FABRIC_KEPT || strcmp(v->value, value) != 0)
            fail_msg("%s is '%s'", name, v->value);
        assert_string_equal(v->reason, "the user has set it");
        assert_int_equal(made.fabric->variables, rows);
    }
}

static void test_what_does_nothing_or_harm_is_warned_of(void **state)
{
    (void)state;
    static const char *const of_user[] = {
        "NCCL_IB_CUDA_SUPPORT=1", "NCCL_IB_GDR_LEVEL=3", "NCCL_TREE_THRESHOLD=0",
        "NCCL_IB_ECN_ENABLE=1",   "NCCL_ALGO=Ring,Tree", "NCCL_IB_GID_INDEX=3",
        "NCCL_IB_DISABLE=1",      "NCCL_NVLS_ENABLE=0",  "NCCL_NET=Socket"};
    static const char *const harmless[] = {
        "NCCL_ALGO=NVLS,Ring", "NCCL_ALGO=^Tree",    "NCCL_IB_HCA==mlx5_0:1", "NCCL_IB_HCA=mlx5_0",
        "NCCL_IB_DISABLE=0",   "NCCL_NVLS_ENABLE=1", "NCCL_DEBUG=INFO"};
    char text[1024], name[64];
    for (size_t i = 0; i < sizeof of_user / sizeof of_user[0]; i++) {
        snprintf(text, sizeof text, TWO "env %s\nfabric nodes=2\n", of_user[i]);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(of_user[i], "="), of_user[i]);
        decide(text);
        assert_warned(1, name);
    }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        snprintf(text, sizeof text, TWO "env %s\nfabric nodes=2\n", harmless[i]);
        decide(text);
        if (made.fabric->warnings != 0)
            fail_msg("%s: %s", harmless[i], made.fabric->warning[0]);
    }
    decide(TWO
           "nic 0000:3a/3a:01.0/3e:00.0 numa=0 rdma=mlx5_1:up net=eth3:up\nenv NCCL_IB_HCA=mlx5_1\n"
           "fabric nodes=2\n");
    assert_warned(1, "also matches mlx5_10");
}

/* A line that does not fit is left out whole, and nothing from outside breaks a line. */
static void test_what_another_process_reads(void **state)
{
    (void)state;
    char text[16384], small[200];
    decide(TWO "env NCCL_DEBUG_FILE=/tmp/a\tb\n"
               "site nccl_env = NCCL_DEBUG_FILE=x\nfabric nodes=2\n");
    said_write_fabric(made.fabric, text, sizeof text);
    assert_contains(text, "rate\t800\n");
    assert_contains(text, "port\tmlx5_0:1\tyes\teth1\t400\t0\t3\t10.1.0.1\t\tup\teth\t\n");
    assert_contains(text, "ifs\teno1:up,eth1:up,eth2:up\n");
    assert_null(strstr(text, "cut\t"));
    assert_contains(text, "var\tNCCL_IB_HCA\tset\t=mlx5_0:1,mlx5_10:1\t");
    assert_contains(text, "var\tNCCL_DEBUG_FILE\tuser's\t/tmp/a?b\tthe user has set it\n");
    said_write_fabric(made.fabric, small, sizeof small);
    size_t length = strlen(small);
    assert_true(length > 100 && length < sizeof small);
    assert_string_equal(small + length - strlen("\ncut\tyes\n"), "\ncut\tyes\n");
    for (char *line = strtok(small, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strcmp(line, "cut\tyes") == 0 || strstr(text, line) != NULL);
}

/* NCCL reads these files itself, the environment first, then the user's file, then the machine's.
 */
/* However many functions a card shows, the others are seen; and what is told stays short. */
static void test_hundreds_of_functions(void **state)
{
    (void)state;
    static char text[65536];
    size_t used = (size_t)sprintf(
        text, "nic 0000:5a/5a:01.0/5b:00.0 numa=1 rdma=mlx5_0:up net=eth0:up ip=10.0.0.5\n");
    for (int i = 1; i < 250; i++)
        used += (size_t)sprintf(
            text + used,
            "nic 0000:5a/5a:01.0/5b:%02x.%d numa=1 model=101e rdma=mlx5_%d:up ip=none\n", i / 8,
            i % 8, i);
    used += (size_t)sprintf(text + used, TWO
                            "nic 0000:27/27:01.0/2b:00.0 numa=0 rdma=mlx5_300:up net=eth3:up\n");
    memcpy(strstr(text + used - sizeof TWO - 60, "rdma=mlx5_0:"), "rdma=mlx6_0:", 12);
    memcpy(strstr(text + used - sizeof TWO - 60, "rdma=mlx5_10:"), "rdma=mlx6_10:", 13);
    sprintf(text + used, "site fabric_exclude = mlx5_0\nfabric nodes=2\n");
    decide(text);
    assert_row("NCCL_IB_HCA", "=mlx5_300:1,mlx6_0:1,mlx6_10:1");
    assert_int_equal(made.fabric->notes, 1);
    assert_contains(made.fabric->note[0], "249 virtual functions are left out");
    assert_int_equal(made.fabric->warnings, 0);
    said_write_fabric(made.fabric, text, SAID_FABRIC);
    assert_contains(text,
                    "port\tmlx5_1:1\tno\t\t400\t1\t\t\tvirtual function of mlx5_0\tup\teth\t248\n");
    assert_null(strstr(text, "cut\tyes"));
}

/* What repeats is one line; the most important stands first. */
static void test_lines_are_few_and_in_order(void **state)
{
    (void)state;
    char text[8192] = TWO "env NCCL_IB_DISABLE=1\n";
    for (int i = 0; i < 33; i++)
        sprintf(text + strlen(text),
                "nic 0000:5a/5a:01.0/%02x:00.0 numa=1 rdma=mlx5_%d:up net=e%d:up ip=none\n", i,
                20 + i, i);
    for (int i = 0; i < 5; i++)
        sprintf(text + strlen(text),
                "nic 0000:5b/5b:01.0/%02x:00.0 numa=1 rdma=mlx5_%d:down net=d%d:up\n", 64 + i,
                60 + i, i);
    strcat(text, "fabric nodes=2\n");
    decide(text);
    assert_int_equal(made.fabric->warnings, 3);
    assert_contains(made.fabric->warning[0], "NCCL_IB_DISABLE=1 of the user");
    assert_string_equal(made.fabric->warning[1],
                        "33 ports are up but have no address: mlx5_20:1, mlx5_21:1, mlx5_22:1, "
                        "mlx5_23:1, ...");
    assert_string_equal(made.fabric->warning[2],
                        "5 ports are DOWN and carry nothing: mlx5_60:1, mlx5_61:1, mlx5_62:1, "
                        "mlx5_63:1, ...");
}

/* A bridge of many virtual machines over the card of the default route. */
static void test_a_bridge_with_many(void **state)
{
    (void)state;
    char text[4096] = "nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=zeth1:up ip=10.1.0.1\n"
                      "nic 0000:26/26:01.0/2a:00.0 numa=1 rdma=mlx5_1:up net=zeth2:up ip=10.1.0.2\n"
                      "net br0:up lower=";
    strcat(text, "zeth1\n");
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "net tap%d:up\nnet br0:up lower=tap%d\n", i, i);
    strcat(text, "route br0\nfabric nodes=2\n");
    decide(text);
    assert_row("NCCL_IB_HCA", "=mlx5_1:1");
    assert_warned(1, "the default route goes by it");
}

static void test_nccls_own_files(void **state)
{
    (void)state;
    struct fabric_files files;
    const char *where = "";
    decide(TWO "fabric nodes=2\n");
    tree_write(&made.tree,
               "# a comment\nNCCL_IB_HCA=mlx5_7\nNCCL_IB_TC =1\nNCCL_IB_HCA=second\nNCCL_DEBUG=",
               "home/u/.nccl.conf");
    tree_write(&made.tree, "NCCL_IB_HCA=site\nNCCL_ALGO=Ring\n", "etc/nccl.conf");
    tree_write(&made.tree, "NCCL_PROTO=LL\n", "other.conf");
    fabric_files_read(&files, made.tree.root, "/home/u", NULL);
    assert_string_equal(fabric_files_get(&files, "NCCL_IB_HCA", &where), "mlx5_7");
    assert_string_equal(where, "/home/u/.nccl.conf");
    assert_string_equal(fabric_files_get(&files, "NCCL_ALGO", &where), "Ring");
    assert_string_equal(where, "/etc/nccl.conf");
    assert_string_equal(fabric_files_get(&files, "NCCL_DEBUG", &where), "");
    assert_null(fabric_files_get(&files, "NCCL_IB_TC", &where));
    assert_null(fabric_files_get(&files, "NCCL_IB", &where));
    fabric_files_clear(&files);
    fabric_files_read(&files, made.tree.root, "/home/u", "/other.conf");
    assert_string_equal(fabric_files_get(&files, "NCCL_PROTO", &where), "LL");
    assert_string_equal(fabric_files_get(&files, "NCCL_IB_HCA", &where), "site");
    fabric_files_clear(&files);
    fabric_files_read(&files, made.tree.root, NULL, "/no/such/file");
    assert_string_equal(fabric_files_get(&files, "NCCL_IB_HCA", &where), "site");
    fabric_files_clear(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_two_nics, end),
        cmocka_unit_test_teardown(test_one_node_needs_no_network, end),
        cmocka_unit_test_teardown(test_one_port_for_everything, end),
        cmocka_unit_test_teardown(test_old_nccl_is_told_its_entry, end),
        cmocka_unit_test_teardown(test_addresses, end),
        cmocka_unit_test_teardown(test_ranges_choose_ports, end),
        cmocka_unit_test_teardown(test_the_sites_part, end),
        cmocka_unit_test_teardown(test_verification_does_not_fall_back, end),
        cmocka_unit_test_teardown(test_the_users_own_survive, end),
        cmocka_unit_test_teardown(test_what_does_nothing_or_harm_is_warned_of, end),
        cmocka_unit_test_teardown(test_what_another_process_reads, end),
        cmocka_unit_test_teardown(test_hundreds_of_functions, end),
        cmocka_unit_test_teardown(test_lines_are_few_and_in_order, end),
        cmocka_unit_test_teardown(test_a_bridge_with_many, end),
        cmocka_unit_test_teardown(test_nccls_own_files, end),
    };
    return cmocka_run_group_tests_name("fabric", tests, NULL, NULL);
}
