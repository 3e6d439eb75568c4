/* SPDX-License-Identifier: Apache-2.0 */
/* From what sacct printed to groups, tables and the page's text: no crash, no figure of a run that
 * stands aside, and no byte from outside that could be a tag or a control character. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare.h"
#include "report/group_print.h"
#include "report/html.h"
#include "accounts/load.h"
#include "report/ranks.h"

static void check_html(const char *text)
{
    char *page = NULL;
    size_t size;
    FILE *out = open_memstream(&page, &size);
    html_text(out, text);
    fclose(out);
    for (const char *at = page; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || (*at == '<' && strncmp(at, "<wbr>", 5) != 0))
            abort();
        at += *at == '<' ? 4 : 0;
    }
    free(page);
}

static void check_rows(const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct ranks ranks;
        check_html(rows->row[i]->job_name);
        for (size_t k = 0; k < rows->row[i]->record.count; k++)
            check_html(rows->row[i]->record.fields[k].value);
        if (ranks_read(&ranks, &rows->row[i]->record)) {
            for (size_t h = 0; h < ranks.hosts; h++)
                if (!(ranks.host_ms[h] > 0))
                    abort();
            ranks_clear(&ranks);
        }
    }
}

static void check_groups(const struct groups *groups)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct compare compare;
    if (compare_make(&compare, groups, groups, 0, NULL) < 0)
        abort();
    for (int form = OPTIONS_TABLE; form <= OPTIONS_JSON; form++)
        if (group_print(groups, (enum options_form)form, out, NULL) < 0 ||
            compare_print(&compare, (enum options_form)form, out, NULL) < 0)
            abort();
    compare_clear(&compare);
    fclose(out);
    free(text);
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++) {
            struct group_figure f = group_figure(&groups->series[i].cell[k], "tok_s");
            if (f.count != groups->series[i].cell[k].count ||
                (f.count > 0 && !(f.min > 0 && f.max >= f.min)))
                abort();
        }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct rows rows;
    struct groups groups;
    struct filter *filter = calloc(1, sizeof *filter);
    char *text = malloc(size + 1);
    rows_init(&rows);
    if (text != NULL && filter != NULL) {
        memcpy(text, data, size);
        text[size] = '\0';
        load_json(&rows, filter, "fuzz", text, size, NULL);
        check_rows(&rows);
        if (rows.count < 50 && groups_make(&groups, &rows, NULL) == 0) {
            check_groups(&groups);
            groups_clear(&groups);
        }
    }
    rows_clear(&rows);
    free(text);
    free(filter);
    return 0;
}
