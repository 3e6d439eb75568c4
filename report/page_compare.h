/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the two sets beside their figures. */
#ifndef REPORT_PAGE_COMPARE_H
#define REPORT_PAGE_COMPARE_H

#include "report/compare.h"
#include "report/page_internal.h"

enum { COMPARE_NAME = 192 };

/* "A: NVIDIA H100, cluster-1": what it ran on; of several devices the first, and that there are
 * more. Where that is the same of both, how the set was asked for: "A: sweep:monday". */
void page_compare_names(const struct compare *compare, const struct options *options,
                        char a[COMPARE_NAME], char b[COMPARE_NAME]);

/* The page's head, and a line for each set. */
void page_compare_begin(struct page *page, const struct compare *compare);

/* What only one set has, and which runs stand aside, with the reason. */
void page_compare_alone(struct page *page, const struct compare *compare);

/* The jobs of each pair. */
void page_compare_jobs(struct page *page, const struct compare *compare);

#endif
