/* SPDX-License-Identifier: Apache-2.0 */
/* A page cache gives one core 5 to 10 GB/s, and one core converts 1 to 2: less than a GPU takes.
 * Threads are made for each call, which costs a hundredth of what they do in it. */
#include "job/weights/weights.h"

#include "lib/parallel.h"

enum { THREADS = 8, PART = 1 << 19 }; /* at most; elements that are worth one */

/* A thread's part of the elements. */
struct part {
    const struct weights *weights;
    const struct sft_param *param;
    size_t from, count;
    enum format format;
    void *to;
    int failed;
    struct sft_error err;
};

static void part_read(void *user, size_t number)
{
    struct part *p = (struct part *)user + number;
    p->failed = weights_read(p->weights, p->param, p->from, p->count, p->format, p->to, &p->err);
}

static size_t threads_worth(size_t count)
{
    size_t worth = (count + PART - 1) / PART, most = (size_t)parallel_cores(THREADS);
    return worth < most ? worth : most;
}

int weights_read_wide(const struct weights *weights, const struct sft_param *param, size_t from,
                      size_t count, enum format format, void *to, struct sft_error *err)
{
    struct part parts[THREADS];
    size_t threads = threads_worth(count), done = 0;
    if (threads < 2)
        return weights_read(weights, param, from, count, format, to, err);
    for (size_t i = 0; i < threads; i++) {
        size_t mine = (count - done) / (threads - i);
        parts[i] = (struct part){.weights = weights,
                                 .param = param,
                                 .from = from + done,
                                 .count = mine,
                                 .format = format,
                                 .to = (char *)to + format_bytes(format, done)};
        done += mine;
    }
    struct parallel *others = parallel_create((int)threads - 1);
    parallel_run(others, part_read, parts, threads);
    parallel_destroy(others);
    for (size_t i = 0; i < threads; i++)
        if (parts[i].failed < 0)
            return sft_error_set(err, "%s", parts[i].err.text);
    return 0;
}
