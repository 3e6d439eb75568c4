/* SPDX-License-Identifier: Apache-2.0 */
/* What fits into a device's memory and is fastest there: size of the micro-batch, optimizer states,
 * recomputation and sharing, before anything is allocated. */
#ifndef SFT_JOB_TRAIN_FIT_H
#define SFT_JOB_TRAIN_FIT_H

#include "job/model/model.h"
#include "job/model/shard.h"
#include "job/train/optim.h"
#include "job/train/workload.h"
#include "lib/plan.h"
#include "lib/request.h"
#include "lib/timeline.h"

/* The device that --plan tells of, and whose ceilings rank the ways of one that has none. */
#define FIT_DEVICE "NVIDIA H200"

/* What is asked for, and where it must fit. */
struct fit_question {
    const struct sft_request *request;
    const struct sft_plan *plan;
    const struct sft_preset *shape; /* as it runs: the tokenizer may have made it larger */
    double available;               /* bytes of a device; 0: not known, everything fits */
    bool cpu;                       /* no GPU's libraries, which take memory besides */
    enum format format;             /* these two as in struct device */
    size_t logits;
    struct workload workload;          /* of the data */
    const struct sft_ceiling *ceiling; /* of the device */
    struct sft_fabric fabric;
};

/* A question of which the data and the device are not known: documents as long as the sequences,
 * and the ceilings of the one device that --plan tells of, which rank the ways of another, too. */
struct fit_question fit_question(const struct sft_request *request, const struct sft_plan *plan,
                                 const struct sft_preset *shape);

/* With the ceilings of that device, and the bandwidths measured with it where the request says
 * none. It outlives the question. */
void fit_question_measured(struct fit_question *question, const struct sft_ceiling *ceiling);

struct fit {
    int micro_batch, accumulation;
    enum sft_states states;       /* fp32 or bf16 */
    enum sft_recompute recompute; /* none, norms or block */
    enum model_copies copies;     /* that stay in FP8: as many as fit */
    enum sft_zero zero;           /* who shares what */
    double model, shard, optim;   /* bytes: arena, slices and their buffers, optimizer */
    double reserve;               /* what libraries and kernels take besides */
    double total;                 /* the sum */
    struct sft_timeline time;     /* by the ceilings and the fabric of the question */
};

/* The fastest that the request allows and that fits. Of a micro-batch states are, unless said, fp32
 * where they fit without computing blocks again or sharing weights or gradients across nodes, else
 * bf16 where those do, else what fits; with those states as little as possible is computed again,
 * and what is shared is what the timeline finds fastest of all that fits. A micro-batch that is to
 * be chosen is the one which, said, would be fastest so. Fails where nothing fits, with how many
 * GiB are missing and what would fit; *fit is then what needs least. */
int fit_make(struct fit *fit, const struct fit_question *question, struct sft_error *err);

/* How a step of it passes, by the question's ceilings and fabric. */
struct sft_timeline fit_time(const struct fit *fit, const struct fit_question *question);

/* Does it fit at all? Needs no timeline. */
bool fit_possible(const struct fit_question *question);

/* Of what a device has free, what a plan may take: 3% stay free, for what it does not know of. */
double fit_room(double bytes);

/* Bytes of a GPU that the libraries and attention take besides the arena, at so many rows. */
double fit_reserve(const struct sft_preset *shape, enum format format, double rows, int ranks);

/* Why that way of sharing, in a few words. */
const char *fit_why(const struct fit *fit, const struct sft_request *request,
                    const struct sft_plan *plan);

/* What of it was chosen, not said: "micro_batch,recompute,zero"; "": nothing. Returns text. */
enum { FIT_CHOSEN = 64 };
char *fit_chosen(const struct sft_request *request, const struct sft_plan *plan,
                 char text[FIT_CHOSEN]);

/* What a GPU trains with in a run of that request. */
enum format fit_format(const struct sft_request *request);
/* What shares a scale in a run of that request; SCALING_NONE: it is not in FP8. */
enum tensor_scaling fit_scaling(const struct sft_request *request);
/* How the model computes that the fit is of. */
struct model_recipe fit_recipe(const struct fit *fit, const struct sft_request *request,
                               const struct sft_preset *shape);
enum model_recompute fit_recompute(const struct fit *fit);
enum format fit_states(const struct fit *fit);
const char *fit_states_name(enum sft_states states);
const char *fit_recompute_name(enum sft_recompute recompute);

#endif
