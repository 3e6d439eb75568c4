/* SPDX-License-Identifier: Apache-2.0 */
/* A run's losses in few points, whatever its length: for the record and the report's curve. */
#ifndef SFT_JOB_TRAIN_CURVE_H
#define SFT_JOB_TRAIN_CURVE_H

#include <stddef.h>

enum { CURVE_POINTS = 32 };
#define CURVE_TEXT 900 /* bytes of the points as text */

/* Means over as many steps each; where there are too many, two become one. Zeroes is an empty one.
 */
struct curve {
    int width; /* steps of a whole part; 0: as 1 */
    int count; /* parts that have begun */
    struct curve_part {
        double sum;
        int steps, last; /* last: number of its last step */
    } part[CURVE_POINTS];
};

/* Steps come in their order. */
void curve_add(struct curve *curve, int step, double value);

/* Single values: where there are too many each second one leaves; the newest stands in any case. */
struct curve_points {
    int stride, seen; /* each so-manieth of those seen is kept; 0: as 1 */
    int count;
    struct curve_point {
        int step;
        double value;
    } point[CURVE_POINTS], newest;
};

void curve_points_add(struct curve_points *points, int step, double value);

/* "1:2.3456,20:1.9876": each with its last step. Returns `text`. */
const char *curve_text(const struct curve *curve, char text[CURVE_TEXT]);
const char *curve_points_text(const struct curve_points *points, char text[CURVE_TEXT]);

#endif
