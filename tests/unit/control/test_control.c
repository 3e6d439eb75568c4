/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of 1 to 64 ranks: that numbers are the same bits whoever comes first, that texts arrive,
 * and that who dies, is late, does not answer or talks of something else is named. */
#include "tests/unit/control/control_scene.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "job/tensor/random.h"

static const int sizes[] = {1, 2, 3, 7, 64};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void assert_peace(int size)
{
    for (int rank = 0; rank < size; rank++)
        if (actors[rank].failed)
            fail_msg("rank %d of %d: %s", rank, size, actors[rank].err.text);
}

/* --- the tree -------------------------------------------------------------------------------- */

static int tree_depth(int rank, int size)
{
    int depth = 0;
    for (; rank > 0; rank = tree_place(rank, size).parent)
        depth++;
    return depth;
}

/* Each rank is the child of one, which stands for it; a rank's children stand for all but itself.
 */
static void tree_check(int size)
{
    for (int rank = 0; rank < size; rank++) {
        struct tree_place place = tree_place(rank, size);
        int next = rank + 1;
        assert_true(place.children <= TREE_DEGREE && place.end > rank && place.end <= size);
        for (int i = 0; i < place.children; i++) {
            struct tree_place child = tree_place(place.child[i], size);
            assert_int_equal(place.child[i], next);
            assert_int_equal(child.parent, rank);
            next = child.end;
        }
        assert_int_equal(next, place.end);
        assert_int_equal(place.parent < 0, rank == 0);
    }
}

static void test_tree(void **state)
{
    (void)state;
    for (int size = 1; size <= 200; size++)
        tree_check(size);
    tree_check(32768);
    int deepest = 0;
    for (int rank = 0; rank < 32768; rank++)
        deepest = tree_depth(rank, 32768) > deepest ? tree_depth(rank, 32768) : deepest;
    assert_true(deepest <= 5);
    assert_int_equal(tree_depth(63, 64), 2);
}

/* --- numbers --------------------------------------------------------------------------------- */

static uint64_t delays; /* another order of coming for each */

static void come_late(const struct control *c)
{
    if (delays > 0)
        sleep_ms((int)(random_mix(delays, (uint64_t)c->rank) % 30));
}

/* Sums that another order would change: 1 is lost beside 1e16, or not. */
static double number_of(int rank, int i)
{
    static const double numbers[] = {1e16, 1, -1e16, 0.1, 3e-9, -7e15, 1e-3};
    return numbers[(rank * 5 + i) % 7];
}

static int play_sum(struct control *c, struct actor *a)
{
    for (int turn = 0; turn < 3; turn++) {
        come_late(c);
        for (int i = 0; i < 4; i++)
            a->value[i] = number_of(c->rank, i);
        if (control_sum(c, a->value, 4, &a->err) < 0)
            return -1;
    }
    return 0;
}

static void test_sums_are_the_same_bits_everywhere_and_always(void **state)
{
    double first[4];
    (void)state;
    for (int i = 0; i < SIZES; i++)
        for (delays = 0; delays < 4; delays++) {
            scene_play(&(struct scene){.size = sizes[i], .play = play_sum});
            assert_peace(sizes[i]);
            if (delays == 0)
                memcpy(first, actors[0].value, sizeof first);
            for (int rank = 0; rank < sizes[i]; rank++)
                assert_memory_equal(actors[rank].value, first, sizeof first);
        }
    delays = 0;
}

/* What the order of ranks gives, for a flat tree: children one after another. */
static void test_sum_is_a_sum(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        double sum = number_of(0, 1);
        scene_play(&(struct scene){.size = sizes[i], .play = play_sum});
        for (int rank = 1; rank < sizes[i]; rank++)
            sum += number_of(rank, 1);
        if (sizes[i] <= TREE_DEGREE + 1)
            assert_memory_equal(&actors[0].value[1], &sum, sizeof sum);
        else
            assert_true(actors[0].value[1] > sum - 64 && actors[0].value[1] < sum + 64);
    }
}

static int play_max(struct control *c, struct actor *a)
{
    a->value[0] = -1e9 - c->rank;
    a->value[1] = c->rank == c->size / 2 ? 3 : -c->rank;
    return control_max(c, a->value, 2, &a->err);
}

static void test_max(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        scene_play(&(struct scene){.size = sizes[i], .play = play_max});
        assert_peace(sizes[i]);
        for (int rank = 0; rank < sizes[i]; rank++) {
            assert_true(actors[rank].value[0] == -1e9);
            assert_true(actors[rank].value[1] == 3);
        }
    }
}

/* --- texts ----------------------------------------------------------------------------------- */

