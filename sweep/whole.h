/* SPDX-License-Identifier: Apache-2.0 */
/* A suite from its plan to its report. */
#ifndef SWEEP_WHOLE_H
#define SWEEP_WHOLE_H

#include "sweep/suite.h"

/* Verify, smoke trainings, models, report: each phase's missing runs are submitted and followed, so
 * that it goes on wherever another of the name was ended. With --plan it ends before that. Returns
 * enum sweep_end; SWEEP_WRONG with *err. */
int whole_run(const struct sweep_options *options, const struct suite *suite,
              struct sft_error *err);

/* What is there of each phase. */
int whole_status(const struct sweep_options *options, const struct suite *suite,
                 struct sft_error *err);

#endif
