/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin told a task, against what a TaskProlog or a wrapper has left of it. */
#include "tests/unit/unit.h"

#include "job/run/place.h"

#define PLACE                                                                                      \
    "gpu=0000:29:00.0 cpus=0-11,96-107 numa=0 nics=mlx5_0 distance=PIX "                           \
    "pool=0000:18:00.0,0000:29:00.0,0000:3d:00.0 "                                                 \
    "why=12 of 48 cores"

static struct place_now now;

/* Rank 1 of the node. */
static void judge(const char *place, const char *cuda, const char *has)
{
    place_judge(&now, place, 1, cuda, has);
}

static void test_as_it_was_told(void **state)
{
    (void)state;
    judge("cuda=0,1,2 " PLACE, "0,1,2", "0-11,96-107");
    assert_true(now.pinned && !now.moved);
    assert_string_equal(now.cpus, "0-11,96-107");
    assert_string_equal(now.gpu, "0000:29:00.0");
    assert_string_equal(now.why, "12 of 48 cores");
    assert_string_equal(now.cuda_warning, "");
    judge(PLACE, "7", "0-11,96-107"); /* nobody told what was visible */
    assert_true(now.pinned);
    judge("", "0", "0-11");
    assert_false(now.pinned);
}

static void test_other_cpus(void **state)
{
    (void)state;
    judge("cuda=0,1,2 " PLACE, "0,1,2", "0-5"); /* fewer of its own: still near its GPU */
    assert_true(now.pinned && now.moved);
    assert_string_equal(now.cpus, "0-5");
    static const char *const elsewhere[] = {"0-12,96-107", "48-59",   "0-191", "",
                                            "x",           "0-99999", "5-3",   "0-11,"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0] - 1; i++) {
        judge("cuda=0,1,2 " PLACE, "0,1,2", elsewhere[i]);
        if (now.pinned || !now.moved || now.cpus[0] != '\0')
            fail_msg("pinned to '%s'", elsewhere[i]);
        assert_contains(now.why, "something bound it after the plugin");
    }
    judge("cuda=0 gpu= cpus= numa= nics= distance= why=not pinned: too few", "0", "0-3");
    assert_true(!now.pinned && !now.moved);
    assert_string_equal(now.why, "not pinned: too few");
    judge("cuda=0 why=bind=none, or a --cpu-bind of the user's", "0", "0-3");
    assert_false(now.pinned);
    assert_string_equal(now.why, "bind=none, or a --cpu-bind of the user's");
}

/* The rank's GPU counts, and not the text: many sites' wrappers name each rank's GPU. */
static void test_another_gpu(void **state)
{
    (void)state;
    judge("cuda=0,1,2 " PLACE, "1", "0-11,96-107");
    assert_true(now.pinned);
    assert_string_equal(now.cuda_warning, "");
    judge("cuda=unset " PLACE, "1", "0-11,96-107");
    assert_string_equal(now.cuda_warning, "");
    judge("cuda=0,1,2 " PLACE, "2", "0-11,96-107");
    assert_false(now.pinned);
    assert_string_equal(now.gpu, "0000:3d:00.0");
    assert_contains(now.cuda_warning,
                    "CUDA_VISIBLE_DEVICES=2, not 0,1,2: something changed it after the plugin");
    assert_contains(now.cuda_warning, "than the one that it was placed by, 0000:29:00.0");
    assert_string_equal(now.why, now.cuda_warning);
    judge("cuda=0,1,2 " PLACE, "2,1,0", "0-11,96-107"); /* the second is the same */
    assert_true(now.pinned);
    judge("cuda=0,1,2 " PLACE, "unset", "0-11,96-107");
    assert_true(now.pinned);
    judge("cuda=1 " PLACE, "unset", "0-11,96-107"); /* all three again: the rank takes the second */
    assert_true(now.pinned);
    judge("cuda=2 " PLACE, "unset", "0-11,96-107");
    assert_false(now.pinned);
    assert_string_equal(now.gpu, "0000:29:00.0");
    judge("cuda=0,1,2 " PLACE, "5", "0-11,96-107"); /* none that the plugin knew */
    assert_string_equal(now.gpu, "unknown");
    judge("cuda=0,1,2 " PLACE, "GPU-ac,GPU-bd", "0-11,96-107");
    assert_false(now.pinned);
    assert_string_equal(now.gpu, "unknown");
}

/* Whoever has set it: CUDA makes nothing of it. */
static void test_lists_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "sees no GPU"},
        {"-1", "sees no GPU"},
        {"NoDevFiles", "sees no GPU"},
        {"0,0", "twice"},
        {"GPU-a,GPU-b,GPU-a", "twice"},
        {"0,x", "neither"},
        {"0,,1", "neither"},
        {"0;1", "neither"},
    };
    char place[1024];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(place, sizeof place, "cuda=%s gpu= cpus= why=CUDA_VISIBLE_DEVICES: something",
                 bad[i][0]);
        judge(place, bad[i][0], "0-3");
        assert_contains(now.cuda_warning, bad[i][1]);
        judge("cuda=0,1,2 " PLACE, bad[i][0], "0-11,96-107");
        assert_contains(now.cuda_warning, bad[i][1]);
    }
    judge("cuda=7 gpu= cpus= why=CUDA_VISIBLE_DEVICES: no GPU 7 among the 4 there", "7", "0-3");
    assert_string_equal(now.cuda_warning, "CUDA_VISIBLE_DEVICES: no GPU 7 among the 4 there");
    judge("cuda=MIG-1234 why=CUDA_VISIBLE_DEVICES: 'MIG-1234' is a MIG instance", "MIG-1234",
          "0-3");
    assert_false(now.pinned);
    assert_string_equal(now.cuda_warning, "");
}

static void test_this_process(void **state)
{
    (void)state;
    char cuda[SAID_CUDA], cpus[256];
    setenv("CUDA_VISIBLE_DEVICES", "0, 1\n", 1);
    said_cuda(getenv("CUDA_VISIBLE_DEVICES"), cuda);
    assert_string_equal(cuda, "0,?1?");
    unsetenv("CUDA_VISIBLE_DEVICES");
    said_cuda(getenv("CUDA_VISIBLE_DEVICES"), cuda);
    assert_string_equal(cuda, "unset");
    place_cpus(cpus, sizeof cpus);
    assert_true(cpus[0] >= '0' && cpus[0] <= '9');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_it_was_told), cmocka_unit_test(test_other_cpus),
        cmocka_unit_test(test_another_gpu),    cmocka_unit_test(test_lists_that_are_none),
        cmocka_unit_test(test_this_process),
    };
    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
