/* SPDX-License-Identifier: Apache-2.0 */
/* How long a task waits for NCCL's environment: tests/bench/fabric [MACHINE.txt]. Without an
 * argument, of this machine; with a described one (tests/fixtures/topology), of its files, whose
 * tables of GIDs are filled up to mlx5's 256 entries. The first run is cold, as it is in a task. */
#include <stdio.h>

#include "lib/clock.h"
#include "tests/unit/node/fabric_case.h"

#define BENCH_RUNS 20

static double bench_ms(void)
{
    return 1e3 * sft_clock_now();
}

static void bench_fill(const struct fabric_case *made)
{
    for (int i = 0; i < made->nics->count; i++)
        for (int index = made->nics->port[i].gids.length; index < GID_TABLE; index++)
            tree_write(&made->tree, "0000:0000:0000:0000:0000:0000:0000:0000\n",
                       "sys/class/infiniband/%s/ports/%d/gids/%d", made->nics->port[i].device,
                       made->nics->port[i].port, index);
}

static int bench_run(const char *root, const struct conf_fabric *site, double *ms, bool print)
{
    struct sft_error err = {""};
    double begin = bench_ms();
    struct nic_list *nics = nic_list_create(root, &err);
    struct fabric_input input = {.nics = nics, .site = site, .nodes = 8, .root = root};
    struct fabric *fabric = nics != NULL ? fabric_create(&input, &err) : NULL;
    *ms = bench_ms() - begin;
    if (fabric == NULL)
        fprintf(stderr, "%s\n", err.text);
    else if (print)
        fabric_case_print(stdout, fabric);
    int rc = fabric != NULL ? 0 : -1;
    fabric_destroy(fabric);
    nic_list_destroy(nics);
    return rc;
}

int main(int argc, char **argv)
{
    struct fabric_case made = {.envs = 0};
    struct conf conf;
    double ms, best = 1e9;
    int rc = 1;
    conf_init(&conf);
    if (argc > 1 && fabric_case_load(&made, argv[1], NULL) < 0)
        goto out;
    if (argc > 1)
        bench_fill(&made);
    for (int i = 0; i < BENCH_RUNS; i++) {
        if (bench_run(argc > 1 ? made.tree.root : NULL, &conf.fabric, &ms, i == 0) < 0)
            goto out;
        if (i == 0)
            printf("first: %.2f ms\n", ms);
        best = ms < best ? ms : best;
    }
    printf("best of %d: %.2f ms\n", BENCH_RUNS, best);
    rc = 0;
out:
    fabric_case_remove(&made);
    return rc;
}
