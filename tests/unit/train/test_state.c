/* SPDX-License-Identifier: Apache-2.0 */
/* What six ranks write, whatever they share, other ranks read, whatever they share: each value and
 * moment of each parameter at its place, bit for bit. A byte that has changed is found and named.
 */
#include "tests/unit/unit.h"

#include "job/checkpoint/folder.h"
#include "job/tensor/random.h"
#include "job/train/keep.h"
#include "job/train/state.h"

enum { GPUS = 3, NODES = 2, RANKS = GPUS * NODES, ROWS = 16 };

static struct device *device;
static struct input input; /* its held records are there where evaluations keep weights */
static char top[] = "/tmp/sft-test-state.XXXXXX";

/* What few sizes divide. */
static struct sft_preset shape = {.name = "state",
                                  .title = "state",
                                  .source = "test",
                                  .vocab = 37,
                                  .hidden = 24,
                                  .layers = 3,
                                  .heads = 4,
                                  .kv_heads = 2,
                                  .head_dim = 6,
                                  .ffn = 35,
                                  .context = 256,
                                  .rope_theta = 10000,
                                  .norm_eps = 1e-5};

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

static void check(int failed, const struct sft_error *err)
{
    if (failed)
        fail_msg("%s", err->text);
}

static int move_nothing(struct collective *c, struct device *d, const struct collective_call *call,
                        struct sft_error *err)
{
    (void)c, (void)d, (void)call, (void)err;
    return 0;
}

/* One rank of several, whose collectives move nothing. */
struct scene {
    struct collective collective;
    struct control control;
    struct training t;
};

static void scene_make(struct scene *s, enum sft_zero zero, int rank, int ranks)
{
    struct sft_error err = {""};
    int gpus = ranks == 1 ? 1 : GPUS;
    struct optim_options o = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};
    struct model_recipe recipe = {.recompute = RECOMPUTE_NONE};
    size_t count;
    *s = (struct scene){.collective = {.name = "none",
                                       .group_rank = {rank, rank, rank % gpus, rank / gpus},
                                       .group_size = {ranks, ranks, gpus, ranks / gpus},
                                       .run = move_nothing},
                        .control = {.size = 1}};
    struct training *t = &s->t;
    *t = (struct training){.device = device, .control = &s->control, .collective = &s->collective};
    t->fit.states = SFT_STATES_FP32;
    t->input = &input;
    strcpy(t->request.save, "anywhere");
    t->model = model_create_stored(device, &shape, ROWS, &recipe,
                                   shard_storage(&shape, zero, ranks), &err);
    check(t->model == NULL, &err);
    t->shard = shard_create(t->model, device, &s->collective, zero, 7, NULL, &err);
    check(t->shard == NULL, &err);
    const struct shard_part *parts = shard_parts(t->shard, &count);
    t->optim = optim_create_parts(t->model, device, &o, parts, count, NULL, &err);
    check(t->optim == NULL, &err);
    t->keep = input.held == NULL ? NULL : keep_create(t, &err);
}

/* Element i of a tensor, of a kind. */
static float right(const struct model_tensor *tensor, size_t i, int kind)
{
    uint64_t key = tensor->number + i;
    return (float)(random_mix(key, (uint64_t)kind) % 100003) / 7;
}

/* Each element that the rank keeps: written, or held against what was. Returns how many. */
static size_t elements_visit(struct scene *s, bool writes)
{
    size_t parts_count, tensors_count, seen = 0, flat;
    const struct shard_part *parts = shard_parts(s->t.shard, &parts_count);
    const struct model_tensor *tensors = model_tensors(s->t.model, &tensors_count);
    for (size_t p = 0; p < parts_count; p++)
        for (size_t i = 0; i < tensors_count; i++) {
            size_t share = shard_part_share(&parts[p], &tensors[i], &flat);
            if (share == 0 || !tensors[i].param.trains)
                continue;
            float *arrays[CHECKPOINT_BEST] = {(float *)parts[p].weights + (flat - parts[p].offset),
                                              optim_state(s->t.optim, OPTIM_M, flat, share).data,
                                              optim_state(s->t.optim, OPTIM_V, flat, share).data};
            for (size_t j = 0; j < share; j++)
                for (int kind = 0; kind < CHECKPOINT_BEST; kind++) {
                    float value = right(&tensors[i], flat - tensors[i].offset + j, kind);
                    if (writes)
                        arrays[kind][j] = value;
                    else if (arrays[kind][j] != value)
                        fail_msg("%s, element %zu, kind %d: %g, right is %g", tensors[i].name, j,
                                 kind, (double)arrays[kind][j], (double)value);
                    seen++;
                }
        }
    return seen;
}

