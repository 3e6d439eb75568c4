/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/hosts.h"

static const char *const prefixes[] = {"SLURM_", "SBATCH_", "SALLOC_"};

const char *ask_value(const struct cmdline *user, enum ask_program program, const char *option,
                      const char *variable)
{
    char name[64];
    const char *value = cmdline_value(user, option);
    if (value != NULL || variable == NULL)
        return value;
    snprintf(name, sizeof name, "%s%s", prefixes[program], variable);
    value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

struct reader {
    struct ask *ask;
    const struct cmdline *user;
    enum ask_program program;
    bool allocated; /* then the variables are the allocation's, which is known better */
};

static const char *read_value(const struct reader *reader, const char *option, const char *variable)
{
    return ask_value(reader->user, reader->program, option, reader->allocated ? NULL : variable);
}

/* A positive number; 0: not said, or not to be understood here. */
static int read_number(const struct reader *reader, const char *option, const char *variable)
{
    const char *value = read_value(reader, option, variable);
    char *end;
    long number = value != NULL ? strtol(value, &end, 10) : 0;
    return value != NULL && *end == '\0' && number > 0 && number <= 1000000 ? (int)number : 0;
}

/* More of what was said of GPUs: `gpu:h100:4`, or with `bare` also `h100:4` and `4`. */
static int ask_gpus(struct ask *ask, const char *option, const char *value, bool bare, int *gpus,
                    struct sft_error *err)
{
    char text[512];
    struct gres_gpus list[GRES_TYPES];
    size_t length = strlen(ask->said);
    *text = '\0';
    for (const char *at = value; bare && *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        snprintf(text + strlen(text), sizeof text - strlen(text), "gpu:%.*s,",
                 (int)strcspn(at, ","), at);
    if (!bare)
        snprintf(text, sizeof text, "%s", value);
    int types = gres_list(text, list);
    if (types == 0)
        return 0;
    snprintf(ask->said + length, sizeof ask->said - length, "%s--%s=%.60s", length > 0 ? " " : "",
             option, value);
    *gpus = *gpus < 0 ? 0 : *gpus;
    for (int i = 0; i < types; i++) {
        *gpus += list[i].count;
        if (list[i].slice && types > 1)
            return sft_error_set(err,
                                 "%s: slices beside others cannot be trained on together: name one "
                                 "type, or take it away and use gpus=N",
                                 ask->said);
        if (types == 1)
            snprintf(ask->type, sizeof ask->type, "%s", list[i].type);
    }
    return 0;
}

static int read_gpus(const struct reader *reader, struct sft_error *err)
{
    struct ask *ask = reader->ask;
    const char *gres = read_value(reader, "gres", "GRES");
    const char *node = read_value(reader, "gpus-per-node", "GPUS_PER_NODE");
    const char *total = read_value(reader, "gpus", "GPUS");
    if (gres != NULL && strcasecmp(gres, "none") == 0)
        gres = "gpu:0";
    if (gres != NULL && ask_gpus(ask, "gres", gres, false, &ask->gpus, err) < 0)
        return -1;
    if (node != NULL && ask->gpus >= 0)
        return sft_error_set(
            err,
            "%s and --gpus-per-node=%.60s: Slurm would add them: take one of them away, "
            "or both and use gpus=N",
            ask->said, node);
    if (node != NULL && ask_gpus(ask, "gpus-per-node", node, true, &ask->gpus, err) < 0)
        return -1;
    return total != NULL ? ask_gpus(ask, "gpus", total, true, &ask->gpus_total, err) : 0;
}

/* Options that share GPUs among tasks: a rank has one GPU, a GPU one rank. */
static int read_sharing(const struct reader *reader, struct sft_error *err)
{
    struct ask *ask = reader->ask;
    const char *by_task = read_value(reader, "gpus-per-task", "GPUS_PER_TASK");
    const char *tres = read_value(reader, "tres-per-task", "TRES_PER_TASK");
    const char *option = by_task != NULL ? "gpus-per-task" : "tres-per-task";
    const char *value = by_task != NULL ? by_task : tres;
    int each = -1;
    if (value != NULL && ask_gpus(ask, option, value, by_task != NULL, &each, err) < 0)
        return -1;
    if (each >= 0 && each != 1)
        return sft_error_set(
            err,
            "--%s=%.60s: a rank trains on one GPU: take it away, and say with gpus=N "
            "how many GPUs, and so ranks, each node has",
            option, value);
    ask->gpus_by_task = each == 1;
    value = read_value(reader, "ntasks-per-gpu", "NTASKS_PER_GPU");
    if (value != NULL && strcmp(value, "1") != 0)
        return sft_error_set(
            err,
            "--ntasks-per-gpu=%.60s: a GPU has one rank: take it away, and say with "
            "gpus=N how many GPUs, and so ranks, each node has",
            value);
    ask->tasks_by_gpu = value != NULL;
    value = read_value(reader, "gpus-per-socket", "GPUS_PER_SOCKET");
    if (value != NULL)
        return sft_error_set(
            err,
            "--gpus-per-socket=%.60s: not to be planned with: take it away, and say with "
            "gpus=N how many GPUs each node has",
            value);
    return 0;
}

/* Megabytes of 4000, 4G, 512M. */
static long ask_memory(const char *value)
{
    char *end;
    double size = strtod(value, &end);
    double unit = *end == 'K' || *end == 'k'   ? 1.0 / 1024
                  : *end == 'G' || *end == 'g' ? 1024
                  : *end == 'T' || *end == 't' ? 1024 * 1024
                                               : 1;
    size *= unit;
    return size >= 1 && size < 1e12 ? (long)size : -1;
}

/* --hint's words, --threads-per-core=N and -B s:c:t: how much of a core a task may use. */
static void read_threads(const struct reader *reader)
{
    struct ask *ask = reader->ask;
    const char *hint = ask_value(reader->user, reader->program, "hint", "HINT");
    const char *layout = cmdline_value(reader->user, "extra-node-info");
    const char *value =
        ask_value(reader->user, reader->program, "threads-per-core", "THREADS_PER_CORE");
    if (value == NULL && layout != NULL && strchr(layout, ':') != NULL)
        value = strchr(strchr(layout, ':') + 1, ':') != NULL ? strrchr(layout, ':') + 1 : NULL;
    long threads = value != NULL ? strtol(value, NULL, 10) : 0;
    ask->threads = threads > 0 && threads < 1024 ? (int)threads : 0;
    if (hint == NULL)
        return;
    if (strcasecmp(hint, "nomultithread") == 0 || strcasecmp(hint, "compute_bound") == 0)
        ask->threads = 1;
    ask->cpus = ask->cpus || strcasecmp(hint, "memory_bound") == 0;
}

static void read_cpus(const struct reader *reader)
{
    static const char *const own[] = {"cpus-per-task", "cpus-per-gpu", "cores-per-socket", "exact",
                                      "overcommit"};
    struct ask *ask = reader->ask;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        ask->cpus = ask->cpus || cmdline_has(reader->user, own[i]);
    ask->cpus = ask->cpus || read_value(reader, "cpus-per-gpu", "CPUS_PER_GPU") != NULL;
    if (reader->program == ASK_SRUN && getenv("SRUN_CPUS_PER_TASK") != NULL)
        ask->cpus = true;
    const char *memory = read_value(reader, "mem-per-cpu", "MEM_PER_CPU");
    if (memory != NULL)
        ask->mem_per_cpu = ask_memory(memory);
    else if (read_value(reader, "mem", "MEM_PER_NODE") != NULL ||
             read_value(reader, "mem-per-gpu", "MEM_PER_GPU") != NULL)
        ask->mem_per_cpu = -1;
    read_threads(reader);
}

/* A list with a slash is a file's name, as Slurm sees it. */
static void ask_hosts(const char *value, bool file, struct words *hosts)
{
    struct words bad = {0};
    if (!file && strchr(value, '/') == NULL) {
        hosts_expand(value, hosts, &bad);
    } else {
        char line[4096];
        FILE *from = fopen(value, "re");
        while (from != NULL && hosts->count < HOSTS_MAX && fgets(line, sizeof line, from) != NULL) {
            line[strcspn(line, "#\n")] = '\0';
            hosts_expand(line, hosts, &bad);
        }
        if (from != NULL)
            fclose(from);
    }
    words_clear(&bad);
    hosts_unique(hosts);
}

static void read_hosts(const struct reader *reader)
{
    struct ask *ask = reader->ask;
    const char *file = cmdline_value(reader->user, "nodefile");
    ask->partition = read_value(reader, "partition", "PARTITION");
    ask->features = read_value(reader, "constraint", "CONSTRAINT");
    ask->reservation = read_value(reader, "reservation", "RESERVATION");
    ask->account = read_value(reader, "account", "ACCOUNT");
    ask->qos = read_value(reader, "qos", "QOS");
    ask->nodelist = cmdline_value(reader->user, "nodelist");
    ask->exclude = cmdline_value(reader->user, "exclude");
    if (ask->nodelist != NULL)
        ask_hosts(ask->nodelist, false, &ask->with);
    else if (file != NULL)
        ask_hosts(file, true, &ask->with);
    if (ask->exclude != NULL)
        ask_hosts(ask->exclude, false, &ask->without);
    ask->nodelist = ask->nodelist != NULL ? ask->nodelist : file;
}

static void read_nodes(const struct reader *reader)
{
    struct ask *ask = reader->ask;
    const char *value = cmdline_value(reader->user, "nodes");
    char *end;
    if (value == NULL)
        return;
    long nodes = strtol(value, &end, 10);
    if (*end == '-' && strtol(end + 1, &end, 10) != nodes)
        end = (char *)"-"; /* a range */
    ask->nodes = *end == '\0' && nodes > 0 && nodes <= SFT_REQUEST_NODES_MAX ? (int)nodes : -1;
}

int ask_read(struct ask *ask, const struct cmdline *user, enum ask_program program, bool allocated,
             struct sft_error *err)
{
    struct reader reader = {ask, user, program, allocated};
    memset(ask, 0, sizeof *ask);
    ask->gpus = ask->gpus_total = -1;
    ask->step = program == ASK_SRUN;
    read_hosts(&reader);
    read_nodes(&reader);
    read_cpus(&reader);
    ask->ntasks = read_number(&reader, "ntasks", "NTASKS");
    ask->tasks_per_node = read_number(&reader, "ntasks-per-node", "NTASKS_PER_NODE");
    return read_gpus(&reader, err) < 0 ? -1 : read_sharing(&reader, err);
}

void ask_clear(struct ask *ask)
{
    words_clear(&ask->with);
    words_clear(&ask->without);
}

int ask_nodes(const struct ask *ask, struct sft_request *request, struct sft_error *err)
{
    int hosts = ask->with.count;
    const char *model = sft_request_subject(request->task, request->preset);
    if (ask->nodes != 0 && request->nodes > 0 && ask->nodes != request->nodes)
        return sft_error_set(err,
                             ask->nodes > 0
                                 ? "%s:%d and -N %d are a contradiction: take one of the two "
                                   "numbers away"
                                 : "%s:%d and -N are a contradiction: take one of the two away",
                             model, request->nodes, ask->nodes);
    if (ask->nodes < 0 && ask->step)
        return sft_error_set(
            err,
            "-N with a range, or no plain number: ranks are counted before the nodes are "
            "known: take it away, and write %s:N",
            model);
    if (ask->nodes > 0)
        request->nodes = ask->nodes;
    if (request->nodes > 0 && hosts > request->nodes)
        return sft_error_set(
            err,
            "%s:%d and the %d hosts that you name are a contradiction: ask for %d nodes, or "
            "name fewer hosts",
            model, request->nodes, hosts, hosts);
    if (request->nodes < 0 && hosts > 0 && ask->nodes == 0)
        request->nodes = hosts;
    return 0;
}

/* The GPUs of a node that follow from the user's words, with `nodes` of them; -1: none follow. */
static int settle_gpus(const struct ask *ask, const struct sft_request *request, int nodes,
                       int most, struct sft_error *err, int *gpus)
{
    int total = ask->gpus_total >= 0 ? ask->gpus_total : ask->ntasks;
    *gpus = ask->gpus;
    if (ask->gpus >= 0)
        return 0;
    if (ask->gpus_total < 0 && (request->gpus >= 0 || most == 0))
        return 0;
    if (ask->gpus_total < 0 && ask->tasks_per_node > 0)
        *gpus = ask->tasks_per_node;
    else if (total > 0 && total % nodes == 0)
        *gpus = total / nodes;
    else if (total > 0)
        return sft_error_set(
            err,
            "%s%d does not divide by %d nodes: each has as many GPUs and ranks as the "
            "others; gpus=N says how many",
            ask->gpus_total >= 0 ? "--gpus=" : "-n ", total, nodes);
    else if (ask->gpus_total == 0)
        *gpus = 0;
    return 0;
}

/* Nodes where only a total was said: as few as have room, and divide it. */
static int settle_nodes(const struct ask *ask, const struct sft_request *request, int most)
{
    int each = ask->gpus > 0             ? ask->gpus
               : request->gpus > 0       ? request->gpus
               : ask->tasks_per_node > 0 ? ask->tasks_per_node
                                         : 0;
    int total = ask->gpus_total > 0 ? ask->gpus_total : ask->ntasks;
    int room = each > 0 ? each : most;
    if (total <= 0 || room <= 0 || request->gpus == 0)
        return 0;
    int nodes = (total + room - 1) / room;
    while (total % nodes != 0)
        nodes++;
    return nodes;
}

static int settle_ranks(const struct ask *ask, const struct sft_request *request,
                        struct sft_error *err)
{
    int gpus = request->gpus, nodes = request->nodes;
    if (gpus > 0 && ask->tasks_per_node > 0 && ask->tasks_per_node != gpus)
        return sft_error_set(
            err,
            "--ntasks-per-node=%d and %d GPUs a node: each GPU has one rank: take it away, "
            "or say gpus=%d",
            ask->tasks_per_node, gpus, ask->tasks_per_node);
    if (gpus > 0 && ask->ntasks > 0 && nodes > 0 && ask->ntasks != nodes * gpus) {
        bool divides = ask->ntasks % nodes == 0;
        return sft_error_set(
            err,
            "-n %d and %d node%s with %d GPUs each: each GPU has one rank: take it away, or "
            "say gpus=%.0d%s",
            ask->ntasks, nodes, nodes == 1 ? "" : "s", gpus, divides ? ask->ntasks / nodes : 0,
            divides ? "" : "N");
    }
    return 0;
}

const char *ask_words(const struct ask *ask, char *text, size_t size)
{
    if (ask->said[0] != '\0')
        snprintf(text, size, "%s", ask->said);
    else if (ask->tasks_per_node > 0)
        snprintf(text, size, "--ntasks-per-node=%d", ask->tasks_per_node);
    else
        snprintf(text, size, "-n %d", ask->ntasks);
    return text;
}

int ask_settle(const struct ask *ask, struct sft_request *request, int most, int *tasks,
               struct sft_error *err)
{
    int gpus;
    if (request->nodes <= 0 && ask->nodes == 0) {
        int nodes = settle_nodes(ask, request, most);
        request->nodes = nodes > 0 ? nodes : request->nodes;
    }
    int nodes = request->nodes > 0 ? request->nodes : 1;
    if (settle_gpus(ask, request, nodes, most, err, &gpus) < 0)
        return -1;
    if (gpus >= 0 && request->gpus >= 0 && gpus != request->gpus)
        return sft_error_set(err, "gpus=%d and %s are a contradiction: take one of the two away",
                             request->gpus, ask->said);
    if (gpus >= 0)
        request->gpus = gpus;
    *tasks = ask->tasks_per_node > 0 ? ask->tasks_per_node : (ask->ntasks + nodes - 1) / nodes;
    return settle_ranks(ask, request, err);
}
