/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction data: records -> texts -> tokens -> packed sequences -> micro-batches.
 *
 * A document is one record: Alpaca's prompt and response, a prompt and its completion, or a
 * conversation in its template's text. Loss is on responses and the assistant's turns, with what
 * ends them, alone. What has a loss is tokenized apart from what has none, so that the boundary is
 * exact. Documents are packed whole into sequences; one longer than the sequence is cut, or left
 * out when no token with a loss is left, and counted as cut either way. Everything depends on the
 * seed alone, so every rank builds the same packs and takes its own. */
#ifndef SFT_JOB_DATA_DATA_H
#define SFT_JOB_DATA_DATA_H

#include <stdbool.h>

#include "job/data/batch.h"
#include "job/data/tokenizer.h"
#include "lib/error.h"
#include "lib/request.h"

struct data;

/* Read a file of records: a JSON array of objects, or the same objects one a line (JSON lines),
 * with text fields `instruction`, `input` (may be absent) and `output`, or `prompt` and
 * `completion`, or an array of turns: `messages` ({role, content}) or `conversations` ({from,
 * value}; `system` may stand beside it). All records of a file have the same of these, or it is
 * refused. Other fields may hold anything. null is an empty text. Conversations are told in the
 * template that document_template() finds; other records as they stand, Alpaca's in its own.
 *
 * A record without an output, or without instruction and input, is left out as empty; one that
 * lacks a field, holds something else than text or is broken (in JSON lines) is left out as bad.
 * The file is refused when more than `skip` percent of its records are bad (0: any bad or empty
 * one), when more than half are empty, and when none is left; the error tells the first ten at
 * once, each with its number from 1 and its line. Half surrogate pairs, NULs and what is no UTF-8
 * become U+FFFD in a text. Errors name the file and what to do: missing, not readable, a folder,
 * pipe or device, empty, of another format (which is named), not JSON (line and column), no
 * records. */
struct data *data_open(const char *path, struct tokenizer *tokenizer, int seq, uint64_t seed,
                       double skip, struct sft_error *err);

/* The same with a template for all records. */
struct data *data_open_as(const char *path, struct tokenizer *tokenizer, enum sft_template template,
                          int seq, uint64_t seed, double skip, struct sft_error *err);

/* As many documents as Alpaca has, with lengths like its under the Llama tokenizer (42 to 1304
 * tokens with the prompt, at most seq; mean 128), 40% of each response, and uniformly drawn token
 * ids below vocab: the workload "alpaca-packed", the same on every machine for a seed. With length
 * above 0, from 2 to seq, all documents have that length and all but the first token of each is
 * response. */
struct data *data_synthetic(int vocab, int seq, int length, uint64_t seed, struct sft_error *err);

/* Samples for a model that classifies: 8192 documents of `seq` tokens, drawn below vocab (0: all
 * are 0, since nobody reads them), each with one target, a class below `classes`, at its last
 * token: the workload "labelled". */
struct data *data_labelled(int vocab, int classes, int seq, uint64_t seed, struct sft_error *err);

/* Take that part of the documents, at least one, out of the data, which are packed anew, and return
 * them as data of their own: to evaluate with. Which ones depends on the seed alone. NULL and err
 * where none would be left, or without memory: then the data are no good either. */
struct data *data_hold_out(struct data *data, double fraction, struct sft_error *err);

void data_close(struct data *data);

struct data_facts {
    long records;         /* documents in one epoch */
    long cut;             /* documents cut to the sequence's length, or left out as too long */
    long tokens;          /* of all documents */
    long skipped;         /* records left out as empty or bad */
    long mended;          /* records in whose texts something became U+FFFD */
    long packs;           /* sequences of one epoch */
    double fill;          /* real tokens / all tokens of the packs */
    double mean_length;   /* tokens a document */
    const char *workload; /* name of what our own data make; "" of others */
    const char *source;   /* "synthetic", "synthetic:N" or the file's base name; the data's own */
    bool drawn;           /* tokens, not read: no tokenizer has seen them */
    uint64_t checksum;    /* FNV-1a, 64 bits, of the file's bytes; 0 for synthetic data */
};
struct data_facts data_facts(const struct data *data);

/* The first ten of the records that were skipped, with their lines and reasons; "" where there are
 * none. */
void data_skipped(const struct data *data, char *text, size_t size);

/* Fill the batch with `sequences` packed sequences from number `first` on; numbers go on over the
 * epochs, each epoch in an order of its own. The batch must have been made for that many rows. */
void data_fill(const struct data *data, uint64_t first, int sequences, struct batch *batch);

/* The same without an epoch: sequences as they were packed, each once. Those behind the last hold
 * padding alone, and one document of one token, which has no loss. */
void data_fill_once(const struct data *data, uint64_t first, int sequences, struct batch *batch);

/* The Alpaca prompt of a record, before the response, malloc'ed. */
char *data_prompt(const char *instruction, const char *input);

#endif
