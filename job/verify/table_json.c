/* SPDX-License-Identifier: Apache-2.0 */
/* verify.json, sft-verify(7). */
#include <math.h>

#include "job/verify/table.h"

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(object, key, json_string(text));
}

static void set_real(json_t *object, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(object, key, json_real(value));
}

static void set_count(json_t *object, const char *key, int value)
{
    if (value >= 0)
        json_object_set_new(object, key, json_integer(value));
}

static json_t *node_checks(const struct judge_input *input, int node)
{
    json_t *checks = json_object();
    for (enum check check = 0; check < CHECKS; check++) {
        double figure = table_figure(input, node, check);
        json_t *ranks = json_array();
        for (int i = 0; i < input->ranks; i++)
            if (input->rank[i].node == node && input->rank[i].series[check].count > 0)
                json_array_append_new(ranks,
                                      json_real(series_median(&input->rank[i].series[check])));
        if (!isnan(figure))
            json_object_set_new(checks, check_name(check),
                                json_pack("{s:f, s:O}", "worst", figure, "ranks", ranks));
        json_decref(ranks);
    }
    return checks;
}

static json_t *node_findings(const struct verdict *verdict)
{
    static const char *const by[] = {
        [BY_FLOOR] = "floor", [BY_NODES] = "nodes", [BY_GPUS] = "gpus"};
    json_t *findings = json_array();
    for (int i = 0; i < verdict->findings; i++) {
        const struct finding *found = &verdict->finding[i];
        json_t *one = json_pack("{s:s, s:s, s:b, s:f, s:f, s:f}", "check", check_name(found->check),
                                "by", by[found->by], "bad", found->bad, "value", found->value,
                                "reference", found->reference, "ratio", found->ratio);
        set_count(one, "gpu", found->gpu);
        json_array_append_new(findings, one);
    }
    return findings;
}

static json_t *node_facts(const struct node_facts *facts)
{
    static const char *const names[FACT_TEXTS] = {
        [FACT_JOB] = "job",           [FACT_DRIVER] = "driver",     [FACT_VBIOS] = "vbios",
        [FACT_FIRMWARE] = "firmware", [FACT_KERNEL] = "kernel",     [FACT_CUDA] = "cuda",
        [FACT_CUDNN] = "cudnn",       [FACT_NCCL] = "nccl",         [FACT_CPU] = "cpu",
        [FACT_MTU] = "mtu",           [FACT_GOVERNOR] = "governor", [FACT_CLOCK] = "clocksource",
        [FACT_IOMMU] = "iommu"};
    json_t *object = json_object(), *ports = json_array();
    for (int i = 0; i < FACT_TEXTS; i++)
        set_text(object, names[i], facts->text[i]);
    set_count(object, "gpus", facts->gpus);
    set_count(object, "peermem", facts->peermem);
    set_real(object, "throttled", facts->throttled);
    set_real(object, "foreign", facts->foreign);
    set_real(object, "pressure", facts->pressure);
    for (int i = 0; i < facts->ports; i++)
        json_array_append_new(ports,
                              json_pack("{s:s, s:i, s:b}", "name", facts->port[i].name, "gbps",
                                        facts->port[i].rate, "active", facts->port[i].active));
    if (json_array_size(ports) > 0)
        json_object_set(object, "ports", ports);
    json_decref(ports);
    return object;
}

static json_t *gpu_json(int rank, const struct judge_rank *judged)
{
    const struct gpu_facts *facts = &judged->facts;
    json_t *object =
        json_pack("{s:i, s:i, s:s}", "rank", rank, "number", judged->gpu, "device", facts->name);
    set_text(object, "bus_id", facts->bus_id);
    set_text(object, "process", facts->process);
    set_real(object, "sm_mhz", facts->sm_mhz);
    set_real(object, "power_w", facts->power_w);
    set_real(object, "limit_w", facts->limit_w);
    set_real(object, "celsius", facts->celsius);
    if (judged->hung >= 0)
        set_text(object, "hung", check_title((enum check)judged->hung));
    set_text(object, "failed", judged->failed);
    return object;
}

static json_t *node_gpus(const struct judge_input *input, int node)
{
    json_t *list = json_array();
    for (int i = 0; i < input->ranks; i++)
        if (input->rank[i].node == node)
            json_array_append_new(list, gpu_json(i, &input->rank[i]));
    return list;
}

static json_t *node_json(const struct judge_input *input, const struct verdict *verdict, int node)
{
    json_t *object = json_pack("{s:s, s:s, s:f}", "host", input->node[node].name, "verdict",
                               verdict_name(verdict->kind), "ratio", verdict->ratio);
    set_text(object, "cause", verdict->cause);
    set_text(object, "finding", verdict->finding_text);
    set_text(object, "evidence", verdict->evidence);
    set_text(object, "command", verdict->command);
    set_text(object, "drain", verdict->drain);
    json_object_set_new(object, "findings", node_findings(verdict));
    json_object_set_new(object, "checks", node_checks(input, node));
    json_object_set_new(object, "ranks", node_gpus(input, node));
    json_object_set_new(object, "facts", node_facts(&input->node[node].facts));
    return object;
}

static json_t *checks_json(const struct judge_input *input)
{
    json_t *list = json_array();
    for (enum check check = 0; check < CHECKS; check++) {
        const struct check_traits *traits = &check_traits[check];
        const char *source;
        if (!table_has(input, check))
            continue;
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:b}", "name", check_name(check), "title", traits->title,
                      "unit", traits->unit, "less_is_better", traits->less);
        double floor = check_floor(check, input->rank[0].facts.name, 0, &source);
        if (floor > 0) {
            set_real(one, "floor", floor);
            set_text(one, "floor_source", source);
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *pairs_json(const struct judge_input *input)
{
    json_t *list = json_array();
    for (int i = 0; i < input->pairs; i++) {
        const struct judge_pair *pair = &input->pair[i];
        json_t *one =
            json_pack("{s:s, s:s}", "a", input->node[pair->a].name, "b", input->node[pair->b].name);
        set_real(one, "busbw_gbs", pair->median);
        if (pair->late > 0)
            set_count(one, "late", pair->late);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *sizes_json(const struct table_sizes *sizes)
{
    json_t *list = json_array();
    for (int i = 0; i < sizes->count; i++) {
        const struct table_size *size = &sizes->size[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:i, s:I, s:f, s:f, s:f}", "kind", table_kind(size->kind),
                            "among", size->in_node ? "node" : "all", "ranks", size->ranks, "bytes",
                            (json_int_t)size->bytes, "us", 1e6 * size->seconds, "algbw_gbs",
                            size->algbw, "busbw_gbs", size->busbw));
    }
    return list;
}

json_t *table_json(const struct judge_input *input, const struct verdict *verdicts,
                   const struct table_sizes *sizes)
{
    json_t *nodes = json_array();
    for (int node = 0; node < input->nodes; node++)
        json_array_append_new(nodes, node_json(input, &verdicts[node], node));
    return json_pack("{s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "form", TABLE_FORM, "status",
                     judge_status(verdicts, input->nodes), "verdict",
                     verdict_name(judge_worst(verdicts, input->nodes)), "checks",
                     checks_json(input), "nodes", nodes, "pairs", pairs_json(input), "collectives",
                     sizes_json(sizes));
}
