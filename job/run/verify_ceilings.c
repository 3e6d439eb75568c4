/* SPDX-License-Identifier: Apache-2.0 */
/* What verify measured as the file that plan, predictions and the guard read, sft-ceilings(5). */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/verify.h"
#include "lib/stats.h"

void verify_lead_ceilings(struct verify_lead *lead)
{
    verify_say("%s", check_title(CHECK_CEILINGS));
    for (int rank = 0; rank < lead->control->size; rank++)
        lead->orders[rank] = (struct verify_order){
            .what = VERIFY_CEILINGS, .check = CHECK_CEILINGS, .limit = lead->limit};
    verify_lead_ask(lead, NULL);
    for (int rank = 0; rank < lead->control->size; rank++) {
        const struct verify_answer *answer = &lead->answers[rank];
        if (lead->gone[rank] || answer->count < 0)
            continue;
        lead->ceiling[rank] = answer->ceiling;
        lead->done |= CHECK_BIT(CHECK_CEILINGS);
    }
}

/* Offsets of its rates. */
static const size_t rates[] = {
    offsetof(struct sft_ceiling, matmul_tflops), offsetof(struct sft_ceiling, memory_gbs),
    offsetof(struct sft_ceiling, launch_us), offsetof(struct sft_ceiling, memory_gib)};

/* Of the ranks with that device; values has room for all. */
static double median_at(const struct verify_lead *lead, const char *device, size_t offset,
                        double *values)
{
    size_t count = 0;
    for (int rank = 0; rank < lead->control->size; rank++)
        if (strcmp(lead->ceiling[rank].device, device) == 0)
            memcpy(&values[count++], (const char *)&lead->ceiling[rank] + offset, sizeof *values);
    return sft_stats_median(values, count);
}

static void median_make(const struct verify_lead *lead, struct sft_ceiling *ceiling, double *values)
{
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        double median = median_at(lead, ceiling->device, rates[i], values);
        memcpy((char *)ceiling + rates[i], &median, sizeof median);
    }
    for (size_t i = 0; i < SFT_CEILING_LENGTHS && ceiling->lengths[i] > 0; i++) {
        size_t at = i * sizeof(double);
        ceiling->forward[i] =
            median_at(lead, ceiling->device, offsetof(struct sft_ceiling, forward) + at, values);
        ceiling->backward[i] =
            median_at(lead, ceiling->device, offsetof(struct sft_ceiling, backward) + at, values);
    }
}

/* All-gathers: of a node's GPUs, and of all nodes. Sizes below that say nothing of a layer. */
static void busbw_add(const struct verify_lead *lead, bool in_node, struct sft_ceiling *ceiling)
{
    for (int i = 0; i < lead->sizes.count; i++) {
        const struct table_size *size = &lead->sizes.size[i];
        if (size->kind != COLLECTIVE_ALL_GATHER || size->in_node != in_node ||
            size->bytes < 65536 || ceiling->busbws == SFT_CEILING_BUSBW)
            continue;
        ceiling->busbw[ceiling->busbws++] = (struct sft_busbw){in_node ? 1 : lead->control->nodes,
                                                               (double)size->bytes, size->busbw};
    }
}

static bool device_is_first(const struct verify_lead *lead, int rank)
{
    for (int other = 0; other < rank; other++)
        if (strcmp(lead->ceiling[other].device, lead->ceiling[rank].device) == 0)
            return false;
    return lead->ceiling[rank].device[0] != '\0';
}

static void ceilings_print(const struct verify_lead *lead, FILE *out, double *values)
{
    bool collectives = true; /* the first device's: who has others beside it measured them too */
    fprintf(out,
            "# sft-ceilings(5): verify of sft-bench %s, medians of the ranks; name this file with\n"
            "# ceilings = in sft-bench.conf\n",
            PACKAGE_VERSION);
    for (int rank = 0; rank < lead->control->size; rank++) {
        if (!device_is_first(lead, rank))
            continue;
        struct sft_ceiling ceiling = lead->ceiling[rank];
        median_make(lead, &ceiling, values);
        ceiling.busbws = 0;
        if (collectives) {
            busbw_add(lead, true, &ceiling);
            busbw_add(lead, false, &ceiling);
        }
        collectives = false;
        ceilings_write(out, &ceiling);
    }
}

/* What nobody could read is not written: a rate above the data sheet is a fault of the measurement.
 */
static int ceilings_check(const char *text, size_t length, struct sft_error *err)
{
    struct sft_ceilings *parsed = calloc(1, sizeof *parsed);
    int failed = parsed == NULL ? sft_error_set(err, "no memory for ceilings")
                                : sft_ceilings_parse(parsed, text, length, "ceilings", err);
    free(parsed);
    return failed;
}

int verify_ceilings_text(const struct verify_lead *lead, char **text, struct sft_error *err)
{
    size_t length = 0;
    *text = NULL;
    if (!(lead->done & CHECK_BIT(CHECK_CEILINGS)))
        return 0;
    double *values = calloc((size_t)lead->control->size, sizeof *values);
    FILE *out = open_memstream(text, &length);
    if (out != NULL && values != NULL)
        ceilings_print(lead, out, values);
    free(values);
    if (out == NULL || fclose(out) != 0 || values == NULL)
        return sft_error_set(err, "no memory for ceilings");
    return ceilings_check(*text, length, err);
}
