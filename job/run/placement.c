/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/placement.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/network.h"
#include "job/run/notes.h"
#include "job/run/place.h"

enum { TEXT = 1024, SHORT = 401, NOTES = 8 };

/* What all ranks were told, on rank 0. */
struct told {
    char *place;   /* [ranks * TEXT] */
    char *network; /* [ranks * SAID_FABRIC], of a node's first rank alone */
};

static bool is_pinned(const char *text)
{
    char cpus[TEXT];
    said_word(text, "cpus", cpus, sizeof cpus);
    return cpus[0] != '\0';
}

/* What is so now, in the form of a place: "cpus=0-11 warn=1 why=...". Read where the rank trains,
 * before it does. */
static void place_self(int local_rank, char text[TEXT])
{
    char place[SAID_PLACE], has[256], cuda[SAID_CUDA];
    struct place_now now;
    text[0] = '\0';
    if (!place_said(place))
        return;
    place_cpus(has, sizeof has);
    said_cuda(getenv("CUDA_VISIBLE_DEVICES"), cuda);
    place_judge(&now, place, local_rank, cuda, has);
    bool warn = now.cuda_warning[0] != '\0';
    snprintf(text, TEXT, "cpus=%s warn=%d why=%s", now.cpus, warn,
             warn ? now.cuda_warning : now.why);
}

/* Ranks that a variable has sent to another GPU, or to none. */
static void place_notes(struct notes *notes, const char *all, int ranks, const char *hosts)
{
    for (int rank = 0; rank < ranks; rank++) {
        char warn[8], words[TEXT];
        said_word(all + (size_t)rank * TEXT, "warn", warn, sizeof warn);
        said_word(all + (size_t)rank * TEXT, "why", words, sizeof words);
        if (strcmp(warn, "1") == 0)
            notes_add(notes, 0, "", "rank %d on %.64s: %.300s", rank,
                      hosts + (size_t)rank * CONTROL_HOST, words);
    }
}

/* The plugin's word where there was no GPU to be near to: no news where the CPU trains. */
static bool is_gpuless(const char *why)
{
    return strstr(why, "no GPU") != NULL;
}

static int record_pins(const char *all, int ranks, const char *hosts, bool on_device,
                       struct sft_record *record, struct sft_error *err)
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
        said_word(all + (size_t)without * TEXT, "why", words, sizeof words);
    if (without >= 0 && (on_device || !is_gpuless(words)))
        fprintf(stderr,
                "sft-bench-job: note: %d of %d ranks are pinned; rank %d on %s is not: %s\n",
                pinned, ranks, without, hosts + (size_t)without * CONTROL_HOST, words);
    if (sft_record_set_integer(record, "pinned", pinned, err) < 0)
        return -1;
    char cpus[TEXT];
    said_word(all, "cpus", cpus, sizeof cpus);
    return sft_record_set(record, "cpus", cpus, err);
}

static int record_network(const char *text, struct sft_record *record, struct sft_error *err)
{
    char line[SHORT], rate[16] = "";
    const char *cursor = text, *at = said_next(&cursor, "rate");
    if (at != NULL)
        said_field(at, 0, rate, sizeof rate);
    network_short(text, line, sizeof line);
    if (line[0] != '\0' && sft_record_set(record, "nccl_env", line, err) < 0)
        return -1;
    return rate[0] != '\0' && strcmp(rate, "0") != 0 ? sft_record_set(record, "nic_gbps", rate, err)
                                                     : 0;
}

/* What matters most; explain has all of them. */
static void run_notes(const struct told *told, int ranks, const char *hosts, bool network)
{
    char line[SHORT];
    struct notes *notes = notes_create();
    place_notes(notes, told->place, ranks, hosts);
    network_short(told->network, line, sizeof line);
    if (line[0] != '\0' && network)
        fprintf(stderr, "sft-bench-job: %s\n", line);
    for (int rank = 0; rank < ranks && network; rank++) {
        const char *mine = told->network + (size_t)rank * SAID_FABRIC,
                   *host = hosts + (size_t)rank * CONTROL_HOST;
        network_notes(notes, host, mine);
        network_compare(notes, host, mine, hosts, told->network);
    }
    int count = notes_print(notes, stderr, "sft-bench-job: ", NOTES);
    if (count > NOTES)
        fprintf(stderr, "sft-bench-job: warning: %d more: srun --sft-bench=explain:N\n",
                count - NOTES);
    notes_destroy(notes);
}

static int gather(struct control *control, int local_rank, struct told *told, struct sft_error *err)
{
    char mine[TEXT], network[SAID_FABRIC] = "";
    place_self(local_rank, mine);
    if (local_rank == 0)
        network_self(network);
    if (control_gather(control, mine, TEXT, told->place, err) < 0)
        return -1;
    return control_gather(control, network, SAID_FABRIC, told->network, err);
}

int placement_record(struct control *control, bool on_device, int local_rank, const char *hosts,
                     struct sft_record *record, struct sft_error *err)
{
    double said = getenv(SAID_PLACE_ENV) != NULL;
    int result = -1;
    if (control_sum(control, &said, 1, err) < 0)
        return -1;
    if (said == 0)
        return 0;
    struct told told = {calloc((size_t)control->size, TEXT),
                        calloc((size_t)control->size, SAID_FABRIC)};
    if (told.place == NULL || told.network == NULL)
        sft_error_set(err, "no memory for what %d tasks say", control->size);
    else if (gather(control, local_rank, &told, err) == 0)
        result = 0;
    if (result == 0 && record != NULL) {
        run_notes(&told, control->size, hosts, on_device);
        if (record_pins(told.place, control->size, hosts, on_device, record, err) < 0 ||
            record_network(told.network, record, err) < 0)
            result = -1;
    }
    free(told.place);
    free(told.network);
    return result;
}
