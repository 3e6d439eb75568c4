/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of the tree of ranks: arithmetic alone. */
#ifndef SFT_JOB_CONTROL_TREE_PLACE_H
#define SFT_JOB_CONTROL_TREE_PLACE_H

enum { TREE_DEGREE = 8, TREE_LINKS = 1 + TREE_DEGREE };

/* A rank's place: it stands for the ranks from its own to `end` - 1, and so do its children for
 * theirs, which are all but its own. */
struct tree_place {
    int parent; /* -1: none */
    int end;
    int levels, above, below;         /* of the whole tree, and those on either side of the rank */
    int children, child[TREE_DEGREE]; /* in the order of ranks; the next one's rank is its end */
};

struct tree_place tree_place(int rank, int size);

#endif
