/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of ranks as threads of this process, each on a host "node-RANK" of its own; their
 * bootstrap is shared memory. */
#ifndef SFT_TESTS_UNIT_CONTROL_CONTROL_SCENE_H
#define SFT_TESTS_UNIT_CONTROL_CONTROL_SCENE_H

#include "tests/unit/unit.h"

#include "job/control/control.h"
#include "job/control/tree.h"
#include "tests/unit/control/exchange.h"

enum { SCENE_RANKS = 64 };

/* What became of a rank. */
struct actor {
    int failed; /* what play returned; -1 where control did not start */
    struct sft_error err;
    double value[4];
};

struct scene {
    int size;
    double limit; /* seconds; 0: 30 */
    /* Each rank's part, in its own thread: no assertions there. */
    int (*play)(struct control *c, struct actor *actor);
    /* The cards that a rank gets from the exchange; NULL: as they are. */
    void (*deal)(int rank, struct net_card *cards);
    /* In the test's thread, when all ranks that listen do and none has dialled yet; NULL: nothing.
     */
    void (*before)(const struct net_card *cards);
};

extern struct actor actors[SCENE_RANKS];

/* All ranks to their ends. */
void scene_play(const struct scene *scene);

#endif
