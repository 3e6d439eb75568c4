/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/features.h"
#include "node/hosts.h"

/* A node that the job can get. */
struct candidate {
    const struct shape_node *node;
    int gpus;  /* that count for this job */
    int whole; /* all whole GPUs, which share the node's cores */
    int types; /* of whole GPUs */
    char type[GRES_TYPE], slice[GRES_TYPE];
    bool forced; /* by --nodelist */
};

struct candidates {
    struct candidate *list;
    int count;
    const struct shape_partition *partition;
    const struct shape_wish *wish;
};

static int least(int a, int b)
{
    return b > 0 && (a == 0 || b < a) ? b : a;
}

static bool shape_has(const struct words *hosts, const char *name)
{
    return hosts != NULL && hosts_has(hosts, name);
}

static bool shape_may(const struct shape_node *node, const struct shape_wish *wish)
{
    if (node->name == NULL || shape_has(wish->without, node->name))
        return false;
    if (wish->within != NULL && !hosts_has(wish->within, node->name))
        return false;
    bool others = wish->with == NULL || wish->with->count == 0 || wish->nodes > wish->with->count;
    return (others || hosts_has(wish->with, node->name)) &&
           features_meet(wish->features, node->features);
}

/* Of several types of GPUs on a node the most numerous one is trained on: a rank waits for the
 * slowest. All of them only for who asks for more than one type has. */
static void candidate_gpus(struct candidate *c, const struct shape_wish *wish)
{
    struct gres_gpus list[GRES_TYPES];
    int types = gres_list(c->node->gres, list), best = 0;
    const char *wanted = wish->type != NULL ? wish->type : "";
    for (int i = 0; i < types; i++) {
        if (wanted[0] != '\0' && strcmp(list[i].type, wanted) == 0)
            c->gpus += list[i].count;
        if (list[i].slice && list[i].count > 0 && c->slice[0] == '\0')
            memcpy(c->slice, list[i].type, sizeof c->slice);
        if (list[i].slice || list[i].count == 0)
            continue;
        c->types++;
        c->whole += list[i].count;
        if (list[i].count > best) {
            best = list[i].count;
            memcpy(c->type, list[i].type, sizeof c->type);
        }
    }
    if (wish->site_gpus >= 0) {
        c->gpus = c->whole = wish->site_gpus;
        c->types = c->gpus > 0;
    } else if (wanted[0] == '\0') {
        c->gpus = wish->gpus > best ? c->whole : best;
    }
}

static void candidates_add(struct candidates *all, const struct shape_node *node)
{
    if (!shape_may(node, all->wish))
        return;
    struct candidate *c = &all->list[all->count++];
    *c = (struct candidate){.node = node};
    c->forced = shape_has(all->wish->with, node->name);
    candidate_gpus(c, all->wish);
}

static void candidates_find(struct candidates *all, const struct shape_site *site)
{
    const int32_t whole[] = {0, site->nodes - 1, -1};
    const int32_t *range = all->partition->ranges != NULL ? all->partition->ranges : whole;
    for (; range[0] >= 0; range += 2)
        for (int32_t i = range[0]; i <= range[1] && i < site->nodes; i++)
            candidates_add(all, &site->node[i]);
}

/* Nodes that have so many GPUs; with `up` only those that are not down. */
static int candidates_with(const struct candidates *all, int gpus, bool up)
{
    int count = 0;
    for (int i = 0; i < all->count; i++)
        count += all->list[i].gpus >= gpus && !(up && all->list[i].node->down);
    return count;
}

/* Enough of them, and those that have to be in. */
static bool candidates_enough(const struct candidates *all, int gpus, bool up)
{
    int wanted = all->wish->nodes > 0 ? all->wish->nodes : 1;
    for (int i = 0; i < all->count; i++)
        if (all->list[i].forced && all->list[i].gpus < gpus)
            return false;
    return candidates_with(all, gpus, up) >= wanted;
}

static int candidates_exactly(const struct candidates *all, int gpus, bool up)
{
    return candidates_with(all, gpus, up) - candidates_with(all, gpus + 1, up);
}

/* What most nodes have, if there are enough that have as much; of two, the larger. 0: no such. */
static int candidates_common(const struct candidates *all, int most, bool up)
{
    int best = 0, best_count = 0;
    for (int gpus = most; gpus > 0; gpus--) {
        int count = candidates_exactly(all, gpus, up);
        if (count > best_count && candidates_enough(all, gpus, up)) {
            best = gpus;
            best_count = count;
        }
    }
    return best;
}

/* Cores that all jobs together may have here, by what limits CPUs; *cpus gets them as CPUs. */
static int candidate_cores(const struct candidates *all, const struct candidate *c, int *cpus,
                           const char **limit)
{
    const struct shape_partition *p = all->partition;
    const struct shape_wish *wish = all->wish;
    const struct shape_node *node = c->node;
    long mem = wish->mem_per_cpu != 0 ? wish->mem_per_cpu : p->mem_per_cpu;
    struct {
        const char *name;
        int cpus;
    } limits[] = {
        {"MaxCPUsPerNode", p->cpus_per_node},
        {"MaxCPUsPerSocket", p->cpus_per_socket * (node->sockets > 0 ? node->sockets : 1)},
        {"the memory that each CPU brings along",
         mem > 0 && node->memory > 0 ? (int)(node->memory / mem) : 0},
        {"a limit of your account or QOS", wish->cpus},
    };
    *cpus = node->cpus;
    *limit = NULL;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].cpus > 0 && limits[i].cpus < *cpus) {
            *cpus = limits[i].cpus;
            *limit = limits[i].name;
        }
    return *cpus / (node->threads > 0 ? node->threads : 1);
}

