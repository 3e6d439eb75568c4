/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between the nodes of a run, and in which words. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/run/software.h"

enum { NODES = 9, RANKS = 2 * NODES };

/* Nodes hgx-0001 to hgx-0009, two ranks each, all alike until a test changes one. */
static struct software all[RANKS];
static char hosts[RANKS][CONTROL_HOST];
static struct software_found found;

static int cluster(void **state)
{
    (void)state;
    for (int rank = 0; rank < RANKS; rank++) {
        snprintf(hosts[rank], sizeof hosts[rank], "hgx-%04d", rank / 2 + 1);
        memset(&all[rank], 0, sizeof all[rank]);
        strcpy(all[rank].text[SOFTWARE_JOB], "0.2.0 (checksum 5f3a9c21)");
        strcpy(all[rank].text[SOFTWARE_NCCL], "NCCL 2.21.5");
        strcpy(all[rank].text[SOFTWARE_DRIVER], "550.54.15");
        strcpy(all[rank].text[SOFTWARE_GPUS], "8 NVIDIA H100 80GB HBM3");
    }
    return 0;
}

static void node_has(int node, enum software_part part, const char *text)
{
    strcpy(all[2 * node - 2].text[part], text);
    strcpy(all[2 * node - 1].text[part], text);
}

static void test_alike_nodes_are_no_news(void **state)
{
    (void)state;
    software_judge(all, hosts, RANKS, &found);
    assert_int_equal(found.lines, 0);
    assert_string_equal(found.brief, "");
    software_judge(all, hosts, 1, &found);
    assert_int_equal(found.lines, 0);
}

static void test_the_few_are_named_and_the_many_counted(void **state)
{
    (void)state;
    node_has(9, SOFTWARE_DRIVER, "535.161.08");
    node_has(3, SOFTWARE_DRIVER, "535.161.08");
    software_judge(all, hosts, RANKS, &found);
    assert_int_equal(found.lines, 1);
    assert_string_equal(
        found.line[0].text,
        "the NVIDIA driver differs: 550.54.15 on 7 nodes, 535.161.08 on hgx-[0003,0009]");
    assert_false(found.line[0].refused);
    assert_string_equal(found.brief,
                        "the NVIDIA driver: 550.54.15 on 7 nodes, 535.161.08 on hgx-[0003,0009]");
}

/* The first nodes may be the odd ones. */
static void test_rank_0_is_not_the_measure(void **state)
{
    (void)state;
    node_has(1, SOFTWARE_GPUS, "7 NVIDIA H100 80GB HBM3");
    software_judge(all, hosts, RANKS, &found);
    assert_string_equal(found.line[0].text,
                        "the number and kind of GPUs differs: 8 NVIDIA H100 80GB HBM3 on 8 nodes, "
                        "7 NVIDIA H100 80GB HBM3 on hgx-0001");
}

static void test_halves_are_both_named(void **state)
{
    (void)state;
    node_has(2, SOFTWARE_DRIVER, "535.161.08");
    software_judge(all, hosts, 4, &found);
    assert_contains(found.line[0].text, "550.54.15 on hgx-0001, 535.161.08 on hgx-0002");
}

static void test_three_releases_are_all_told(void **state)
{
    (void)state;
    node_has(4, SOFTWARE_DRIVER, "535.161.08");
    node_has(5, SOFTWARE_DRIVER, "535.161.08");
    node_has(1, SOFTWARE_DRIVER, "560.1");
    software_judge(all, hosts, RANKS, &found);
    assert_contains(found.line[0].text,
                    "550.54.15 on 6 nodes, 535.161.08 on hgx-[0004-0005], 560.1 on hgx-0001");
}

static void test_more_kinds_than_there_is_room_for(void **state)
{
    char version[32];
    (void)state;
    for (int node = 1; node <= NODES; node++) {
        snprintf(version, sizeof version, "550.%d", node);
        node_has(node, SOFTWARE_DRIVER, version);
    }
    software_judge(all, hosts, RANKS, &found);
    assert_contains(found.line[0].text, "550.8 on hgx-0008, others on hgx-0009");
}

static void test_another_build_is_refused(void **state)
{
    (void)state;
    node_has(7, SOFTWARE_JOB, "0.2.0 (checksum 00000001)");
    software_judge(all, hosts, RANKS, &found);
    assert_int_equal(found.lines, 1);
    assert_true(found.line[0].refused);
    assert_string_equal(found.line[0].text,
                        "sft-bench-job differs: 0.2.0 (checksum 5f3a9c21) on 8 nodes, 0.2.0 "
                        "(checksum 00000001) on hgx-0007: install one build of it on all nodes, or "
                        "leave nodes out with --exclude");
}

static void assert_nccl(const char *other, bool refused)
{
    cluster(NULL);
    node_has(9, SOFTWARE_NCCL, other);
    software_judge(all, hosts, RANKS, &found);
    assert_int_equal(found.lines, 1);
    assert_contains(found.line[0].text, "NCCL 2.21.5 on 8 nodes");
    assert_contains(found.line[0].text, "on hgx-0009");
    assert_int_equal(found.line[0].refused, refused);
}

