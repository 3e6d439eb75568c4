/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/verify/cluster.h"

#include <stdio.h>
#include <string.h>

#include "job/tensor/random.h"

/* A healthy H200, and its launch time. */
static const double healthy[CHECKS] = {
    [CHECK_GEMM] = 660, [CHECK_MEMORY] = 4100, [CHECK_LAUNCH] = 3.3, [CHECK_H2D] = 55,
    [CHECK_D2H] = 55,   [CHECK_H2D_ALL] = 54,  [CHECK_D2H_ALL] = 54, [CHECK_NVLINK] = 396,
    [CHECK_NODE] = 476, [CHECK_PAIR] = 94,     [CHECK_GPT2] = 148,   [CHECK_LSTM] = 2225,
};

static void gpu_make(struct gpu_facts *facts)
{
    gpu_facts_init(facts);
    strcpy(facts->name, "NVIDIA H200");
    facts->sm_mhz = 1755;
    facts->power_w = 690;
    facts->celsius = 62;
    facts->memory_celsius = 70;
    facts->limit_w = facts->default_limit_w = 700;
    facts->reasons = (struct gpu_reasons){.polls = 40, .power_cap = 38};
    facts->brake_s = facts->thermal_s = 0;
    facts->processes = facts->busy = facts->mig = 0;
    facts->remap_pending = facts->remap_failed = facts->uncorrected = 0;
    facts->fabric_state = 3;
    facts->fabric_status = facts->fabric_health = 0;
    facts->links = 18;
    facts->links_down = facts->link_errors = 0;
    facts->link_gbs = 26.6;
    facts->pcie_gts = facts->pcie_max_gts = 32;
    facts->pcie_width = facts->pcie_max_width = 16;
    strcpy(facts->pcie_at, "0000:18:00.0");
}

static void node_make(struct node_facts *facts, int gpus)
{
    static const char *const texts[FACT_TEXTS] = {
        [FACT_JOB] = "0.3.0 (checksum 5f3a9c21)",
        [FACT_DRIVER] = "570.124.06",
        [FACT_VBIOS] = "96.00.BC.00.01",
        [FACT_FIRMWARE] = "28.43.2026",
        [FACT_KERNEL] = "5.15.0-131-generic",
        [FACT_CUDA] = "12.8",
        [FACT_CUDNN] = "9.8.0",
        [FACT_NCCL] = "NCCL 2.26.2",
        [FACT_CPU] = "Intel(R) Xeon(R) 8480C",
        [FACT_MTU] = "9000",
        [FACT_GOVERNOR] = "performance",
        [FACT_CLOCK] = "tsc",
        [FACT_IOMMU] = "identity",
    };
    node_facts_init(facts);
    facts->gpus = gpus;
    for (int i = 0; i < FACT_TEXTS; i++)
        strcpy(facts->text[i], texts[i]);
    facts->throttled = facts->foreign = facts->pressure = 0;
    facts->peermem = facts->dmabuf = 1;
    facts->ports = 2;
    facts->port[0] = (struct port_facts){"mlx5_0", 400, true};
    facts->port[1] = (struct port_facts){"mlx5_1", 400, true};
}

void cluster_make(struct cluster *c, int nodes, int gpus, double noise, uint64_t seed)
{
    memset(c, 0, sizeof *c);
    c->input = (struct judge_input){nodes, nodes * gpus, 0, c->node, c->rank, c->pair};
    c->gpus = gpus;
    c->noise = noise;
    c->seed = seed;
    for (int i = 0; i < nodes; i++) {
        snprintf(c->node[i].name, sizeof c->node[i].name, "fukushimadc-02-hgx-%04d",
                 i < 7 ? i + 1 : i + 2);
        node_make(&c->node[i].facts, gpus);
    }
    for (int i = 0; i < nodes * gpus; i++) {
        c->rank[i].node = i / gpus;
        c->rank[i].gpu = i % gpus;
        c->rank[i].hung = -1;
        gpu_make(&c->rank[i].facts);
        snprintf(c->rank[i].facts.bus_id, sizeof c->rank[i].facts.bus_id, "0000:%02x:00.0",
                 0x18 + i % gpus);
        for (int check = 0; check < CHECKS; check++)
            c->speed[i][check] = 1;
    }
}

