/* SPDX-License-Identifier: Apache-2.0 */
#include "report/ranks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

static size_t words_count(const char *text)
{
    size_t count = *text != '\0';
    for (; *text != '\0'; text++)
        count += *text == ',';
    return count;
}

static bool times_read(struct ranks *ranks, const char *text)
{
    ranks->count = words_count(text);
    ranks->ms = calloc(ranks->count + 1, sizeof *ranks->ms);
    ranks->out = calloc(ranks->count + 1, sizeof *ranks->out);
    for (size_t i = 0; ranks->ms != NULL && i < ranks->count; i++) {
        char *end;
        ranks->ms[i] = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0') || !isfinite(ranks->ms[i]) ||
            ranks->ms[i] <= 0)
            return false;
        text = end + (*end == ',');
    }
    return ranks->count > 0 && ranks->ms != NULL && ranks->out != NULL;
}

static void mark_out(const double *ms, size_t count, bool *out)
{
    double median = sft_stats_median(ms, count), mad = sft_stats_mad(ms, count);
    for (size_t i = 0; i < count; i++) {
        double away = fabs(ms[i] - median);
        out[i] = away > RANKS_MADS * 1.4826 * mad && away > RANKS_PART * median;
    }
}

static void hosts_read(struct ranks *ranks, const char *text)
{
    size_t count = words_count(text);
    if (count == 0 || strstr(text, "...") != NULL || ranks->count % count != 0)
        return;
    ranks->host = calloc(count, sizeof *ranks->host);
    ranks->host_ms = calloc(count, sizeof *ranks->host_ms);
    ranks->host_out = calloc(count, sizeof *ranks->host_out);
    if (ranks->host == NULL || ranks->host_ms == NULL || ranks->host_out == NULL)
        return;
    ranks->hosts = count;
    ranks->each = ranks->count / count;
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(text, ",");
        snprintf(ranks->host[i], sizeof ranks->host[i], "%.*s", (int)length, text);
        text += length + (text[length] == ',');
        ranks->host_ms[i] = sft_stats_median(ranks->ms + i * ranks->each, ranks->each);
    }
    mark_out(ranks->host_ms, count, ranks->host_out);
}

bool ranks_read(struct ranks *ranks, const struct sft_record *record)
{
    const char *times = sft_record_get(record, "ranks_ms"),
               *hosts = sft_record_get(record, "hosts");
    memset(ranks, 0, sizeof *ranks);
    if (times == NULL || !times_read(ranks, times)) {
        ranks_clear(ranks);
        return false;
    }
    if (hosts != NULL)
        hosts_read(ranks, hosts);
    ranks->median = sft_stats_median(ranks->ms, ranks->count);
    mark_out(ranks->ms, ranks->count, ranks->out);
    return true;
}

void ranks_clear(struct ranks *ranks)
{
    free(ranks->ms);
    free(ranks->out);
    free(ranks->host);
    free(ranks->host_ms);
    free(ranks->host_out);
    memset(ranks, 0, sizeof *ranks);
}
