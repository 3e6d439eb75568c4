/* SPDX-License-Identifier: Apache-2.0 */
/* What the user's own options and variables make of nodes, tasks and GPUs, or why not. */
#include "tests/unit/unit.h"

#include "spank/ask.h"

static const struct option table[] = {
    {"nodes", required_argument, NULL, 'N'},
    {"ntasks", required_argument, NULL, 'n'},
    {"gpus", required_argument, NULL, 'G'},
    {"nodelist", required_argument, NULL, 'w'},
    {"exclude", required_argument, NULL, 'x'},
    {"constraint", required_argument, NULL, 'C'},
    {"partition", required_argument, NULL, 'p'},
    {"extra-node-info", required_argument, NULL, 'B'},
    {"gres", required_argument, NULL, 301},
    {"gpus-per-node", required_argument, NULL, 302},
    {"gpus-per-task", required_argument, NULL, 303},
    {"gpus-per-socket", required_argument, NULL, 304},
    {"tres-per-task", required_argument, NULL, 305},
    {"ntasks-per-node", required_argument, NULL, 306},
    {"ntasks-per-gpu", required_argument, NULL, 307},
    {"hint", required_argument, NULL, 308},
    {"threads-per-core", required_argument, NULL, 309},
    {"mem-per-cpu", required_argument, NULL, 310},
    {"mem", required_argument, NULL, 311},
    {"cpus-per-task", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

struct scene {
    struct cmdline user;
    struct ask ask;
    struct sft_request request;
    int tasks;
    struct sft_error err;
};

/* `words` is one text with blanks between; most: GPUs of a node. Returns what the steps return. */
static int scene_set(struct scene *scene, const char *request, const char *words, int most,
                     enum ask_program program, bool allocated)
{
    char text[512];
    int length = snprintf(text, sizeof text, "srun %s", words);
    for (int i = 0; i < length; i++)
        text[i] = text[i] == ' ' ? '\0' : text[i];
    memset(scene, 0, sizeof *scene);
    assert_int_equal(cmdline_set(&scene->user, text, (size_t)length + 1, NULL), 0);
    assert_int_equal(cmdline_scan(&scene->user, table, "+N:n:G:w:x:C:p:B:c:", NULL), 0);
    assert_int_equal(sft_request_parse(&scene->request, request, NULL), 0);
    if (ask_read(&scene->ask, &scene->user, program, allocated, &scene->err) < 0 ||
        ask_nodes(&scene->ask, &scene->request, &scene->err) < 0)
        return -1;
    return ask_settle(&scene->ask, &scene->request, most, &scene->tasks, &scene->err);
}

static void scene_clear(struct scene *scene)
{
    ask_clear(&scene->ask);
    cmdline_clear(&scene->user);
}

static void assert_settled(const char *request, const char *words, int nodes, int gpus)
{
    struct scene scene;
    if (scene_set(&scene, request, words, 4, ASK_SRUN, false) < 0)
        fail_msg("%s %s: %s", request, words, scene.err.text);
    if (scene.request.nodes != nodes || scene.request.gpus != gpus)
        fail_msg("%s %s: %d nodes with %d GPUs", request, words, scene.request.nodes,
                 scene.request.gpus);
    scene_clear(&scene);
}

static void assert_refused(const char *request, const char *words, const char *part)
{
    struct scene scene;
    if (scene_set(&scene, request, words, 4, ASK_SRUN, false) == 0)
        fail_msg("%s %s was settled", request, words);
    assert_contains(scene.err.text, part);
    assert_null(strchr(scene.err.text, '\n'));
    scene_clear(&scene);
}

static void test_gpus_of_the_users(void **state)
{
    (void)state;
    assert_settled("tiny:2", "--gres=gpu:1", 2, 1);
    assert_settled("tiny:2", "--gres=gpu:h100:3", 2, 3);
    assert_settled("tiny:2", "--gres=nic:1,gpu:2", 2, 2);
    assert_settled("tiny:2", "--gres=gpu:a100:1,gpu:h100:1", 2, 2);
    assert_settled("tiny:2", "--gres=nic:2", 2, -1);
    assert_settled("tiny:2", "--gres=none", 2, 0);
    assert_settled("tiny:2", "--gpus-per-node=h100:2", 2, 2);
    assert_settled("tiny:2", "-G6", 2, 3);
    assert_settled("tiny", "-G8", 2, 4);
    assert_settled("tiny", "-G6", 2, 3);
    assert_settled("tiny", "-G4", 1, 4);
    assert_settled("tiny:2,gpus=2", "--gpus-per-node=2", 2, 2);
    assert_settled("tiny:1", "--gpus-per-task=1", 1, -1);
    assert_settled("tiny:1", "--tres-per-task=cpu=2,gres/gpu=1", 1, -1);
    assert_settled("tiny:1", "--ntasks-per-gpu=1 -G2", 1, 2);
}

static void test_tasks_of_the_users(void **state)
{
    (void)state;
    assert_settled("tiny:2", "-n4", 2, 2);
    assert_settled("tiny", "-n8", 2, 4);
    assert_settled("tiny", "-n2", 1, 2);
    assert_settled("tiny:2", "--ntasks-per-node=1", 2, 1);
    assert_settled("tiny", "-N2 -n4", 2, 2);
    assert_settled("tiny:2", "-N2", 2, -1);
    assert_settled("tiny", "-wa[1-2]", 2, -1);
    assert_settled("tiny:3", "-wa[1-2]", 3, -1);
    assert_settled("tiny:1", "-wa1,a1", 1, -1); /* a host named twice is one */
    assert_settled("tiny", "-wb,a[1-2],b,a1", 3, -1);
    struct scene scene;
    assert_int_equal(scene_set(&scene, "tiny:2,gpus=0", "-n3", 4, ASK_SRUN, false), 0);
    assert_true(scene.request.gpus == 0 && scene.tasks == 2);
    scene_clear(&scene);
    assert_int_equal(scene_set(&scene, "tiny:2", "-n4", 0, ASK_SRUN, false),
                     0); /* nodes without GPUs */
    assert_true(scene.request.gpus == -1 && scene.tasks == 2);
    scene_clear(&scene);
}

static void test_contradictions(void **state)
{
    (void)state;
    assert_refused("tiny:2", "-N1", "tiny:2 and -N 1 are a contradiction");
    assert_refused("tiny:2", "-N1-2", "tiny:2 and -N are a contradiction");
    assert_refused("tiny", "-N1-2", "-N with a range");
    assert_refused("explain:2", "-N3", "explain:2 and -N 3");
    assert_refused("tiny:1", "-wa[1-2]", "tiny:1 and the 2 hosts");
    assert_refused("tiny:1,gpus=2", "--gres=gpu:1", "gpus=2 and --gres=gpu:1 are a contradiction");
    assert_refused("tiny:1", "--gres=gpu:1 --gpus-per-node=1", "Slurm would add them");
    assert_refused("tiny:1", "--gpus-per-task=2", "gpus=N");
    assert_refused("tiny:1", "--tres-per-task=gres/gpu:4", "gpus=N");
    assert_refused("tiny:1", "--ntasks-per-gpu=2", "gpus=N");
    assert_refused("tiny:1", "--gpus-per-socket=1", "gpus=N");
    assert_refused("tiny:2", "-G3", "does not divide by 2 nodes");
    assert_refused("tiny:2", "-n3", "gpus=N");
    assert_refused("tiny:1", "--gpus-per-node=2 --ntasks-per-node=4", "say gpus=4");
    assert_refused("tiny:2", "--gpus-per-node=1 -n4", "say gpus=2");
    assert_refused("tiny:1", "--gres=gpu:h100:1,gpu:1g.10gb:2", "slices");
}

static void test_slices_by_type(void **state)
{
    (void)state;
    struct scene scene;
    assert_int_equal(scene_set(&scene, "tiny:1", "--gres=gpu:1g.10gb:2", 4, ASK_SRUN, false), 0);
    assert_string_equal(scene.ask.type, "1g.10gb");
    assert_int_equal(scene.request.gpus, 2);
    scene_clear(&scene);
}

static void test_variables_of_each_program(void **state)
{
    (void)state;
    struct scene scene;
    setenv("SLURM_GPUS", "2", 1);
    setenv("SBATCH_GRES", "gpu:3", 1);
    setenv("SALLOC_GPUS_PER_NODE", "h100:4", 1);
    static const int gpus[] = {1, 3, 4};
    for (int program = ASK_SRUN; program <= ASK_SALLOC; program++) {
        assert_int_equal(scene_set(&scene, "tiny:2", "", 4, (enum ask_program)program, false), 0);
        assert_int_equal(scene.request.gpus, gpus[program]);
        scene_clear(&scene);
    }
    /* In an allocation they are the allocation's, and an option of the user's is the user's. */
    assert_int_equal(scene_set(&scene, "tiny:2", "", 4, ASK_SRUN, true), 0);
    assert_int_equal(scene.request.gpus, -1);
    scene_clear(&scene);
    unsetenv("SLURM_GPUS");
    unsetenv("SBATCH_GRES");
    unsetenv("SALLOC_GPUS_PER_NODE");
}

static void test_cpus_and_memory(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int threads;
        long memory;
        bool own;
    } cases[] = {
        {"--hint=nomultithread", 1, 0, false},
        {"--hint=multithread", 0, 0, false},
        {"--hint=memory_bound", 0, 0, true},
        {"--threads-per-core=1", 1, 0, false},
        {"-B 2:16:1", 1, 0, false},
        {"-B 2:16", 0, 0, false},
        {"--mem-per-cpu=2G", 0, 2048, false},
        {"--mem-per-cpu=500", 0, 500, false},
        {"--mem=0", 0, -1, false},
        {"-c 3", 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        assert_int_equal(scene_set(&scene, "tiny:1", cases[i].words, 4, ASK_SRUN, false), 0);
        if (scene.ask.threads != cases[i].threads || scene.ask.mem_per_cpu != cases[i].memory ||
            scene.ask.cpus != cases[i].own)
            fail_msg("%s: %d %ld %d", cases[i].words, scene.ask.threads, scene.ask.mem_per_cpu,
                     scene.ask.cpus);
        scene_clear(&scene);
    }
}

int main(void)
{
    clearenv(); /* no SLURM_ variables of a job that runs the tests */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpus_of_the_users),
        cmocka_unit_test(test_tasks_of_the_users),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_slices_by_type),
        cmocka_unit_test(test_variables_of_each_program),
        cmocka_unit_test(test_cpus_and_memory),
    };
    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
