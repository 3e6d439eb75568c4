/* SPDX-License-Identifier: Apache-2.0 */
/* The records as a table for people. */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "accounts/rows.h"

/* Write the table: a header with the units of lib/record below it, numbers right-justified, words
 * left; missing values as '-'. With `width` columns of terminal (0: no limit) the least important
 * columns are left out until it fits, and a line says so. Below stand what the marks mean and why
 * runs failed. */
void table_write(const struct rows *rows, int width, FILE *out);

/* A figure as the table shows it: whole numbers as they are, others with four digits. */
void table_number(const char *value, char *text, size_t size);

#endif
