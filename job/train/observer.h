/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches the steps of a run. The loop asks all of a list, in its order, and knows none. */
#ifndef SFT_JOB_TRAIN_OBSERVER_H
#define SFT_JOB_TRAIN_OBSERVER_H

#include <stdbool.h>

#include "job/train/sensors.h"
#include "job/train/training.h"
#include "lib/record.h"

/* What one step worked on, over all ranks. */
struct work {
    double samples;         /* documents */
    double processed;       /* tokens, padding too */
    double real;            /* tokens that are not padding */
    double trained;         /* tokens with a loss */
    double squared_lengths; /* sum over documents of length^2 */
    double flops;           /* sft_params_flops of the real tokens */
};

struct step {
    int number;     /* from 0, those of warm-up too */
    bool first;     /* of this run, which may go on with another's */
    bool measured;  /* not of warm-up */
    double loss;    /* mean over the trained tokens of all ranks */
    double total;   /* seconds, on this rank, but those in which it was stopped */
    double stopped; /* those; microseconds where there was no halt */
    double waited;  /* seconds of these for other ranks */
    double exposed; /* of these, for weights and gradients */
    struct work work;
    double own_flops; /* of this rank's part of it, padding too */
    /* observer_sensors' word to those after it: this rank's GPU; NULL: it says nothing. */
    struct sensors *sensors;
    /* observer_eval's word to those after it: it was evaluated after this step. */
    bool evaluated;
    double eval_loss;
    /* observer_stragglers' word to observer_progress, on rank 0: lines to show; NULL: none. */
    const char *told;
    struct wish wish; /* of all ranks; after a step with a stop there is no other */
    /* observer_measure's word to those after it, on rank 0: of the measured steps so far, all
     * together; 0: none yet. */
    double tok_s, seconds;
};

/* What there is to see; it outlives the observers. */
struct observed {
    const struct training *training;
    const char *host;                /* this rank's */
    const char *hosts;               /* [ranks] names of CONTROL_HOST bytes */
    const char *trace;               /* the file for a trace; "": none is asked for */
    double peak_tflops;              /* of a rank's device, for MFU; 0: not known */
    double limit_tflops;             /* no rank can be faster; 0: not known */
    struct sft_record *record;       /* NULL but on rank 0 */
    struct checkpoints *checkpoints; /* of the caller's own observer; NULL: none */
    double *rank_ms;                 /* [ranks] on rank 0: observer_measure's, once recorded */
    void *user;                      /* of the next, and of the caller's own observers */
    /* On rank 0: a file was written, or why not, which does not end the run. */
    void (*file_end)(void *user, const struct sft_error *why);
};

/* All but open may be NULL: nothing is done then. A failure ends the run. */
struct observer {
    /* On every rank; not collective. *self is what the others get; where it stays NULL nothing is
     * asked for, and nothing else is called. */
    int (*open)(const struct observed *run, void **self, struct sft_error *err);
    void (*begin)(void *self, int number); /* of a step, from 0 */
    /* Collective: a step has ended, its work is done, and its loss is a number. */
    int (*step)(void *self, struct step *step, struct sft_error *err);
    /* The loop is left: all steps are done, or one failed and nothing may be waited for. */
    void (*end)(void *self, bool complete);
    /* Collective, after all steps: figures into the record, which is NULL but on rank 0. */
    int (*record)(void *self, struct sft_record *record, struct sft_error *err);
    void (*close)(void *self);
    /* Collective, before the first step, with the weights that it begins with. */
    int (*start)(void *self, struct sft_error *err);
};

/* What the GPUs say of themselves over the measured steps; on the CPU nothing. */
extern const struct observer observer_sensors;
/* The step that is traced, the last of warm-up, so that no measured one is disturbed, into a file
 * in Chrome's trace format, which Perfetto and chrome://tracing read. An earlier trace of that name
 * is taken away; another file that has something in it is refused. */
extern const struct observer observer_trace;
/* Step times, throughput, FLOPs of the measured steps; which rank computes slowest. */
extern const struct observer observer_measure;
/* Ranks that become slower than they were and than the others (job/train/straggler.h), judged every
 * 20 measured steps, or as many as take a tenth of a second: a line when one begins and when it
 * ends, and figures of the one that cost most. */
extern const struct observer observer_stragglers;
/* The loss of the input's held records before the first step, every so many steps and after the
 * last, into training.keep. */
extern const struct observer observer_eval;
/* What rank 0 shows: one live line on a terminal, plain lines on stderr otherwise. */
extern const struct observer observer_progress;

struct observers;

/* Those of the list, ended by NULL, that have something to do. NULL, and err is the first failure;
 * none is left open then. */
struct observers *observers_open(const struct observer *const *list, const struct observed *run,
                                 struct sft_error *err);
void observers_close(struct observers *observers);

/* Each calls that slot of all, in order, up to the first that fails. */
int observers_start(const struct observers *observers, struct sft_error *err);
void observers_begin(const struct observers *observers, int number);
int observers_step(const struct observers *observers, struct step *step, struct sft_error *err);
void observers_end(const struct observers *observers, bool complete);
int observers_record(const struct observers *observers, struct sft_record *record,
                     struct sft_error *err);

#endif
