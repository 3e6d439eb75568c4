/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/peers.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PEERS_WAIT_MS 3000
#define PEERS_POLL_MS 2

enum peers_state { PEERS_SILENT, PEERS_TOLD, PEERS_TOO_LONG };

struct peers_slot {
    _Atomic int state;
};

static struct peers_slot *peers_slot;
static struct peer *peers_all;
static int peers_count;

/* Pages that nobody touches cost nothing. */
static void *peers_map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

int peers_create(int tasks, struct sft_error *err)
{
    peers_count = 0;
    if (tasks < 1)
        return sft_error_set(err, "%d tasks on this node", tasks);
    peers_slot = peers_map((size_t)tasks * sizeof *peers_slot);
    peers_all = peers_map((size_t)tasks * sizeof *peers_all);
    if (peers_slot == NULL || peers_all == NULL)
        return sft_error_set(err, "memory that tasks share: %m");
    peers_count = tasks;
    return 0;
}

static bool peers_put(char text[PEERS_TEXT], bool *has, const char *value)
{
    size_t length = value != NULL ? strlen(value) : 0;
    *has = value != NULL;
    if (length >= PEERS_TEXT)
        return false;
    memcpy(text, value != NULL ? value : "", length + 1);
    return true;
}

static bool peers_everybody(void)
{
    for (int i = 0; i < peers_count; i++)
        if (atomic_load(&peers_slot[i].state) == PEERS_SILENT)
            return false;
    return true;
}

const struct peer *peers_tell(int rank, const char *cuda, const char *gpus)
{
    const struct timespec pause = {.tv_nsec = PEERS_POLL_MS * 1000000L};
    if (rank < 0 || rank >= peers_count)
        return NULL;
    struct peer *mine = &peers_all[rank];
    bool fits = peers_put(mine->cuda, &mine->has_cuda, cuda) &&
                peers_put(mine->gpus, &mine->has_gpus, gpus);
    atomic_store(&peers_slot[rank].state, fits ? PEERS_TOLD : PEERS_TOO_LONG);
    for (int waited = 0; !peers_everybody(); waited += PEERS_POLL_MS) {
        if (waited >= PEERS_WAIT_MS)
            return NULL;
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < peers_count; i++)
        if (atomic_load(&peers_slot[i].state) != PEERS_TOLD)
            return NULL;
    return peers_all;
}