static int node_at(int number)
{
    return number < 8 ? number - 1 : number - 2;
}

void cluster_slow_gpu(struct cluster *c, int number, int gpu, unsigned checks, double speed)
{
    for (int check = 0; check < CHECKS; check++)
        if (checks & CHECK_BIT(check))
            c->speed[node_at(number) * c->gpus + gpu][check] = speed;
}

void cluster_slow(struct cluster *c, int number, unsigned checks, double speed)
{
    for (int gpu = 0; gpu < c->gpus; gpu++)
        cluster_slow_gpu(c, number, gpu, checks, speed);
}

struct node_facts *cluster_node(struct cluster *c, int number)
{
    return &c->node[node_at(number)].facts;
}

struct gpu_facts *cluster_gpu(struct cluster *c, int number, int gpu)
{
    return &c->rank[node_at(number) * c->gpus + gpu].facts;
}

static double cluster_draw(struct cluster *c, enum check check, double speed)
{
    double figure = check_traits[check].less ? healthy[check] / speed : healthy[check] * speed;
    return figure * (1 + c->noise * (double)random_normal_at(c->seed, c->drawn++));
}

static void pass(struct cluster *c, struct series *series, enum check check, double speed)
{
    double values[JUDGE_REPEATS];
    for (int i = 0; i < JUDGE_REPEATS; i++)
        values[i] = cluster_draw(c, check, speed);
    series_add(series, values, JUDGE_REPEATS);
}

/* What goes over several ranks has one figure, that of the slowest. */
static void measure(struct cluster *c, enum check check)
{
    for (int i = 0; i < c->input.ranks; i++)
        if (check != CHECK_NODE || i % c->gpus == 0)
            pass(c, &c->rank[i].series[check], check, c->speed[i][check]);
        else
            c->rank[i].series[check] = c->rank[i - 1].series[check];
}

static void measure_pairs(struct cluster *c)
{
    static struct judge_pair next[CLUSTER_NODES];
    bool usable[CLUSTER_NODES];
    memset(usable, 1, sizeof usable);
    for (int round = 0, count = 1; count > 0; round++) {
        count = judge_pairs_next(&c->input, round, usable, next);
        for (int i = 0; i < count; i++) {
            double a = c->speed[next[i].a * c->gpus][CHECK_PAIR];
            double b = c->speed[next[i].b * c->gpus][CHECK_PAIR], values[JUDGE_REPEATS];
            for (int repeat = 0; repeat < JUDGE_REPEATS; repeat++)
                values[repeat] = cluster_draw(c, CHECK_PAIR, a < b ? a : b);
            judge_pair_add(&c->input, next[i].a, next[i].b, values, JUDGE_REPEATS);
            c->paired += round > 0;
        }
    }
}

void cluster_verify(struct cluster *c)
{
    for (int check = 0; check < CHECKS; check++)
        if (check != CHECK_PAIR)
            measure(c, check);
    for (unsigned again = ~0U; (again = judge_again(&c->input, again)) != 0;)
        for (int check = 0; check < CHECKS; check++)
            if (again & CHECK_BIT(check)) {
                measure(c, check);
                c->passes++;
            }
    measure_pairs(c);
    judge_nodes(&c->input, c->verdict);
}

struct verdict *cluster_verdict(struct cluster *c, int number)
{
    return &c->verdict[node_at(number)];
}

int cluster_count(const struct cluster *c, enum verdict_kind kind)
{
    int count = 0;
    for (int i = 0; i < c->input.nodes; i++)
        count += c->verdict[i].kind == kind;
    return count;
}
