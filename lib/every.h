/* SPDX-License-Identifier: Apache-2.0 */
/* How often something is done, as a request says it. */
#ifndef SFT_LIB_EVERY_H
#define SFT_LIB_EVERY_H

#include "lib/error.h"

enum { SFT_EVERY_SECONDS = 600 }; /* where nothing is said */

/* Either of them, the other 0. */
struct sft_every {
    int steps;
    double seconds;
};

/* "500" steps, "90s", "10min", "2h"; "": SFT_EVERY_SECONDS. */
int sft_every_read(struct sft_every *every, const char *text, struct sft_error *err);

#endif
