/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/tree_place.h"

/* Levels below a rank that stands for so many: the first child's part is the largest. */
static int levels(int ranks)
{
    int below = 0;
    for (; ranks > 1; ranks = (ranks - 1 + TREE_DEGREE - 1) / TREE_DEGREE)
        below++;
    return below;
}

/* The part that a child stands for begins after the parent's own rank and the parts before. */
static int part_begin(int rank, int end, int children, int which)
{
    int all = end - rank - 1;
    int more = which < all % children ? which : all % children;
    return rank + 1 + all / children * which + more;
}

struct tree_place tree_place(int rank, int size)
{
    struct tree_place place = {.parent = -1, .end = size, .levels = levels(size)};
    for (int at = 0;; at = place.child[0]) {
        int all = place.end - at - 1;
        place.children = all < TREE_DEGREE ? all : TREE_DEGREE;
        for (int i = 0; i < place.children; i++)
            place.child[i] = part_begin(at, place.end, place.children, i);
        place.below = levels(place.end - at);
        if (at == rank)
            return place;
        place.above++;
        int which = place.children - 1;
        while (place.child[which] > rank)
            which--;
        place.parent = at;
        place.end = which + 1 < place.children ? place.child[which + 1] : place.end;
        place.child[0] = place.child[which];
    }
}
