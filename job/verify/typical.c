/* SPDX-License-Identifier: Apache-2.0 */
/* The majority, beside which one node is held. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/verify/cause.h"
#include "lib/stats.h"

double typical_gpu(const struct scene *scene, double (*get)(const struct gpu_facts *facts))
{
    const struct judge_input *input = scene->input;
    double *values = calloc((size_t)input->ranks + 1, sizeof *values);
    size_t count = 0;
    for (int i = 0; i < input->ranks && values != NULL; i++) {
        double value = get(&input->rank[i].facts);
        if (input->rank[i].node != scene->node && !isnan(value))
            values[count++] = value;
    }
    double median = sft_stats_median(values, count);
    free(values);
    return median;
}

double typical_node(const struct scene *scene, double (*get)(const struct node_facts *facts))
{
    const struct judge_input *input = scene->input;
    double *values = calloc((size_t)input->nodes + 1, sizeof *values);
    size_t count = 0;
    for (int i = 0; i < input->nodes && values != NULL; i++) {
        double value = get(&input->node[i].facts);
        if (i != scene->node && !isnan(value))
            values[count++] = value;
    }
    double median = sft_stats_median(values, count);
    free(values);
    return median;
}

/* Boyer and Moore's vote leaves the one text that more than half may have; then it is counted. */
const char *typical_text(const struct scene *scene, enum fact_text which)
{
    const struct judge_input *input = scene->input;
    const char *most = "";
    int votes = 0, told = 0, same = 0;
    for (int i = 0; i < input->nodes; i++) {
        const char *text = input->node[i].facts.text[which];
        if (text[0] == '\0')
            continue;
        told++;
        if (votes == 0)
            most = text;
        votes += strcmp(text, most) == 0 ? 1 : -1;
    }
    for (int i = 0; i < input->nodes; i++)
        same += strcmp(input->node[i].facts.text[which], most) == 0;
    return told > 0 && 2 * same > told ? most : "";
}
