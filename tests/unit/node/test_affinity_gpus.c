/* SPDX-License-Identifier: Apache-2.0 */
/* Which GPUs a step has, and the texts that tell it. */
#include "tests/unit/unit.h"

#include "tests/unit/node/affinity_fixture.h"

/* Four GPUs in PCI order; minors as the lists below say. */
static struct affinity_machine *four(struct fixture *fixture, const int minor[4])
{
    char text[2048] = "cpus pack:2 [numa] core:4 pu:1\n";
    struct sft_error err = {""};
    for (int i = 0; i < 4; i++)
        affinity_append(
            text, sizeof text,
            "gpu 0000:1%d/1%d:00.0 numa=%d minor=%d uuid=GPU-%c%c000000-0000-4000-8000-0000\n", i,
            i, i / 2, minor[i], i < 2 ? 'a' : 'b', 'c' + i);
    assert_int_equal(fixture_parse(fixture, text), 0);
    struct affinity_machine *machine = fixture_machine(fixture, &err);
    if (machine == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(machine->gpus, 4);
    return machine;
}

static const int in_order[] = {0, 1, 2, 3}, turned[] = {2, 3, 0, 1};

/* The GPUs found, "0 3", or the error's text. */
static const char *found(const int minor[4], const char *cuda, const char *slurm, const char *note)
{
    static char text[SFT_ERROR_SIZE];
    struct fixture fixture;
    struct affinity_gpus gpus;
    struct sft_error err = {""};
    struct affinity_machine *machine = four(&fixture, minor);
    text[0] = '\0';
    if (affinity_gpus_find(machine, cuda, slurm, &gpus, &err) < 0)
        strcpy(text, err.text);
    else {
        for (int i = 0; i < gpus.count; i++)
            affinity_append(text, sizeof text, "%s%d", i > 0 ? " " : "", gpus.gpu[i]);
        if (note != NULL)
            assert_contains(gpus.note, note);
        else
            assert_null(strstr(gpus.note, "uncertain"));
    }
    affinity_machine_destroy(machine);
    fixture_remove(&fixture);
    return text;
}

static void test_without_a_list_all_gpus(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, NULL, NULL, NULL), "0 1 2 3");
}

static void test_cuda_indices_in_their_order(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, "3,0", NULL, NULL), "3 0");
    assert_string_equal(found(in_order, " 2 , 1 ", NULL, NULL), "2 1");
}

