/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint: a folder step-N with index.json and a file a rank (sft-checkpoint(5)). It is
 * addressed by parameter: a piece is a range of one parameter's elements, with its value, its first
 * and its second moment one behind the other in a file, and a sum of each; and, where the weights
 * of the lowest held-out loss are kept and are not the newest, what they were then. So any number
 * of ranks, whatever they share, reads what another number has written. */
#ifndef SFT_JOB_CHECKPOINT_CHECKPOINT_H
#define SFT_JOB_CHECKPOINT_CHECKPOINT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "job/tensor/format.h"
#include "lib/error.h"
#include "lib/params.h"

#define CHECKPOINT_INDEX "index.json"
#define CHECKPOINT_VERSION 1
#define CHECKPOINT_VERSION_BEST 2 /* of one with CHECKPOINT_BEST */

enum {
    CHECKPOINT_RECIPE = 40,           /* rows */
    CHECKPOINT_KEY = 24,              /* bytes of a row's key, and of its */
    CHECKPOINT_TEXT = 160,            /* text */
    CHECKPOINT_JOB = 24,              /* bytes of a job's number */
    CHECKPOINT_PIECE = 4 << 20,       /* elements of a piece, at most: what is read at once */
    CHECKPOINT_INDEX_MOST = 64 << 20, /* bytes */
    CHECKPOINT_FILES_MOST = 100000    /* ranks */
};

/* What a run that goes on must have the same, in words for the user: {"lr", "2e-05"}. */
struct checkpoint_recipe {
    size_t count;
    struct {
        char key[CHECKPOINT_KEY], text[CHECKPOINT_TEXT];
    } row[CHECKPOINT_RECIPE];
};

/* Of an element: its value (the master value, where there is one), the two moments, and the weight
 * that it was at the lowest held-out loss. */
enum checkpoint_kind {
    CHECKPOINT_VALUE,
    CHECKPOINT_M,
    CHECKPOINT_V,
    CHECKPOINT_BEST,
    CHECKPOINT_KINDS
};
/* In the place of a format: there is nothing of that kind, which CHECKPOINT_BEST alone may be. */
enum { CHECKPOINT_NONE = FORMATS };

/* What eval= has found by then. */
struct checkpoint_eval {
    bool any;     /* it was evaluated at all */
    uint64_t sum; /* data_facts.checksum of the held records */
    double first, last, best;
    long long last_step, best_step; /* steps that were done by then */
};

struct checkpoint_tensor {
    char name[SFT_PARAM_NAME];
    int rows, columns;
    size_t first, pieces; /* which pieces are its, in order */
};

struct checkpoint_piece {
    uint64_t from, count; /* elements of the tensor, in its row-major order */
    uint64_t at;          /* byte of the file */
    uint32_t tensor, file;
    uint32_t sum[CHECKPOINT_KINDS]; /* CRC-32 of the bytes of each kind */
};

struct checkpoint {
    long long step;    /* steps that were done */
    long long batch;   /* sequences of a step: the next one is number step * batch */
    bool ended;        /* it was the run's last step */
    double measured_s; /* seconds of measured steps so far, and how many these were */
    long long measured_steps;
    char job[CHECKPOINT_JOB]; /* Slurm's, "": none */
    enum format formats[CHECKPOINT_KINDS];
    struct checkpoint_eval eval;
    struct checkpoint_recipe recipe;
    size_t tensor_count, file_count, piece_count;
    struct checkpoint_tensor *tensors;
    uint64_t *files; /* [file_count] bytes of each, rank-NNNNN.bin */
    struct checkpoint_piece *pieces;
    char folder[PATH_MAX]; /* of an opened one */
    size_t opened;         /* number of the file that is open, from 1; 0: none */
    int file;              /* its descriptor */
    char *room;            /* for a piece */
};

void recipe_add(struct checkpoint_recipe *recipe, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "lr is 2e-05 there and 1e-04 here; ..."; returns how many rows differ. */
size_t recipe_differ(const struct checkpoint_recipe *there, const struct checkpoint_recipe *here,
                     char *text, size_t size);

/* Bytes of `count` elements of a kind, and of all kinds. */
uint64_t checkpoint_kind_bytes(const enum format formats[CHECKPOINT_KINDS],
                               enum checkpoint_kind kind, uint64_t count);
uint64_t checkpoint_bytes(const enum format formats[CHECKPOINT_KINDS], uint64_t count);
/* Where a kind begins in a piece of `count` elements. */
uint64_t checkpoint_offset(const enum format formats[CHECKPOINT_KINDS], uint64_t count,
                           enum checkpoint_kind kind);
void checkpoint_file_name(size_t file, char name[32]);

/* Any bytes as an index, which are nobody's word: what is taken has each element of each tensor
 * once, in pieces that lie inside their files. `name` is for errors. *c is cleared first, and is
 * the caller's to clear, after a failure too. */
int checkpoint_parse(struct checkpoint *c, const char *text, size_t size, const char *name,
                     struct sft_error *err);
/* Pieces of all ranks, which become the checkpoint's, into the order of tensors. -1 and err where
 * they are not each element of each tensor once; they are freed then. */
int checkpoint_assemble(struct checkpoint *c, struct checkpoint_piece *pieces, size_t count,
                        struct sft_error *err);
/* The index as text into a file of that name, on the disk when this returns. */
int checkpoint_write_index(const struct checkpoint *c, const char *path, struct sft_error *err);

/* The index of a folder, and whether its files are there and as long as it says. Sums are checked
 * when elements are read. */
int checkpoint_open(struct checkpoint *c, const char *folder, struct sft_error *err);
void checkpoint_clear(struct checkpoint *c);

/* The tensor of that name, which must have these rows and columns. NULL and err. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name,
                                                int rows, int columns, struct sft_error *err);
/* Elements [from, from + count) of a kind, in its format. All of each piece that has some is read
 * and held against its sum: one that differs is named with file and tensor. */
int checkpoint_read(struct checkpoint *c, const struct checkpoint_tensor *tensor,
                    enum checkpoint_kind kind, uint64_t from, uint64_t count, void *to,
                    struct sft_error *err);

#endif
