/* SPDX-License-Identifier: Apache-2.0 */
#include "node/counters_judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "lib/writer.h"

static const double gb = 1e9;

/* What is below a tenth of a GB a port says nothing of resends or of who uses it. */
static const double least = 1e8;

struct judge {
    const struct counters_port *ports;
    int count;
    double seconds;
    struct writer trouble;
    struct counters_sums *sums;
};

static void trouble_add(struct judge *j, const char *host, const char *name, const char *what)
{
    if (j->trouble.used > 0)
        writer_text(&j->trouble, "; ");
    writer_text(&j->trouble, host);
    writer_put(&j->trouble, ' ');
    writer_text(&j->trouble, name);
    writer_put(&j->trouble, ' ');
    writer_text(&j->trouble, what);
}

static double sum_of(const struct judge *j, int counter)
{
    double sum = NAN;
    for (int i = 0; i < j->count; i++) {
        double value = j->ports[i].grown[counter];
        if (!isnan(value))
            sum = isnan(sum) ? value : sum + value;
    }
    return sum;
}

static int counter_find(const char *name)
{
    for (int i = 0; i < COUNTERS; i++)
        if (strcmp(counter_table[i].name, name) == 0)
            return i;
    abort();
}

static double moved(const struct counters_port *port)
{
    return fmax(port->grown[COUNTER_SENT], port->grown[COUNTER_RECEIVED]);
}

/* Of a GB; NAN where too little was moved to tell. */
static double resent(const struct counters_port *port, int counter)
{
    return moved(port) >= least ? port->grown[counter] / (moved(port) / gb) : NAN;
}

/* The others' median; NAN of fewer than three ports. */
static double resent_usually(const struct judge *j, int counter)
{
    double *values = calloc((size_t)j->count, sizeof *values);
    size_t known = 0;
    for (int i = 0; i < j->count && values != NULL; i++) {
        double value = resent(&j->ports[i], counter);
        if (!isnan(value))
            values[known++] = value;
    }
    double median = known >= 3 ? sft_stats_median(values, known) : NAN;
    free(values);
    return median;
}

/* Why that counter of the port is trouble; false where it is none. */
static bool counter_judge(const struct judge *j, const struct counters_port *port, int counter,
                          double usual, char *what, size_t size)
{
    const double often = 5, few = 1; /* a GB */
    const struct counter *row = &counter_table[counter];
    double grown = port->grown[counter];
    if (!(grown > 0))
        return false;
    switch (row->meaning) {
    case COUNTER_FAULT:
    case COUNTER_PAUSING:
        snprintf(what, size, "%s %.0f", row->name, grown);
        return true;
    case COUNTER_RESENT:
        snprintf(what, size, "%s %.1f a GB, the others %.1f", row->name, resent(port, counter),
                 usual);
        return !isnan(usual) && resent(port, counter) > often * fmax(usual, few);
    case COUNTER_PAUSED:
        snprintf(what, size, "%s %.1f%% of the time", row->name, grown / j->seconds / 1e4);
        return grown > 0.01 * j->seconds * 1e6;
    default:
        return false;
    }
}

static void ports_judge(struct judge *j)
{
    double usual[COUNTERS];
    for (int k = 0; k < COUNTERS; k++)
        usual[k] = counter_table[k].meaning == COUNTER_RESENT ? resent_usually(j, k) : NAN;
    for (int i = 0; i < j->count; i++) {
        const struct counters_port *port = &j->ports[i];
        char text[256] = "", what[96];
        for (int k = 0; k < COUNTERS; k++)
            if (counter_judge(j, port, k, usual[k], what, sizeof what)) {
                size_t used = strlen(text);
                snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", what);
            }
        if (text[0] != '\0') {
            trouble_add(j, port->host, port->name, text);
            j->sums->troubles++;
        }
    }
}

static void node_judge(struct judge *j, int node, double expected)
{
    const char *host = "";
    char what[96];
    double sent = NAN;
    for (int i = 0; i < j->count; i++)
        if (j->ports[i].node == node && !isnan(j->ports[i].grown[COUNTER_SENT])) {
            sent = (isnan(sent) ? 0 : sent) + j->ports[i].grown[COUNTER_SENT];
            host = j->ports[i].host;
        }
    if (isnan(sent) || !(expected >= least) || (sent >= 0.9 * expected && sent <= 1.25 * expected))
        return;
    snprintf(what, sizeof what, "%.3g GB sent, its collectives needed %.3g", sent / gb,
             expected / gb);
    trouble_add(j, host,
                sent < expected ? "ports: traffic went elsewhere," : "ports: others use them,",
                what);
    j->sums->troubles++;
}

static double longest_pause(const struct judge *j)
{
    double longest = NAN;
    for (int i = 0; i < j->count; i++)
        for (int k = 0; k < COUNTERS; k++)
            if (counter_table[k].meaning == COUNTER_PAUSED)
                longest = fmax(longest, j->ports[i].grown[k] / (j->seconds * 1e6));
    return longest;
}

void counters_judge(struct counters_sums *sums, const struct counters_port *ports, int count,
                    const double *expected, int nodes, double seconds)
{
    struct judge j = {.ports = ports, .count = count, .seconds = seconds, .sums = sums};
    *sums =
        (struct counters_sums){.sent = sum_of(&j, COUNTER_SENT),
                               .received = sum_of(&j, COUNTER_RECEIVED),
                               .congested = sum_of(&j, counter_find("np_ecn_marked_roce_packets")),
                               .paused = longest_pause(&j)};
    writer_begin(&j.trouble, sums->trouble, sizeof sums->trouble);
    ports_judge(&j);
    for (int node = 0; node < nodes && expected != NULL; node++)
        node_judge(&j, node, expected[node]);
}
