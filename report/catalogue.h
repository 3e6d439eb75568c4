/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue of translated texts, as gettext's msgfmt makes one. It is read here and not by the C
 * library, whose gettext goes by the locale: from 2.41 on glibc translates nothing in C.UTF-8, and
 * many a system has no other. */
#ifndef SFT_REPORT_CATALOGUE_H
#define SFT_REPORT_CATALOGUE_H

#include <stddef.h>

#include "lib/error.h"

struct catalogue {
    char *bytes;                         /* the whole file, a NUL behind it */
    unsigned count, texts, translations; /* how many, and where their tables begin */
};

/* What is no whole catalogue of this format is refused. */
int catalogue_open(struct catalogue *c, const char *path, struct sft_error *err);
/* The text's translation, the catalogue's own; NULL where it has none. */
const char *catalogue_find(const struct catalogue *c, const char *text);
void catalogue_close(struct catalogue *c);

#endif
