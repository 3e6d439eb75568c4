/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <stdlib.h>

struct open {
    const struct observer *observer;
    void *self;
};

struct observers {
    size_t count;
    struct open list[];
};

struct observers *observers_open(const struct observer *const *list, const struct observed *run,
                                 struct sft_error *err)
{
    size_t most = 0;
    while (list[most] != NULL)
        most++;
    struct observers *all = calloc(1, sizeof *all + most * sizeof all->list[0]);
    if (all == NULL) {
        sft_error_set(err, "no memory for %zu observers", most);
        return NULL;
    }
    for (size_t i = 0; i < most; i++) {
        struct open *next = &all->list[all->count];
        next->observer = list[i];
        if (list[i]->open(run, &next->self, err) < 0) {
            observers_close(all);
            return NULL;
        }
        all->count += next->self != NULL;
    }
    return all;
}

void observers_close(struct observers *all)
{
    if (all == NULL)
        return;
    for (size_t i = all->count; i-- > 0;)
        if (all->list[i].observer->close != NULL)
            all->list[i].observer->close(all->list[i].self);
    free(all);
}

int observers_start(const struct observers *all, struct sft_error *err)
{
    for (const struct open *o = all->list; o < all->list + all->count; o++)
        if (o->observer->start != NULL && o->observer->start(o->self, err) < 0)
            return -1;
    return 0;
}

void observers_begin(const struct observers *all, int number)
{
    for (const struct open *o = all->list; o < all->list + all->count; o++)
        if (o->observer->begin != NULL)
            o->observer->begin(o->self, number);
}

int observers_step(const struct observers *all, struct step *step, struct sft_error *err)
{
    for (const struct open *o = all->list; o < all->list + all->count; o++)
        if (o->observer->step != NULL && o->observer->step(o->self, step, err) < 0)
            return -1;
    return 0;
}

void observers_end(const struct observers *all, bool complete)
{
    for (const struct open *o = all->list; o < all->list + all->count; o++)
        if (o->observer->end != NULL)
            o->observer->end(o->self, complete);
}

int observers_record(const struct observers *all, struct sft_record *record, struct sft_error *err)
{
    for (const struct open *o = all->list; o < all->list + all->count; o++)
        if (o->observer->record != NULL && o->observer->record(o->self, record, err) < 0)
            return -1;
    return 0;
}
