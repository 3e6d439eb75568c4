/* SPDX-License-Identifier: Apache-2.0 */
/* The records as JSON. */
#ifndef ACCOUNTS_JSON_H
#define ACCOUNTS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"
#include "accounts/rows.h"
#include "lib/figures.h"

/* A list of objects: the job's fields; `synthetic` (true or false); `record`, every key of the
 * record, of its row's type; `origin`, what each known key's figure is: configured, measured,
 * derived, estimated or slurm; `unit`, for the keys that have one. */
int json_write(const struct rows *rows, FILE *out, struct sft_error *err);

/* As the figure's row has it; without a row a number where the text is one. NULL without memory. */
json_t *json_value(const struct sft_figure *figure, const char *text);

/* A text, whatever bytes it has; NULL without memory. */
json_t *json_text(const char *text);

#endif
