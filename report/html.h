/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and figures as HTML. Nothing reaches a page but through these, or as a constant. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include <stdio.h>

#include "lib/figures.h"

/* Escaped; control characters and what is no UTF-8 become '?'. A long word may break behind its
 * punctuation, and one that no line holds anywhere. */
void html_text(FILE *out, const char *text);
/* The same between quotes, and in a title: no breaks. */
void html_attribute(FILE *out, const char *text);

/* "12,345.6" with so many digits behind the point; an en dash where it is not finite. The same in
 * every language. */
void html_number(FILE *out, double value, int digits);
void html_number_text(double value, int digits, char *text, size_t size);

/* m, d, e, c or s: measured, derived, estimated, configured, Slurm's; the page's legend tells. Of
 * a key of the record. */
void html_origin(FILE *out, const char *key);
void html_origin_of(FILE *out, enum sft_origin origin);

/* Cells of a table. */
void html_td_text(FILE *out, const char *text);
void html_th_row(FILE *out, const char *text); /* that heads its line */
void html_td_number(FILE *out, double value, int digits);
void html_td_whole(FILE *out, long long value);
/* A heading: the title, the key's unit below it, its origin. key NULL: of no figure. */
void html_th(FILE *out, const char *title, const char *key);
void html_th_count(FILE *out, const char *title); /* of whole numbers that need no label */
void html_th_unit(FILE *out, const char *title, const char *unit, enum sft_origin origin);

#endif
