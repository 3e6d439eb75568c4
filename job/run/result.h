/* SPDX-License-Identifier: Apache-2.0 */
/* The record as rank 0 keeps it: in the memory file that the step daemon handed down, or, without
 * one, printed at the end; and in result.json where the user named a folder. A file that cannot be
 * written while training goes on does not end it: one line says so at once, and result_lost at the
 * end. */
#ifndef SFT_JOB_RUN_RESULT_H
#define SFT_JOB_RUN_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/record.h"

enum result_file {
    RESULT_JSON,
    RESULT_TRACE,
    RESULT_SAVE,
    RESULT_CHECKPOINT,
    RESULT_LOSSES,
    RESULT_FILES
};

struct result {
    bool active;    /* rank 0; the others write nothing but why they fail */
    int file;       /* memory file, -1: none */
    char out[1088]; /* result.json's path, "": none */
    char *json;     /* what stands there, or should */
    struct sft_error
        lost[RESULT_FILES]; /* why a file is not there; "": it is, or nobody asked for it */
    bool told[RESULT_FILES];
    struct sft_record record;
    char page[SFT_RECORD_PAGE + 1]; /* as last written, for another thread; "": not yet */
    bool cut;                       /* by that thread, nothing is written any more */
    double begin, written;          /* seconds of sft_clock_now */
    struct losses *log;             /* observer_losses'; NULL: none is written */
    size_t losses;
    double *loss;      /* [losses] mean loss of each step, warm-up too */
    size_t ranks;      /* 0: not known yet */
    double *rank_ms;   /* [ranks] median compute time */
    const char *hosts; /* [ranks] names, each in host_size bytes */
    size_t host_size;
    struct json_t *ports; /* an array, of the network's counters; NULL: none */
};

/* Before anything else can fail. Takes the memory file from the environment (SFT_RECORD_ENV; checks
 * that it is one, so that a number left over from elsewhere never overwrites a file of the user's)
 * and removes the variable. */
int result_open(struct result *result, bool active, struct sft_error *err);
void result_close(struct result *result);

/* Makes the folder `out` ("": none) and begins result.json there, in the place of another run's:
 * what cannot be written now is an error, since nothing is lost yet. */
int result_folder(struct result *result, const char *out, struct sft_error *err);

/* Write memory file and result.json. Called often: `force` or else at most once a second. Fails for
 * the memory file alone. */
int result_write(struct result *result, bool force, struct sft_error *err);

/* A file was written, or why not: the first failure is told on stderr. */
void result_file_end(struct result *result, enum result_file file, const struct sft_error *why);

/* At the end: -1 and which file, that the user asked for, is not there. */
int result_lost(const struct result *result, struct sft_error *err);

int result_add_loss(struct result *result, double loss, struct sft_error *err);

/* state=failed with its reason, written at once. Another rank than 0 writes its reason upon what
 * rank 0, where it is on the same node, wrote last, unless that is an end already; rank 0 lets it
 * stand. "" does nothing. */
void result_fail(struct result *result, const char *why);

/* The same from another thread, while the main one may be anywhere: upon the record as it was last
 * written. Nothing is written after it. The files may block, as files do. */
void result_fail_aside(struct result *result, const char *why);

#endif
