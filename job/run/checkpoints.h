/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint=: all ranks copy what they train to the host at once while training waits, and threads
 * write it behind. A checkpoint that cannot be written does not end the run: the one before it
 * stays. */
#ifndef SFT_JOB_RUN_CHECKPOINTS_H
#define SFT_JOB_RUN_CHECKPOINTS_H

#include <signal.h>

#include "job/checkpoint/checkpoint.h"
#include "job/checkpoint/snapshot.h"
#include "job/run/result.h"
#include "job/train/observer.h"
#include "lib/every.h"

struct checkpoints {
    /* What was asked for. */
    const char *path; /* "": none */
    struct sft_every every;
    int keep;
    bool anew;                /* others' that stand there go with the first of ours */
    char job[CHECKPOINT_JOB]; /* Slurm's number, "": none */
    struct checkpoint_recipe recipe;
    struct wish wish; /* struct training's */
    const struct training *t;
    struct result *result;
    /* Where the run is. */
    long long resumed; /* steps that were done before it; 0: none */
    long long step;    /* steps that are done */
    double measured_s; /* seconds and number of measured steps */
    long long measured_steps;
    bool stopped;   /* a signal has told a rank to end, and all have heard of it */
    bool due;       /* one is, and is taken when the one before is written */
    long long late; /* step of the one that it was said of that the next one waits for it */
    /* What is written. */
    struct snapshot *snapshot;
    struct checkpoint pending; /* its head; its step 0: none */
    char beside[PATH_MAX];     /* where */
    long long last;            /* step of the newest whole one; 0: none */
    double last_at;            /* seconds of sft_clock_now */
    /* What it costs, on rank 0: seconds that training stood still. */
    long long written, lost;
    double seconds, bytes;
};

/* Reads of the request what it says. */
void checkpoints_take(struct checkpoints *c, const struct sft_request *request);
/* Host memory, which is made ready while weights are loaded and training begins: once the model is
 * there. -1 and err without memory. */
int checkpoints_reserve(struct checkpoints *c, const struct training *t, struct sft_error *err);
/* Collective: is all well on every rank? What is not, rank 0 says of the first of them in `why`.
 * -1 and err where the ranks cannot talk. */
int checkpoints_well(struct control *control, int failed, struct sft_error *why, bool *well,
                     struct sft_error *err);
/* The signal that told this rank to end; 0: none. */
int checkpoints_signal(void);
void checkpoints_close(struct checkpoints *c);

/* From here on SIGTERM and SIGUSR1 ask for a checkpoint and the run's end. */
extern const struct observer observer_checkpoints;

#endif