/* The same of the weights that evaluations keep. */
static size_t kept_visit(struct scene *s, bool writes)
{
    size_t count, seen = 0;
    const struct model_tensor *tensors = model_tensors(s->t.model, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sft_param_elements(&tensors[i].param); j++) {
            float *kept = (float *)(void *)keep_find(s->t.keep, tensors[i].name, j);
            float value = right(&tensors[i], j, CHECKPOINT_BEST);
            if (kept == NULL)
                continue;
            if (writes)
                *kept = value;
            else if (*kept != value)
                fail_msg("kept %s, element %zu: %g, right is %g", tensors[i].name, j, (double)*kept,
                         (double)value);
            seen++;
        }
    return seen;
}

static void checkpoint_fill(struct checkpoint *c)
{
    memset(c, 0, sizeof *c);
    c->step = 12;
    c->batch = 8;
    c->measured_steps = 7;
    c->measured_s = 0.1;
    strcpy(c->job, "4711");
    recipe_add(&c->recipe, "lr", "%g", 2e-5);
    recipe_add(&c->recipe, "data", "%s", "a \"b\" \\ c\xc3\xa4.json");
}

static long long kept_at = 7; /* step of the lowest loss */

/* Ranks write one after the other; what they say of their pieces becomes the index. */
static void ranks_write(const char *folder, enum sft_zero zero, int ranks)
{
    struct sft_error err = {""};
    struct checkpoint c;
    struct checkpoint_piece *pieces = NULL;
    uint64_t files[RANKS];
    size_t all = 0;
    char path[PATH_MAX + 16];
    checkpoint_fill(&c);
    for (int rank = 0; rank < ranks; rank++) {
        struct scene s;
        size_t count;
        scene_make(&s, zero, rank, ranks);
        elements_visit(&s, true);
        if (s.t.keep != NULL) {
            kept_visit(&s, true);
            s.t.keep->eval =
                (struct checkpoint_eval){true, s.t.keep->eval.sum, 3.25, 2.5, 0.1, 9, kept_at};
            c.eval = s.t.keep->eval;
        }
        state_formats(&s.t, c.step, c.formats);
        if (rank == 0)
            check(state_list(&s.t, &c, &err), &err);
        struct snapshot *w = snapshot_create(&err);
        check(w == NULL, &err);
        check(state_copy(&s.t, c.step, w, &err), &err);
        check(snapshot_write(w, folder, (uint32_t)rank, &err), &err);
        check(snapshot_finish(w, &err), &err);
        assert_false(snapshot_is_busy(w));
        const struct checkpoint_piece *mine = snapshot_pieces(w, &count);
        pieces = realloc(pieces, (all + count + 1) * sizeof *pieces);
        memcpy(pieces + all, mine, count * sizeof *pieces);
        all += count;
        files[rank] = snapshot_bytes(w);
        snapshot_destroy(w);
        keep_destroy(s.t.keep);
        training_destroy(&s.t);
    }
    c.files = files;
    c.file_count = (size_t)ranks;
    check(checkpoint_assemble(&c, pieces, all, &err), &err);
    snprintf(path, sizeof path, "%s/" CHECKPOINT_INDEX, folder);
    check(checkpoint_write_index(&c, path, &err), &err);
    c.files = NULL;
    checkpoint_clear(&c);
}

static void ranks_read(const char *folder, enum sft_zero zero, int ranks)
{
    for (int rank = 0; rank < ranks; rank++) {
        struct sft_error err = {""};
        struct checkpoint c;
        struct scene s;
        scene_make(&s, zero, rank, ranks);
        check(checkpoint_open(&c, folder, &err), &err);
        assert_int_equal(c.step, 12);
        assert_int_equal(c.batch, 8);
        assert_true(c.measured_s == 0.1);
        assert_string_equal(c.recipe.row[1].text, "a \"b\" \\ c\xc3\xa4.json");
        check(state_load(&s.t, &c, &err), &err);
        check(state_share(&s.t, &err), &err);
        if (s.t.keep != NULL) {
            bool same;
            check(keep_load(s.t.keep, &c, &same, &err), &err);
            assert_true(same && s.t.keep->eval.any && s.t.keep->eval.best == 0.1);
            assert_int_equal(s.t.keep->eval.best_step, kept_at);
            assert_int_equal(s.t.keep->eval.last_step, 9);
            assert_true(s.t.keep->eval.first == 3.25 && s.t.keep->eval.last == 2.5);
            assert_true(kept_visit(&s, false) > 0);
        }
        assert_true(elements_visit(&s, false) > 0);
        checkpoint_clear(&c);
        keep_destroy(s.t.keep);
        training_destroy(&s.t);
    }
}

static void test_every_way(void **state)
{
    (void)state;
    for (int from = 0; from < SFT_ZERO_COUNT; from++) {
        char beside[PATH_MAX], folder[PATH_MAX];
        struct sft_error err = {""};
        check(folder_begin(top, "", from + 1, beside, &err), &err);
        ranks_write(beside, (enum sft_zero)from, RANKS);
        check(folder_commit(top, from + 1, beside, &err), &err);
        folder_step_path(top, from + 1, folder);
        for (int to = 0; to < SFT_ZERO_COUNT; to++) {
            ranks_read(folder, (enum sft_zero)to, RANKS);
            ranks_read(folder, (enum sft_zero)to, 1);
        }
    }
    char one[PATH_MAX];
    snprintf(one, sizeof one, "%s/one", top);
    unit_shell("mkdir %s", one);
    ranks_write(one, SFT_ZERO_0, 1);
    ranks_read(one, SFT_ZERO_3, RANKS);
}

