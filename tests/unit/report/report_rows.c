/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/report/report_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int rc)
{
    if (rc < 0)
        abort();
}

static void set_words(struct row *row, const char *fields)
{
    char word[512];
    while (fields != NULL && *fields != '\0') {
        size_t length = strcspn(fields, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, fields);
        char *equals = strchr(word, '=');
        *equals = '\0';
        must(sft_record_set(&row->record, word, equals + 1, NULL));
        fields += length + (fields[length] == ' ');
    }
}

struct row *test_row(struct rows *rows, long long job_id, int nodes, double samples_s,
                     const char *fields)
{
    struct row *row = row_create();
    char step[32];
    if (row == NULL)
        abort();
    row->job_id = job_id;
    row->started = 1780000000 + job_id;
    row->ended = row->started + 60;
    row->elapsed = 60;
    row->job_name = strdup("nightly");
    row->job_state = strdup("COMPLETED");
    row->user = strdup("alice");
    row->account = strdup("llm");
    row->cluster = strdup("example");
    row->partition = strdup("gpu");
    row->nodelist = strdup("n[1-8]");
    row->asked = strdup("");
    row->state = "complete";
    sft_record_init(&row->record);
    snprintf(step, sizeof step, "%lld.0", job_id);
    set_words(row, "state=complete model=llama-7b method=full precision=bf16 backend=cuda seq=4096 "
                   "micro_batch=4 "
                   "accumulation=2 data=alpaca.json version=0.1.0 peak_tflops=989.5");
    must(sft_record_set(&row->record, "device", "NVIDIA H200", NULL));
    must(sft_record_set(&row->record, "step", step, NULL));
    must(sft_record_set_integer(&row->record, "nodes", nodes, NULL));
    must(sft_record_set_integer(&row->record, "ranks", 8 * nodes, NULL));
    must(sft_record_set_integer(&row->record, "global_batch", 64 * nodes, NULL));
    /* A sequence holds 32 samples of 128 tokens. */
    must(sft_record_set_real(&row->record, "samples_s", samples_s, NULL));
    must(sft_record_set_real(&row->record, "tok_s", 128 * samples_s, NULL));
    must(sft_record_set_real(&row->record, "step_ms", 1e3 * 64 * nodes * 4096 / (128 * samples_s),
                             NULL));
    must(sft_record_set_real(&row->record, "mfu", 50, NULL));
    must(sft_record_set_real(&row->record, "tflops", 0.5 * 989.5, NULL));
    set_words(row, fields);
    must(rows_add(rows, row, NULL));
    return row;
}
