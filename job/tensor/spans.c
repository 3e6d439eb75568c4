/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/spans.h"

#include <stdlib.h>

struct stamped {
    const char *name;
    enum span_kind kind;
    enum lane lane;
    int begin, end; /* stamps */
};

struct spans {
    struct device *device;
    bool full, at_once; /* at_once: work is done when calls return */
    struct stamped *list;
    int count, room;
};

struct spans *spans_create(struct device *device, struct sft_error *err)
{
    struct spans *s = calloc(1, sizeof *s);
    if (s == NULL) {
        sft_error_set(err, "no memory for a step's times");
        return NULL;
    }
    s->device = device;
    s->at_once = device->queue(device, LANE_COMPUTE) == NULL;
    return s;
}

void spans_destroy(struct spans *s)
{
    if (s == NULL)
        return;
    free(s->list);
    free(s);
}

void spans_full(struct spans *s, bool full)
{
    s->full = full;
}

void spans_start(struct spans *s)
{
    s->count = 0;
    s->device->stamps_clear(s->device);
    s->device->stamp(s->device, LANE_COMPUTE);
}

static bool counts(const struct spans *s, enum span_kind kind)
{
    return kind == (s->at_once ? SPAN_COLLECTIVE : SPAN_WAIT);
}

int spans_begin(struct spans *s, enum span_kind kind, enum lane lane, const char *name)
{
    if (s == NULL || (!s->full && !counts(s, kind)))
        return -1;
    if (s->count == s->room) {
        int room = s->room > 0 ? 2 * s->room : 256;
        struct stamped *list = realloc(s->list, (size_t)room * sizeof *list);
        if (list == NULL)
            return -1; /* a gap in a picture is no reason to end the run */
        s->list = list;
        s->room = room;
    }
    s->list[s->count] = (struct stamped){name, kind, lane, s->device->stamp(s->device, lane), -1};
    return s->count++;
}

void spans_end(struct spans *s, int number)
{
    if (number >= 0)
        s->list[number].end = s->device->stamp(s->device, s->list[number].lane);
}

int spans_count(const struct spans *s)
{
    return s->count;
}

struct span spans_get(const struct spans *s, int number)
{
    struct device *d = s->device;
    const struct stamped *at = &s->list[number];
    double begin = d->stamp_time(d, at->begin);
    double length = at->begin < 0 || at->end < 0 ? 0 : d->stamp_time(d, at->end) - begin;
    return (struct span){at->name, at->kind, at->lane, begin, length};
}

double spans_waited(const struct spans *s)
{
    double seconds = 0;
    for (int i = 0; i < s->count; i++)
        if (counts(s, s->list[i].kind))
            seconds += spans_get(s, i).length;
    return seconds;
}