enum { LARGE = 300000 }; /* more than a socket holds */

/* Texts of all ranks on rank 0, of a size that divides nothing, one call after the other. */
static int play_gather(struct control *c, struct actor *a)
{
    char mine[37], *all = calloc((size_t)c->size, sizeof mine);
    for (int turn = 0; turn < 5; turn++) {
        come_late(c);
        snprintf(mine, sizeof mine, "turn %d of %s", turn, c->hosts[c->rank]);
        if (control_gather(c, mine, sizeof mine, all, &a->err) < 0)
            return -1;
        for (int rank = 0; rank < c->size && c->rank == 0; rank++) {
            char want[37];
            snprintf(want, sizeof want, "turn %d of node-%d", turn, rank);
            if (strcmp(all + (size_t)rank * sizeof mine, want) != 0)
                return sft_error_set(&a->err, "'%s', not '%s'", all + (size_t)rank * sizeof mine,
                                     want);
        }
    }
    free(all);
    return 0;
}

static int play_large(struct control *c, struct actor *a)
{
    char *mine = malloc(LARGE), *all = malloc((size_t)c->size * LARGE);
    int result = -1;
    memset(mine, 'a' + c->rank, LARGE);
    if (control_gather(c, mine, LARGE, all, &a->err) == 0 &&
        control_broadcast(c, mine, LARGE, &a->err) == 0)
        result = mine[0] == 'a' && mine[LARGE - 1] == 'a' ? 0 : 1;
    for (int rank = 0; rank < c->size && c->rank == 0; rank++)
        for (int i = 0; i < LARGE; i++)
            if (all[rank * LARGE + i] != 'a' + rank)
                result = sft_error_set(&a->err, "byte %d of rank %d", i, rank);
    free(mine);
    free(all);
    return result;
}

static void test_gather(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++)
        for (delays = 0; delays < 2; delays++) {
            scene_play(&(struct scene){.size = sizes[i], .play = play_gather});
            assert_peace(sizes[i]);
        }
    delays = 0;
    scene_play(&(struct scene){.size = 20, .play = play_large});
    assert_peace(20);
}

static int play_mixed(struct control *c, struct actor *a)
{
    double one = 1, all[64];
    char word[16] = "";
    for (int turn = 0; turn < 20; turn++) {
        snprintf(word, sizeof word, c->rank == 0 ? "word %d" : "no word %d", turn);
        one = 1;
        if (control_gather(c, &one, sizeof one, all, &a->err) < 0 ||
            control_broadcast(c, word, sizeof word, &a->err) < 0 ||
            control_barrier(c, &a->err) < 0 || control_sum(c, &one, 1, &a->err) < 0 ||
            control_agree(c, 0, &a->err) < 0)
            return -1;
        char want[16];
        snprintf(want, sizeof want, "word %d", turn);
        if (one != c->size || strcmp(word, want) != 0)
            return sft_error_set(&a->err, "%g ranks say '%s'", one, word);
    }
    return 0;
}

static void test_calls_follow_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        scene_play(&(struct scene){.size = sizes[i], .play = play_mixed});
        assert_peace(sizes[i]);
    }
}

/* --- agreement ------------------------------------------------------------------------------- */

static const int *failing; /* ranks, -1 at the end */

static int play_agree(struct control *c, struct actor *a)
{
    int failed = 0;
    for (const int *rank = failing; *rank >= 0; rank++)
        if (*rank == c->rank)
            failed = sft_error_set(&a->err, "no memory for %d", c->rank);
    come_late(c);
    int result = control_agree(c, failed, &a->err);
    /* and the ranks still talk with each other */
    struct sft_error err;
    return control_barrier(c, &err) < 0 ? 2 : result;
}

static void assert_agreed(int size, const int *ranks, const char *text)
{
    failing = ranks;
    for (delays = 0; delays < 2; delays++) {
        scene_play(&(struct scene){.size = size, .play = play_agree});
        for (int rank = 0; rank < size; rank++) {
            assert_int_equal(actors[rank].failed, text == NULL ? 0 : -1);
            assert_string_equal(actors[rank].err.text, rank > 0 || text == NULL ? "" : text);
        }
    }
    delays = 0;
}

static void test_agree(void **state)
{
    (void)state;
    assert_agreed(64, (const int[]){-1}, NULL);
    assert_agreed(64, (const int[]){0, -1}, "no memory for 0 (rank 0 on node-0)");
    assert_agreed(64, (const int[]){63, -1}, "no memory for 63 (rank 63 on node-63)");
    assert_agreed(64, (const int[]){40, 9, 12, 63, -1},
                  "no memory for 9 (rank 9 on node-9), and 3 more ranks");
    assert_agreed(3, (const int[]){2, 1, -1},
                  "no memory for 1 (rank 1 on node-1), and 1 more ranks");
    assert_agreed(1, (const int[]){-1}, NULL);
    assert_agreed(1, (const int[]){0, -1}, "no memory for 0");
}

