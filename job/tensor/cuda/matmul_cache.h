/* SPDX-License-Identifier: Apache-2.0 */
/* Which algorithm of cuBLASLt was the fastest for a product, kept in a file from run to run:
 * $SFT_BENCH_CACHE, or $XDG_CACHE_HOME/sft-bench, or ~/.cache/sft-bench, one file for each GPU
 * model and library version. Its first line names its form; a file of another form is written anew
 * when there is something to write. A cache that cannot be read or written costs time, never a
 * run.
 *
 * Tables of the same form and names come with the program and may be kept by a site, for all of its
 * users ($SFT_BENCH_TUNED, a folder). What they, or the own file for another number of rows, say is
 * a hint: whoever uses it sees first that it is valid, right and as fast as the library's choice.
 */
#ifndef SFT_JOB_TENSOR_CUDA_MATMUL_CACHE_H
#define SFT_JOB_TENSOR_CUDA_MATMUL_CACHE_H

#include <stdbool.h>
#include <stdio.h>

#include "job/tensor/cuda/matmul_key.h"
#include "lib/error.h"

enum { MATMUL_ALGORITHM_WORDS = 8 }; /* of 64 bits: cublasLtMatmulAlgo_t's size */

struct matmul_choice {
    struct matmul_key key;
    uint64_t algorithm[MATMUL_ALGORITHM_WORDS];
    float milliseconds; /* as measured when it was chosen; 0: not measured */
};

struct matmul_cache;

extern const char matmul_cache_form[]; /* a file's first line */

/* Reads what there is. Never NULL but without memory, which the others take. */
struct matmul_cache *matmul_cache_open(const char *device, size_t version);
void matmul_cache_close(struct matmul_cache *cache);
/* The choices of a file's text are added, of a key the first; false: it has another form. */
bool matmul_cache_read(struct matmul_cache *cache, FILE *file);
/* A table in that folder for this GPU and version; empty where there is none, or something else
 * than a file of some MiB. For looking alone. NULL: no memory. */
struct matmul_cache *matmul_cache_load(const char *folder, const char *device, size_t version);
size_t matmul_cache_count(const struct matmul_cache *cache);
/* The choice for that key, else for another number of rows of the same product, the nearest;
 * NULL: none. */
const struct matmul_choice *matmul_cache_hint(const struct matmul_cache *cache,
                                              const struct matmul_key *key);
/* Into the table in that folder: what is there already stays, the others are added. The new file
 * has its name at once or not at all, and everyone may read it. */
int matmul_cache_save(const struct matmul_cache *cache, const char *folder, const char *device,
                      size_t version, struct sft_error *err);
/* Fill *choice in for its key; false when it is not there. */
bool matmul_cache_find(const struct matmul_cache *cache, struct matmul_choice *choice);
/* One line is appended to the file in one write, so ranks that add at once do not mix. */
void matmul_cache_add(struct matmul_cache *cache, const struct matmul_choice *choice);

#endif
