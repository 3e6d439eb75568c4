/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_CHART_IDS_H
#define REPORT_CHART_IDS_H

/* The SVG with `id` in front of the ids that gnuplot gives in every chart alike. For free(); NULL
 * without memory. */
char *chart_ids(const char *text, const char *id);

#endif
