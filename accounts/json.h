/* SPDX-License-Identifier: Apache-2.0 */
/* The records as JSON. */
#ifndef ACCOUNTS_JSON_H
#define ACCOUNTS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"
#include "accounts/rows.h"

/* A list of objects: the job's fields; `synthetic` (true or false); `record`, every key of the
 * record, numbers as numbers; `origin`, what each known key's figure is: configured, measured,
 * derived or estimated; `unit`, for the keys that have one. */
int json_write(const struct rows *rows, FILE *out, struct sft_error *err);

/* A number where the text is one and `words` does not say otherwise, else a text, whatever bytes it
 * has. NULL without memory. */
json_t *json_value(const char *text, bool words);

/* The word for an origin, as json_write and `--keys` give it. */
const char *json_origin(enum sft_origin origin);

#endif
