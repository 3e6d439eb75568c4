/* SPDX-License-Identifier: Apache-2.0 */
/* Goals that a customer or a site has set: a file of them, sft-goals(5). Report and plan read it
 * here, so that they mean the same by a line. Pure but for goals_load. */
#ifndef SFT_LIB_GOALS_H
#define SFT_LIB_GOALS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

enum { SFT_GOALS_MAX = 64, SFT_GOAL_TEXT = 96, SFT_GOALS_SIZE = 1 << 16 };

/* What a goal is about; a line names exactly one. */
enum sft_goal_kind { SFT_GOAL_RATE, SFT_GOAL_SCALING, SFT_GOAL_USE };

/* Texts are "" and numbers -1 where the line says nothing: then any will do, but that only real
 * records meet a rate of no said workload. */
struct sft_goal {
    char name[SFT_GOAL_TEXT];     /* of the line, or made of what it says */
    char model[SFT_GOAL_TEXT];    /* a preset; always there of a rate */
    char workload[SFT_GOAL_TEXT]; /* the record's workload, or the file name of its data */
    char method[SFT_GOAL_TEXT], precision[SFT_GOAL_TEXT];
    int gpus, nodes;      /* of a rate one of them is there; scaling: any above one */
    double samples_s;     /* of all GPUs, in samples of sample_tokens */
    double sample_tokens; /* mean tokens of a sample; always there with samples_s */
    double tok_s_gpu;     /* tokens/s of one GPU */
    double scaling;       /* % of the rate of a GPU on one node */
    double gpu_util;      /* % of the time, by NVML */
    enum sft_goal_kind kind;
    int line;
};

struct sft_goals {
    char by[SFT_GOAL_TEXT]; /* whose goals; "" not said */
    size_t count;
    struct sft_goal goal[SFT_GOALS_MAX];
};

/* Read `length` bytes. Fails with "NAME:LINE: what is wrong with it". */
int sft_goals_parse(struct sft_goals *goals, const char *text, size_t length, const char *name,
                    struct sft_error *err);

/* The same of a file. */
int sft_goals_load(struct sft_goals *goals, const char *path, struct sft_error *err);

/* The number that is to be reached: samples/s, tokens/s of a GPU, or %. */
double sft_goal_value(const struct sft_goal *goal);

/* Is work of this workload, or on data of this file name, what the goal is about? */
bool sft_goal_is_work(const struct sft_goal *goal, const char *workload, const char *data);

/* Are samples of so many tokens the goal's? Within 10% they are. */
bool sft_goal_is_length(const struct sft_goal *goal, double tokens);

/* Digits behind the point with which the goal's figures are shown, if they need no more. */
int sft_goal_digits(const struct sft_goal *goal);

/* The value as it looks with so many digits behind the point. */
double sft_goal_rounded(double value, int digits);

/* Is it more than the hardware can do at most? Of the percent of the peak as they are printed. */
bool sft_goal_is_beyond(double percent);

/* Tokens/s of one GPU that a rate asks for, with so many GPUs on a node where it says nodes alone;
 * NaN: not known, or no rate. */
double sft_goal_tok_s_gpu(const struct sft_goal *goal, int gpus_per_node);

/* The model FLOPs that a rate asks of one GPU, TFLOP/s: of full training, or of the goal's method
 * where the frozen weights need no gradient (4 in place of 6 a parameter and token). Attention is
 * that of samples of sample_tokens, none where that is not said: a lower bound. NaN: not known. */
double sft_goal_tflops(const struct sft_goal *goal, int gpus_per_node);

#endif
