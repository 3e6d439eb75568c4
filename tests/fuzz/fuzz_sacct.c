/* SPDX-License-Identifier: Apache-2.0 */
/* What sacct prints, from the bytes to the table, CSV and JSON. */
#include "config.h" /* _GNU_SOURCE: open_memstream */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/csv.h"
#include "accounts/json.h"
#include "accounts/load.h"
#include "report/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a job's name is, CSV has lines' ends only between records, and no other control
 * character. */
static void check_csv(const struct rows *rows)
{
    char *text = NULL;
    size_t length, lines = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL || csv_write(rows, out, NULL) < 0 || fclose(out) != 0)
        abort();
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
        if (text[i] == 0x7f ||
            ((unsigned char)text[i] < 0x20 && text[i] != '\r' && text[i] != '\n'))
            abort();
    }
    if (lines != rows->count + 1)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *sink;
    struct filter filter = {.job_count = 0};
    struct sft_error err;
    struct rows rows;
    char *text = malloc(size + 1);
    if (sink == NULL)
        sink = fopen("/dev/null", "w");
    if (text == NULL || sink == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    rows_init(&rows);
    if (load_json(&rows, &filter, "fuzz", text, size, &err) == 0) {
        rows_sort(&rows, "-tok_s", &err);
        table_write(&rows, 80, sink);
        check_csv(&rows);
        if (json_write(&rows, sink, &err) < 0)
            abort();
    } else if (err.text[0] == '\0') {
        abort();
    }
    rows_clear(&rows);
    free(text);
    return 0;
}
