/* SPDX-License-Identifier: Apache-2.0 */
/* A model that was loaded and is saved by six ranks, whatever they share, is the same again, bit
 * for bit; its folder takes its name whole, and replaces only what a run has saved. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/train/load.h"
#include "job/train/save_weights.h"
#include "job/weights/config.h"
#include "job/weights/save_config.h"
#include "job/weights/save_folder.h"

enum { GPUS = 3, NODES = 2, RANKS = GPUS * NODES };

static struct device *device;
static char top[] = "/tmp/sft-test-save.XXXXXX";

static int begin(void **state)
{
    (void)state;
    device = device_create_cpu(NULL);
    return device == NULL || mkdtemp(top) == NULL ? -1 : 0;
}

static int finish(void **state)
{
    (void)state;
    device->destroy(device);
    unit_shell("rm -rf %s", top);
    return 0;
}

static int move_nothing(struct collective *c, struct device *d, const struct collective_call *call,
                        struct sft_error *err)
{
    (void)c, (void)d, (void)call, (void)err;
    return 0;
}

static void check(int failed, const struct sft_error *err)
{
    if (failed)
        fail_msg("%s", err->text);
}

/* One rank loads its part, and saves it. */
static void rank_save(const struct weights *weights, struct save *save, const char *folder,
                      enum sft_zero zero, int rank)
{
    struct sft_error err = {""};
    struct collective collective = {.name = "none",
                                    .group_rank = {rank, rank, rank % GPUS, rank / GPUS},
                                    .group_size = {RANKS, RANKS, GPUS, NODES},
                                    .run = move_nothing};
    struct control control = {.size = 1};
    struct training t = {.device = device, .control = &control, .collective = &collective};
    t.model = model_create_stored(device, weights_shape(weights), 16,
                                  &(struct model_recipe){.recompute = RECOMPUTE_NONE},
                                  shard_storage(weights_shape(weights), zero, RANKS), &err);
    check(t.model == NULL, &err);
    t.shard = shard_create(t.model, device, &collective, zero, 7, NULL, &err);
    check(t.shard == NULL, &err);
    struct load load = {weights, t.model, t.shard, device, &control, &collective, NULL};
    check(load_weights(&load, &err), &err);
    check(save_open(save, folder, &err), &err);
    check(save_weights(&t, save, &err), &err);
    training_destroy(&t);
}

static void same_check(const struct weights *a, const struct weights *b)
{
    struct sft_error err = {""};
    for (int unit = 0; unit < sft_params_units(weights_shape(a)); unit++) {
        struct sft_param params[SFT_UNIT_PARAMS];
        int count = sft_params_list(weights_shape(a), unit, params);
        for (int i = 0; i < count; i++) {
            size_t all = sft_param_elements(&params[i]);
            float *one = malloc(all * sizeof *one), *other = malloc(all * sizeof *other);
            assert_non_null(one);
            assert_non_null(other);
            check(weights_read(a, &params[i], 0, all, FORMAT_FP32, one, &err), &err);
            check(weights_read(b, &params[i], 0, all, FORMAT_FP32, other, &err), &err);
            assert_memory_equal(one, other, all * sizeof *one);
            free(one);
            free(other);
        }
    }
}

static void save_once(const char *name, enum sft_zero zero, uint64_t shard)
{
    char from[512], path[128];
    struct save_folder folder;
    const char *beside = folder.beside;
    struct sft_error err = {""};
    snprintf(from, sizeof from, "%s/tests/golden/models/%s", getenv("SFT_SRCDIR"), name);
    snprintf(path, sizeof path, "%s/%s-saved/", top, name);
    struct weights *weights = weights_open(from, &err);
    check(weights == NULL, &err);
    struct save *save = save_create(weights_shape(weights), FORMAT_FP32, shard, &err);
    check(save == NULL, &err);
    check(save_folder_check(path, save_bytes(save), &err), &err);
    check(save_folder_make(&folder, path, &err), &err);
    check(save_make(save, beside, &err), &err);
    for (int rank = 0; rank < RANKS; rank++)
        rank_save(weights, save, beside, zero, rank);
    save_destroy(save);
    check(save_config(weights_shape(weights), FORMAT_FP32, from, beside, &err), &err);
    check(save_copies(SAVE_GENERATION, from, beside, &err), &err);
    unit_shell("echo 'tags: " SAVE_MARK "' >%s/" SAVE_CARD, beside);
    check(save_folder_commit(&folder, path, &err), &err);
    struct weights *again = weights_open(path, &err);
    check(again == NULL, &err);
    assert_true(sft_preset_alike(weights_shape(weights), weights_shape(again)));
    same_check(weights, again);
    weights_close(weights);
    weights_close(again);
    unit_shell("cmp %s/generation_config.json %s/generation_config.json && ! ls -d %s/.*.new-* "
               "2>/dev/null",
               from, path, top);
}

static void test_ranks(void **state)
{
    (void)state;
    static const char *const names[] = {"llama2", "llama31", "gpt2"};
    for (int i = 0; i < 3; i++)
        for (int zero = 0; zero < SFT_ZERO_COUNT; zero++)
            save_once(names[i], (enum sft_zero)zero, zero % 2 == 0 ? SAVE_SHARD : 40000);
}

