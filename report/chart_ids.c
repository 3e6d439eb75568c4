/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: open_memstream */
#include "report/chart_ids.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beginnings of the ids that gnuplot gives in every chart alike; a page has several. */
static const char *const common[] = {"gpDot",          "gpPt",    "gpPat",
                                     "gnuplot_canvas", "greybox", "textbox"};

/* Where such an id begins it stands behind a quote or '#'. */
static bool id_begins(const char *text, const char *at)
{
    if (at == text || strchr("'\"#", at[-1]) == NULL)
        return false;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (strncmp(at, common[i], strlen(common[i])) == 0)
            return true;
    return false;
}

char *chart_ids(const char *text, const char *id)
{
    char *unique = NULL;
    size_t size;
    FILE *out = open_memstream(&unique, &size);
    if (out == NULL)
        return NULL;
    for (const char *at = text; *at != '\0'; at++) {
        if (id_begins(text, at))
            fprintf(out, "%s-", id);
        putc(*at, out);
    }
    if (fclose(out) == 0)
        return unique;
    free(unique);
    return NULL;
}