static void test_uuids_and_their_beginnings(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, "GPU-bf000000-0000-4000-8000-0000,GPU-ac", NULL, NULL),
                        "3 0");
    assert_string_equal(found(in_order, "gpu-ac", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: 'gpu-ac' is neither a GPU's index nor its UUID");
    assert_string_equal(found(in_order, "GPU-a", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: GPU-a is the beginning of several GPUs' UUIDs");
    assert_string_equal(found(in_order, "GPU-99", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: this node has no GPU GPU-99");
}

static void test_none_is_no_error(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, "", NULL, NULL), "");
    assert_string_equal(found(in_order, "-1", NULL, NULL), "");
    assert_string_equal(found(in_order, "NoDevFiles", NULL, NULL), "");
}

static void test_mig_is_refused(void **state)
{
    (void)state;
    assert_string_equal(
        found(in_order, "MIG-ac000000-0000", NULL, NULL),
        "CUDA_VISIBLE_DEVICES: 'MIG-ac000000-0000' is a MIG instance: nothing is pinned "
        "for these");
}

static void test_garbage_is_refused(void **state)
{
    (void)state;
    const char *const garbage[] = {
        "x",  "0;1",  "0,",  ",0",   "1,,2", "0x1", "99999999999999999999",
        "-2", "GPU-", "1 2", "0,-1", "65536"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        assert_contains(found(in_order, garbage[i], NULL, NULL), "CUDA_VISIBLE_DEVICES: ");
    assert_string_equal(found(in_order, "1,,2", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: '' is neither a GPU's index nor its UUID");
    assert_string_equal(found(in_order, "4", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: no GPU 4 among the 4 there");
    assert_string_equal(found(in_order, "1,1", NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: a GPU is listed twice");
    assert_string_equal(found(in_order, NULL, "0,7", NULL),
                        "Slurm's list of GPUs: this node has no GPU 7, but 4 GPUs");
}

static void test_too_many_are_refused(void **state)
{
    (void)state;
    char text[1024] = "0";
    for (int i = 1; i <= AFFINITY_GPUS; i++)
        affinity_append(text, sizeof text, ",%d", i);
    assert_string_equal(found(in_order, text, NULL, NULL),
                        "CUDA_VISIBLE_DEVICES: more than 64 GPUs");
}

/* With ConstrainDevices a step on GPUs 2 and 3 sees them as 0 and 1. */
static void test_indices_among_the_steps_gpus(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, "0,1", "2,3", NULL), "2 3");
    assert_string_equal(found(in_order, "1,0", "2,3", NULL), "3 2");
    assert_string_equal(found(in_order, "2,3", "2,3", NULL), "2 3");
    assert_string_equal(found(in_order, "0", "2,3", "uncertain"), "0");
}

static void test_slurms_list_counts_minors(void **state)
{
    (void)state;
    assert_string_equal(found(in_order, NULL, "3,1", NULL), "1 3");
    assert_string_equal(found(turned, NULL, "0,3", "uncertain"), "1 2");
    assert_string_equal(found(turned, "0,1", "0,3", "uncertain"), "1 2");
    assert_string_equal(found(turned, "GPU-ac", NULL, NULL), "0");
}

static void parse(const char *text, struct affinity_nvidia *nvidia)
{
    affinity_nvidia_parse(text, strlen(text), nvidia);
}

static void test_the_drivers_file(void **state)
{
    (void)state;
    struct affinity_nvidia nvidia;
    parse("Model: \t\t NVIDIA H200\nIRQ:   \t\t 41\nGPU UUID: \t "
          "GPU-05066578-54ef-6299-5a91-97611fca2803\n"
          "Bus Type: \t PCIe\nBus Location: \t 0000:C6:00.0\nDevice Minor: \t 7\nGPU Excluded:\t "
          "No\n",
          &nvidia);
    assert_string_equal(nvidia.uuid, "GPU-05066578-54ef-6299-5a91-97611fca2803");
    assert_string_equal(nvidia.pci, "0000:c6:00.0");
    assert_int_equal(nvidia.minor, 7);
    assert_false(nvidia.excluded);
    parse("GPU Excluded:\t Yes\nDevice Minor: 1x\nGPU UUID: GPU-????????", &nvidia);
    assert_true(nvidia.excluded);
    assert_string_equal(nvidia.uuid, "");
    assert_string_equal(nvidia.pci, "");
    assert_int_equal(nvidia.minor, -1);
}

static void write_information(const struct fixture *fixture, const char *pci, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/proc/driver/nvidia/gpus/%s/information", fixture->tree.root,
             pci);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Excluded, or bound to another driver: CUDA does not count it. */
static void test_gpus_that_the_driver_does_not_have(void **state)
{
    (void)state;
    struct fixture fixture;
    struct sft_error err = {""};
    affinity_machine_destroy(four(&fixture, in_order));
    write_information(&fixture, "0000:11:00.0",
                      "Bus Location: 0000:11:00.0\nDevice Minor: 1\nGPU Excluded: Yes\n");
    write_information(&fixture, "0000:12:00.0", "");
    struct affinity_machine *machine = fixture_machine(&fixture, &err);
    assert_non_null(machine);
    assert_int_equal(machine->gpus, 2);
    assert_string_equal(machine->gpu[0].device.pci, "0000:10:00.0");
    assert_string_equal(machine->gpu[1].device.pci, "0000:13:00.0");
    affinity_machine_destroy(machine);
    fixture_remove(&fixture);
}

static void test_cpu_lists_and_masks(void **state)
{
    (void)state;
    const char *const bad_lists[] = {"", "a", "1-", "-1", "3-2", "1,", "1 ", "0-99999"};
    const char *const bad_masks[] = {"", "0x", "0xg", "0x1,", ",1", "0x1 "};
    struct sft_error err = {""};
    char *text;
    hwloc_bitmap_t cpus = affinity_cpus_parse("0-2,7,96-97", &err);
    hwloc_bitmap_list_asprintf(&text, cpus);
    assert_string_equal(text, "0-2,7,96-97");
    free(text);
    hwloc_bitmap_zero(cpus);
    assert_int_equal(affinity_masks_parse("0x3,0xF000000000000000000000000,30", cpus, &err), 0);
    hwloc_bitmap_list_asprintf(&text, cpus);
    assert_string_equal(text, "0-1,4-5,96-99");
    free(text);
    for (size_t i = 0; i < sizeof bad_lists / sizeof bad_lists[0]; i++)
        assert_null(affinity_cpus_parse(bad_lists[i], &err));
    for (size_t i = 0; i < sizeof bad_masks / sizeof bad_masks[0]; i++)
        assert_int_equal(affinity_masks_parse(bad_masks[i], cpus, &err), -1);
    assert_contains(err.text, "not of the form 0xf,0xf0");
    hwloc_bitmap_free(cpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_list_all_gpus),
        cmocka_unit_test(test_cuda_indices_in_their_order),
        cmocka_unit_test(test_uuids_and_their_beginnings),
        cmocka_unit_test(test_none_is_no_error),
        cmocka_unit_test(test_mig_is_refused),
        cmocka_unit_test(test_garbage_is_refused),
        cmocka_unit_test(test_too_many_are_refused),
        cmocka_unit_test(test_indices_among_the_steps_gpus),
        cmocka_unit_test(test_slurms_list_counts_minors),
        cmocka_unit_test(test_the_drivers_file),
        cmocka_unit_test(test_gpus_that_the_driver_does_not_have),
        cmocka_unit_test(test_cpu_lists_and_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
