/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as sysfs tells them: counted as people do, with rates, link layers, GIDs; and what is odd
 * or missing. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "node/nic.h"
#include "tests/unit/node/machine_tree.h"

static struct tree tree;

static int make_root(void **state)
{
    (void)state;
    return tree_create(&tree);
}

static int remove_root(void **state)
{
    (void)state;
    tree_remove(&tree);
    return 0;
}

static void lines(const char *const *line)
{
    for (; *line != NULL; line++)
        assert_int_equal(tree_line(&tree, *line), 1);
}

static struct nic_list *list_read(void)
{
    struct sft_error err = {""};
    struct nic_list *n = nic_list_create(tree.root, &err);
    assert_non_null(n);
    return n;
}

static void test_a_node_with_several(void **state)
{
    (void)state;
    static const char *const machine[] = {
        "nic 0000:15/15:01.0/19:00.0 numa=1 rdma=mlx5_10:up net=eth1:up pcie=16x8/32x16",
        "nic 0000:26/26:01.0/2a:00.0 numa=0 rdma=mlx5_2:up,down net=eth2:up,eth3:down rate=200 "
        "model=101d",
        "nic 0000:3a/3a:01.0/3e:00.0 numa=0 class=0207 rdma=mlx5_bond_0:up rate=100",
        "route eno1",
        NULL,
    };
    lines(machine);
    struct nic_list *n = list_read();
    assert_int_equal(n->count, 4);
    static const char *const devices[] = {"mlx5_2", "mlx5_2", "mlx5_10", "mlx5_bond_0"};
    static const int rates[] = {200, 200, 400, 100};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(n->port[i].device, devices[i]);
        assert_int_equal(n->port[i].rate, rates[i]);
    }
    assert_int_equal(n->port[1].port, 2);
    assert_true(n->port[0].active && !n->port[1].active);
    assert_string_equal(n->port[1].state, "DOWN");
    assert_string_equal(n->port[0].netdev, "eth2");
    assert_string_equal(n->port[1].netdev, "eth3");
    assert_true(n->port[3].link == NIC_INFINIBAND && n->port[0].link == NIC_ETHERNET);
    assert_true(n->port[3].bond && !n->port[2].bond);
    assert_int_equal(n->port[2].numa, 1);
    assert_string_equal(n->port[2].pci.address, "0000:19:00.0");
    assert_int_equal(n->port[0].model, 0x101d);
    assert_true(n->port[2].pcie.speed == 16 && n->port[2].pcie.max_speed == 32);
    assert_true(n->port[2].pcie.width == 8 && n->port[2].pcie.max_width == 16);
    assert_string_equal(n->route.netdev, "eno1");
    nic_list_destroy(n);
}

/* fe80:: and the address as v1 and v2, then zeros to the table's end. */
static void test_gids(void **state)
{
    (void)state;
    static const char *const machine[] = {
        "nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up ip=10.9.8.7",
        "nic 0000:26/26:01.0/2a:00.0 numa=0 rdma=mlx5_1:up net=eth2:up types=unknown",
        "nic 0000:3a/3a:01.0/3e:00.0 numa=0 rdma=mlx5_2:up net=eth3:up types=none",
        NULL,
    };
    char text[GID_TEXT];
    lines(machine);
    struct nic_list *n = list_read();
    const struct gid_table *gids = &n->port[0].gids;
    assert_int_equal(gids->count, 4);
    assert_int_equal(gids->length, 16);
    assert_true(gids->gid[0].type == GID_V1 && gids->gid[3].type == GID_V2);
    assert_string_equal(gid_print(gids->gid[3].raw, text, sizeof text), "10.9.8.7");
    assert_string_equal(gids->gid[3].netdev, "eth1");
    assert_int_equal(n->port[1].gids.gid[3].type, GID_UNKNOWN);
    assert_int_equal(n->port[2].gids.gid[3].type, GID_MISSING);
    nic_list_destroy(n);
}

/* Zeros in front of the first usable one do not end the table, however many: a container sees its
 * host's so. Behind it a gap of 63 does not, either. */
static void test_gaps(void **state)
{
    (void)state;
    static const char *const machine[] = {
        "nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up ip=none",
        "gid mlx5_0:1 120 10.9.8.7 v2 eth1",
        "gid mlx5_0:1 183 10.9.8.8 v2 eth1",
        NULL,
    };
    char path[64];
    lines(machine);
    for (int i = 16; i < 200; i++) {
        snprintf(path, sizeof path, "sys/class/infiniband/mlx5_0/ports/1/gids/%d", i);
        if (i != 120 && i != 183)
            tree_write(&tree, "0000:0000:0000:0000:0000:0000:0000:0000\n", "%s", path);
    }
    struct nic_list *n = list_read();
    assert_int_equal(n->port[0].gids.count, 4);
    assert_int_equal(n->port[0].gids.gid[2].index, 120);
    assert_int_equal(n->port[0].gids.gid[3].index, 183);
    nic_list_destroy(n);
}

static void test_the_default_routes_interfaces(void **state)
{
    (void)state;
    static const char *const machine[] = {
        "nic 0000:15/15:01.0/19:00.0 numa=0 rdma=mlx5_0:up net=eth1:up",
        "nic 0000:26/26:01.0/2a:00.0 numa=0 rdma=mlx5_1:up net=eth2:up",
        "net bond0:up lower=eth1 slaves=eth1",
        "net vlan7:up lower=bond0",
        "route6 vlan7",
        NULL,
    };
    lines(machine);
    struct nic_list *n = list_read();
    assert_string_equal(n->route.netdev, "vlan7");
    assert_true(n->route.up);
    assert_true(nic_route_uses(&n->route, &n->port[0]));
    assert_false(nic_route_uses(&n->route, &n->port[1]));
    nic_list_destroy(n);
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct nic_list *n = list_read();
    assert_int_equal(n->count, 0);
    assert_string_equal(n->route.netdev, "");
    assert_false(n->route.up);
    nic_list_destroy(n);
}

