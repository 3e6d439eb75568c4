/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk is worth a lock: it takes a tenth of a millisecond at least. */
#include "lib/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct parallel {
    pthread_mutex_t lock; /* of what follows, up to ends */
    pthread_cond_t work, done;
    parallel_do *run;
    void *user;
    size_t chunks, next, finished; /* next: that nobody has begun */
    bool ends;
    int count;
    pthread_t threads[];
};

int parallel_cores(int most)
{
    cpu_set_t cores;
    int count = 1;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) > 1)
        count = CPU_COUNT(&cores);
    return count < most ? count : most;
}

/* With the lock, which it gives away while the chunk runs. */
static void chunk_run(struct parallel *p)
{
    size_t chunk = p->next++;
    pthread_mutex_unlock(&p->lock);
    p->run(p->user, chunk);
    pthread_mutex_lock(&p->lock);
    if (++p->finished == p->chunks)
        pthread_cond_signal(&p->done);
}

static void *thread_run(void *argument)
{
    struct parallel *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->ends)
        if (p->next < p->chunks)
            chunk_run(p);
        else
            pthread_cond_wait(&p->work, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct parallel *parallel_create(int count)
{
    sigset_t all, old;
    struct parallel *p = calloc(1, sizeof *p + (size_t)count * sizeof p->threads[0]);
    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    sigfillset(&all); /* signals are the main thread's business */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (p->count < count && pthread_create(&p->threads[p->count], NULL, thread_run, p) == 0)
        p->count++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (p->count > 0)
        return p;
    parallel_destroy(p);
    return NULL;
}

void parallel_destroy(struct parallel *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ends = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void parallel_begin(struct parallel *p, parallel_do *run, void *user, size_t chunks)
{
    pthread_mutex_lock(&p->lock);
    p->run = run;
    p->user = user;
    p->chunks = chunks;
    p->next = p->finished = 0;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void parallel_wait(struct parallel *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->next < p->chunks)
        chunk_run(p);
    while (p->finished < p->chunks)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void parallel_run(struct parallel *p, parallel_do *run, void *user, size_t chunks)
{
    if (p != NULL) {
        parallel_begin(p, run, user, chunks);
        parallel_wait(p);
        return;
    }
    for (size_t chunk = 0; chunk < chunks; chunk++)
        run(user, chunk);
}
