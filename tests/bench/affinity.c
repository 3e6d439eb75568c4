/* SPDX-License-Identifier: Apache-2.0 */
/* How long a task waits for its plan: tests/bench/affinity [MACHINE.txt]. Without an argument, on
 * this machine; with a described one (tests/fixtures/topology) its PCI devices are read from files,
 * and its cores come from the description. HWLOC_FSROOT and HWLOC_COMPONENTS=linux,stop let hwloc
 * read a copy of another machine's /sys instead (hwloc-gather-topology). The first run is cold, as
 * it is in a task. */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/unit/node/affinity_fixture.h"

#define BENCH_RUNS 20

static double bench_ms(void)
{
    return 1e3 * sft_clock_now();
}

static int bench_run(const struct affinity_source *source, double *load, double *plan, bool print)
{
    struct sft_error err = {""};
    struct affinity_gpus gpus;
    double begin = bench_ms();
    struct affinity_machine *machine = affinity_machine_create(source, &err);
    *load = bench_ms() - begin;
    struct affinity_plan *made = NULL;
    if (machine != NULL && affinity_gpus_find(machine, NULL, NULL, &gpus, &err) == 0)
        made = affinity_plan_create(machine, &gpus, gpus.count > 0 ? gpus.count : 1, 1, NULL, &err);
    *plan = bench_ms() - begin - *load;
    if (made == NULL)
        fprintf(stderr, "%s\n", err.text);
    else if (print) {
        printf("%d GPUs, %d NICs, %d CPUs\n", machine->gpus, machine->nics,
               hwloc_get_nbobjs_by_type(machine->topology, HWLOC_OBJ_PU));
        affinity_print(stdout, made);
    }
    affinity_plan_destroy(made);
    affinity_machine_destroy(machine);
    return made != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct fixture fixture = {.runs = 0};
    struct affinity_source source = {0};
    double load, plan, best[2] = {1e9, 1e9};
    int rc = 1;
    if (argc > 1 && fixture_load(&fixture, argv[1]) < 0)
        goto out;
    if (argc > 1) {
        source.root = fixture.tree.root;
        source.synthetic = getenv("HWLOC_FSROOT") == NULL ? fixture.cpus : NULL;
    }
    for (int i = 0; i < BENCH_RUNS; i++) {
        if (bench_run(&source, &load, &plan, i == 0) < 0)
            goto out;
        if (i == 0)
            printf("first: machine %.2f ms, plan %.2f ms\n", load, plan);
        best[0] = load < best[0] ? load : best[0];
        best[1] = plan < best[1] ? plan : best[1];
    }
    printf("best of %d: machine %.2f ms, plan %.2f ms\n", BENCH_RUNS, best[0], best[1]);
    rc = 0;
out:
    fixture_remove(&fixture);
    return rc;
}
