/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and answers: who does not answer is lost, alone, and named where nobody can be reached. */
#include "tests/unit/control/control_scene.h"

#include <pthread.h>

#include "job/control/hub.h"

struct order {
    int number;
    char text[5000]; /* more than one packet */
};

struct answer {
    int64_t number;
    int rank;
};

enum { RANKS = 9, LAST = -1 };

static int orders_given;
static int silent_rank, dead_rank; /* from their second order on; 0: none */

static int order_make(struct order *order, int number)
{
    memset(order, 0, sizeof *order);
    order->number = number;
    memset(order->text, 'a' + number, sizeof order->text - 1);
    return number;
}

/* Squares the number, and looks at all of the order. */
static int serve(struct hub *hub, struct control *c, struct actor *actor)
{
    struct order order;
    while (hub_take(hub, &order, 20, &actor->err) == 0) {
        actor->value[0]++;
        if (order.number == LAST)
            return 0;
        for (size_t i = 0; i + 1 < sizeof order.text; i++)
            if (order.text[i] != 'a' + order.number)
                return sft_error_set(&actor->err, "byte %zu of an order is wrong", i);
        if (c->rank == silent_rank && order.number > 1)
            return 1; /* the test closes its hub later, as a process would that hangs */
        if (c->rank == dead_rank && order.number > 1)
            return 2;
        struct answer answer = {(int64_t)order.number * order.number, c->rank};
        hub_answer(hub, &answer);
    }
    return -1;
}

static int lead(struct hub *hub, struct actor *actor)
{
    struct answer answers[RANKS] = {0};
    struct order order;
    for (int number = 1; number <= 4; number++) {
        order_make(&order, number);
        for (int rank = 1; rank < RANKS; rank++)
            if (!hub_is_lost(hub, rank))
                hub_order(hub, rank, &order);
        hub_wait(hub, 1.5, answers);
        orders_given++;
        for (int rank = 1; rank < RANKS; rank++) {
            bool gone = number > 1 && (rank == silent_rank || rank == dead_rank);
            if (hub_is_lost(hub, rank) != gone || hub_has_answered(hub, rank) == gone)
                return sft_error_set(&actor->err, "order %d: rank %d is %s", number, rank,
                                     gone ? "there" : "lost");
            if (!gone && (answers[rank].number != number * number || answers[rank].rank != rank))
                return sft_error_set(&actor->err, "order %d: rank %d answers %ld", number, rank,
                                     (long)answers[rank].number);
        }
    }
    order_make(&order, LAST);
    for (int rank = 1; rank < RANKS; rank++)
        if (!hub_is_lost(hub, rank))
            hub_order(hub, rank, &order);
    return 0;
}

static pthread_barrier_t end;

static int play_orders(struct control *c, struct actor *actor)
{
    struct hub *hub = hub_open(c, sizeof(struct order), sizeof(struct answer), &actor->err);
    if (hub == NULL)
        return -1;
    int ended = c->rank == 0 ? lead(hub, actor) : serve(hub, c, actor);
    if (ended == 2)
        hub_close(hub);
    pthread_barrier_wait(&end); /* who is silent keeps its connection */
    if (ended != 2)
        hub_close(hub);
    return ended < 0 ? -1 : 0;
}

static void play_all(int silent, int dead)
{
    silent_rank = silent;
    dead_rank = dead;
    orders_given = 0;
    pthread_barrier_init(&end, NULL, RANKS);
    scene_play(&(struct scene){.size = RANKS, .play = play_orders});
    pthread_barrier_destroy(&end);
    for (int rank = 0; rank < RANKS; rank++)
        if (actors[rank].failed)
            fail_msg("rank %d: %s", rank, actors[rank].err.text);
    assert_int_equal(orders_given, 4);
}

static void test_orders_are_answered(void **state)
{
    (void)state;
    play_all(0, 0);
    for (int rank = 1; rank < RANKS; rank++)
        assert_true(actors[rank].value[0] == 5);
}

static void test_who_is_silent_or_dead_is_lost_alone(void **state)
{
    (void)state;
    play_all(3, 0);
    play_all(0, 8);
    play_all(5, 6);
    assert_true(actors[5].value[0] == 2 && actors[6].value[0] == 2 && actors[7].value[0] == 5);
}

/* Rank 0 goes while the others wait for an order, or says nothing for too long. */
static double patience;

static int play_rank_0_is_gone(struct control *c, struct actor *actor)
{
    struct hub *hub = hub_open(c, sizeof(struct order), sizeof(struct answer), &actor->err);
    struct order order;
    int failed = 0;
    if (hub == NULL)
        return -1;
    if (c->rank > 0)
        failed = hub_take(hub, &order, patience, &actor->err);
    else if (patience < 1)
        sleep_ms(2500);
    hub_close(hub);
    return failed;
}

static void test_without_rank_0(void **state)
{
    (void)state;
    patience = 20;
    scene_play(&(struct scene){.size = 3, .play = play_rank_0_is_gone});
    assert_int_equal(actors[0].failed, 0);
    assert_string_equal(actors[1].err.text, "rank 0 on node-0 has ended");
    patience = 0.5;
    scene_play(&(struct scene){.size = 3, .play = play_rank_0_is_gone});
    assert_contains(actors[2].err.text, "rank 0 on node-0 has not been heard of for ");
}

/* Rank 2 is asked nothing for longer than its patience: words that want no answer keep it. */
static int play_waits(struct control *c, struct actor *actor)
{
    struct hub *hub = hub_open(c, sizeof(struct order), sizeof(struct answer), &actor->err);
    struct answer answers[3] = {0};
    struct order order;
    int failed = 0;
    if (hub == NULL)
        return -1;
    for (int number = 1; c->rank == 0 && number <= 6; number++) {
        order_make(&order, number < 6 ? number : LAST);
        hub_tell(hub, 2, &order);
        hub_order(hub, 1, &order);
        if (number == 6)
            break;
        sleep_ms(700);
        hub_wait(hub, 10, answers);
        if (hub_is_lost(hub, 1) || hub_is_lost(hub, 2))
            failed = sft_error_set(&actor->err, "a rank is lost in order %d", number);
    }
    for (order.number = 0; c->rank > 0 && failed == 0 && order.number != LAST;) {
        failed = hub_take(hub, &order, 2, &actor->err);
        actor->value[0] += failed == 0;
        if (failed == 0 && c->rank == 1 && order.number != LAST)
            hub_answer(hub, &(struct answer){order.number, c->rank});
    }
    hub_close(hub);
    return failed;
}

static void test_who_is_asked_nothing_waits_for_the_end(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 3, .play = play_waits});
    for (int rank = 0; rank < 3; rank++)
        if (actors[rank].failed)
            fail_msg("rank %d: %s", rank, actors[rank].err.text);
    assert_true(actors[1].value[0] == 6 && actors[2].value[0] == 6);
}

static int play_alone(struct control *c, struct actor *actor)
{
    struct answer answers[1];
    struct hub *hub = hub_open(c, sizeof(struct order), sizeof(struct answer), &actor->err);
    if (hub == NULL)
        return -1;
    hub_wait(hub, 1, answers);
    hub_close(hub);
    return 0;
}

static void test_a_lone_rank(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 1, .play = play_alone});
    assert_int_equal(actors[0].failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_are_answered),
        cmocka_unit_test(test_who_is_silent_or_dead_is_lost_alone),
        cmocka_unit_test(test_without_rank_0),
        cmocka_unit_test(test_who_is_asked_nothing_waits_for_the_end),
        cmocka_unit_test(test_a_lone_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
