/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/control/tree.h"
#include "job/control/watchdog.h"

struct named {
    const char *host;
    int rank;
};

static int named_compare(const void *a, const void *b)
{
    const struct named *one = a, *other = b;
    int order = strcmp(one->host, other->host);
    return order != 0 ? order : (one->rank > other->rank) - (one->rank < other->rank);
}

/* Ranks sorted by host: the first rank of each numbers it. */
static int control_count_nodes(struct control *c, struct sft_error *err)
{
    struct named *all = calloc((size_t)c->size, sizeof *all);
    c->node = calloc((size_t)c->size, sizeof *c->node);
    if (all == NULL || c->node == NULL) {
        free(all);
        return sft_error_set(err, "no memory for the names of %d hosts", c->size);
    }
    for (int rank = 0; rank < c->size; rank++)
        all[rank] = (struct named){c->hosts[rank], rank};
    qsort(all, (size_t)c->size, sizeof *all, named_compare);
    for (int i = 0, first = 0; i < c->size; i++) {
        if (strcmp(all[i].host, all[first].host) != 0)
            first = i;
        c->node[all[i].rank] = all[first].rank;
    }
    for (int rank = 0; rank < c->size; rank++)
        c->node[rank] = c->node[rank] == rank ? c->nodes++ : c->node[c->node[rank]];
    free(all);
    return 0;
}

struct control *control_start(struct bootstrap *bootstrap, double limit, struct sft_error *err)
{
    struct control *c = calloc(1, sizeof *c);
    struct control_tree *tree = calloc(1, sizeof *tree);
    char(*hosts)[CONTROL_HOST] = calloc((size_t)bootstrap->size, sizeof *hosts);
    if (c == NULL || tree == NULL || hosts == NULL) {
        sft_error_set(err, "no memory for %d ranks", bootstrap->size);
        free(c);
        free(tree);
        free(hosts);
        return NULL;
    }
    *c = (struct control){.rank = bootstrap->rank,
                          .size = bootstrap->size,
                          .limit = limit,
                          .hosts = hosts,
                          .tree = tree};
    snprintf(hosts[c->rank], sizeof *hosts, "%s", bootstrap->host);
    *tree = (struct control_tree){.rank = c->rank,
                                  .size = c->size,
                                  .limit = limit,
                                  .hosts = hosts,
                                  .place = tree_place(c->rank, c->size)};
    for (int i = 0; i < TREE_LINKS; i++)
        tree->link[i].fd = -1;
    if ((c->size == 1 || tree_connect(tree, bootstrap, err) == 0) &&
        control_count_nodes(c, err) == 0)
        return c;
    control_stop(c);
    return NULL;
}

void control_stop(struct control *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < TREE_LINKS; i++)
        if (c->tree->link[i].fd >= 0)
            close(c->tree->link[i].fd);
    free(c->tree->room);
    free(c->tree);
    free(c->node);
    free(c->hosts);
    free(c);
}

static int control_room(struct control *c, size_t bytes, struct sft_error *err)
{
    struct control_tree *tree = c->tree;
    if (bytes <= tree->room_size && tree->room != NULL)
        return 0;
    char *room = realloc(tree->room, bytes > 0 ? bytes : 1);
    if (room == NULL)
        return sft_error_set(err, "no memory for %zu bytes of other ranks", bytes);
    tree->room = room;
    tree->room_size = bytes;
    return 0;
}

/* Every call: a rank that has failed once has lost the order of messages. */
static int control_begin(struct control *c, const char *name, struct sft_error *err)
{
    if (c->tree->failure.text[0] != '\0')
        return sft_error_set(err, "%s", c->tree->failure.text);
    c->tree->number++;
    c->tree->watched = c->watchdog != NULL;
    watchdog_enter(c->watchdog, name);
    return 0;
}

static int control_end(struct control *c, int failed, struct sft_error *err)
{
    if (failed < 0)
        tree_fail(c->tree, err);
    watchdog_leave(c->watchdog);
    return failed;
}

/* From rank 0 down; what a rank passes on it has. */
static int tree_down(struct control *c, enum tree_kind kind, void *values, size_t bytes,
                     struct sft_error *err)
{
    struct tree_link *parent = &c->tree->link[0], *child = parent + 1;
    tree_expect(parent, kind, values, bytes);
    if (c->rank > 0 && tree_wait(c->tree, parent, 1, err) < 0)
        return -1;
    for (int i = 0; i < c->tree->place.children; i++)
        if (tree_send(c->tree, &child[i], kind, values, bytes, err) < 0)
            return -1;
    return 0;
}

typedef void merger(void *into, const void *from, size_t bytes);

/* Up to rank 0, each rank merging its own with what its children stand for, in the order of ranks
 * whoever comes first; and down again. */
static int tree_reduce(struct control *c, enum tree_kind kind, void *values, size_t bytes,
                       merger *merge, struct sft_error *err)
{
    struct tree_link *parent = &c->tree->link[0], *child = parent + 1;
    int children = c->tree->place.children;
    if (control_room(c, (size_t)children * bytes, err) < 0)
        return -1;
    for (int i = 0; i < children; i++)
        tree_expect(&child[i], kind, c->tree->room + (size_t)i * bytes, bytes);
    if (tree_wait(c->tree, child, children, err) < 0)
        return -1;
    for (int i = 0; i < children; i++)
        merge(values, c->tree->room + (size_t)i * bytes, bytes);
    if (c->rank > 0 && tree_send(c->tree, parent, kind, values, bytes, err) < 0)
        return -1;
    return tree_down(c, kind, values, bytes, err);
}

