/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes that nobody should believe, files that are not as they say, and folders of checkpoints.
 * What is in them is tested in tests/unit/train/test_state.c. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/checkpoint/checkpoint.h"
#include "job/checkpoint/folder.h"
#include "job/checkpoint/snapshot.h"
#include "lib/file_read.h"

static char top[] = "/tmp/sft-test-checkpoint.XXXXXX";

static int begin(void **state)
{
    (void)state;
    return mkdtemp(top) == NULL ? -1 : 0;
}

static int finish(void **state)
{
    (void)state;
    unit_shell("rm -rf %s", top);
    return 0;
}

static void check(int failed, const struct sft_error *err)
{
    if (failed)
        fail_msg("%s", err->text);
}

#define HEAD                                                                                       \
    "{\"format\": \"sft-checkpoint\", \"version\": 1, \"step\": 5, \"global_batch\": 4, "          \
    "\"ended\": false, \"measured_steps\": 2, \"measured_s\": 1.5, \"job\": \"\", "
#define RECIPE "\"recipe\": {\"lr\": \"1e-3\"}, "
#define FORMATS "\"formats\": {\"value\": \"bf16\", \"m\": \"bf16\", \"v\": \"fp32\"}, "
#define FILES "\"files\": [96], "
#define SUMS "\"000000010000000200000003\""
#define TENSORS(pieces)                                                                            \
    "\"tensors\": [{\"name\": \"head\", \"rows\": 3, \"columns\": 4, \"pieces\": [" pieces "]}]}"

static void test_index(void **state)
{
    (void)state;
    struct checkpoint c;
    struct sft_error err = {""};
    static const char good[] =
        HEAD RECIPE FORMATS FILES TENSORS("[5, 0, 0, " SUMS "], [7, 0, 40, " SUMS "]");
    check(checkpoint_parse(&c, good, strlen(good), "x", &err), &err);
    assert_int_equal(c.piece_count, 2);
    assert_int_equal(c.pieces[1].from, 5);
    assert_int_equal(c.pieces[1].sum[CHECKPOINT_V], 3);
    assert_int_equal(checkpoint_offset(c.formats, 7, CHECKPOINT_V), 28);
    assert_int_equal(c.ended, false);
    assert_non_null(checkpoint_find(&c, "head", 3, 4, &err));
    assert_null(checkpoint_find(&c, "heads", 3, 4, &err));
    assert_contains(err.text, "has no heads");
    checkpoint_clear(&c);
}

#define EVAL(last_step, best_step)                                                                 \
    "\"eval\": {\"sum\": \"00000000000000ff\", \"first\": 3, \"last\": 2.5, \"best\": 2.25, "      \
    "\"last_step\": " last_step ", \"best_step\": " best_step "}, "
#define HEAD_2                                                                                     \
    "{\"format\": \"sft-checkpoint\", \"version\": 2, \"step\": 5, \"global_batch\": 4, "          \
    "\"ended\": false, \"measured_steps\": 2, \"measured_s\": 1.5, \"job\": \"\", "
#define FORMATS_2                                                                                  \
    "\"formats\": {\"value\": \"bf16\", \"m\": \"bf16\", \"v\": \"bf16\", \"best\": \"bf16\"}, "
#define SUMS_2 "\"00000001000000020000000300000004\""

/* What sft-checkpoint(5) has as its example is one. */
static void test_manual(void **state)
{
    (void)state;
    struct checkpoint c;
    struct sft_error err = {""};
    char path[PATH_MAX];
    size_t size;
    snprintf(path, sizeof path, "%s/man/sft-checkpoint.5", getenv("SFT_SRCDIR"));
    char *page = file_read(path, "man", 1 << 20, &size, &err);
    check(page == NULL, &err);
    const char *begin = strstr(page, ".Bd -literal\n"), *end = strstr(page, "\n.Ed");
    assert_true(begin != NULL && end > begin);
    begin += strlen(".Bd -literal\n");
    check(checkpoint_parse(&c, begin, (size_t)(end - begin), "the manual's", &err), &err);
    assert_int_equal(c.step, 500);
    assert_int_equal(checkpoint_bytes(c.formats, 12), c.files[0]);
    checkpoint_clear(&c);
    free(page);
}

