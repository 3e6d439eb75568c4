/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that tell each other their GPUs, as slurmstepd's children do. */
#include "tests/unit/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "spank/peers.h"

#define TASKS 4

/* A task's exit status: 0 when it hears of all what they were given. */
static int task(int rank, int tasks)
{
    char cuda[16], gpus[16];
    snprintf(cuda, sizeof cuda, "%d", rank);
    const struct peer *all = peers_tell(rank, rank != 2 ? cuda : NULL, "0");
    for (int i = 0; i < tasks; i++) {
        snprintf(gpus, sizeof gpus, "%d", i);
        if (all == NULL || all[i].has_cuda != (i != 2) ||
            strcmp(all[i].cuda, i != 2 ? gpus : "") != 0 || !all[i].has_gpus ||
            strcmp(all[i].gpus, "0") != 0)
            return 1;
    }
    return 0;
}

/* How many of the tasks that were started hear of all. */
static int heard(int started, int tasks)
{
    int status, count = 0;
    pid_t child[TASKS];
    for (int i = 0; i < started; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0)
            _exit(task(i, tasks));
    }
    for (int i = 0; i < started; i++) {
        assert_true(waitpid(child[i], &status, 0) == child[i]);
        count += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return count;
}

static void test_all_hear_of_all(void **state)
{
    (void)state;
    struct sft_error err = {""};
    assert_int_equal(peers_create(TASKS, &err), 0);
    assert_int_equal(heard(TASKS, TASKS), TASKS);
}

/* One that never comes: the others go on without. */
static void test_one_is_silent(void **state)
{
    (void)state;
    struct sft_error err = {""};
    assert_int_equal(peers_create(TASKS, &err), 0);
    assert_int_equal(heard(TASKS - 1, TASKS), 0);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    struct sft_error err = {""};
    static char text[PEERS_TEXT + 1];
    memset(text, '1', PEERS_TEXT);
    assert_int_equal(peers_create(1, &err), 0);
    assert_null(peers_tell(0, text, "0"));
    text[PEERS_TEXT - 1] = '\0';
    assert_non_null(peers_tell(0, text, "0"));
    assert_null(peers_tell(1, "0", "0"));
    assert_null(peers_tell(-1, "0", "0"));
    assert_int_equal(peers_create(0, &err), -1);
    assert_null(peers_tell(0, "0", "0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_hear_of_all),
        cmocka_unit_test(test_one_is_silent),
        cmocka_unit_test(test_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
