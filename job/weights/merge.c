/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/merge.h"

#include <string.h>

/* Where a row's adapter stands; NULL: it has none. */
struct merge_row {
    const float *a; /* [rank,in] */
    const float *b; /* [rank] */
};

static struct merge_row row_find(const struct merge *m, int row)
{
    int rank = m->b->columns;
    for (int i = 0; i < SFT_PARAM_SOURCES && m->b->source[i].name != NULL; i++) {
        const struct sft_source *of = &m->b->source[i];
        for (int s = 0; s < SFT_PARAM_SOURCES && m->weight->source[s].name != NULL; s++) {
            const struct sft_source *w = &m->weight->source[s];
            if (strcmp(w->name, of->name) != 0 || row < w->row || row >= w->row + w->rows)
                continue;
            size_t in = (size_t)m->a->columns, place = (size_t)(of->row + row - w->row);
            return (struct merge_row){m->a_values + (size_t)m->a->source[i].row * in,
                                      m->b_values + place * (size_t)rank};
        }
    }
    return (struct merge_row){NULL, NULL};
}

/* What is small is summed first. */
static void row_add(const struct merge *m, const struct merge_row *of, float *values, size_t column,
                    size_t count, float *sum)
{
    size_t in = (size_t)m->a->columns;
    memset(sum, 0, count * sizeof *sum);
    for (int k = 0; k < m->b->columns; k++) {
        const float *a = of->a + (size_t)k * in + column;
        float b = of->b[k];
        for (size_t i = 0; i < count; i++)
            sum[i] += b * a[i];
    }
    for (size_t i = 0; i < count; i++)
        values[i] += m->scale * sum[i];
}

void merge_add(const struct merge *m, float *values, size_t from, size_t count, float *row)
{
    size_t in = (size_t)m->weight->columns, now;
    for (size_t at = 0; at < count; at += now) {
        size_t column = (from + at) % in;
        struct merge_row of = row_find(m, (int)((from + at) / in));
        now = in - column < count - at ? in - column : count - at;
        if (of.a != NULL)
            row_add(m, &of, values + at, column, now, row);
    }
}