/* --- faults ---------------------------------------------------------------------------------- */

static int culprit;

static int play_dies(struct control *c, struct actor *a)
{
    double values[100] = {1};
    if (control_barrier(c, &a->err) < 0)
        return -1;
    if (c->rank == culprit) { /* the message that all wait for, half of it */
        c->tree->number++;
        struct tree_message m =
            tree_message_make(c->tree, TREE_SUM, c->tree->place.parent, sizeof values);
        (void)!write(c->tree->link[0].fd, &m, sizeof m);
        (void)!write(c->tree->link[0].fd, values, sizeof values / 2);
        return 0;
    }
    return control_sum(c, values, 100, &a->err);
}

/* All ranks learn who it was, wherever they stand in the tree. */
static void test_death_in_the_middle_of_a_message(void **state)
{
    (void)state;
    static const int ranks[] = {63, 11, 1};
    for (int i = 0; i < 3; i++) {
        char want[128];
        culprit = ranks[i];
        snprintf(want, sizeof want,
                 "rank %d on node-%d is gone (its connection closed in the middle of a message)",
                 culprit, culprit);
        scene_play(&(struct scene){.size = 64, .play = play_dies});
        for (int rank = 0; rank < 64; rank++)
            if (rank != culprit && tree_place(rank, 64).parent != culprit) {
                assert_int_equal(actors[rank].failed, -1);
                assert_string_equal(actors[rank].err.text, want);
            }
    }
}

static int play_root_dies(struct control *c, struct actor *a)
{
    double one = 1;
    return c->rank == 0 ? 0 : control_sum(c, &one, 1, &a->err);
}

static void test_death_of_the_root(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 20, .play = play_root_dies});
    for (int rank = 1; rank < 20; rank++)
        assert_string_equal(actors[rank].err.text,
                            "rank 0 on node-0 is gone (its connection closed)");
}

static int play_slow(struct control *c, struct actor *a)
{
    struct sft_error again;
    double one = 1;
    if (c->rank == culprit || c->rank == culprit + 1)
        sleep_ms(4000);
    int failed = control_sum(c, &one, 1, &a->err);
    /* the order of messages is lost: no call goes on as if nothing had been */
    if (failed && (control_sum(c, &one, 1, &again) == 0 || strcmp(again.text, a->err.text) != 0))
        return 3;
    return failed;
}

static void test_slow(void **state)
{
    (void)state;
    culprit = 2;
    scene_play(&(struct scene){.size = 5, .limit = 1, .play = play_slow});
    for (int rank = 0; rank < 5; rank++) {
        assert_int_equal(actors[rank].failed, -1);
        assert_string_equal(actors[rank].err.text,
                            "rank 2 on node-2 and 1 more rank have not come: rank 0 on node-0 "
                            "waits in a sum (number 1) for 2 s (timeout=1)");
    }
    culprit =
        44; /* deep in a tree: who waits for it says so, and not those who wait for that one */
    scene_play(&(struct scene){.size = 64, .limit = 1, .play = play_slow});
    for (int rank = 0; rank < 64; rank++)
        assert_contains(actors[rank].err.text,
                        "rank 44 on node-44 and 1 more rank have not come: ");
    scene_play(&(struct scene){.size = 5, .limit = 20, .play = play_slow});
    assert_peace(5);
}

static int play_apart(struct control *c, struct actor *a)
{
    double one = 1;
    return c->rank == 4 ? control_barrier(c, &a->err) : control_sum(c, &one, 1, &a->err);
}

static void test_another_call(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 7, .play = play_apart});
    for (int rank = 0; rank < 7; rank++)
        assert_contains(actors[rank].err.text,
                        "rank 4 on node-4 sends a barrier (number 1, 0 bytes), and rank 0 on "
                        "node-0 waits for a sum (number 1, 8 bytes)");
}

/* --- strangers and addresses ----------------------------------------------------------------- */

enum { SILENT = 300 };
static int silent[SILENT];

