/* SPDX-License-Identifier: Apache-2.0 */
#include "job/placement.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/explain.h"

enum { TEXT = 1024 };

static bool is_pinned(const char *text)
{
    char cpus[TEXT];
    explain_field(text, "cpus", cpus, sizeof cpus);
    return cpus[0] != '\0';
}

static int placement_tell(const char *all, int ranks, const char *hosts, struct sft_record *record,
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

int placement_record(struct comm *comm, const char *hosts, struct sft_record *record,
                     struct sft_error *err)
{
    char mine[TEXT] = "";
    const char *said = getenv("SFT_BENCH_PLACE");
    double told = said != NULL;
    int result = -1;
    if (comm->sum_double(comm, &told, 1, err) < 0)
        return -1;
    if (told == 0)
        return 0;
    snprintf(mine, sizeof mine, "%s", said != NULL ? said : "");
    char *all = calloc((size_t)comm->size, TEXT);
    if (all == NULL)
        return sft_error_set(err, "no memory for what %d tasks say", comm->size);
    if (comm->gather_text(comm, mine, TEXT, all, err) == 0)
        result = record == NULL ? 0 : placement_tell(all, comm->size, hosts, record, err);
    free(all);
    return result;
}
