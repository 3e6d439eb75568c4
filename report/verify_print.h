/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of verify as lines of a table, CSV or JSON. */
#ifndef REPORT_VERIFY_PRINT_H
#define REPORT_VERIFY_PRINT_H

#include <stdio.h>

#include "accounts/grid.h"
#include "report/verify.h"

/* A line a node of the newest run; with a host its lines of all runs. There is a run. */
int verify_print(const struct verifies *verifies, const char *host, enum grid_form form, FILE *out,
                 struct sft_error *err);

#endif
