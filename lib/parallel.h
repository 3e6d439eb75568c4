/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of work that several threads take one after the other. */
#ifndef SFT_LIB_PARALLEL_H
#define SFT_LIB_PARALLEL_H

#include <stddef.h>

struct parallel;

/* Chunks are told by their numbers, from 0; several may run at once. */
typedef void parallel_do(void *user, size_t chunk);

/* Cores that this process may use, at least 1 and at most `most`. */
int parallel_cores(int most);

/* Threads that wait for work, without signals: as many as there are to be had, at most `count`.
 * NULL where that is none. */
struct parallel *parallel_create(int count);
/* Chunks that no thread has begun stay undone. NULL does nothing. */
void parallel_destroy(struct parallel *p);

/* The threads begin; what was begun before must have been waited for. */
void parallel_begin(struct parallel *p, parallel_do *run, void *user, size_t chunks);
/* The caller takes chunks, too; returns when all are done. */
void parallel_wait(struct parallel *p);
/* Both; with NULL the caller does all. */
void parallel_run(struct parallel *p, parallel_do *run, void *user, size_t chunks);

#endif
