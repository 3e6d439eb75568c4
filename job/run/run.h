/* SPDX-License-Identifier: Apache-2.0 */
/* One run: all that the steps of main.c make, in the order of making. */
#ifndef SFT_JOB_RUN_RUN_H
#define SFT_JOB_RUN_RUN_H

#include "job/tensor/backend.h"
#include "job/control/bootstrap.h"
#include "job/collective/collective.h"
#include "job/control/control.h"
#include "job/data/data.h"
#include "job/train/fit.h"
#include "job/run/host.h"
#include "job/train/measure.h"
#include "job/model/model.h"
#include "job/train/observe.h"
#include "job/train/optim.h"
#include "job/run/placement.h"
#include "job/run/result.h"
#include "job/model/shard.h"
#include "job/data/tokenizer.h"
#include "job/train/trace.h"
#include "job/control/watchdog.h"
#include "lib/plan.h"
#include "lib/predict.h"
#include "lib/request.h"
#include "lib/timeline.h"

struct run {
    struct sft_request request;
    struct bootstrap bootstrap;
    int device; /* which GPU of those that this process sees; -1: none */
    struct control *control;
    struct collective *collective;
    struct watchdog *watchdog;
    struct host host;
    const char *hosts; /* control's [size] names of RUN_HOST bytes */
    int nodes;         /* different names among them */
    struct sft_plan plan;
    struct tokenizer *tokenizer;
    struct data *data;
    struct sft_preset shape; /* the preset with the vocabulary as it runs */
    struct backend *backend;
    struct fit fit;
    struct observe *observe; /* NULL: no sensors */
    double memory_before;    /* bytes of the device's memory in use before the model */
    struct model *model;
    struct spans *spans;
    struct shard *shard;
    struct optim *optim;
    struct measure measure;
    struct result result; /* on rank 0 */
};

#define RUN_HOST CONTROL_HOST

/* Files that the user named, or the defaults. */
const char *run_data_path(const struct sft_request *request);
/* Tokenizer and data as the request says: NULL in *data for synthetic data. */
int run_open_data(const struct sft_request *request, int seq, uint64_t seed,
                  struct tokenizer **tokenizer, struct data **data, struct sft_preset *shape,
                  struct sft_error *err);

/* The files to be written, as far as can be said by looking: 0 where they are missing yet. */
int run_check_out(const struct sft_request *request, struct sft_error *err);

/* The GPU for a rank, by the request and what this process sees; -1: none. */
int run_choose_device(const struct sft_request *request, int local_rank);

/* Collective: everything up to the first step. */
int setup_run(struct run *run, struct sft_error *err);
void setup_release(struct run *run);

/* Dense TFLOP/s of one device: the user's peak=, else the data sheet's, else 0. */
double run_peak_tflops(const struct run *run);

/* Rank 0: plan, data and versions into the record; the summary of a finished run on stdout. */
int describe_run(struct run *run, struct sft_error *err);
void describe_summary(const struct run *run);
/* The device that --plan tells of when there is none: the one with measured ceilings, and its
 * memory that a job finds free, GiB. */
#define PLAN_DEVICE "NVIDIA H200"
#define PLAN_GIB 139
#define PLAN_GPUS 8 /* of a node whose GPUs the request does not say: HGX */

/* For --check: what was found. */
void check_print(const struct data *data);
/* For --plan. */
void plan_print(const struct sft_plan *plan, const struct sft_preset *shape, struct data *data,
                const struct sft_request *request);

/* For --plan of a model and nodes: a table of 1, 2, 4, ... nodes up to `nodes`, 8 at least. */
void scaling_print(const struct sft_plan *plan, const struct sft_preset *shape, struct data *data,
                   const struct sft_request *request, int nodes);
/* One JSON object for the plan's own number of nodes: whether and how it fits, and the estimated
 * step. */
void scaling_print_json(const struct sft_plan *plan, const struct sft_preset *shape,
                        struct data *data, const struct sft_request *request);

/* What a step should take on the device of that name with these data; false where no ceilings of it
 * are known or there is no memory to look at the data. */
/* The same data as one rank's micro-batch sees them on average; false without memory. */
bool forecast_work(struct sft_work *work, const struct sft_plan *plan, struct data *data);
bool forecast_make(struct sft_prediction *prediction, const char *device,
                   const struct sft_plan *plan, const struct sft_preset *shape, struct data *data,
                   const struct fit *fit);
/* Bandwidths that a forecast of many GPUs goes by: the request's, else the default fabric's. */
struct sft_fabric forecast_fabric(const struct sft_request *request);
/* Tokens a second of all ranks, their collectives counted; 0 on devices whose ceilings are not
 * known. */
double forecast_tok_s(const struct run *run);

/* Train all steps of the plan; fills measure, and result on rank 0 as it goes. */
int train_run(struct run *run, struct sft_error *err);

#endif
