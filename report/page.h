/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one HTML page: no scripts, nothing from elsewhere, its charts inside. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stdio.h>

#include "lib/error.h"
#include "report/compare.h"
#include "report/group.h"
#include "report/options.h"

/* In options' language; `verifies`: the runs of verify that the page tells of, by end, NULL: none.
 * Without gnuplot the page says in place of each chart that it is missing, and a line on stderr
 * does. Every figure's heading has its unit and whether it is measured, derived, estimated or
 * configured, and its line the ids of the jobs that it comes from. */
int page_write(const struct groups *groups, const struct rows *verifies,
               const struct options *options, FILE *out, struct sft_error *err);

/* The page of a comparison: what A and B ran on, a chart and a table of both, and what only one
 * has.
 */
int page_compare(const struct compare *compare, const struct options *options, FILE *out,
                 struct sft_error *err);

#endif
