/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of verify that are judged, and what a healthy GPU does not fall below. */
#ifndef SFT_JOB_VERIFY_CHECK_H
#define SFT_JOB_VERIFY_CHECK_H

#include <stdbool.h>

#include "lib/checks.h"

struct check_traits {
    const char *title; /* "GEMMs" */
    const char *unit;  /* "TFLOP/s" */
    bool less;         /* the smaller the better */
    /* Slow is who has less than this part of the others' figure (of `less`: they of its own), and
     * who has less than the second where fewer than four nodes can be compared. */
    double limit, limit_few;
};

extern const struct check_traits check_traits[CHECKS];

/* "GEMMs"; of CHECK_WORDS what is no check: "its start". */
const char *check_title(enum check check);

/* What a device must reach. device: its name, as the driver says it. nics: ports in use of a node,
 * for CHECK_PAIR. 0: not known; *source is where the number is from. */
double check_floor(enum check check, const char *device, int nics, const char **source);

#endif
