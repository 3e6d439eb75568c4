/* SPDX-License-Identifier: Apache-2.0 */
/* One rank: every collective is the identity. */
#include "job/collective/comm.h"

#include <stdlib.h>
#include <string.h>

static void self_destroy(struct comm *c)
{
    free(c);
}

static int self_sum_double(struct comm *c, double *values, size_t count, struct sft_error *err)
{
    (void)c, (void)values, (void)count, (void)err;
    return 0;
}

static int self_attach(struct comm *c, struct device *device, struct sft_error *err)
{
    (void)err;
    c->state = device;
    return 0;
}

static void self_enroll(struct comm *c, void *memory, size_t bytes)
{
    (void)c, (void)memory, (void)bytes;
}

static void self_dismiss(struct comm *c, void *memory)
{
    (void)c, (void)memory;
}

static int self_all_reduce(struct comm *c, enum comm_group group, void *values, size_t count,
                           const char *what, struct sft_error *err)
{
    (void)c, (void)group, (void)values, (void)count, (void)what, (void)err;
    return 0;
}

static int self_reduce_scatter(struct comm *c, enum comm_group group, void *values, size_t count,
                               void *to, const char *what, struct sft_error *err)
{
    struct device *d = c->state;
    (void)what, (void)err;
    d->copy(d, COMM_LANE(group), to, values, format_bytes(d->format, count));
    return 0;
}

static int self_all_gather(struct comm *c, enum comm_group group, const void *from, size_t count,
                           void *to, const char *what, struct sft_error *err)
{
    struct device *d = c->state;
    (void)what, (void)err;
    d->copy(d, COMM_LANE(group), to, from, format_bytes(d->format, count));
    return 0;
}

static int self_sum_norm(struct comm *c, double *value, struct sft_error *err)
{
    (void)c, (void)value, (void)err;
    return 0;
}

static int self_gather_double(struct comm *c, const double *values, size_t count, double *all,
                              struct sft_error *err)
{
    (void)c, (void)err;
    memcpy(all, values, count * sizeof *all);
    return 0;
}

static int self_gather_text(struct comm *c, const char *text, size_t size, char *all,
                            struct sft_error *err)
{
    (void)c, (void)err;
    memcpy(all, text, size);
    return 0;
}

static int self_barrier(struct comm *c, struct sft_error *err)
{
    (void)c, (void)err;
    return 0;
}

struct comm *comm_create_self(struct sft_error *err)
{
    struct comm *c = malloc(sizeof *c);
    if (c == NULL) {
        sft_error_set(err, "no memory for a communicator");
        return NULL;
    }
    *c = (struct comm){
        .name = "self",
        .size = 1,
        .group_size = {1, 1, 1},
        .destroy = self_destroy,
        .attach = self_attach,
        .enroll = self_enroll,
        .dismiss = self_dismiss,
        .all_reduce = self_all_reduce,
        .sum_norm = self_sum_norm,
        .sum_double = self_sum_double,
        .reduce_scatter = self_reduce_scatter,
        .all_gather = self_all_gather,
        .gather_double = self_gather_double,
        .gather_text = self_gather_text,
        .barrier = self_barrier,
    };
    return c;
}
