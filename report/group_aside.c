/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs are in no figure. */
#include <math.h>
#include <string.h>

#include "report/group_internal.h"
#include "report/lang.h"

/* How far a record's own figures may stand apart: they have six digits. */
#define GROUP_AGREE 0.01
#define GROUP_STEADY 0.02 /* by less a record does not say that it was unsteady */

static bool is_positive(double value)
{
    return isfinite(value) && value > 0;
}

/* True also where one of them is not known. */
static bool agree(double a, double b)
{
    return !is_positive(a) || !is_positive(b) || fabs(a - b) <= GROUP_AGREE * fmax(a, b);
}

static bool is_impossible(const struct row *row)
{
    if (!is_positive(real_of(row, "step_ms")) || !is_positive(real_of(row, "tok_s")) ||
        !is_positive(real_of(row, "samples_s")))
        return true;
    return sft_record_possible(&row->record, NULL) < 0;
}

/* No more than the tokens that a step can hold, padding too; unsteady: percent by which the median
 * step was faster than all of them. */
static bool is_too_fast(const struct row *row, double tokens)
{
    double unsteady = real_of(row, "unsteady"), step_s = real_of(row, "step_ms") / 1000;
    double median = real_of(row, "tok_s") / (1 - (isnan(unsteady) ? 0 : unsteady) / 100);
    return median * step_s > tokens * (1 + GROUP_AGREE + GROUP_STEADY);
}

/* A step's tokens against the record's throughput: over all measured steps, or, in the first form,
 * the median one. A record that lost its details may say the tokens without padding alone. */
static bool tokens_agree(const struct row *row, double tokens)
{
    double processed = real_of(row, "tok_s_processed"), tok_s = real_of(row, "tok_s");
    double mean_s = real_of(row, "steps_s") / real_of(row, "steps_done");
    if (row->record.form == 1)
        return agree((is_positive(processed) ? processed : tok_s) * real_of(row, "step_ms") / 1000,
                     tokens);
    if (is_too_fast(row, tokens))
        return false;
    return is_positive(processed) ? agree(processed * mean_s, tokens)
                                  : !(tok_s * mean_s > tokens * (1 + GROUP_AGREE));
}

/* Tokens a sample against the data's own mean, as far as so many samples may stray from it:
 * documents whose lengths spread by one and a half times their mean, 3.3 standard errors. A sample
 * is a token at least, and no longer than a sequence. */
static bool samples_agree(const struct row *row)
{
    double length = sample_length_of(row);
    double mean = real_of(row, "sample_tokens"), seq = real_of(row, "seq");
    double count = real_of(row, "samples_s") * real_of(row, "steps_s");
    if (length < 1 - GROUP_AGREE || length > seq * (1 + GROUP_AGREE))
        return false;
    return !is_positive(mean) || !is_positive(count) ||
           fabs(length / mean - 1) <= 0.05 + 5 / sqrt(count);
}

static bool is_inconsistent(const struct row *row)
{
    double tokens = real_of(row, "global_batch") * real_of(row, "seq");
    return !tokens_agree(row, tokens) || !samples_agree(row) ||
           !agree(100 * real_of(row, "tflops") / real_of(row, "peak_tflops"), real_of(row, "mfu"));
}

unsigned group_aside_of(const struct row *row)
{
    unsigned why = 0;
    if (strcmp(row->state, "complete") != 0)
        why |= GROUP_NOT_COMPLETE;
    if (row->marks & ROW_COMMENT_ALONE)
        why |= GROUP_COMMENT_ALONE;
    if (row->marks & ROW_DOUBTED)
        why |= GROUP_DOUBTED;
    /* A run that ended early has not all figures; then there is nothing to judge. */
    if (why & GROUP_NOT_COMPLETE)
        return why;
    if (is_impossible(row))
        why |= GROUP_IMPOSSIBLE;
    else if (is_inconsistent(row))
        why |= GROUP_INCONSISTENT;
    return why;
}

const char *group_bit_text(const char *const *texts, size_t count, unsigned bit)
{
    for (size_t i = 0; i < count; i++)
        if (bit == 1u << i)
            return texts[i];
    return "";
}

const char *group_aside_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("not complete"),
        N_("in the user's comment alone: no step daemon published it"),
        N_("impossible: above the hardware's roofline, or a figure is missing or not positive"),
        N_("inconsistent: its own figures contradict each other"),
        N_("doubted: program, nodes, ranks or time are not what Slurm and root saw"),
    };
    return group_bit_text(texts, sizeof texts / sizeof texts[0], bit);
}
