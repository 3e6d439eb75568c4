/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/curve.h"

#include <stdio.h>

static void curve_halve(struct curve *c)
{
    for (int i = 0; i < CURVE_POINTS / 2; i++) {
        const struct curve_part *a = &c->part[2 * i], *b = a + 1;
        c->part[i] = (struct curve_part){a->sum + b->sum, a->steps + b->steps, b->last};
    }
    c->count = CURVE_POINTS / 2;
    c->width *= 2;
}

void curve_add(struct curve *c, int step, double value)
{
    if (c->width == 0)
        c->width = 1;
    if (c->count == CURVE_POINTS && c->part[c->count - 1].steps == c->width)
        curve_halve(c);
    if (c->count == 0 || c->part[c->count - 1].steps == c->width)
        c->part[c->count++] = (struct curve_part){0, 0, step};
    struct curve_part *part = &c->part[c->count - 1];
    part->sum += value;
    part->steps++;
    part->last = step;
}

void curve_points_add(struct curve_points *p, int step, double value)
{
    if (p->stride == 0)
        p->stride = 1;
    p->newest = (struct curve_point){step, value};
    if (p->seen++ % p->stride != 0)
        return;
    if (p->count < CURVE_POINTS) {
        p->point[p->count++] = p->newest;
        return;
    }
    for (int i = 0; i < CURVE_POINTS / 2; i++)
        p->point[i] = p->point[2 * i];
    p->count = CURVE_POINTS / 2;
    p->stride *= 2;
    p->point[p->count++] = p->newest; /* the number of those seen divides by the new stride, too */
}

static size_t text_add(char text[CURVE_TEXT], size_t used, int step, double value)
{
    if (used < CURVE_TEXT)
        used += (size_t)snprintf(text + used, CURVE_TEXT - used, "%s%d:%.5g", used > 0 ? "," : "",
                                 step, value);
    return used;
}

const char *curve_text(const struct curve *c, char text[CURVE_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < c->count; i++)
        used = text_add(text, used, c->part[i].last, c->part[i].sum / c->part[i].steps);
    return text;
}

const char *curve_points_text(const struct curve_points *p, char text[CURVE_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < p->count; i++)
        used = text_add(text, used, p->point[i].step, p->point[i].value);
    if (p->count > 0 && p->point[p->count - 1].step != p->newest.step)
        text_add(text, used, p->newest.step, p->newest.value);
    return text;
}
