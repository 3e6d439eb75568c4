/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of days on so many nodes would keep of its time: interruptions and checkpoints,
 * lib/goodput.h. All of it is derived from what is assumed, or said by interrupts= and
 * storage_gbs=. */
#ifndef SFT_JOB_RUN_ENDURANCE_H
#define SFT_JOB_RUN_ENDURANCE_H

#include <jansson.h>

#include "job/run/forecast.h"

/* Two ends: training stops until the storage has the checkpoint, or only until the host has it,
 * which then writes it while training goes on. */
struct endurance {
    double interval;                /* seconds, mean, between interruptions of the run */
    double checkpoint;              /* bytes of all ranks */
    double stop_low, stop_high;     /* seconds that training stops for one */
    double every_low, every_high;   /* seconds between two of them, the best */
    double share_low, share_high;   /* of the time that goes into steps that count */
    double interrupts, storage_gbs; /* what it is made of */
};

/* Of a forecast that fits. */
struct endurance endurance_make(const struct forecast *forecast,
                                const struct forecast_question *question);

/* --plan's lines. */
void endurance_print(const struct endurance *endurance, const struct forecast *forecast);
/* --plan --json: adds its figures. */
void endurance_json(const struct endurance *endurance, json_t *root);

#endif