/* Two GPUs in the order of their addresses; what the driver has of its own is none, and 255 lanes
 * are none known. */
static void test_links_of_gpus(void **state)
{
    (void)state;
    tree_write(&tree, "16\n", "sys/bus/pci/drivers/nvidia/0000:9a:00.0/max_link_width");
    tree_write(&tree, "255\n", "sys/bus/pci/drivers/nvidia/0000:9a:00.0/current_link_width");
    tree_write(&tree, "16\n", "sys/bus/pci/drivers/nvidia/0000:18:00.0/max_link_width");
    tree_write(&tree, "4\n", "sys/bus/pci/drivers/nvidia/0000:18:00.0/current_link_width");
    tree_write(&tree, "", "sys/bus/pci/drivers/nvidia/new_id");
    tree_write(&tree, "", "sys/bus/pci/drivers/nvidia/bad");
    tree_write(&tree, "4\n", "sys/bus/pci/drivers/nvidia/0000:18:00.0 evil/current_link_width");
    struct nic_list *n = list_read();
    assert_int_equal(n->gpus, 2);
    assert_string_equal(n->gpu[0].pci, "0000:18:00.0");
    assert_int_equal(n->gpu[0].width, 4);
    assert_int_equal(n->gpu[0].max_width, 16);
    assert_string_equal(n->gpu[1].pci, "0000:9a:00.0");
    assert_int_equal(n->gpu[1].width, 0);
    nic_list_destroy(n);
}

/* A FIFO must not be waited for, nor a huge, binary or unreadable file harm, nor a link to itself.
 */
static void test_odd_files(void **state)
{
    (void)state;
    char path[128], *huge = malloc(1 << 20);
    assert_non_null(huge);
    memset(huge, 'A', 1 << 20);
    huge[(1 << 20) - 1] = '\0';
    tree_write(&tree, huge, "sys/class/infiniband/mlx5_0/ports/1/state");
    tree_write(&tree, huge, "sys/class/infiniband/mlx5_0/ports/1/rate");
    tree_write(&tree, huge, "sys/class/infiniband/mlx5_0/ports/1/gids/0");
    tree_write(&tree, "\xff\xfe\n", "sys/class/infiniband/mlx5_0/ports/1/link_layer");
    tree_write(&tree, "../../evil name\n", "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0");
    tree_write(&tree, "", "sys/class/infiniband/mlx5_0/ports/none/state");
    tree_write(&tree, huge, "proc/net/route");
    tree_write(&tree, "4: ACTIVE\n", "sys/class/infiniband/mlx5_1/ports/1/link_layer");
    tree_write(&tree, "255\n", "sys/class/infiniband/mlx5_1/device/max_link_width");
    tree_write(&tree, "4: ACTIVE\n", "sys/class/infiniband/bad name/ports/1/state");
    snprintf(path, sizeof path, "%s/sys/class/infiniband/mlx5_1/ports/1/state", tree.root);
    assert_int_equal(mkfifo(path, 0644), 0);
    snprintf(path, sizeof path, "%s/sys/class/infiniband/mlx5_1/ports/1/gids", tree.root);
    assert_int_equal(symlink("gids", path), 0);
    struct nic_list *n = list_read();
    assert_int_equal(n->count, 2);
    assert_true(!n->port[0].active && !n->port[1].active && n->port[0].rate == 0);
    assert_int_equal(n->port[0].gids.count, 0);
    assert_int_equal(n->port[1].pcie.max_width, 0);
    assert_string_equal(n->port[0].netdev, "");
    nic_list_destroy(n);
    free(huge);
}

static void test_rates_and_routes(void **state)
{
    (void)state;
    char name[NIC_IF];
    assert_int_equal(nic_rate_parse("100 Gb/sec (4X EDR)"), 100);
    assert_int_equal(nic_rate_parse("2.5 Gb/sec (1X SDR)"), 2);
    assert_int_equal(nic_rate_parse("fast"), 0);
    assert_int_equal(nic_rate_parse("-1 Gb/sec"), 0);
    assert_int_equal(nic_rate_parse("400"), 0);
    static const char v4[] =
        "eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n" /* not up */
        "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
        "eth2\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        "eth3\t00000000\t0101A8C0\t0003\t0\t0\t1\t00FFFFFF\t0\t0\t0";
    nic_route_parse(v4, sizeof v4 - 1, name);
    assert_string_equal(name, "eth2"); /* the least metric of those that are up and default */
    static const char v6[] =
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eno1\n";
    nic_route6_parse(v6, sizeof v6 - 1, name);
    assert_string_equal(name, "eno1");
    static const char other[] = "fd000000000000000000000000000000 08 0 0 0 0 0 0 00000001 eth0\n";
    nic_route6_parse(other, sizeof other - 1, name);
    assert_string_equal(name, "");
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOT(test_a_node_with_several),
        WITH_ROOT(test_gids),
        WITH_ROOT(test_gaps),
        WITH_ROOT(test_the_default_routes_interfaces),
        WITH_ROOT(test_nothing_there),
        WITH_ROOT(test_links_of_gpus),
        WITH_ROOT(test_odd_files),
        cmocka_unit_test(test_rates_and_routes),
    };
    return cmocka_run_group_tests_name("nic", tests, NULL, NULL);
}
