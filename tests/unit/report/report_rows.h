/* SPDX-License-Identifier: Apache-2.0 */
/* Rows made up for the report's tests. */
#ifndef SFT_TESTS_UNIT_REPORT_REPORT_ROWS_H
#define SFT_TESTS_UNIT_REPORT_REPORT_ROWS_H

#include "accounts/rows.h"

/* Add a run that counts: llama-7b on nodes of 8 ranks, 8 sequences of 4096 tokens a rank and step,
 * with this throughput; tok_s, step_ms, tflops and mfu agree. Then "key=value key=value ..." over
 * it, NULL: none. */
struct row *test_row(struct rows *rows, long long job_id, int nodes, double samples_s,
                     const char *fields);

#endif
