/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of all ranks' words. */
#include "job/train/straggler.h"

#include <math.h>
#include <stdlib.h>

#include "lib/stats.h"

#define NORMAL 1.4826
#define NOISE_STEP 2.0  /* standard deviations of a step: 7 of the median of 20 */
#define NOISE_RATIO 5.0 /* of a judgement's ratio, once FEW are known */
#define NOISE_MOST 0.75 /* whatever the noise, this much is told */

enum { FIRST = 5, PAST = 8, FEW = 4 };

struct judged {
    double base; /* cost that it should have; 0: none yet */
    double first[FIRST];
    int firsts;
    double ratio[PAST], noise[PAST]; /* of its healthy judgements, the newest */
    size_t healthy;                  /* of them so far */
    bool slow, was_slow;
    int since;
    double excess[PAST]; /* its ratios less 1 since then, the newest */
    size_t judgements;   /* since then */
};

struct stragglers {
    int ranks, newest;
    struct judged *rank;
    double *ratio, *sorted;
    struct straggler_event worst; /* of those that ended; percent 0: none did */
};

struct stragglers *stragglers_create(int ranks, struct sft_error *err)
{
    struct stragglers *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->ranks = ranks;
        s->rank = calloc((size_t)ranks, sizeof *s->rank);
        s->ratio = calloc((size_t)ranks, sizeof *s->ratio);
        s->sorted = calloc((size_t)ranks, sizeof *s->sorted);
        if (s->rank != NULL && s->ratio != NULL && s->sorted != NULL)
            return s;
    }
    stragglers_destroy(s);
    sft_error_set(err, "no memory to judge %d ranks", ranks);
    return NULL;
}

void stragglers_destroy(struct stragglers *s)
{
    if (s == NULL)
        return;
    free(s->rank);
    free(s->ratio);
    free(s->sorted);
    free(s);
}

static int number_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Those that are numbers, sorted; how many. */
static size_t sort_ratios(struct stragglers *s)
{
    size_t count = 0;
    for (int i = 0; i < s->ranks; i++)
        if (isfinite(s->ratio[i]))
            s->sorted[count++] = s->ratio[i];
    qsort(s->sorted, count, sizeof *s->sorted, number_compare);
    return count;
}

/* Who has no past yet should cost what it does, unless the others cost less. */
static void judge_begin(struct stragglers *s, const struct straggler_word *words)
{
    for (int i = 0; i < s->ranks; i++)
        s->ratio[i] = words[i].cost;
    size_t count = sort_ratios(s);
    double others = count > 0 ? s->sorted[(count - 1) / 2] : 0;
    for (int i = 0; i < s->ranks; i++) {
        double cost = words[i].cost;
        if (s->rank[i].base == 0 && isfinite(cost))
            s->rank[i].base = cost < (1 + STRAGGLER_SLOW) * others ? cost : others;
    }
}

/* What all ratios have in common. A lone rank has nobody to have it in common with. */
static double judge_common(struct stragglers *s)
{
    size_t count = sort_ratios(s);
    if (count < 2)
        return 1;
    double low = s->sorted[(count - 1) / 2], high = s->sorted[count / 2];
    return low > 1 ? low : high < 1 ? high : 1;
}

/* All have become faster, as after a warm-up: that is what they should cost from now on. Else of
 * two ranks of which one then becomes slow neither the one's nor the other's ratio were common. */
static void judge_rebase(struct stragglers *s, double common)
{
    if (common > 1 - STRAGGLER_SLOW / 4)
        return;
    for (int i = 0; i < s->ranks; i++) {
        struct judged *rank = &s->rank[i];
        rank->base *= common;
        for (int k = 0; k < rank->firsts; k++)
            rank->first[k] *= common;
        s->ratio[i] /= common;
    }
}

/* A part of its time, from which on more of it is no noise. */
static double judge_threshold(const struct judged *rank, const struct straggler_word *word)
{
    size_t count = rank->healthy < PAST ? rank->healthy : PAST;
    double noise = count > 0 ? sft_stats_median(rank->noise, count) : word->noise;
    double need = fmax(STRAGGLER_SLOW, NOISE_STEP * noise);
    if (count >= FEW)
        need = fmax(need, NOISE_RATIO * NORMAL * sft_stats_mad(rank->ratio, count));
    return fmin(need, NOISE_MOST);
}

static void judge_healthy(struct judged *rank, const struct straggler_word *word, double common,
                          double ratio)
{
    rank->ratio[rank->healthy % PAST] = ratio;
    rank->noise[rank->healthy % PAST] = word->noise;
    rank->healthy++;
    if (rank->firsts == FIRST)
        return;
    rank->first[rank->firsts++] = word->cost / common;
    rank->base = sft_stats_median(rank->first, (size_t)rank->firsts);
}

/* The share of its time times the steps. */
static double event_weight(const struct straggler_event *event)
{
    return event->percent * (event->until - event->since);
}

static struct straggler_event judged_event(const struct judged *rank, int number, int until)
{
    size_t count = rank->judgements < PAST ? rank->judgements : PAST;
    double percent = count > 0 ? 100 * sft_stats_median(rank->excess, count) : 0;
    return (struct straggler_event){number, false, percent, rank->since, until};
}

/* Is a rank's word an event? `first`: where its steps begin. */
static bool judge_rank(struct stragglers *s, int number, const struct straggler_word *word,
                       double common, int first, struct straggler_event *event)
{
    struct judged *rank = &s->rank[number];
    double ratio = s->ratio[number] / common;
    int since = word->since == STRAGGLER_NEVER ? first : (int)word->since;
    if (!isfinite(ratio))
        return false;
    if (!rank->slow && ratio - 1 < judge_threshold(rank, word)) {
        judge_healthy(rank, word, common, ratio);
        return false;
    }
    if (rank->slow && ratio - 1 < judge_threshold(rank, word) / 2) {
        *event = judged_event(rank, number, since > rank->since ? since : first);
        if (event_weight(event) > event_weight(&s->worst))
            s->worst = *event;
        rank->slow = false;
        return true;
    }
    bool begins = !rank->slow;
    if (begins) {
        rank->since = since;
        rank->judgements = 0;
    }
    rank->slow = rank->was_slow = true;
    rank->excess[rank->judgements++ % PAST] = ratio - 1;
    *event = (struct straggler_event){number, true, 100 * (ratio - 1), since, 0};
    return begins;
}

size_t stragglers_judge(struct stragglers *s, const struct straggler_word *words, int first,
                        int last, struct straggler_event *events)
{
    size_t count = 0;
    judge_begin(s, words);
    for (int i = 0; i < s->ranks; i++)
        s->ratio[i] = words[i].cost / s->rank[i].base;
    judge_rebase(s, judge_common(s));
    double common = judge_common(s);
    for (int i = 0; i < s->ranks; i++)
        count += judge_rank(s, i, &words[i], common, first, &events[count]);
    s->newest = last;
    return count;
}

bool stragglers_worst(const struct stragglers *s, struct straggler_event *worst)
{
    *worst = s->worst;
    for (int i = 0; i < s->ranks; i++) {
        struct straggler_event event = judged_event(&s->rank[i], i, s->newest + 1);
        if (s->rank[i].slow && event_weight(&event) > event_weight(worst))
            *worst = event;
    }
    return worst->percent > 0;
}

int stragglers_count(const struct stragglers *s)
{
    int count = 0;
    for (int i = 0; i < s->ranks; i++)
        count += s->rank[i].was_slow;
    return count;
}
