/* SPDX-License-Identifier: Apache-2.0 */
#include "job/placement.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/explain.h"
#include "job/network.h"

enum { TEXT = 1024, SHORT = 401, NOTES = 8 };

/* What all ranks were told, on rank 0. */
struct told {
    char *place;   /* [ranks * TEXT] */
    char *network; /* [ranks * NETWORK_TEXT], of a node's first rank alone */
};

static bool is_pinned(const char *text)
{
    char cpus[TEXT];
    explain_field(text, "cpus", cpus, sizeof cpus);
    return cpus[0] != '\0';
}

static int record_pins(const char *all, int ranks, const char *hosts, struct sft_record *record,
                       struct sft_error *err)
{
    int pinned = 0, without = -1;
    for (int rank = 0; rank < ranks; rank++) {
        const char *text = all + (size_t)rank * TEXT;
        pinned += is_pinned(text);
        if (without < 0 && !is_pinned(text))
            without = rank;
    }
    char words[TEXT] = "no word of the plugin";
    if (without >= 0 && all[(size_t)without * TEXT] != '\0')
        explain_field(all + (size_t)without * TEXT, "why", words, sizeof words);
    if (without >= 0)
        fprintf(stderr, "sft-bench-job: note: %d of %d ranks are pinned; rank %d on %s is not: %s\n", pinned,
                ranks, without, hosts + (size_t)without * COMM_HOST, words);
    if (sft_record_set_integer(record, "pinned", pinned, err) < 0)
        return -1;
    char cpus[TEXT];
    explain_field(all, "cpus", cpus, sizeof cpus);
    return sft_record_set(record, "cpus", cpus, err);
}

static int record_network(const char *text, struct sft_record *record, struct sft_error *err)
{
    char line[SHORT], rate[16] = "";
    const char *cursor = text, *at = network_next(&cursor, "rate");
    if (at != NULL)
        network_field(at, 0, rate, sizeof rate);
    network_short(text, line, sizeof line);
    if (line[0] != '\0' && sft_record_set(record, "nccl_env", line, err) < 0)
        return -1;
    return rate[0] != '\0' && strcmp(rate, "0") != 0 ? sft_record_set(record, "nic_gbps", rate, err) : 0;
}

/* The first warnings; explain has all of them. */
static void network_notes(const char *all, int ranks, const char *hosts)
{
    char *text = NULL, line[SHORT];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int count = 0;
    network_short(all, line, sizeof line);
    if (line[0] != '\0')
        fprintf(stderr, "sft-bench-job: %s\n", line);
    for (int rank = 0; out != NULL && rank < ranks; rank++) {
        const char *mine = all + (size_t)rank * NETWORK_TEXT, *host = hosts + (size_t)rank * COMM_HOST;
        count += network_warn(out, host, mine) + network_compare(out, host, mine, hosts, all);
    }
    if (out == NULL || fclose(out) != 0)
        return;
    const char *at = text;
    for (int i = 0; i < count && i < NOTES && *at != '\0'; i++, at += strcspn(at, "\n") + 1)
        fprintf(stderr, "sft-bench-job: %.*s\n", (int)strcspn(at, "\n"), at);
    if (count > NOTES)
        fprintf(stderr, "sft-bench-job: warning: %d more of the network: srun --sft-bench=explain:N\n",
                count - NOTES);
    free(text);
}

static int gather(struct comm *comm, int local_rank, struct told *told, struct sft_error *err)
{
    char mine[TEXT], network[NETWORK_TEXT] = "";
    const char *said = getenv("SFT_BENCH_PLACE");
    snprintf(mine, sizeof mine, "%s", said != NULL ? said : "");
    if (local_rank == 0)
        network_self(network);
    if (comm->gather_text(comm, mine, TEXT, told->place, err) < 0)
        return -1;
    return comm->gather_text(comm, network, NETWORK_TEXT, told->network, err);
}

int placement_record(struct comm *comm, int local_rank, const char *hosts, struct sft_record *record,
                     struct sft_error *err)
{
    double said = getenv("SFT_BENCH_PLACE") != NULL;
    int result = -1;
    if (comm->sum_double(comm, &said, 1, err) < 0)
        return -1;
    if (said == 0)
        return 0;
    struct told told = { calloc((size_t)comm->size, TEXT), calloc((size_t)comm->size, NETWORK_TEXT) };
    if (told.place == NULL || told.network == NULL)
        sft_error_set(err, "no memory for what %d tasks say", comm->size);
    else if (gather(comm, local_rank, &told, err) == 0)
        result = 0;
    if (result == 0 && record != NULL) {
        if (strcmp(comm->name, "nccl") == 0)
            network_notes(told.network, comm->size, hosts);
        if (record_pins(told.place, comm->size, hosts, record, err) < 0
            || record_network(told.network, record, err) < 0)
            result = -1;
    }
    free(told.place);
    free(told.network);
    return result;
}