/* A config of the shape alone is read back as that shape. */
static void test_config(void **state)
{
    (void)state;
    char path[128];
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/config", top);
    unit_shell("mkdir -p %s", path);
    struct sft_preset scaled = *sft_preset_find("llama3-8b");
    scaled.rope_scaling = (struct sft_rope_scaling){8, 1, 4, 8192};
    const struct sft_preset *shapes[] = {sft_preset_find("llama-1b"), sft_preset_find("gpt2-xl"),
                                         &scaled};
    for (int i = 0; i < 3; i++) {
        char file[160];
        struct sft_preset shape;
        check(save_config(shapes[i], FORMAT_BF16, NULL, path, &err), &err);
        snprintf(file, sizeof file, "%s/config.json", path);
        check(config_read(&shape, file, &err), &err);
        assert_true(sft_preset_alike(&shape, shapes[i]));
        unit_shell("grep -q '\"torch_dtype\": \"bfloat16\"' %s", file);
    }
}

static void expect_refused(const char *path, uint64_t bytes, const char *why)
{
    struct sft_error err = {""};
    assert_int_equal(save_folder_check(path, bytes, &err), -1);
    assert_contains(err.text, why);
}

static void test_folder(void **state)
{
    (void)state;
    char path[128], other[128];
    struct save_folder folder, next;
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/model", top);
    snprintf(other, sizeof other, "%s/none/model", top);
    expect_refused(other, 1, "cannot be made: No such file");
    expect_refused("/", 1, "no folder's name");
    expect_refused("..", 1, "no folder's name");
    expect_refused(path, UINT64_MAX / 2, "GB will be written, and");
    unit_shell("mkdir %s && echo mine >%s/thesis.tex", path, path);
    expect_refused(path, 1, "has files that no run has saved, as thesis.tex: ");
    unit_shell("[ \"$(ls -A %s)\" = thesis.tex ] && rm %s/thesis.tex", path, path);
    check(save_folder_check(path, 1, &err), &err);
    /* What is being written stays; what a run that was killed has left goes. */
    check(save_folder_make(&folder, path, &err), &err);
    check(save_folder_make(&next, path, &err), &err);
    unit_shell("echo half >%s/model.safetensors", next.beside);
    close(next.lock); /* as its end does */
    save_folder_sweep(path);
    assert_int_equal(access(folder.beside, F_OK), 0);
    assert_int_equal(access(next.beside, F_OK), -1);
    /* What is whole and has lost its name stays until another has it. */
    unit_shell("rm %s/.writing && echo 'tags: " SAVE_MARK "' >%s/" SAVE_CARD, folder.beside,
               folder.beside);
    save_folder_sweep(path);
    assert_int_equal(access(folder.beside, F_OK), 0);
    unit_shell("cp %s/" SAVE_CARD " %s", folder.beside, path);
    save_folder_sweep(path);
    assert_int_equal(access(folder.beside, F_OK), -1);
    close(folder.lock);
    unit_shell("rm %s/" SAVE_CARD, path);
    unit_shell("rmdir %s && echo >%s", path, path);
    expect_refused(path, 1, "is a file: name a folder");
    unit_shell("rm %s && ln -s / %s", path, path);
    expect_refused(path, 1, "is a link: name a folder");
    unit_shell("rm %s", path);
}

/* What came there during the run is not replaced, and what was trained is not lost for it: not by
 * its own end, nor by those who sweep for the next one, which has the name. */
static void late_check(const char *comes, const char *why, const char *goes)
{
    char path[128], left[512];
    struct save_folder folder;
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/late", top);
    check(save_folder_make(&folder, path, &err), &err);
    unit_shell("echo weights >%s/model.safetensors", folder.beside);
    unit_shell("cd %s && %s", top, comes);
    assert_int_equal(save_folder_commit(&folder, path, &err), -1);
    assert_contains(err.text, why);
    save_folder_drop(&folder);
    unit_shell("cd %s && %s", top, goes);
    check(save_folder_make(&folder, path, &err), &err);
    unit_shell("echo 'tags: " SAVE_MARK "' >%s/" SAVE_CARD, folder.beside);
    check(save_folder_commit(&folder, path, &err), &err);
    save_folder_sweep(path);
    const char *said = strstr(err.text, "; the model is whole in ");
    assert_non_null(said);
    snprintf(left, sizeof left, "%s", said + strlen("; the model is whole in "));
    unit_shell("[ \"$(ls -A %s)\" = model.safetensors ] && grep -q weights %s/model.safetensors && "
               "rm -r %s %s",
               left, left, left, path);
}

static void test_late(void **state)
{
    (void)state;
    late_check("mkdir late && echo mine >late/thesis.tex", "has files that no run has saved, as",
               "[ \"$(ls -A late)\" = thesis.tex ] && rm -r late");
    late_check("echo mine >late", "is a file: name a folder", "rm late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_late),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
