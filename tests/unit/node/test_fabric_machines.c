/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions on described machines beside the reviewed ones. */
#include "tests/unit/reviewed.h"

#include "tests/unit/node/fabric_case.h"

static void print_decisions(FILE *out, const char *machine_file)
{
    struct fabric_case made;
    if (fabric_case_load(&made, machine_file, out) < 0)
        fail_msg("%s", machine_file);
    assert_non_null(made.fabric); /* the file has a fabric line */
    fabric_case_remove(&made);
}

static void test_machine(void **state)
{
    reviewed_check(*state, "fabric", print_decisions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MACHINE("hgx-h200-2nic"),
        MACHINE("hgx-h200-8nic"),
        MACHINE("dual-port"),
        MACHINE("bonded"),
        MACHINE("port-down"),
        MACHINE("storage-default-route"),
        MACHINE("spread-3-5"),
        MACHINE("numa-unknown"),
        MACHINE("smt-off"),
        MACHINE("vm-flat"),
        MACHINE("infiniband"),
        MACHINE("no-rdma"),
        MACHINE("ipv6-only"),
        MACHINE("container"),
        MACHINE("slow-link"),
        MACHINE("several-addresses"),
        MACHINE("virtual-functions"),
        MACHINE("vm-virtual-functions"),
        MACHINE("storage-same-rate"),
        MACHINE("storage-other-board"),
        MACHINE("other-model-far"),
        MACHINE("socket-direct"),
        MACHINE("infiniband-and-ethernet"),
        MACHINE("user-other-nodes"),
        MACHINE("user-all-but"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
