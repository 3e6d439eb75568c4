/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the job by tests/cluster/straggler.bats: each step's first matrix product takes
 * SFT_TEST_PACE milliseconds more, and thrice as long on rank N where there is a file
 * SFT_TEST_SLOW.N. Beside so long a sleep, which no other process makes longer, what a step
 * computes is next to nothing: so who is slow is the test's to say, and not the machine's load. A
 * step is known by the sum over the hosts before it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef void gemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef ssize_t sender(int fd, const struct msghdr *message, int flags);

static __thread int begins; /* of the thread that trains; the watchdog sends, too */

static int is_slow(void)
{
    const char *file = getenv("SFT_TEST_SLOW"), *rank = getenv("SLURM_PROCID");
    char path[256];
    if (file == NULL || rank == NULL)
        return 0;
    snprintf(path, sizeof path, "%s.%s", file, rank);
    return access(path, F_OK) == 0;
}

static void pace(void)
{
    const char *pace = getenv("SFT_TEST_PACE");
    long ms = pace != NULL ? atol(pace) * (is_slow() ? 3 : 1) : 0;
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    begins = 1;
    return ((sender *)dlsym(RTLD_NEXT, "sendmsg"))(fd, message, flags);
}

void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    static gemm *next;
    if (next == NULL)
        next = (gemm *)dlsym(RTLD_NEXT, "cblas_sgemm");
    if (begins)
        pace();
    begins = 0;
    next(order, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
