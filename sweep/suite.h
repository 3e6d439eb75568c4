/* SPDX-License-Identifier: Apache-2.0 */
/* A suite: the whole benchmark as a file, sft-suite(5). Pure but for suite_load. */
#ifndef SWEEP_SUITE_H
#define SWEEP_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/fields.h"
#include "lib/request.h"
#include "sweep/options.h"

enum { SUITE_RUNS = 64, SUITE_TEXT = 256, SUITE_REQUEST = 512, SUITE_SIZE = 1 << 16 };

/* A line's value, and where it stands. */
struct suite_line {
    char text[SUITE_REQUEST];
    int line;
};

struct suite_lines {
    size_t count;
    struct suite_line at[SUITE_RUNS];
};

/* Texts are "" where the file says nothing. */
struct suite {
    char name[SWEEP_NAME];
    char partition[SUITE_TEXT], account[SUITE_TEXT], time[SUITE_TEXT];
    char nodes[SUITE_TEXT];  /* "2,4,8"; "": 1 and the powers of two that reach */
    int repeat;              /* runs of each model's configuration; -1 in a file: 3 */
    char verify[SUITE_TEXT]; /* as checks= takes it, or "no" */
    char goals[SFT_REQUEST_PATH], title[SUITE_TEXT], site[SUITE_TEXT], price[SUITE_TEXT];
    struct suite_lines smoke, model; /* requests */
    struct suite_lines with;         /* key=value of each that does not say the key itself */
    bool fitting;                    /* what does not fit is left out, and not missing */
    int line;                        /* that is being read */
};

/* The rows of the keys. */
const struct sft_field *suite_keys(void);

/* The suite without a file: verify, both smoke trainings, and of Llama 7B, 13B and 70B what fits.
 */
void suite_standard(struct suite *suite);

/* Read `length` bytes. Fails with "NAME:LINE: what is wrong with it". */
int suite_parse(struct suite *suite, const char *text, size_t length, const char *name,
                struct sft_error *err);

/* The same of a file. `goals` that is no absolute path is beside it, and read once, so that a
 * mistake in it is said now. */
int suite_load(struct suite *suite, const char *path, struct sft_error *err);

/* What the command line leaves open: name, partition, account, time limit and repeats. The texts
 * stay in the suite. Without a name of its own a suite is called by its file and the day. */
void suite_options(const struct suite *suite, struct sweep_options *options);

/* The request of a line: its own keys, then those of --with and of the file's `with` that it does
 * not say itself; of a smoke training those alone that say on what and how long: gpus, device,
 * bind, timeout, steps, seconds and warmup. Its nodes are as the line says, -1 where it does not.
 */
int suite_request(const struct suite *suite, const struct sweep_options *options, bool smoke,
                  const char *text, struct sft_request *request, struct sft_error *err);

/* verify's: of those keys gpus, device, bind and timeout. */
int suite_verify(const struct suite *suite, const struct sweep_options *options, int nodes,
                 struct sft_request *request, struct sft_error *err);

#endif
