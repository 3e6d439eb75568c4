/* SPDX-License-Identifier: Apache-2.0 */
/* The page of verify: the newest run's nodes and checks as a heat map, what was found, and the
 * nodes' weeks. */
#ifndef REPORT_PAGE_VERIFY_H
#define REPORT_PAGE_VERIFY_H

#include <stdio.h>

#include "report/options.h"
#include "report/page_internal.h"
#include "report/verify.h"

/* There is a run. host: of that node also each check by week; NULL: of none. */
int page_verify(const struct verifies *verifies, const char *host, const struct options *options,
                FILE *out, struct sft_error *err);

/* How warm a figure is that is such a part of what it should be: the class of its cell. */
const char *page_verify_heat(double ratio);
/* Its cell, with the figure. */
void page_verify_td(struct page *page, double value, double ratio);
/* Of a verdict. */
void page_verify_kind(struct page *page, enum verify_kind kind);

/* The sections of several runs; nothing where there is one. */
int page_verify_weeks(struct page *page, const struct verifies *verifies, const char *host,
                      struct sft_error *err);

#endif
