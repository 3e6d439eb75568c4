/* SPDX-License-Identifier: Apache-2.0 */
/* The times of a run's ranks and which of them stand out. */
#ifndef REPORT_RANKS_H
#define REPORT_RANKS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record.h"

/* A rank stands out where its time is more than 3 scaled MADs (1.4826 MAD, which is the standard
 * deviation of a normal distribution) and more than 3% from the median of all: with ranks as alike
 * as healthy ones are, the first alone would mark differences of nothing. */
#define RANKS_MADS 3.0
#define RANKS_PART 0.03

struct ranks {
    size_t count;
    double *ms;    /* [count] by rank */
    bool *out;     /* [count] stands out */
    double median; /* ms */
    size_t hosts;  /* 0: the record does not tell, or not of all */
    char (*host)[128];
    double *host_ms; /* [hosts] median of its ranks */
    bool *host_out;  /* [hosts] stands out among the hosts, by the same rule */
    size_t each;     /* ranks of a host */
};

/* From a record's ranks_ms and hosts. False where it has no ranks_ms that can be read, or no
 * memory. */
bool ranks_read(struct ranks *ranks, const struct sft_record *record);
void ranks_clear(struct ranks *ranks);

#endif