static int control_reduce(struct control *c, enum tree_kind kind, const char *name, void *values,
                          size_t bytes, merger *merge, struct sft_error *err)
{
    if (c->size == 1)
        return 0;
    if (control_begin(c, name, err) < 0)
        return -1;
    return control_end(c, tree_reduce(c, kind, values, bytes, merge, err), err);
}

bool control_has_failed(const struct control *c)
{
    return c->tree->failure.text[0] != '\0';
}

static void merge_sum(void *into, const void *from, size_t bytes)
{
    double *sum = into;
    const double *more = from;
    for (size_t i = 0; i < bytes / sizeof *sum; i++)
        sum[i] += more[i];
}

int control_sum(struct control *c, double *values, size_t count, struct sft_error *err)
{
    return control_reduce(c, TREE_SUM, "all-reduce of doubles", values, count * sizeof *values,
                          merge_sum, err);
}

static void merge_max(void *into, const void *from, size_t bytes)
{
    double *most = into;
    const double *other = from;
    for (size_t i = 0; i < bytes / sizeof *most; i++)
        if (other[i] > most[i])
            most[i] = other[i];
}

int control_max(struct control *c, double *values, size_t count, struct sft_error *err)
{
    return control_reduce(c, TREE_MAX, "all-reduce of doubles", values, count * sizeof *values,
                          merge_max, err);
}

static void merge_nothing(void *into, const void *from, size_t bytes)
{
    (void)into, (void)from, (void)bytes;
}

int control_barrier(struct control *c, struct sft_error *err)
{
    char nothing;
    return control_reduce(c, TREE_BARRIER, "barrier", &nothing, 0, merge_nothing, err);
}

int control_broadcast(struct control *c, void *values, size_t bytes, struct sft_error *err)
{
    if (c->size == 1)
        return 0;
    if (control_begin(c, "broadcast", err) < 0)
        return -1;
    return control_end(c, tree_down(c, TREE_BROADCAST, values, bytes, err), err);
}

/* all[]: of the ranks that this one stands for; a leaf's own needs no copy. */
static int tree_gather(struct control *c, const void *mine, size_t bytes, char *all,
                       struct sft_error *err)
{
    struct tree_link *parent = &c->tree->link[0], *child = parent + 1;
    const struct tree_place *place = &c->tree->place;
    for (int i = 0; i < place->children; i++) {
        int end = i + 1 < place->children ? place->child[i + 1] : place->end;
        tree_expect(&child[i], TREE_GATHER, all + (size_t)(place->child[i] - c->rank) * bytes,
                    (size_t)(end - place->child[i]) * bytes);
    }
    if (place->children > 0)
        memcpy(all, mine, bytes);
    if (tree_wait(c->tree, child, place->children, err) < 0)
        return -1;
    return c->rank == 0 ? 0
                        : tree_send(c->tree, parent, TREE_GATHER, place->children > 0 ? all : mine,
                                    (size_t)(place->end - c->rank) * bytes, err);
}

int control_gather(struct control *c, const void *mine, size_t bytes, void *all,
                   struct sft_error *err)
{
    size_t ranks = (size_t)(c->tree->place.end - c->rank);
    if (c->size == 1) {
        memcpy(all, mine, bytes);
        return 0;
    }
    if (control_begin(c, "gather", err) < 0)
        return -1;
    int failed = c->rank > 0 && ranks > 1 ? control_room(c, ranks * bytes, err) : 0;
    if (failed == 0)
        failed = tree_gather(c, mine, bytes, c->rank == 0 ? all : c->tree->room, err);
    return control_end(c, failed, err);
}

struct verdict {
    int64_t failures;
    char text[SFT_ERROR_SIZE]; /* of the first rank that failed */
};

static void merge_verdicts(void *into, const void *from, size_t bytes)
{
    struct verdict *verdict = into;
    const struct verdict *other = from;
    (void)bytes;
    if (verdict->failures == 0)
        memcpy(verdict->text, other->text, sizeof verdict->text);
    verdict->failures += other->failures;
}

int control_agree(struct control *c, int failed, struct sft_error *err)
{
    struct verdict verdict = {.failures = failed ? 1 : 0};
    if (c->size == 1)
        return failed ? -1 : 0;
    if (failed)
        snprintf(verdict.text, sizeof verdict.text, "%.900s (rank %d on %.80s)", err->text, c->rank,
                 c->hosts[c->rank]);
    if (control_reduce(c, TREE_AGREE, "agreement of ranks", &verdict, sizeof verdict,
                       merge_verdicts, err) < 0)
        return -1;
    if (verdict.failures == 0)
        return 0;
    verdict.text[sizeof verdict.text - 1] = '\0';
    if (c->rank > 0)
        return sft_error_set(err, "%s", "");
    if (verdict.failures > 1)
        return sft_error_set(err, "%s, and %lld more ranks", verdict.text,
                             (long long)verdict.failures - 1);
    return sft_error_set(err, "%s", verdict.text);
}