static void test_eval(void **state)
{
    (void)state;
    struct checkpoint c;
    struct sft_error err = {""};
    static const char with[] =
        HEAD_2 RECIPE EVAL("4", "2") FORMATS_2 FILES TENSORS("[12, 0, 0, " SUMS_2 "]"),
                      without[] =
                          HEAD RECIPE EVAL("5", "5") FORMATS FILES TENSORS("[12, 0, 0, " SUMS "]");
    check(checkpoint_parse(&c, with, strlen(with), "x", &err), &err);
    assert_true(c.eval.any && c.eval.first == 3 && c.eval.last == 2.5 && c.eval.best == 2.25);
    assert_int_equal(c.eval.last_step, 4);
    assert_int_equal(c.eval.best_step, 2);
    assert_int_equal(c.eval.sum, 0xff);
    assert_int_equal(c.pieces[0].sum[CHECKPOINT_BEST], 4);
    assert_int_equal(checkpoint_bytes(c.formats, 12), 96);
    checkpoint_clear(&c);
    check(checkpoint_parse(&c, without, strlen(without), "x", &err), &err);
    assert_true(c.eval.any && (int)c.formats[CHECKPOINT_BEST] == CHECKPOINT_NONE);
    checkpoint_clear(&c);
}

static void test_bad_indexes(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", "is no JSON object"},
        {"[1]", "is no JSON object"},
        {"{}", "\"format\" is not"},
        {"{\"format\": \"sft-checkpoint\", \"version\": 3}", "another version"},
        {"{\"format\": \"sft-checkpoint\", \"version\": 1, \"step\": 0}", "step"},
        {HEAD "\"recipe\": {\"lr\": 1}}", "recipe"},
        {HEAD RECIPE "\"formats\": {\"value\": \"nf4\"}}", "formats"},
        {HEAD RECIPE FORMATS "\"files\": []}", "files"},
        /* evaluated later than the step, better later than evaluated; kept, but never evaluated */
        {HEAD RECIPE FORMATS EVAL("6", "2") "\"files\": [96]}", "eval"},
        {HEAD RECIPE FORMATS EVAL("3", "4") "\"files\": [96]}", "eval"},
        {HEAD RECIPE FORMATS "\"eval\": 1}", "eval"},
        {HEAD_2 RECIPE FORMATS_2 "\"files\": [96]}", "eval"},
        {HEAD_2 RECIPE FORMATS "\"files\": [96]}", "formats"},
        {HEAD RECIPE FORMATS "\"files\": [-1]}", "files"},
        {HEAD RECIPE FORMATS FILES "\"tensors\": []}", "tensors"},
        /* an element is missing, too many are there, outside of the file, of no file, of none */
        {HEAD RECIPE FORMATS FILES TENSORS("[11, 0, 0, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[5, 0, 0, " SUMS "], [8, 0, 0, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[12, 0, 1, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[12, 0, 9223372036854775807, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[12, 1, 0, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[0, 0, 0, " SUMS "], [12, 0, 0, " SUMS "]"), "tensors"},
        {HEAD RECIPE FORMATS FILES TENSORS("[12, 0, 0, \"1\"]"), "tensors"},
        {HEAD RECIPE FORMATS "\"files\": [9223372036854775807], "
                             "\"tensors\": [{\"name\": \"a\", \"rows\": 2147483647, \"columns\": "
                             "2147483647, \"pieces\": [[4611686014132420609, 0, 0, " SUMS "]]}]}",
         "files"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct checkpoint c;
        struct sft_error err = {""};
        if (checkpoint_parse(&c, texts[i][0], strlen(texts[i][0]), "step-5", &err) == 0)
            fail_msg("%s: was taken", texts[i][0]);
        assert_contains(err.text, texts[i][1]);
        assert_contains(err.text, "step-5");
        checkpoint_clear(&c);
    }
}

