/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/where.h"

#include <stdio.h>
#include <string.h>

#include "node/hosts.h"
#include "spank/limits.h"

/* The name that Slurm's table has for what the file says; NULL: none. */
static const char *where_node(const struct shape_site *site, const char *written)
{
    for (int i = 0; i < site->nodes; i++)
        if (site->node[i].name != NULL && strcmp(site->node[i].name, written) == 0)
            return site->node[i].name;
    for (int i = 0; i < site->nodes; i++)
        if (site->node[i].name != NULL && hosts_mean(written, site->node[i].name))
            return site->node[i].name;
    return NULL;
}

/* `'a', 'b' and 7 more` */
static void where_names(char *text, size_t size, const struct words *names)
{
    *text = '\0';
    for (int i = 0; i < names->count && i < 4; i++)
        snprintf(text + strlen(text), size - strlen(text), "%s'%.60s'", i > 0 ? ", " : "",
                 names->list[i]);
    if (names->count > 4)
        snprintf(text + strlen(text), size - strlen(text), " and %d more", names->count - 4);
}

static void where_exclude(struct where *where)
{
    const struct conf *conf = where->conf;
    struct words listed = {0}, unknown = {0};
    char names[512], file[CONF_PATH + 16];
    hosts_expand(conf->fabric.exclude_hosts, &listed, &unknown);
    for (int i = 0; i < listed.count; i++) {
        const char *name = where_node(&where->facts.site, listed.list[i]);
        if (name == NULL)
            words_add(&unknown, "%s", listed.list[i]);
        else if (!hosts_has(&where->without, name))
            words_add(&where->without, "%s", name);
    }
    if (unknown.count > 0) {
        where_names(names, sizeof names, &unknown);
        fprintf(stderr,
                "sft-bench: note: %s: exclude_hosts: Slurm knows no node %s: left out of the list; "
                "take it "
                "off the line when it is gone for good\n",
                conf_place(conf, "exclude_hosts", file, sizeof file), names);
    }
    words_clear(&listed);
    words_clear(&unknown);
}

static void where_partition(struct where *where)
{
    const struct conf *conf = where->conf;
    char kept[sizeof where->partition] = "", file[CONF_PATH + 16];
    for (const char *at = conf->partition; *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        int length = (int)strcspn(at, ",");
        const struct facts_partition *found = facts_find(&where->facts, at, length);
        if (found != NULL)
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s%s",
                     *kept != '\0' ? "," : "", found->shape.name);
        else if (length > 0)
            fprintf(stderr,
                    "sft-bench: note: %s: partition: Slurm knows no partition '%.*s': left out\n",
                    conf_place(conf, "partition", file, sizeof file), length, at);
    }
    strcpy(where->partition, kept);
}

int where_open(struct where *where, const struct conf *conf, const struct ask *ask,
               struct sft_error *err)
{
    memset(where, 0, sizeof *where);
    where->conf = conf;
    where->ask = ask;
    if (facts_load(&where->facts, err) < 0)
        return -1;
    /* Hosts that the user chose or left out are the user's to say. */
    if (ask->nodelist == NULL && ask->exclude == NULL)
        where_exclude(where);
    if (ask->partition == NULL)
        where_partition(where);
    if (ask->reservation != NULL && facts_reserved(ask->reservation, &where->reserved, err) < 0)
        return -1;
    return 0;
}

void where_close(struct where *where)
{
    facts_clear(&where->facts);
    words_clear(&where->without);
    words_clear(&where->reserved);
    words_clear(&where->named);
}

/* " (with -w, -C)", "" */
static void where_narrowed(const struct where *where, char *text, size_t size)
{
    const struct ask *ask = where->ask;
    const struct {
        const char *word;
        bool there;
    } parts[] = {
        {"-w", ask->with.count > 0},
        {"-x", ask->without.count > 0},
        {"-C", ask->features != NULL},
        {"--reservation", where->reserved.count > 0},
    };
    *text = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].there)
            snprintf(text + strlen(text), size - strlen(text), "%s%s",
                     *text == '\0' ? " (with " : ", ", parts[i].word);
    if (*text != '\0')
        snprintf(text + strlen(text), size - strlen(text), ")");
}

