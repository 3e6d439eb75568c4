/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/observe_counters.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/network.h"
#include "job/run/result.h"
#include "node/counters_judge.h"

enum { PORTS = 16 }; /* of a node; no machine's collectives use more */

struct port {
    char device[NIC_NAME], netdev[NIC_IF];
    int number;
    struct counters before, after;
};

/* What a rank sends to rank 0: of its node's first rank with ports. */
struct told {
    double moved; /* this rank's bytes to other nodes */
    int ports;
    struct counters_port port[PORTS];
};

struct observe {
    const struct observed *run;
    const char *root;
    int ports;
    struct port port[PORTS];
    double moved, seconds;
    bool ended;
};

static bool is_first_of_node(const struct control *control)
{
    for (int rank = 0; rank < control->rank; rank++)
        if (control->node[rank] == control->node[control->rank])
            return false;
    return true;
}

static void port_add(struct observe *o, const char *device, int number, const char *netdev)
{
    if (o->ports == PORTS)
        return;
    struct port *port = &o->port[o->ports++];
    snprintf(port->device, sizeof port->device, "%.*s", NIC_NAME - 1, device);
    snprintf(port->netdev, sizeof port->netdev, "%.*s", NIC_IF - 1, netdev);
    port->number = number;
}

/* Those that the plugin says NCCL will use, "mlx5_0:1"; true: it has spoken. */
static bool ports_told(struct observe *o)
{
    char text[SAID_FABRIC], name[NIC_NAME + 8], used[8], netdev[NIC_IF];
    network_self(text);
    const char *cursor = text, *line;
    bool spoken = false;
    while ((line = said_next(&cursor, "port")) != NULL) {
        said_field(line, SAID_PORT_NAME, name, sizeof name);
        said_field(line, SAID_PORT_USED, used, sizeof used);
        said_field(line, SAID_PORT_NETDEV, netdev, sizeof netdev);
        char *colon = strchr(name, ':');
        spoken = true;
        if (colon == NULL || strcmp(used, "yes") != 0)
            continue;
        *colon = '\0';
        port_add(o, name, atoi(colon + 1), netdev);
    }
    return spoken;
}

/* Without a plugin all that are up. */
static void ports_find(struct observe *o)
{
    struct sft_error why;
    struct nic_list *nics = ports_told(o) ? NULL : nic_list_create(o->root, &why);
    for (int i = 0; nics != NULL && i < nics->count; i++)
        if (nics->port[i].active)
            port_add(o, nics->port[i].device, nics->port[i].port, nics->port[i].netdev);
    nic_list_destroy(nics);
}

static void ports_read(struct observe *o, bool after)
{
    for (int i = 0; i < o->ports; i++) {
        struct port *port = &o->port[i];
        counters_read(after ? &port->after : &port->before, o->root, port->device, port->number,
                      port->netdev);
    }
}

static int counters_open(const struct observed *run, void **self, struct sft_error *err)
{
    const struct control *control = run->training->control;
    if (control->nodes < 2)
        return 0;
    struct observe *o = calloc(1, sizeof *o);
    if (o == NULL)
        return sft_error_set(err, "no memory for the counters of the network");
    o->run = run;
    o->root = getenv(SAID_ROOT_ENV);
    if (is_first_of_node(control))
        ports_find(o);
    *self = o;
    return 0;
}

static void counters_begin(void *self, int number)
{
    struct observe *o = self;
    if (number != o->run->training->input->plan.warmup)
        return;
    o->moved = o->run->training->collective->across;
    ports_read(o, false);
}

static int counters_step(void *self, struct step *step, struct sft_error *err)
{
    struct observe *o = self;
    (void)err;
    if (step->measured)
        o->seconds += step->total + step->stopped;
    return 0;
}

static void counters_end(void *self, bool complete)
{
    struct observe *o = self;
    o->ended = complete;
    if (complete)
        ports_read(o, true);
}

static void told_fill(struct told *told, const struct observe *o)
{
    const struct control *control = o->run->training->control;
    told->moved = o->run->training->collective->across - o->moved;
    told->ports = o->ended ? o->ports : 0;
    for (int i = 0; i < told->ports; i++) {
        const struct port *port = &o->port[i];
        struct counters_port *to = &told->port[i];
        to->node = control->node[control->rank];
        snprintf(to->host, sizeof to->host, "%.*s", (int)sizeof to->host - 1, o->run->host);
        snprintf(to->name, sizeof to->name, "%.27s:%d", port->device, port->number);
        counters_grown(to->grown, &port->before, &port->after);
    }
}

/* {"host", "port", COUNTER: growth, ...} a port */
static json_t *ports_json(const struct counters_port *ports, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        json_t *row = json_pack("{s:s, s:s}", "host", ports[i].host, "port", ports[i].name);
        for (int k = 0; k < COUNTERS; k++)
            if (!isnan(ports[i].grown[k]))
                json_object_set_new(row, counter_table[k].name, json_real(ports[i].grown[k]));
        json_array_append_new(array, row);
    }
    return array;
}

static int sums_record(const struct counters_sums *sums, double expected, struct sft_record *record,
                       struct sft_error *err)
{
    const double gb = 1e9;
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"rdma_gb", sums->sent / gb},
        {"rdma_needed_gb", expected / gb},
        {"rdma_marked", sums->congested},
        {"rdma_paused", 100 * sums->paused},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (isfinite(figures[i].value) &&
            sft_record_set_real(record, figures[i].key, figures[i].value, err) < 0)
            return -1;
    return sums->trouble[0] == '\0' ? 0
                                    : sft_record_set(record, "rdma_trouble", sums->trouble, err);
}

static int all_record(const struct observe *o, const struct told *all, struct sft_record *record,
                      struct sft_error *err)
{
    const struct control *control = o->run->training->control;
    struct result *result = o->run->user;
    double *expected = calloc((size_t)control->nodes, sizeof *expected), needed = 0;
    struct counters_port *ports = calloc((size_t)control->nodes * PORTS, sizeof *ports);
    struct counters_sums sums;
    int count = 0, failed = -1;
    for (int rank = 0; rank < control->size && expected != NULL && ports != NULL; rank++) {
        expected[control->node[rank]] += all[rank].moved;
        needed += all[rank].moved;
        for (int i = 0; i < all[rank].ports; i++)
            ports[count++] = all[rank].port[i];
    }
    if (expected == NULL || ports == NULL)
        sft_error_set(err, "no memory for the counters of %d nodes", control->nodes);
    else if (count > 0) {
        counters_judge(&sums, ports, count, expected, control->nodes, o->seconds);
        failed = sums_record(&sums, needed, record, err);
        result->ports = ports_json(ports, count);
    } else
        failed = 0;
    free(expected);
    free(ports);
    return failed;
}

static int counters_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct observe *o = self;
    struct control *control = o->run->training->control;
    struct told *mine = calloc(1, sizeof *mine);
    struct told *all = control->rank == 0 ? calloc((size_t)control->size, sizeof *all) : NULL;
    int failed = -1;
    if (mine == NULL || (control->rank == 0 && all == NULL))
        sft_error_set(err, "no memory for the counters of %d ranks", control->size);
    else {
        told_fill(mine, o);
        failed = control_gather(control, mine, sizeof *mine, all, err);
    }
    if (!failed && record != NULL)
        failed = all_record(o, all, record, err);
    free(mine);
    free(all);
    return failed;
}

const struct observer observer_counters = {
    .open = counters_open,
    .begin = counters_begin,
    .step = counters_step,
    .end = counters_end,
    .record = counters_record,
    .close = free,
};