/* A folder whose file is one of zeros. */
static void test_files(void **state)
{
    (void)state;
    struct checkpoint c;
    struct sft_error err = {""};
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/files", top);
    unit_shell("mkdir %s && printf '%%s' '%s' >%s/index.json", folder,
               HEAD RECIPE FORMATS FILES TENSORS("[12, 0, 0, " SUMS "]"), folder);
    assert_int_equal(checkpoint_open(&c, folder, &err), -1);
    assert_contains(err.text, "rank-00000.bin: No such file");
    checkpoint_clear(&c);
    unit_shell("head -c 95 /dev/zero >%s/rank-00000.bin", folder);
    assert_int_equal(checkpoint_open(&c, folder, &err), -1);
    assert_contains(err.text, "rank-00000.bin has 95 bytes of the index's 96");
    checkpoint_clear(&c);
    unit_shell("rm %s/rank-00000.bin && ln -s /dev/zero %s/rank-00000.bin", folder, folder);
    assert_int_equal(checkpoint_open(&c, folder, &err), -1);
    checkpoint_clear(&c);
    unit_shell("rm %s/rank-00000.bin && head -c 96 /dev/zero >%s/rank-00000.bin", folder, folder);
    check(checkpoint_open(&c, folder, &err), &err);
    float values[12];
    const struct checkpoint_tensor *t = checkpoint_find(&c, "head", 3, 4, &err);
    assert_int_equal(checkpoint_read(&c, t, CHECKPOINT_V, 2, 3, values, &err), -1);
    assert_contains(err.text, "rank-00000.bin is damaged: in head, 48 bytes at 48 have the sum ");
    checkpoint_clear(&c);
}

static void test_recipes(void **state)
{
    (void)state;
    struct checkpoint_recipe there = {0}, here = {0};
    char text[300];
    recipe_add(&there, "lr", "%g", 2e-5);
    recipe_add(&there, "seed", "%d", 42);
    recipe_add(&there, "old", "x");
    recipe_add(&here, "lr", "%g", 1e-4);
    recipe_add(&here, "seed", "%d", 43);
    recipe_add(&here, "new", "y");
    assert_int_equal(recipe_differ(&there, &here, text, sizeof text), 2);
    assert_string_equal(text, "lr is 2e-05 there and 0.0001 here, seed is 42 there and 43 here");
    assert_int_equal(recipe_differ(&here, &here, text, sizeof text), 0);
    assert_int_equal(recipe_differ(&there, &here, text, 10), 2);
    assert_int_equal(strlen(text), 9);
}