static void test_series_of_nccl_do_not_mix(void **state)
{
    (void)state;
    assert_nccl("NCCL 2.20.5", true);
    assert_nccl("NCCL 2.2.5", true);
    assert_nccl("NCCL 2.211.5", true);
    assert_nccl("NCCL 3.21.5", true);
    assert_nccl("NCCL 2.21.1", false);
    assert_nccl("NCCL 2.21.51", false);
    assert_nccl("NCCL 2.21", false);
}

/* One rank's LD_LIBRARY_PATH may differ within a node: then the node stands on both sides. */
static void test_ranks_of_a_node_may_differ(void **state)
{
    (void)state;
    strcpy(all[5].text[SOFTWARE_NCCL], "NCCL 2.20.5");
    software_judge(all, hosts, RANKS, &found);
    assert_true(found.line[0].refused);
    assert_contains(found.line[0].text, "2.20.5 on hgx-0003");
}

static void test_silence_differs_from_nothing(void **state)
{
    (void)state;
    node_has(2, SOFTWARE_DRIVER, "");
    software_judge(all, hosts, RANKS, &found);
    assert_int_equal(found.lines, 0);
}

static void test_kernels_are_for_the_record(void **state)
{
    (void)state;
    for (int node = 1; node <= NODES; node++)
        node_has(node, SOFTWARE_KERNEL, node < 9 ? "5.15.0-91" : "5.15.0-107");
    software_judge(all, hosts, RANKS, &found);
    assert_true(found.line[0].quiet);
    assert_contains(found.brief, "the kernel: 5.15.0-91 on 8 nodes, 5.15.0-107 on hgx-0009");
}

static void file_put(const char *root, const char *path, const char *text)
{
    char all_of_it[512];
    snprintf(all_of_it, sizeof all_of_it, "%s/%s", root, path);
    for (char *slash = all_of_it + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        mkdir(all_of_it, 0755);
        *slash = '/';
    }
    FILE *file = fopen(all_of_it, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_a_node_tells_its_driver_and_gpus(void **state)
{
    (void)state;
    static struct software own;
    char root[] = "/tmp/sft-software.XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    file_put(root, "proc/driver/nvidia/version",
             "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  "
             "(dvs-builder@U16)\nGCC version:  gcc version 11.4.0\n");
    file_put(root, "proc/driver/nvidia/gpus/0000:18:00.0/information",
             "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 18\n");
    file_put(root, "proc/driver/nvidia/gpus/0000:2a:00.0/information",
             "Model: \t\t NVIDIA H100 80GB HBM3\n");
    software_read(&own, root, true, "OpenPMIx 4.2.2");
    assert_string_equal(own.text[SOFTWARE_DRIVER], "550.54.15");
    assert_string_equal(own.text[SOFTWARE_GPUS], "2 NVIDIA H100 80GB HBM3");
    assert_string_equal(own.text[SOFTWARE_PMIX], "OpenPMIx 4.2.2");
    assert_string_equal(own.text[SOFTWARE_MPI], "");
    assert_contains(own.text[SOFTWARE_JOB], " (checksum ");
    file_put(root, "proc/driver/nvidia/gpus/0000:3a:00.0/information", "Model: \t\t NVIDIA H200\n");
    file_put(root, "proc/driver/nvidia/version",
             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 17\n");
    software_read(&own, root, false, "");
    assert_string_equal(own.text[SOFTWARE_DRIVER], "535.161.08");
    assert_string_equal(own.text[SOFTWARE_GPUS], "3 of several models");
    assert_string_equal(own.text[SOFTWARE_NCCL], "");
    snprintf(command, sizeof command, "rm -r '%s'", root);
    assert_int_equal(system(command), 0);
    software_read(&own, root, false, "");
    assert_string_equal(own.text[SOFTWARE_DRIVER], "");
    assert_string_equal(own.text[SOFTWARE_GPUS], "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_alike_nodes_are_no_news, cluster),
        cmocka_unit_test_setup(test_the_few_are_named_and_the_many_counted, cluster),
        cmocka_unit_test_setup(test_rank_0_is_not_the_measure, cluster),
        cmocka_unit_test_setup(test_halves_are_both_named, cluster),
        cmocka_unit_test_setup(test_three_releases_are_all_told, cluster),
        cmocka_unit_test_setup(test_more_kinds_than_there_is_room_for, cluster),
        cmocka_unit_test_setup(test_another_build_is_refused, cluster),
        cmocka_unit_test(test_series_of_nccl_do_not_mix),
        cmocka_unit_test_setup(test_ranks_of_a_node_may_differ, cluster),
        cmocka_unit_test_setup(test_silence_differs_from_nothing, cluster),
        cmocka_unit_test_setup(test_kernels_are_for_the_record, cluster),
        cmocka_unit_test(test_a_node_tells_its_driver_and_gpus),
    };
    return cmocka_run_group_tests_name("software", tests, NULL, NULL);
}