/* The weights of the lowest loss come along, where they are not the newest; of other records they
 * count nowhere, and a damaged one is found. */
static void test_best(void **state)
{
    (void)state;
    struct sft_error err = {""};
    char folder[PATH_MAX];
    input.held = data_synthetic(shape.vocab, 32, 0, 1, &err);
    check(input.held == NULL, &err);
    for (int from = 0; from < SFT_ZERO_COUNT; from++) {
        snprintf(folder, sizeof folder, "%s/best-%d", top, from);
        unit_shell("mkdir %s", folder);
        ranks_write(folder, (enum sft_zero)from, RANKS);
        for (int to = 0; to < SFT_ZERO_COUNT; to++)
            ranks_read(folder, (enum sft_zero)to, RANKS);
        ranks_read(folder, SFT_ZERO_0, 1);
    }
    struct scene s;
    struct checkpoint c;
    bool same = true;
    scene_make(&s, SFT_ZERO_0, 0, 1);
    check(checkpoint_open(&c, folder, &err), &err);
    s.t.keep->eval.sum++;
    check(keep_load(s.t.keep, &c, &same, &err), &err);
    assert_false(same || s.t.keep->eval.any);
    c.eval.sum = s.t.keep->eval.sum;
    c.pieces[0].sum[CHECKPOINT_BEST]++;
    assert_int_equal(keep_load(s.t.keep, &c, &same, &err), -1);
    assert_contains(err.text, "is damaged: in ");
    checkpoint_clear(&c);
    keep_destroy(s.t.keep);
    training_destroy(&s.t);
    data_close(input.held);
    input.held = NULL;
}

/* Adapters alone are written: the base is not. */
static void test_adapters(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct sft_error err = {""};
    struct checkpoint c;
    shape.adapters = (struct sft_adapters){.rank = 4, .alpha = 8};
    check(sft_adapters_read(&shape, "all", &shape.adapters.targets, &err), &err);
    snprintf(folder, sizeof folder, "%s/adapters", top);
    unit_shell("mkdir %s", folder);
    ranks_write(folder, SFT_ZERO_3, RANKS);
    ranks_read(folder, SFT_ZERO_0, 1);
    ranks_read(folder, SFT_ZERO_1, RANKS);
    check(checkpoint_open(&c, folder, &err), &err);
    for (size_t i = 0; i < c.tensor_count; i++)
        assert_contains(c.tensors[i].name, ".lora_");
    checkpoint_clear(&c);
    memset(&shape.adapters, 0, sizeof shape.adapters);
}

/* Each byte of a small file, one bit. */
static void test_flipped_bit(void **state)
{
    (void)state;
    char folder[PATH_MAX], path[PATH_MAX + 32];
    snprintf(folder, sizeof folder, "%s/flipped", top);
    unit_shell("mkdir %s", folder);
    ranks_write(folder, SFT_ZERO_1, RANKS);
    snprintf(path, sizeof path, "%s/rank-00003.bin", folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (long at = 0; at < size; at += size / 7) {
        struct sft_error err = {""};
        struct checkpoint c;
        struct scene s;
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x10, file);
        fflush(file);
        scene_make(&s, SFT_ZERO_0, 0, 1);
        check(checkpoint_open(&c, folder, &err), &err);
        assert_int_equal(state_load(&s.t, &c, &err), -1);
        assert_contains(err.text, "rank-00003.bin is damaged: in ");
        assert_contains(err.text, folder);
        checkpoint_clear(&c);
        keep_destroy(s.t.keep);
        training_destroy(&s.t);
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    ranks_read(folder, SFT_ZERO_2, RANKS);
}

/* Another shape's parameters are no other model's. */
static void test_another_model(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct sft_error err = {""};
    struct checkpoint c;
    struct scene s;
    snprintf(folder, sizeof folder, "%s/one", top);
    shape.ffn = 36;
    scene_make(&s, SFT_ZERO_0, 0, 1);
    check(checkpoint_open(&c, folder, &err), &err);
    assert_int_equal(state_load(&s.t, &c, &err), -1);
    assert_contains(err.text, "layers.0.gate_up is 70 x 24 there and 72 x 24 here");
    checkpoint_clear(&c);
    keep_destroy(s.t.keep);
    training_destroy(&s.t);
    shape.ffn = 35;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way),     cmocka_unit_test(test_best),
        cmocka_unit_test(test_adapters),      cmocka_unit_test(test_flipped_bit),
        cmocka_unit_test(test_another_model),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
