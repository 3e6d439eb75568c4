/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/control_scene.h"

#include <pthread.h>

struct actor actors[SCENE_RANKS];

static struct scene now;
static struct net_card cards[SCENE_RANKS];
static pthread_barrier_t listening, released;

static int scene_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                          struct sft_error *err)
{
    if (bytes != sizeof *cards)
        return sft_error_set(err, "%zu bytes", bytes);
    memcpy(&cards[bootstrap->rank], mine, bytes);
    pthread_barrier_wait(&listening);
    pthread_barrier_wait(&released);
    memcpy(all, cards, bytes * (size_t)bootstrap->size);
    if (now.deal != NULL)
        now.deal(bootstrap->rank, all);
    return 0;
}

static void *actor_run(void *argument)
{
    struct actor *actor = argument;
    struct bootstrap bootstrap = {.rank = (int)(actor - actors), .size = now.size};
    snprintf(bootstrap.host, sizeof bootstrap.host, "node-%d", bootstrap.rank);
    struct control *c = control_start(&bootstrap, now.limit > 0 ? now.limit : 30, &actor->err);
    actor->failed = c == NULL ? -1 : now.play(c, actor);
    control_stop(c);
    return NULL;
}

void scene_play(const struct scene *scene)
{
    pthread_t threads[SCENE_RANKS];
    exchange_by(scene_exchange);
    now = *scene;
    memset(actors, 0, sizeof actors);
    pthread_barrier_init(&listening, NULL, (unsigned)now.size + 1);
    pthread_barrier_init(&released, NULL, (unsigned)now.size + 1);
    for (int rank = 0; rank < now.size; rank++)
        assert_int_equal(pthread_create(&threads[rank], NULL, actor_run, &actors[rank]), 0);
    if (now.size > 1) { /* a lone rank exchanges nothing */
        pthread_barrier_wait(&listening);
        if (now.before != NULL)
            now.before(cards);
        pthread_barrier_wait(&released);
    }
    for (int rank = 0; rank < now.size; rank++)
        pthread_join(threads[rank], NULL);
    pthread_barrier_destroy(&listening);
    pthread_barrier_destroy(&released);
}