/* A task's fair share of the node's cores, by GPU: whole cores, as Slurm gives them out. */
static int candidate_cpus(const struct candidates *all, const struct candidate *c, int tasks,
                          int gpus, const char **limit)
{
    int cpus, cores = candidate_cores(all, c, &cpus, limit);
    int threads = c->node->threads > 0 ? c->node->threads : 1;
    int used =
        all->wish->threads > 0 && all->wish->threads < threads ? all->wish->threads : threads;
    int sharers = gpus > 0 && c->whole > tasks ? c->whole : tasks;
    if (cores < sharers)
        sharers = tasks;
    int share = cores / sharers * used;
    if (share == 0)
        share = cpus * used / threads / sharers;
    return gpus > 0 && share > SHAPE_GPU_TASK_CPUS ? SHAPE_GPU_TASK_CPUS : share;
}

/* So much that each of the nodes can give it. A node with too few CPUs for the tasks is out of the
 * question, and does not count unless all are so. */
static void shape_cpus(struct shape *shape, const struct candidates *all, bool up)
{
    int tasks = shape->gpus > 0 ? shape->gpus : all->wish->tasks > 0 ? all->wish->tasks : 1;
    const char *limit;
    bool any = false;
    for (int i = 0; i < all->count; i++) {
        const struct candidate *c = &all->list[i];
        if (c->gpus < shape->gpus || (up && c->node->down) || c->node->cpus == 0)
            continue;
        int cpus = candidate_cpus(all, c, tasks, shape->gpus, &limit);
        any = true;
        if (cpus == 0 && limit != NULL)
            shape->limit = limit;
        shape->cpus_per_task = least(shape->cpus_per_task, cpus);
    }
    shape->short_of_cpus = any && shape->cpus_per_task == 0;
}

static void shape_types(struct shape *shape, const struct candidates *all)
{
    for (int i = 0; i < all->count; i++) {
        const struct candidate *c = &all->list[i];
        if (c->slice[0] != '\0' && shape->most == 0)
            snprintf(shape->slice, sizeof shape->slice, "%s", c->slice);
        bool by_name =
            c->types > 0 && (c->gpus < c->whole || (c->slice[0] != '\0' && c->types == 1));
        if (c->gpus >= shape->gpus && c->gpus > 0 && shape->gpus > 0 && by_name &&
            shape->type[0] == '\0' && (all->wish->type == NULL || all->wish->type[0] == '\0'))
            snprintf(shape->type, sizeof shape->type, "%s", c->type);
    }
}

static void shape_gpus(struct shape *shape, const struct candidates *all, bool up)
{
    for (int i = 0; i < all->count; i++) {
        int gpus = all->list[i].gpus;
        shape->most = gpus > shape->most ? gpus : shape->most;
        shape->least = least(shape->least, gpus);
    }
    if (all->wish->gpus >= 0)
        shape->gpus = all->wish->gpus < shape->most ? all->wish->gpus : shape->most;
    else
        shape->gpus = candidates_common(all, shape->most, up);
    /* Too few nodes with any: then how many there are is what the user has to hear. */
    if (all->wish->gpus < 0 && shape->gpus == 0 && shape->most > 0)
        shape->gpus = up ? 0 : shape->least;
}

static void shape_find(struct shape *shape, const struct shape_site *site, struct candidates *all)
{
    const struct shape_wish *wish = all->wish;
    bool up = true;
    candidates_find(all, site);
    shape_gpus(shape, all, up);
    if (!candidates_enough(all, shape->gpus, up) ||
        (shape->gpus == 0 && shape->most > 0 && wish->gpus < 0)) {
        up = false;
        shape_gpus(shape, all, up);
    }
    shape_types(shape, all);
    shape_cpus(shape, all, up);
    shape->narrowed = all->count;
    shape->nodes = candidates_with(all, shape->gpus, false);
    if (all->partition->max_nodes > 0 && shape->nodes > all->partition->max_nodes)
        shape->nodes = all->partition->max_nodes;
}

/* What is asked by its type is there on the nodes with that type alone: look again. */
static void shape_by_type(struct shape *shape, const struct shape_site *site,
                          const struct shape_partition *partition, const struct shape_wish *wish)
{
    struct shape_wish typed = *wish;
    struct shape again;
    typed.type = shape->type;
    shape_make(&again, site, partition, &typed);
    if (again.nodes < wish->nodes || again.gpus < shape->gpus) {
        shape->type[0] = '\0';
        return;
    }
    memcpy(again.type, shape->type, sizeof again.type);
    *shape = again;
}

void shape_make(struct shape *shape, const struct shape_site *site,
                const struct shape_partition *partition, const struct shape_wish *wish)
{
    struct candidates all = {.partition = partition, .wish = wish};
    memset(shape, 0, sizeof *shape);
    all.list = calloc((size_t)site->nodes + 1, sizeof *all.list);
    if (all.list == NULL)
        return;
    shape_find(shape, site, &all);
    free(all.list);
    if (shape->type[0] != '\0' && wish->site_gpus < 0)
        shape_by_type(shape, site, partition, wish);
}
