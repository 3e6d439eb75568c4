/* SPDX-License-Identifier: Apache-2.0 */
/* Groups as a table, CSV or JSON: a line for each cell. */
#ifndef REPORT_GROUP_PRINT_H
#define REPORT_GROUP_PRINT_H

#include <stdio.h>

#include "report/group.h"
#include "report/options.h"

/* Below the table stand what its marks mean, and the runs that stand aside with the reason. */
int group_print(const struct groups *groups, enum options_form form, FILE *out,
                struct sft_error *err);

/* "llama-7b full bf16" and what else tells this series from others of the same model in the groups;
 * words. */
void group_title(const struct group_series *series, char *text, size_t size);

/* Ids of the cell's counted runs, "101 102 107"; the last ones are left out with "..." where there
 * is no room. */
void group_jobs(const struct group_cell *cell, char *text, size_t size);

/* The marks' letters, "FM"; group_mark_letter of one bit. */
void group_letters(unsigned marks, char text[16]);
char group_mark_letter(unsigned bit);

unsigned group_all_marks(const struct groups *groups);
/* A line for each: its letter and what it means. */
void group_print_marks(unsigned marks, FILE *out);
/* A line for each run that stands aside, with the reason; whose: "", or " in A". */
void group_print_aside(const struct groups *groups, const char *whose, FILE *out);

#endif
