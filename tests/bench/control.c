/* SPDX-License-Identifier: Apache-2.0 */
/* What a sum of five doubles over the hosts costs: tests/bench/control [RANKS]... (2 8 64). Ranks
 * are processes of this host, so that many ranks share its cores, which on a cluster they do not:
 * then the time is of all ranks' work on these cores, not of a tree's depth. Beside it, the same
 * bytes to and fro between two processes, which is what a level of the tree costs at least. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pthread.h>

#include "job/control/control.h"
#include "job/control/tree.h"
#include "lib/clock.h"

enum { TURNS = 2000, WARM = 200, MOST = 512 };

static struct shared {
    pthread_barrier_t barrier;
    struct net_card cards[MOST];
    double seconds[TURNS];
} * shared;

/* The bootstrap's exchange, by shared memory. */
int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    (void)err;
    memcpy(&shared->cards[bootstrap->rank], mine, bytes);
    pthread_barrier_wait(&shared->barrier);
    memcpy(all, shared->cards, bytes * (size_t)bootstrap->size);
    return 0;
}

static int rank_run(int rank, int size)
{
    struct bootstrap bootstrap = {.rank = rank, .size = size, .host = "here"};
    struct sft_error err = {""};
    struct control *c = control_start(&bootstrap, 60, &err);
    double values[5] = {1, 2, 3, 4, 5};
    for (int i = 0; i < WARM + TURNS && c != NULL; i++) {
        double begin = sft_clock_now();
        if (control_sum(c, values, 5, &err) < 0)
            break;
        if (rank == 0 && i >= WARM)
            shared->seconds[i - WARM] = sft_clock_now() - begin;
    }
    if (err.text[0] != '\0')
        fprintf(stderr, "%s\n", err.text);
    control_stop(c);
    return err.text[0] != '\0';
}

static int seconds_compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static double quantile(double part)
{
    qsort(shared->seconds, TURNS, sizeof *shared->seconds, seconds_compare);
    return 1e6 * shared->seconds[(int)(part * (TURNS - 1))];
}

static int bench_ranks(int size)
{
    pthread_barrierattr_t attributes;
    int failed = 0, status;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &attributes, (unsigned)size);
    fflush(NULL);
    for (int rank = 0; rank < size; rank++)
        if (fork() == 0)
            _exit(rank_run(rank, size));
    while (wait(&status) > 0)
        failed |= status;
    return failed;
}

/* One way of the same message and back, over a socket of this host. */
static void bench_echo(void)
{
    char message[sizeof(struct tree_message) + 5 * sizeof(double)] = "";
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return;
    if (fork() == 0) {
        close(ends[0]);
        while (read(ends[1], message, sizeof message) == (ssize_t)sizeof message)
            if (write(ends[1], message, sizeof message) < 0)
                break;
        _exit(0);
    }
    close(ends[1]);
    for (int i = 0; i < TURNS; i++) {
        double begin = sft_clock_now();
        if (write(ends[0], message, sizeof message) < 0 ||
            read(ends[0], message, sizeof message) < 0)
            break;
        shared->seconds[i] = sft_clock_now() - begin;
    }
    close(ends[0]);
    wait(NULL);
}

int main(int argc, char **argv)
{
    static const int sizes[] = {2, 8, 64};
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    bench_echo();
    double echo = quantile(0.5);
    printf("two processes: %.1f us to and fro\n", echo);
    for (int i = 0; i < (argc > 1 ? argc - 1 : 3); i++) {
        int size = argc > 1 ? atoi(argv[i + 1]) : sizes[i];
        if (size < 2 || size > MOST || bench_ranks(size) != 0)
            return 1;
        double median = quantile(0.5);
        printf("%d ranks: median %.1f us (%.1f x two processes), 5%% %.1f us, 95%% %.1f us\n", size,
               median, median / echo, quantile(0.05), quantile(0.95));
    }
    return 0;
}
