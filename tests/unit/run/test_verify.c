/* SPDX-License-Identifier: Apache-2.0 */
/* What rank 0 of verify orders, over real connections, of ranks that answer as the test has it. */
#include "tests/unit/control/control_scene.h"

#include <math.h>

#include "job/run/verify.h"

/* What the ranks behind rank 0 do. */
static struct {
    int leave_from, leave_after; /* ranks from that on end after so many orders; 0: none */
    size_t late_from;            /* bytes; 0: none */
    double gbs;                  /* of the others' answers */
} part;

static struct verify_lead lead;

static void answer_make(struct verify_answer *answer, const struct verify_order *order)
{
    memset(answer, 0, sizeof *answer);
    answer->count = JUDGE_REPEATS;
    for (int i = 0; i < JUDGE_REPEATS; i++)
        answer->value[i] = 1e-9 * (double)order->bytes / part.gbs;
    if (part.late_from == 0 || order->bytes < part.late_from)
        return;
    answer->count = -1;
    answer->late = true;
    strcpy(answer->text, "ranks did not come");
}

/* value: 0 orders of teams; 2 orders to a team in which one was late before. */
static int rank_play(struct control *c, struct hub *hub, struct actor *actor)
{
    struct verify_order order;
    struct verify_answer answer;
    int late = 0; /* number of that team */
    while (hub_take(hub, &order, 20, &actor->err) == 0) {
        if (order.what == VERIFY_END)
            return 0;
        if (order.what == VERIFY_WAIT)
            continue;
        if (part.leave_from > 0 && c->rank >= part.leave_from &&
            actor->value[0] >= part.leave_after)
            return 0;
        actor->value[0]++;
        actor->value[2] += order.number == late;
        answer_make(&answer, &order);
        late = answer.late ? order.number : late;
        hub_answer(hub, &answer);
    }
    return -1;
}

/* Its own part is none of the test's. */
static int lead_play(struct control *c, struct hub *hub, struct actor *actor)
{
    struct verify_order end = {.what = VERIFY_END};
    lead = (struct verify_lead){.control = c, .hub = hub, .limit = 10, .free_bytes = NAN};
    if (verify_lead_open(&lead, &actor->err) < 0)
        return -1;
    lead.gone[0] = true;
    verify_lead_collectives(&lead);
    for (int rank = 1; rank < c->size; rank++)
        if (!hub_is_lost(hub, rank))
            hub_order(hub, rank, &end);
    return 0;
}

static int play(struct control *c, struct actor *actor)
{
    struct hub *hub =
        hub_open(c, sizeof(struct verify_order), sizeof(struct verify_answer), &actor->err);
    if (hub == NULL)
        return -1;
    if (c->rank == 0)
        return lead_play(c, hub, actor);
    int failed = rank_play(c, hub, actor);
    hub_close(hub);
    return failed;
}

static void play_all(int size)
{
    scene_play(&(struct scene){.size = size, .play = play});
    for (int rank = 0; rank < size; rank++)
        if (actors[rank].failed)
            fail_msg("rank %d: %s", rank, actors[rank].err.text);
}

static int sizes_of(enum collective_kind kind)
{
    int count = 0;
    for (int i = 0; i < lead.sizes.count; i++)
        count += lead.sizes.size[i].kind == kind;
    return count;
}

/* 1 KiB to 16 MiB. */
static void test_all_sizes(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.gbs = 10;
    play_all(4);
    assert_int_equal(lead.sizes.count, 3 * 15);
    assert_true(actors[1].value[0] == 3 * 15);
    verify_lead_close(&lead);
}

/* The next kind has a new team, and all its sizes that are in time. */
static void test_a_late_team_is_left_for_another(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.gbs = 10;
    part.late_from = 64 << 10;
    play_all(4);
    assert_int_equal(sizes_of(COLLECTIVE_ALL_REDUCE), 6);
    assert_int_equal(sizes_of(COLLECTIVE_ALL_GATHER), 6);
    assert_int_equal(sizes_of(COLLECTIVE_REDUCE_SCATTER), 6);
    assert_true(actors[1].value[0] == 3 * 7 && actors[1].value[2] == 0);
    assert_int_equal(lead.input.rank[1].late, 0); /* it has figures */
    verify_lead_close(&lead);
}

static void test_what_is_late_from_the_first_on_is_noted(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.late_from = 1;
    play_all(3);
    assert_int_equal(lead.sizes.count, 0);
    assert_int_equal(lead.input.rank[1].late, CHECK_BIT(CHECK_COLLECTIVES));
    assert_string_equal(lead.input.rank[2].late_text, "ranks did not come");
    verify_lead_close(&lead);
}

/* 10 MB/s: 4 MiB take 0.4 s, seven times; 8 MiB more than the 5 s that a rank gives them. */
static void test_what_would_take_too_long_is_not_begun(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.gbs = 0.01;
    play_all(3);
    assert_int_equal(sizes_of(COLLECTIVE_ALL_REDUCE), 13);
    assert_int_equal(sizes_of(COLLECTIVE_REDUCE_SCATTER), 13);
    verify_lead_close(&lead);
}

/* An order holds no more than VERIFY_LOST: those that are left get none. */
static void test_more_lost_than_an_order_holds(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.gbs = 10;
    part.leave_from = 4;
    part.leave_after = 5;
    play_all(4 + VERIFY_LOST);
    assert_true(actors[1].value[0] == 6 && actors[3].value[0] == 6);
    verify_lead_close(&lead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_a_late_team_is_left_for_another),
        cmocka_unit_test(test_what_is_late_from_the_first_on_is_noted),
        cmocka_unit_test(test_what_would_take_too_long_is_not_begun),
        cmocka_unit_test(test_more_lost_than_an_order_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