static struct shape_wish where_wish(const struct where *where, const char *partition_qos,
                                    const struct sft_request *request, int tasks)
{
    const struct ask *ask = where->ask;
    struct shape_wish wish = {
        .features = ask->features,
        .with = &ask->with,
        .without = ask->exclude != NULL ? &ask->without : &where->without,
        .nodes = request->nodes > 0 ? request->nodes : 1,
        .gpus = request->gpus,
        .tasks = tasks,
        .type = ask->type,
        .threads = ask->threads,
        .mem_per_cpu = ask->mem_per_cpu,
        .site_gpus = ask->type[0] == '\0' ? where->conf->gpus_per_node : -1,
    };
    if (where->reserved.count > 0)
        wish.within = &where->reserved;
    else if (where->named.count > 0)
        wish.within = &where->named;
    if (where->facts.limited && !ask->cpus)
        wish.cpus = limits_cpus(ask->account, ask->qos, partition_qos, wish.nodes);
    return wish;
}

static int where_no_partition(const struct where *where, int length, const char *name,
                              struct sft_error *err)
{
    char known[256] = "";
    for (int i = 0; i < where->facts.partitions && strlen(known) < sizeof known - 80; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%.64s", i > 0 ? ", " : "",
                 where->facts.partition[i].shape.name);
    return sft_error_set(err, "no partition '%.*s' here; there are: %s", length, name, known);
}

/* What one partition has for the request, in numbers. */
static int where_try(const struct where *where, const struct facts_partition *partition,
                     const struct sft_request *request, struct sft_request *wanted,
                     struct shape *shape, int *tasks, struct sft_error *err)
{
    struct shape_wish wish = where_wish(where, partition->qos, request, 0);
    int tasks_asked;
    *wanted = *request;
    wish.gpus = request->gpus == 0 ? 0 : -1;
    wish.nodes = 1;
    shape_make(shape, &where->facts.site, &partition->shape, &wish);
    if (ask_settle(where->ask, wanted, request->gpus == 0 ? 0 : shape->most, &tasks_asked, err) < 0)
        return -1;
    *tasks = wanted->gpus == 0 || shape->most == 0 ? tasks_asked : 0;
    wish = where_wish(where, partition->qos, wanted, *tasks);
    shape_make(shape, &where->facts.site, &partition->shape, &wish);
    return 0;
}

static void where_cluster(struct sft_cluster *cluster, const struct where *where,
                          const struct shape *shape, const char *partition, int tasks)
{
    memset(cluster, 0, sizeof *cluster);
    snprintf(cluster->partition, sizeof cluster->partition, "%s",
             partition != NULL ? partition : "");
    where_narrowed(where, cluster->narrowed, sizeof cluster->narrowed);
    cluster->nodes = shape->nodes;
    cluster->gpus_per_node = shape->gpus;
    cluster->cpus_per_task = shape->cpus_per_task;
    cluster->tasks_per_node = shape->gpus == 0 ? tasks : 0;
    cluster->ranks = cluster->tasks_per_node > 0 ? where->ask->ntasks : 0;
    cluster->gpus_least = shape->least;
    cluster->gpus_most = shape->most;
}

static int where_refuse(const struct where *where, const struct sft_cluster *cluster,
                        const struct shape *shape, const struct sft_request *wanted,
                        struct sft_error *err)
{
    char of[160];
    snprintf(of, sizeof of, "%s%s%s%s",
             cluster->partition[0] != '\0' ? "partition '" : "this cluster", cluster->partition,
             cluster->partition[0] != '\0' ? "'" : "", cluster->narrowed);
    if (shape->narrowed == 0)
        return sft_error_set(
            err, "no node of %s is left%s: ask for other nodes, or another partition with -p", of,
            where->without.count > 0 ? " beside exclude_hosts" : "");
    if (shape->slice[0] != '\0' && wanted->gpus != 0 && where->ask->type[0] == '\0')
        return sft_error_set(
            err,
            "the GPUs of %s are slices: ask for them by type, --gres=gpu:%s:N, or say gpus=0 to "
            "train on the CPUs",
            of, shape->slice);
    if (shape->short_of_cpus && !where->ask->cpus && shape->gpus > 1)
        return sft_error_set(
            err,
            "%d tasks on a node need a CPU each, and the nodes of %s give fewer%s%s: ask for "
            "fewer with gpus=N",
            shape->gpus, of, shape->limit != NULL ? ", by " : "",
            shape->limit != NULL ? shape->limit : "");
    return 0;
}