static void expect_steps(const char *path, int count, ...)
{
    long long steps[FOLDER_STEPS];
    va_list arguments;
    va_start(arguments, count);
    assert_int_equal(folder_steps(path, steps, NULL), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(steps[i], va_arg(arguments, int));
    va_end(arguments);
}

static void step_make(const char *path, const char *job, long long step)
{
    char beside[PATH_MAX];
    struct sft_error err = {""};
    check(folder_begin(path, job, step, beside, &err), &err);
    unit_shell("echo %lld >%s/index.json", step, beside);
    check(folder_commit(path, step, beside, &err), &err);
}

static void test_folder(void **state)
{
    (void)state;
    char path[128], beside[PATH_MAX];
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/runs", top);
    check(folder_check(path, 1, &err), &err);
    expect_steps(path, 0);
    check(folder_make(path, "17", &err), &err);
    check(folder_make(path, "17", &err), &err);
    for (int step = 90; step <= 120; step += 10)
        step_make(path, "17", step);
    unit_shell("mkdir %s/step-x %s/step- %s/step-7y %s/step-0 %s/other", path, path, path, path,
               path);
    expect_steps(path, 4, 120, 110, 100, 90);
    folder_prune(path, 110, 2, 0);
    expect_steps(path, 3, 120, 110, 100);
    folder_prune(path, 110, 2, 1);
    expect_steps(path, 2, 110, 100);
    /* One of the same step is replaced. */
    step_make(path, "17", 110);
    assert_false(folder_is_finished(path, 110));
    folder_finish(path, 110);
    assert_true(folder_is_finished(path, 110));
    /* What a killed run of this job left goes, another's stays for a while. */
    check(folder_begin(path, "17", 130, beside, &err), &err);
    check(folder_begin(path, "18", 130, beside, &err), &err);
    check(folder_make(path, "17", &err), &err);
    unit_shell("[ \"$(ls -dA %s/.step-* | wc -l)\" = 1 ] && [ -d %s ]", path, beside);
    unit_shell("touch -d '1 hour ago' %s", beside);
    check(folder_make(path, "17", &err), &err);
    unit_shell("! ls -dA %s/.step-* 2>/dev/null", path);
}

static void expect_refused(const char *path, uint64_t bytes, const char *why)
{
    struct sft_error err = {""};
    assert_int_equal(folder_check(path, bytes, &err), -1);
    assert_contains(err.text, why);
}

static void test_folder_check(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/none/runs", top);
    expect_refused(path, 1, "cannot be written to: No such file");
    snprintf(path, sizeof path, "%s/file", top);
    unit_shell("echo >%s", path);
    expect_refused(path, 1, "is no folder: name one");
    expect_refused(top, UINT64_MAX / 2, "GB will be written, and");
}

/* A file that cannot be made, or finds no room, is said so; nothing waits for it. */
static void test_writer(void **state)
{
    (void)state;
    const enum format formats[CHECKPOINT_KINDS] = {FORMAT_BF16, FORMAT_BF16, FORMAT_BF16,
                                                   (enum format)CHECKPOINT_NONE};
    struct sft_error err = {""};
    char path[128];
    struct snapshot *w = snapshot_create(&err);
    check(w == NULL, &err);
    check(snapshot_begin(w, formats, 60, &err), &err);
    assert_non_null(snapshot_piece(w, 0, 0, 10));
    assert_null(snapshot_piece(w, 0, 10, 1));
    snprintf(path, sizeof path, "%s/nowhere", top);
    check(snapshot_write(w, path, 3, &err), &err);
    assert_int_equal(snapshot_finish(w, &err), -1);
    assert_contains(err.text, "nowhere/rank-00003.bin: No such file");
    assert_int_equal(snapshot_begin(w, formats, UINT64_MAX / 2, &err), -1);
    assert_contains(err.text, "host memory");
    check(snapshot_begin(w, formats, 60, &err), &err);
    assert_non_null(snapshot_piece(w, 0, 0, 10));
    check(snapshot_write(w, top, 3, &err), &err);
    check(snapshot_finish(w, &err), &err);
    unit_shell("[ \"$(stat -c %%s %s/rank-00003.bin)\" = 60 ]", top);
    snapshot_destroy(w);
}

/* Who touches the memory has ended when it is used: nothing of what is copied becomes zero. */
static void test_reserve(void **state)
{
    (void)state;
    enum { ELEMENTS = 16 << 20, BYTES = 6 * ELEMENTS };
    const enum format formats[CHECKPOINT_KINDS] = {FORMAT_BF16, FORMAT_BF16, FORMAT_BF16,
                                                   (enum format)CHECKPOINT_NONE};
    struct sft_error err = {""};
    struct snapshot *w = snapshot_create(&err);
    check(w == NULL, &err);
    check(snapshot_reserve(w, BYTES, &err), &err);
    check(snapshot_begin(w, formats, BYTES, &err), &err);
    char *piece = snapshot_piece(w, 0, 0, ELEMENTS);
    assert_non_null(piece);
    memset(piece, 'x', BYTES);
    usleep(100000); /* for one that has not ended */
    check(snapshot_write(w, top, 4, &err), &err);
    check(snapshot_finish(w, &err), &err);
    unit_shell("[ \"$(tr -d x <%s/rank-00004.bin | wc -c)\" = 0 ] && rm %s/rank-00004.bin", top,
               top);
    check(snapshot_reserve(w, 2 * (uint64_t)BYTES, &err), &err); /* and one that nobody uses */
    assert_int_equal(snapshot_reserve(w, UINT64_MAX / 2, &err), -1);
    assert_contains(err.text, "host memory");
    snapshot_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),  cmocka_unit_test(test_bad_indexes),
        cmocka_unit_test(test_eval),   cmocka_unit_test(test_manual),
        cmocka_unit_test(test_files),  cmocka_unit_test(test_recipes),
        cmocka_unit_test(test_folder), cmocka_unit_test(test_folder_check),
        cmocka_unit_test(test_writer), cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
