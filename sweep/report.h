/* SPDX-License-Identifier: Apache-2.0 */
/* A suite's report: sft-report's pages of all jobs of its name. */
#ifndef SWEEP_REPORT_H
#define SWEEP_REPORT_H

#include "sweep/suite.h"

/* NAME.en.html and NAME.ja.html, in the folder at hand, of the user's own jobs of that name, each
 * replaced whole; says where they are. Returns SWEEP_WHOLE, or SWEEP_WRONG with *err, also where no
 * run has left a record. */
int report_make(const struct sweep_options *options, const struct suite *suite,
                struct sft_error *err);

#endif
