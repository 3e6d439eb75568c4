/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast of many nodes: what a run on each number of nodes would choose, its rates, and its
 * scaling against the fewest nodes that it fits on. */
#ifndef SFT_JOB_RUN_SCALING_H
#define SFT_JOB_RUN_SCALING_H

#include <jansson.h>

#include "job/run/forecast.h"

enum { SCALING_ROWS = 20, SCALING_CAUSE = 240 };

struct scaling {
    struct forecast_question question;
    int count, asked;                   /* rows; which one the request's nodes are */
    int base;                           /* the fewest nodes that it fits on; -1: on none of them */
    struct forecast rows[SCALING_ROWS]; /* by nodes */
};

/* 1, 2, 4, ... nodes up to the request's, `least` at least, and the request's own. Fails as
 * forecast_ask does; that it does not fit is in the rows. */
int scaling_make(struct scaling *scaling, const struct input *input,
                 const struct sft_request *request, int least, struct sft_error *err);

/* Percent: tokens/s a GPU over that of the base as it would run there; NAN where it does not fit.
 */
double scaling_percent(const struct scaling *scaling, int row, bool low);

/* Why a row is above 100%, which its printed figure is: what it need not do that the base does; ""
 * where it is not above. Returns text. */
char *scaling_cause(const struct scaling *scaling, int row, char text[SCALING_CAUSE]);

/* "LOW-HIGH" with so many digits behind the point, the smaller first; one number where both print
 * as the same. Returns text. */
enum { SCALING_RANGE = 48 };
const char *scaling_range(char text[SCALING_RANGE], double low, double high, int digits);

/* --plan of a model and nodes. */
void scaling_print(const struct scaling *scaling);
/* --plan --json: an object for the request's number of nodes. */
json_t *scaling_json(const struct scaling *scaling);

#endif
