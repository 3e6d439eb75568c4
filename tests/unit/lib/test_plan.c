/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/plan.h"

static const struct sft_cluster eight = {
    .partition = "gpu", .nodes = 8, .gpus_per_node = 8, .cpus_per_node = 96};

static struct sft_plan planned(const char *text, const struct sft_cluster *cluster)
{
    struct sft_request request;
    struct sft_plan plan = {0};
    struct sft_error err = {""};
    if (sft_request_parse(&request, text, &err) < 0 ||
        sft_plan_make(&plan, &request, cluster, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return plan;
}

static void assert_refused(const char *text, const struct sft_cluster *cluster, const char *part)
{
    struct sft_request request;
    struct sft_plan plan = {0};
    struct sft_error err = {""};
    assert_int_equal(sft_request_parse(&request, text, &err), 0);
    if (sft_plan_make(&plan, &request, cluster, &err) == 0)
        fail_msg("'%s' was planned", text);
    assert_contains(err.text, part);
}

static void test_a_model_and_nodes_are_enough(void **state)
{
    (void)state;
    struct sft_plan p = planned("llama-7b:4", &eight);
    assert_int_equal(p.nodes, 4);
    assert_int_equal(p.tasks_per_node, 8);
    assert_int_equal(p.gpus_per_node, 8);
    assert_int_equal(p.cpus_per_task, 12);
    assert_int_equal(p.ranks, 32);
    assert_int_equal(p.seq, 4096);
    assert_int_equal(planned("gpt2-xl", &eight).seq, 1024); /* its context */
    assert_int_equal(p.global_batch, p.ranks * p.micro_batch * p.accumulation);
    assert_true(p.seed == 42 && p.clip == 1);
    assert_int_equal(p.accumulation, 4);
    assert_true(p.steps == 0 && p.seconds == 60);
    assert_int_equal(p.warmup, 5);
    assert_int_equal(p.lr_warmup, 5); /* nobody knows how many steps: those that are not measured */
    p = planned("llama-7b:4,steps=20", &eight);
    assert_true(p.steps == 20 && p.seconds == 0);
    assert_int_equal(p.lr_warmup, 1); /* 3% of all, rounded up */
    assert_true(p.lr == 2e-5 && p.weight_decay == 0);
    p = planned("tiny:4", &eight);
    assert_true(p.steps == 20 && p.seconds == 0);
    p = planned("tiny:4,seconds=7.5,lr_warmup=3", &eight);
    assert_true(p.steps == 0 && p.seconds == 7.5 && p.lr_warmup == 3);

    assert_int_equal(planned("tiny", &eight).accumulation, 2);
    assert_true(p.chooses && p.micro_batch == 1); /* until it is chosen */
    assert_int_equal(planned("llama-7b", &eight).nodes, 1);
    assert_int_equal(planned("tiny:2,gpus=0", &eight).tasks_per_node, 1);
    assert_int_equal(planned("tiny:2,gpus=0", &eight).gpus_per_node, 0);
}

static void test_the_allocation_gives_the_nodes(void **state)
{
    (void)state;
    struct sft_cluster inside = {.allocated = true, .nodes = 3, .gpus_per_node = 2};
    assert_int_equal(planned("tiny", &inside).nodes, 3);
    assert_int_equal(planned("tiny:2", &inside).nodes, 2);
    assert_refused("tiny:4", &inside, "this allocation has 3 nodes");
    assert_refused("tiny:1,gpus=3", &inside, "the nodes of this allocation have 2");
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_refused("tiny:9", &eight, "partition 'gpu' has 8 nodes; ask for 8 or fewer");
    assert_refused("tiny:1,gpus=9", &eight, "partition 'gpu' have 8; ask for 8 or fewer");
    assert_refused("tiny:1,global_batch=3", &eight, "too small for 8 ranks x micro_batch=1: use 8");
    assert_refused("tiny:1,global_batch=20,micro_batch=2", &eight, "use 16 or 32");
    assert_refused("tiny:1,steps=1,warmup=0,lr_warmup=2", &eight, "lr_warmup=2");
    assert_int_equal(
        planned("auto:1,weights=x,method=lora,lora_targets=c_attn", &eight).adapters.rank,
        16); /* its projections are not known yet */
    assert_refused("tiny:1,method=lora,merge=yes", &eight, "nothing is saved: say save=FOLDER");
    assert_refused("tiny:1,merge=yes,save=x", &eight, "merge=yes: method=full has no adapters");
    assert_refused("auto:1", &eight, "auto takes the model of weights=: name a folder");
    assert_refused("gpt2:1,seq=1025", &eight, "seq=1025: gpt2 knows 1024 positions");
    assert_refused("tiny:1,scaling=row", &eight, "scaling=row: is of FP8: say precision=fp8, too");
    assert_refused("tiny:1,scaling=tensor,precision=bf16", &eight, "is of FP8");
    assert_refused("tiny:1,precision=fp8,seq=100", &eight, "use 96 or 112");
    assert_int_equal(planned("tiny:1,precision=fp8,scaling=row,seq=112", &eight).seq, 112);
    struct sft_cluster huge = {.nodes = 16384, .gpus_per_node = 256};
    assert_refused("tiny:16384,micro_batch=1024", &huge, "sequences a step");
}

static void test_a_global_batch_is_kept(void **state)
{
    (void)state;
    struct sft_plan p = planned("tiny:1,global_batch=24", &eight);
    assert_int_equal(p.global_batch, 24);
    assert_int_equal(p.micro_batch * p.accumulation * p.ranks, 24);
    p = planned("tiny:2,gpus=1,global_batch=8,micro_batch=4", &eight);
    assert_int_equal(p.accumulation, 1);
    struct sft_request request;
    assert_int_equal(sft_request_parse(&request, "tiny:7,global_batch=8", NULL), 0);
    for (int ranks = 1; ranks <= 8; ranks *= 2) {
        assert_int_equal(sft_plan_make_running(&p, &request, 1, ranks, NULL), 0);
        assert_int_equal(p.ranks * p.micro_batch * p.accumulation, 8);
        assert_int_equal(p.nodes, 1);
    }
}

/* The same work whatever the micro-batch: 4 sequences a rank, or one micro-batch that is larger. */
static void test_a_step_keeps_its_sequences(void **state)
{
    (void)state;
    static const int sizes[][3] = {{1, 4, 4}, {2, 2, 4}, {3, 2, 6}, {4, 1, 4}, {8, 1, 8}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "llama-7b:1,micro_batch=%d", sizes[i][0]);
        struct sft_plan p = planned(text, &eight);
        assert_int_equal(p.accumulation, sizes[i][1]);
        assert_int_equal(p.global_batch, 8 * sizes[i][2]);
        assert_true(!p.chooses);
    }
    struct sft_plan p = planned("llama-7b:1,micro_batch=auto", &eight);
    sft_plan_micro_batch(&p, 2);
    assert_true(!p.chooses && p.micro_batch == 2 && p.accumulation == 2 && p.global_batch == 32);
    assert_int_equal(planned("llama-7b:1,micro_batch=auto,global_batch=24", &eight).accumulation,
                     3);
}

/* What SuperBench trains with is the default, a preset's batch only where nobody says another. */
static void test_smoke_trainings(void **state)
{
    (void)state;
    struct sft_plan p = planned("lstm:2,gpus=4", &eight);
    assert_true(p.sgd && p.lr == 1e-5 && p.seq == 32 && !p.chooses);
    assert_true(p.micro_batch == 1024 && p.accumulation == 1 && p.global_batch == 8 * 1024);
    assert_true(p.seconds == 60);
    p = planned("lstm:1,optimizer=adamw,lr=1e-3,global_batch=64", &eight);
    assert_true(!p.sgd && p.lr == 1e-3 && p.chooses && p.global_batch == 64);
    p = planned("lstm:1,micro_batch=512", &eight);
    assert_true(p.micro_batch == 512 && p.accumulation == 2);
    p = planned("gpt2-smoke:1", &eight);
    assert_true(!p.sgd && p.seq == 224 && p.micro_batch == 32 && p.global_batch == 8 * 32);
    p = planned("tiny-lstm:1,gpus=0", &eight);
    assert_true(!p.sgd && p.steps == 20 && p.lr == 1e-3 && p.micro_batch == 16);
    assert_true(planned("llama-7b:1,optimizer=sgd", &eight).sgd);
    assert_refused("lstm:1,weights=/x", &eight, "weights=: lstm begins with drawn weights");
    assert_refused("gpt2-smoke:1,save=/x", &eight, "save=: gpt2-smoke begins with drawn weights");
    assert_refused("lstm:1,method=lora", &eight, "method=lora: lstm trains all its parameters");
    assert_refused("lstm:1,precision=fp8", &eight, "precision=fp8: lstm has no linear layers");
    assert_refused("gpt2-smoke:1,seq=1025", &eight, "gpt2-smoke knows 1024 positions");
}

static void test_states_of_16_bits_are_adamws(void **state)
{
    (void)state;
    assert_refused("lstm:1,states=bf16", &eight, "states=bf16 with optimizer=sgd");
    assert_refused("gpt2:1,states=bf16,precision=tf32", &eight,
                   "states=bf16 with precision=fp32 or tf32");
    assert_refused("gpt2:1,method=lora,precision=fp32", &eight,
                   "method=lora with precision=fp32: adapters compute in bf16");
    assert_refused("lstm:1,checkpoint=/x", &eight, "checkpoint= with optimizer=sgd");
    planned("gpt2:1,method=lora,precision=fp32,device=cpu", &eight);
    planned("lstm:1,states=bf16,optimizer=adamw", &eight);
}

static void test_explain_needs_nodes_and_tasks(void **state)
{
    (void)state;
    struct sft_plan p = planned("explain:2", &eight);
    assert_int_equal(p.task, SFT_TASK_EXPLAIN);
    assert_int_equal(p.ranks, 16);
    assert_int_equal(p.cpus_per_task, 12);
    assert_int_equal(p.steps, 0);
    assert_refused("explain:9", &eight, "explain:9: partition 'gpu' has 8 nodes");
}

static void test_verify_trains_nothing(void **state)
{
    (void)state;
    struct sft_plan p = planned("verify:2,gpus=2,checks=gemm,timeout=20,out=/tmp/x", &eight);
    assert_int_equal(p.task, SFT_TASK_VERIFY);
    assert_int_equal(p.ranks, 4);
    assert_int_equal(planned("verify:2,data=/site/data,history=/h", &eight).ranks, 16);
    assert_refused("verify:2,steps=5", &eight, "steps=: verify measures the nodes");
    assert_refused("tiny:2,checks=gemm", &eight, "checks=gemm: a key of verify");
}

static struct sft_plan in_epochs(const char *text, long sequences)
{
    struct sft_request request;
    struct sft_error err = {""};
    struct sft_plan plan = planned(text, &eight);
    assert_int_equal(plan.steps, 0);
    assert_int_equal(sft_request_parse(&request, text, &err), 0);
    if (sft_plan_epochs(&plan, &request, sequences, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return plan;
}

/* 32 ranks x 4 sequences a step. */
static void test_epochs_are_steps(void **state)
{
    (void)state;
    struct sft_request request;
    struct sft_error err = {""};
    struct sft_plan p = in_epochs("llama-7b:4,epochs=3", 12800);
    assert_true(p.warmup == 5 && p.steps == 295 && p.lr_warmup == 9);
    p = in_epochs("llama-7b:4,epochs=3", 12801); /* begins a step more */
    assert_int_equal(p.steps, 296);
    p = in_epochs("llama-7b:4,epochs=0.5,lr_warmup=7", 12800);
    assert_true(p.steps == 45 && p.lr_warmup == 7);
    p = in_epochs("llama-7b:4,epochs=0.001", 12800);
    assert_true(p.warmup == 0 && p.steps == 1);
    p = in_epochs("llama-7b:4,epochs=1,warmup=0", 300);
    assert_true(p.warmup == 0 && p.steps == 3);
    assert_int_equal(sft_request_parse(&request, "llama-7b:4,epochs=1,warmup=3", &err), 0);
    p = planned("llama-7b:4,epochs=1,warmup=3", &eight);
    assert_int_equal(sft_plan_epochs(&p, &request, 300, &err), -1);
    assert_contains(err.text, "are 3 steps of 128 sequences, of which warmup=3 leaves none");
    assert_refused("llama-7b:4,epochs=1,steps=3", &eight, "exclude each other");
    assert_refused("llama-7b:4,epochs=1,seconds=3", &eight, "exclude each other");
    assert_refused("llama-7b:4,eval_every=3", &eight, "nothing is evaluated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_and_nodes_are_enough),
        cmocka_unit_test(test_the_allocation_gives_the_nodes),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_a_global_batch_is_kept),
        cmocka_unit_test(test_a_step_keeps_its_sequences),
        cmocka_unit_test(test_smoke_trainings),
        cmocka_unit_test(test_states_of_16_bits_are_adamws),
        cmocka_unit_test(test_explain_needs_nodes_and_tasks),
        cmocka_unit_test(test_verify_trains_nothing),
        cmocka_unit_test(test_epochs_are_steps),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
