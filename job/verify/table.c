/* SPDX-License-Identifier: Apache-2.0 */
#include "job/verify/table.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

bool table_has(const struct judge_input *input, enum check check)
{
    for (int i = 0; check == CHECK_PAIR && i < input->pairs; i++)
        if (judge_pair_measured(&input->pair[i]))
            return true;
    for (int i = 0; i < input->ranks; i++)
        if (input->rank[i].series[check].count > 0)
            return true;
    return false;
}

/* What it reaches with its best partner. */
static double pair_figure(const struct judge_input *input, int node)
{
    double best = NAN;
    for (int i = 0; i < input->pairs; i++)
        if (input->pair[i].a == node || input->pair[i].b == node)
            best = fmax(best, input->pair[i].median);
    return best;
}

double table_figure(const struct judge_input *input, int node, enum check check)
{
    double worst = NAN;
    if (check == CHECK_PAIR)
        return pair_figure(input, node);
    for (int i = 0; i < input->ranks; i++) {
        double figure = series_median(&input->rank[i].series[check]);
        if (input->rank[i].node == node && !isnan(figure))
            worst = check_traits[check].less ? fmax(worst, figure) : fmin(worst, figure);
    }
    return worst;
}

static int name_width(const struct judge_input *input)
{
    int width = 4;
    for (int node = 0; node < input->nodes; node++) {
        int length = (int)strlen(input->node[node].name);
        width = length > width ? length : width;
    }
    return width;
}

static void print_head(FILE *out, const struct judge_input *input, int width)
{
    fprintf(out, "%-*s  %-14s", width, "NODE", "VERDICT");
    for (enum check check = 0; check < CHECKS; check++)
        if (table_has(input, check))
            fprintf(out, "  %8s %-7s", check_name(check), check_traits[check].unit);
    fputc('\n', out);
}

static void print_lines(FILE *out, const struct verdict *verdict)
{
    if (verdict->kind == VERDICT_GOOD)
        return;
    if (verdict->finding_text[0] != '\0')
        fprintf(out, "    %s\n", verdict->finding_text);
    if (verdict->evidence[0] != '\0')
        fprintf(out, "    why: %s%s%s\n", verdict->cause, verdict->cause[0] != '\0' ? ": " : "",
                verdict->evidence);
    if (verdict->command[0] != '\0')
        fprintf(out, "    look: %s\n", verdict->command);
    if (verdict->drain[0] != '\0')
        fprintf(out, "    admin: %s\n", verdict->drain);
}

static void print_node(FILE *out, const struct judge_input *input, const struct verdict *verdict,
                       int node, int width)
{
    fprintf(out, "%-*s  %-14s", width, input->node[node].name, verdict_name(verdict->kind));
    for (enum check check = 0; check < CHECKS; check++) {
        double figure = table_figure(input, node, check);
        if (table_has(input, check) && isnan(figure))
            fprintf(out, "  %8s %-7s", "-", "");
        else if (table_has(input, check))
            fprintf(out, "  %8.4g %-7s", figure, "");
    }
    fputc('\n', out);
    print_lines(out, verdict);
}

const char *table_kind(enum collective_kind kind)
{
    static const char *const kinds[] = {[COLLECTIVE_ALL_REDUCE] = "all-reduce",
                                        [COLLECTIVE_REDUCE_SCATTER] = "reduce-scatter",
                                        [COLLECTIVE_ALL_GATHER] = "all-gather"};
    return kinds[kind];
}

static const struct table_size *size_find(const struct table_sizes *sizes, bool in_node,
                                          enum collective_kind kind, size_t bytes)
{
    for (int i = 0; i < sizes->count; i++) {
        const struct table_size *size = &sizes->size[i];
        /* Where parts are whole, sizes differ a little with the number of ranks, not by half. */
        if (size->in_node == in_node && size->kind == kind && size->bytes > bytes / 2 &&
            size->bytes <= bytes)
            return size;
    }
    return NULL;
}

/* A line a size, the three kinds beside each other. */
static void print_sizes(FILE *out, const struct table_sizes *sizes, bool in_node)
{
    static const enum collective_kind kinds[] = {COLLECTIVE_ALL_REDUCE, COLLECTIVE_ALL_GATHER,
                                                 COLLECTIVE_REDUCE_SCATTER};
    size_t least = SIZE_MAX, most = 0;
    int ranks = 0;
    for (int i = 0; i < sizes->count; i++)
        if (sizes->size[i].in_node == in_node) {
            least = sizes->size[i].bytes < least ? sizes->size[i].bytes : least;
            most = sizes->size[i].bytes > most ? sizes->size[i].bytes : most;
            ranks = sizes->size[i].ranks;
        }
    if (most == 0)
        return;
    fprintf(out, "\n%d ranks%s, fp32; GB/s as nccl-tests has them\n%12s", ranks,
            in_node ? " of each node, its slowest" : "", "");
    for (int kind = 0; kind < 3; kind++)
        fprintf(out, "  %28s", table_kind(kinds[kind]));
    fprintf(out, "\n%12s", "BYTES");
    for (int kind = 0; kind < 3; kind++)
        fprintf(out, "  %10s %8s %8s", "US", "ALGBW", "BUSBW");
    fputc('\n', out);
    for (size_t bytes = 1024; bytes / 2 < most; bytes *= 2) {
        if (bytes < least)
            continue;
        fprintf(out, "%12zu", bytes);
        for (int kind = 0; kind < 3; kind++) {
            const struct table_size *size = size_find(sizes, in_node, kinds[kind], bytes);
            if (size == NULL)
                fprintf(out, "  %10s %8s %8s", "-", "-", "-");
            else
                fprintf(out, "  %10.1f %8.4g %8.4g", 1e6 * size->seconds, size->algbw, size->busbw);
        }
        fputc('\n', out);
    }
}

void table_print(FILE *out, const struct judge_input *input, const struct verdict *verdicts,
                 const struct table_sizes *sizes)
{
    int width = name_width(input);
    print_head(out, input, width);
    for (int node = 0; node < input->nodes; node++)
        print_node(out, input, &verdicts[node], node, width);
    print_sizes(out, sizes, true);
    print_sizes(out, sizes, false);
    fflush(out);
}
