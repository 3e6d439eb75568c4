/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction data: records -> tokens -> packed sequences -> micro-batches.
 *
 * A document is one record: the Alpaca prompt and the response with an end-of-text token. Loss is
 * on response tokens (end-of-text too) alone. Prompt and response are tokenized apart, so that the
 * boundary is exact. Documents are packed whole into sequences; one longer than the sequence is cut,
 * or left out when its prompt alone fills the sequence, and counted as cut either way. Everything
 * depends on the seed alone, so every rank builds the same packs and takes its own. */
#ifndef SFT_JOB_DATA_H
#define SFT_JOB_DATA_H

#include "job/batch.h"
#include "job/tokenizer.h"
#include "lib/error.h"

struct data;

/* Read an Alpaca-format file: a JSON array of objects with text fields `instruction`, `input`
 * (may be absent or empty) and `output`, or the same objects one a line (JSON lines). Errors name
 * the file and what to do, and a broken record by its number from 1 and its line:
 * missing, not readable, a folder, empty, not JSON (line and column), no records, a record that is
 * no object, a field that is missing, not a text or, for instruction and output, empty. */
struct data *data_open(const char *path, struct tokenizer *tokenizer, int seq, uint64_t seed,
                       struct sft_error *err);

/* Documents with lengths like Alpaca's under the Llama tokenizer (log-normal, mean about 128 tokens
 * with the prompt, between 32 and seq), 40% of them response, and uniformly drawn token ids below
 * vocab. With length above 0, from 2 to seq, all documents have that length and all but the first token
 * of each is response. */
struct data *data_synthetic(int vocab, int seq, int length, uint64_t seed, struct sft_error *err);

void data_close(struct data *data);

struct data_facts {
    long records;       /* documents in one epoch */
    long cut;           /* documents cut to the sequence's length */
    long packs;         /* sequences of one epoch */
    double fill;        /* real tokens / all tokens of the packs */
    double mean_length; /* tokens a document */
    const char *source; /* "synthetic", "synthetic:N" or the file's base name; the data's own */
    uint64_t checksum;  /* FNV-1a, 64 bits, of the file's bytes; 0 for synthetic data */
};
struct data_facts data_facts(const struct data *data);

/* Fill the batch with `sequences` packed sequences from number `first` on; numbers go on over the
 * epochs, each epoch in an order of its own. The batch must have been made for that many rows. */
void data_fill(const struct data *data, uint64_t first, int sequences, struct batch *batch);

int batch_create(struct batch *batch, int rows, struct sft_error *err);
void batch_destroy(struct batch *batch); /* frees the arrays; zeroed or NULL does nothing */

/* The Alpaca prompt of a record, before the response, malloc'ed. */
char *data_prompt(const char *instruction, const char *input);

#endif
