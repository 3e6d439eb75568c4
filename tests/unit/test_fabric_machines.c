/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions on described machines (tests/fixtures/topology) beside the reviewed ones
 * (tests/fixtures/expected). After a change that is meant, look at the difference and copy what the
 * build folder has. */
#include "tests/unit/unit.h"

#include "tests/unit/fabric_case.h"

static const char *folder(const char *variable)
{
    const char *path = getenv(variable);
    return path != NULL ? path : ".";
}

static void test_machine(void **state)
{
    const char *name = *state;
    struct fabric_case made;
    char machine[1024], expected[1024], actual[1024], command[4096];
    snprintf(machine, sizeof machine, "%s/tests/fixtures/topology/%s.txt", folder("SFT_SRCDIR"),
             name);
    snprintf(expected, sizeof expected, "%s/tests/fixtures/expected/%s.fabric.txt",
             folder("SFT_SRCDIR"), name);
    snprintf(actual, sizeof actual, "%s/tests/unit/%s.fabric.txt", folder("SFT_BUILDDIR"), name);
    FILE *out = fopen(actual, "w");
    assert_non_null(out);
    if (fabric_case_load(&made, machine, out) < 0)
        fail_msg("%s", machine);
    assert_non_null(made.fabric); /* the file has a fabric line */
    fabric_case_remove(&made);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof command, "diff -u '%s' '%s' >&2", expected, actual);
    if (system(command) != 0)
        fail_msg("%s: not as expected, see above", actual);
    remove(actual);
}

#define MACHINE(name)                                                                              \
    {                                                                                              \
        "test_" name, test_machine, NULL, NULL, (void *)(uintptr_t)name                            \
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