static int stranger_connect(const struct net_card *card)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(card->port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void stranger_send(const struct net_card *card, const void *bytes, size_t size)
{
    int fd = stranger_connect(card);
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
    close(fd);
}

/* Hellos and choices for rank 1 that each lack something. */
static void strangers_come(const struct net_card *cards)
{
    static char garbage[100000];
    struct tree_message m = {.head = {TREE_VERSION, TREE_HELLO, cards[0].token, 1, 3}};
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 2654435761u >> 7);
    for (int i = 0; i < SILENT; i++)
        silent[i] = stranger_connect(cards);
    stranger_send(cards, garbage, sizeof garbage);
    stranger_send(cards, garbage, 5);
    stranger_send(cards, &m, sizeof m / 2);
    m.head.token++;
    stranger_send(cards, &m, sizeof m);
    m.head.token--;
    m.head.rank = 3;
    stranger_send(cards, &m, sizeof m);
    m.head.rank = -1;
    stranger_send(cards, &m, sizeof m);
    m.head.rank = 1;
    m.head.version++;
    stranger_send(cards, &m, sizeof m);
    m.head.version--;
    m.to = 2;
    stranger_send(cards, &m, sizeof m);
    m.to = 0;
    m.head.kind = TREE_CHOICE;
    stranger_send(cards, &m, sizeof m);
}

static void test_strangers_have_no_effect(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 3, .play = play_mixed, .before = strangers_come});
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
    assert_peace(3);
}

static int play_sum_once(struct control *c, struct actor *a)
{
    double one = 1;
    return control_sum(c, &one, 1, &a->err) < 0 || one != c->size ? -1 : 0;
}

/* Addresses that nobody has (RFC 5737), or at which another program listens, before the good one.
 */
static struct sockaddr_in other_at;

static void deal_bad_addresses(int rank, struct net_card *cards)
{
    static const struct net_address nowhere = {4, {192, 0, 2, 1}}, refuses = {4, {127, 1, 2, 3}};
    (void)rank;
    struct net_address good = cards[0].address[cards[0].addresses - 1];
    cards[0].address[0] = nowhere;
    cards[0].address[1] = refuses;
    cards[0].address[2] = nowhere;
    cards[0].address[3] = good;
    cards[0].addresses = 4;
}

static void test_bad_addresses(void **state)
{
    (void)state;
    scene_play(&(struct scene){.size = 3, .play = play_sum_once, .deal = deal_bad_addresses});
    assert_peace(3);
}

/* Somebody else answers at rank 0's address: takes connections, and says nothing right. */
static void deal_elsewhere(int rank, struct net_card *cards)
{
    if (rank != 1)
        return;
    cards[0].port = ntohs(other_at.sin_port);
    cards[0].address[0] = (struct net_address){4, {127, 0, 0, 1}};
    cards[0].address[1] = (struct net_address){4, {192, 0, 2, 1}};
    cards[0].addresses = 2;
}

static void test_unreachable(void **state)
{
    socklen_t size = sizeof other_at;
    char want[256];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    other_at = (struct sockaddr_in){.sin_family = AF_INET};
    assert_int_equal(bind(fd, (struct sockaddr *)&other_at, sizeof other_at), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&other_at, &size), 0);
    scene_play(
        &(struct scene){.size = 3, .limit = 1, .play = play_sum_once, .deal = deal_elsewhere});
    close(fd);
    snprintf(want, sizeof want,
             "rank 1 on node-1 cannot reach rank 0 on node-0 within 1 s at 127.0.0.1, 192.0.2.1 "
             "(port %d)",
             ntohs(other_at.sin_port));
    assert_string_equal(actors[1].err.text, want);
    assert_contains(actors[0].err.text,
                    "rank 1 on node-1 did not reach rank 0 on node-0 within 1 s at ");
    assert_contains(actors[0].err.text, "127.0.0.1");
    assert_string_equal(actors[2].err.text, actors[0].err.text);
}

static void deal_wrong_token(int rank, struct net_card *cards)
{
    cards[0].token += rank == 2;
}

static void test_wrong_token(void **state)
{
    (void)state;
    scene_play(
        &(struct scene){.size = 4, .limit = 1, .play = play_sum_once, .deal = deal_wrong_token});
    for (int rank = 0; rank < 4; rank++)
        assert_int_equal(actors[rank].failed, -1);
    assert_contains(actors[0].err.text, "rank 2 on node-2 did not reach rank 0 on node-0");
    assert_contains(actors[2].err.text, "rank 2 on node-2 cannot reach rank 0 on node-0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_sums_are_the_same_bits_everywhere_and_always),
        cmocka_unit_test(test_sum_is_a_sum),
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_calls_follow_each_other),
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_death_in_the_middle_of_a_message),
        cmocka_unit_test(test_death_of_the_root),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_another_call),
        cmocka_unit_test(test_strangers_have_no_effect),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_wrong_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