static int where_plan_in(struct where *where, const struct facts_partition *partition,
                         const struct sft_request *request, struct sft_cluster *cluster,
                         struct sft_plan *plan, struct sft_error *err)
{
    struct sft_request wanted;
    struct shape shape;
    char words[128];
    int tasks;
    if (where_try(where, partition, request, &wanted, &shape, &tasks, err) < 0)
        return -1;
    where_cluster(cluster, where, &shape, partition->shape.name, tasks);
    if (where_refuse(where, cluster, &shape, &wanted, err) < 0)
        return -1;
    if (sft_plan_make(plan, &wanted, cluster, err) < 0)
        return request->gpus < 0 && wanted.gpus > shape.most
                   ? sft_error_prefix(err, "%s", ask_words(where->ask, words, sizeof words))
                   : -1;
    snprintf(where->type, sizeof where->type, "%s", shape.type);
    return 0;
}

/* Of several partitions the largest that has room; Slurm tries the others, too, with the same
 * words. */
static int where_best(struct where *where, const char *names, const struct sft_request *request,
                      struct sft_cluster *cluster, struct sft_plan *plan, struct sft_error *err)
{
    struct sft_cluster one;
    struct sft_plan its;
    struct sft_error why;
    int rc = -1, size = -1;
    for (const char *at = names; *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        int length = (int)strcspn(at, ",");
        const struct facts_partition *p = facts_find(&where->facts, at, length);
        if (length == 0)
            continue;
        if (p == NULL || ((int)strlen(p->shape.name) == length &&
                          strncmp(p->shape.name, at, (size_t)length) != 0))
            return where_no_partition(where, length, at, err);
        int rc_one = where_plan_in(where, p, request, &one, &its, &why);
        if (rc_one < rc || (rc_one == rc && p->nodes <= size))
            continue;
        rc = rc_one;
        size = p->nodes;
        *cluster = one;
        *plan = its;
        *err = why;
    }
    return rc;
}

int where_plan(struct where *where, const char *partitions, const struct sft_request *request,
               struct sft_cluster *cluster, struct sft_plan *plan, struct sft_error *err)
{
    static const struct facts_partition everything;
    bool any = partitions != NULL && strcmp(partitions, WHERE_ANY) == 0;
    if (!any && partitions != NULL && partitions[0] != '\0')
        return where_best(where, partitions, request, cluster, plan, err);
    for (int i = 0; i < where->facts.partitions && !any; i++)
        if (where->facts.partition[i].standard)
            return where_plan_in(where, &where->facts.partition[i], request, cluster, plan, err);
    return where_plan_in(where, &everything, request, cluster, plan, err);
}

void where_note(const struct where *where, const struct sft_cluster *cluster,
                const struct sft_request *request)
{
    if (cluster->partition[0] == '\0')
        fprintf(stderr,
                "sft-bench: note: no default partition: planned for any node of this cluster, %d "
                "GPUs a node; "
                "-p names a partition\n",
                cluster->gpus_per_node);
    else if (cluster->gpus_least != cluster->gpus_most && request->gpus < 0 &&
             where->ask->said[0] == '\0' && where->ask->ntasks == 0 &&
             where->ask->tasks_per_node == 0)
        fprintf(stderr,
                "sft-bench: note: the nodes of partition '%s'%s have %d to %d GPUs: planned for "
                "%d; gpus=N "
                "asks for another number\n",
                cluster->partition, cluster->narrowed, cluster->gpus_least, cluster->gpus_most,
                cluster->gpus_per_node);
}
