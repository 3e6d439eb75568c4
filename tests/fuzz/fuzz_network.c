/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin tells the job of a node, in an environment that anybody may have written:
 * SFT_BENCH_FABRIC, SFT_BENCH_PLACE, CUDA_VISIBLE_DEVICES and NCCL's variables. No crash, texts
 * stay ended and of whole lines, and who is pinned has CPUs. NULs cut the input into these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/network.h"
#include "job/run/place.h"
#include "node/said.h"

static const char *const names[] = {"NCCL_IB_HCA", "NCCL_SOCKET_IFNAME", "NCCL_IB_DISABLE",
                                    "NCCL_DEBUG"};
static char value[4][1024];
static char has[4];

static char *get(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return has[i] ? value[i] : NULL;
    return NULL;
}

/* The next piece; "" at the end. */
static void take(const unsigned char **data, size_t *size, char *text, size_t room)
{
    const unsigned char *end = memchr(*data, '\0', *size);
    size_t length = end != NULL ? (size_t)(end - *data) : *size;
    snprintf(text, room, "%.*s", (int)length, (const char *)*data);
    length += end != NULL;
    *data += length;
    *size -= length;
}

static void check_network(char text[SAID_FABRIC])
{
    static char line[64], first[SAID_FABRIC];
    static FILE *out;
    struct notes *notes = notes_create();
    out = out != NULL ? out : fopen("/dev/null", "w");
    strcpy(first, text);
    network_now(text, get);
    size_t length = strlen(text);
    if (length >= SAID_FABRIC ||
        (strcmp(first, text) != 0 && (length == 0 || text[length - 1] != '\n')))
        abort();
    said_print(out, text);
    json_decref(network_json(text));
    network_short(text, line, sizeof line);
    if (memchr(line, '\0', sizeof line) == NULL)
        abort();
    network_notes(notes, "a", text);
    network_notes(notes, "b", text);
    network_compare(notes, "b", text, "a", first);
    notes_print(notes, out, "job: ", 8);
    notes_destroy(notes);
}

static void check_place(const char *place, const char *cuda, const char *cpus)
{
    struct place_now now;
    for (int rank = 0; rank < 3; rank++) {
        place_judge(&now, place, rank, cuda, cpus);
        if (now.pinned != (now.cpus[0] != '\0') || memchr(now.gpu, '\0', sizeof now.gpu) == NULL ||
            memchr(now.why, '\0', sizeof now.why) == NULL)
            abort();
    }
}

/* What stands behind the opening; without one the text itself, so that all of it is tried. */
static void take_said(const unsigned char **data, size_t *size, char *text, size_t room)
{
    static char whole[SAID_FABRIC];
    struct sft_error err = {""};
    take(data, size, whole, sizeof whole);
    const char *said = said_open(whole, &err);
    if ((said == NULL) != (err.text[0] != '\0') || strchr(err.text, '\n') != NULL)
        abort();
    snprintf(text, room, "%s", said != NULL ? said : whole);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static char text[SAID_FABRIC], place[SAID_PLACE], cuda[SAID_CUDA], cpus[256];
    take_said(&data, &size, text, sizeof text);
    for (int i = 0; i < 4; i++) {
        has[i] = size > 0;
        take(&data, &size, value[i], sizeof value[i]);
    }
    take_said(&data, &size, place, sizeof place);
    take(&data, &size, cuda, sizeof cuda);
    take(&data, &size, cpus, sizeof cpus);
    check_network(text);
    check_place(place, cuda, cpus);
    return 0;
}
