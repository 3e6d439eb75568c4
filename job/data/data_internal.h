/* SPDX-License-Identifier: Apache-2.0 */
/* What the data's own files and tests share; nobody else includes this. */
#ifndef SFT_JOB_DATA_DATA_INTERNAL_H
#define SFT_JOB_DATA_DATA_INTERNAL_H

#include <stdbool.h>

#include "job/data/data.h"
#include "job/data/data_faults.h"
#include "job/data/data_record.h"

struct document {
    size_t first; /* in the pool of tokens */
    int length;
    int response; /* index of the first trained token */
};

/* A sequence holds the documents members[first .. first + count). */
struct pack {
    size_t first;
    int count;
    int used; /* tokens */
};

struct order {
    uint64_t epoch;
    uint32_t *packs; /* [packs] */
};

struct data {
    int seq, end; /* end: padding's id */
    uint64_t seed;
    char *source;
    bool drawn;                 /* tokens, not read */
    enum sft_template template; /* that was asked for */
    const char *workload;       /* NULL: it has no name */
    enum record_format format;  /* of the records so far */
    int file;                   /* that is read, from 1; 0: there is one alone */
    uint64_t checksum;
    int32_t *pool;
    uint8_t *marks; /* [pool_count] 1: has a loss where it is to be told */
    size_t pool_count, pool_room, marks_room;
    int32_t *labels; /* [count] the target of each document's last token; NULL: none has one */
    struct document *documents;
    size_t count, room, cut;
    struct faults faults; /* records that were left out */
    long mended;          /* records in whose texts something became U+FFFD */
    uint32_t *members;    /* [count] documents, pack by pack */
    struct pack *packs;
    size_t pack_count;
    struct order *order; /* of the epoch last asked for; what data_fill may change */
};

struct data *data_create(const char *source, int seq, int end, uint64_t seed,
                         struct sft_error *err);
/* Append a document of length tokens; one longer than seq is cut or left out, and counted. */
int data_add(struct data *data, const int32_t *tokens, long length, long response,
             struct sft_error *err);
/* The same with a mark for each token; one without a marked token behind its first is left out. */
int data_add_marked(struct data *data, const int32_t *tokens, const uint8_t *marks, long length,
                    struct sft_error *err);
/* The same without a token that is told. */
int data_add_unmarked(struct data *data, const int32_t *tokens, long length, struct sft_error *err);
/* After the last document. Fails when there is none. */
int data_pack(struct data *data, struct sft_error *err);
/* The records of a text that is in memory; name is for messages, skip as for data_open. */
int data_parse(struct data *data, struct tokenizer *tokenizer, const char *name, const char *text,
               size_t size, double skip, struct sft_error *err);

#endif
