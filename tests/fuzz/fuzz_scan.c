/* SPDX-License-Identifier: Apache-2.0 */
/* sacct's text of ids and comments: the first byte says whether the rest is the text itself, or one
 * comment between two jobs, which must neither add a job nor take one away. */
#include "config.h" /* _GNU_SOURCE: memmem */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/scan.h"
#include "lib/record.h"

#define MARK                                                                                       \
    "\x1f"                                                                                         \
    "5ca1ab1e5ca1ab1e"                                                                             \
    "\x1f"
#define BEFORE "7" MARK "1" MARK "0" MARK "sft1{" MARK "" MARK "7\n8" MARK "2" MARK "0" MARK
#define BEHIND MARK "" MARK "8\n9" MARK "3" MARK "0" MARK "sft1{" MARK "" MARK "9\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan_text(struct scan *scan, char *text, size_t length)
{
    struct sft_error err = {""};
    FILE *in = fmemopen(text, length, "r");
    *scan = (struct scan){0};
    if (in == NULL || scan_read(scan, in, MARK, &err) < 0)
        abort();
    fclose(in);
    scan_finish(scan);
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_job *job = &scan->job[i];
        if (job->id <= 0 || job->submitted < 0 || !job->begun ||
            scan_find(scan, job->id, job->submitted) != job)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan scan;
    char *text = malloc(size + sizeof BEFORE + sizeof BEHIND);
    bool comment = size > 0 && (data[0] & 1);
    size_t length = size > 0 ? size - 1 : 0;
    if (text == NULL)
        abort();
    if (!comment && length > 0) {
        memcpy(text, data + 1, length);
        scan_text(&scan, text, length);
        scan_clear(&scan);
    } else if (comment && memchr(data + 1, '\0', length) == NULL) { /* no text of sacct's has it */
        memcpy(text, BEFORE, sizeof BEFORE - 1);
        memcpy(text + sizeof BEFORE - 1, data + 1, length);
        memcpy(text + sizeof BEFORE - 1 + length, BEHIND, sizeof BEHIND);
        bool has_mark = memmem(data + 1, length, MARK, sizeof MARK - 1) != NULL;
        scan_text(&scan, text, strlen(text));
        /* Nobody knows the mark when a comment is written, so one with it says nothing. */
        bool has_record = sft_record_find((const char *)data + 1, length) != NULL;
        if (!has_mark && (scan.count != (has_record ? 3 : 2) || scan_find(&scan, 7, 1) == NULL ||
                          scan_find(&scan, 9, 3) == NULL))
            abort();
        scan_clear(&scan);
    }
    free(text);
    return 0;
}
