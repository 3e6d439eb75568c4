/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/straggler_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

#define CLOCK_LOW 0.97 /* of the others' */

enum { HW_SLOWDOWN = 0x8 }; /* stands beside its reason */

static const struct {
    unsigned bit;
    const char *title;
} reasons[] = {
    {0x80, "HW power brake"},      {0x40, "HW thermal slowdown"}, {HW_SLOWDOWN, "HW slowdown"},
    {0x20, "SW thermal slowdown"}, {0x4, "SW power cap"},         {0x2, "application clocks"},
};

static void __attribute__((format(printf, 3, 4)))
add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* The higher of two middle ones: where half are slow the others' is meant. NAN: none has one. */
static double others_clock(const struct straggler_word *words, int ranks, int rank)
{
    double *mhz = calloc((size_t)ranks, sizeof *mhz);
    size_t count = 0;
    for (int i = 0; i < ranks && mhz != NULL; i++)
        if (i != rank && isfinite(words[i].sm_mhz))
            mhz[count++] = words[i].sm_mhz;
    double clock = NAN;
    if (count > 0)
        clock = count % 2 == 1
                    ? sft_stats_median(mhz, count)
                    : sft_stats_quantile(mhz, count, (double)(count / 2) / (double)(count - 1));
    free(mhz);
    return clock;
}

/* Its reasons that not half of the others have as well. */
static unsigned own_reasons(const struct straggler_word *words, int ranks, int rank)
{
    unsigned own = 0, mine = (unsigned)words[rank].reasons;
    for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++) {
        int have = 0;
        for (int i = 0; i < ranks; i++)
            have += i != rank && ((unsigned)words[i].reasons & reasons[k].bit) != 0;
        if ((mine & reasons[k].bit) != 0 && (ranks == 1 || 2 * have < ranks - 1))
            own |= reasons[k].bit;
    }
    return (own & ~(unsigned)HW_SLOWDOWN) != 0 ? own & ~(unsigned)HW_SLOWDOWN : own;
}

void straggler_cause(const struct straggler_word *words, int ranks, int rank,
                     char cause[STRAGGLER_CAUSE])
{
    double clock = words[rank].sm_mhz, others = others_clock(words, ranks, rank);
    unsigned own = own_reasons(words, ranks, rank);
    cause[0] = '\0';
    if (!isfinite(clock))
        return;
    if (clock < CLOCK_LOW * others)
        add(cause, STRAGGLER_CAUSE, "SM clock %.0f MHz, the others' %.0f", clock, others);
    else if (ranks == 1 && own != 0)
        add(cause, STRAGGLER_CAUSE, "SM clock %.0f MHz", clock);
    for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++)
        if ((own & reasons[k].bit) != 0)
            add(cause, STRAGGLER_CAUSE, "%s%s", cause[0] != '\0' ? ", " : "", reasons[k].title);
    if (cause[0] == '\0')
        add(cause, STRAGGLER_CAUSE, "its GPU's sensors show no cause");
}

/* Is it of that event's line? */
static bool is_alike(const struct straggler_event *a, const struct straggler_event *b,
                     const char *hosts, size_t host_size)
{
    return a->begins == b->begins &&
           strcmp(hosts + (size_t)a->rank * host_size, hosts + (size_t)b->rank * host_size) == 0;
}

/* "rank 13", "ranks 8-11,14": of the events alike the one at `at`. */
static void add_ranks(const struct straggler_event *events, size_t count, size_t at,
                      const char *hosts, size_t host_size, char *text)
{
    int first = -1, last = -1;
    char list[256] = "";
    for (size_t i = at; i <= count; i++) {
        if (i < count && !is_alike(&events[i], &events[at], hosts, host_size))
            continue;
        if (i < count && last >= 0 && events[i].rank == last + 1) {
            last++;
            continue;
        }
        if (last >= 0)
            add(list, sizeof list, last > first ? "%s%d-%d" : "%s%d", list[0] != '\0' ? "," : "",
                first, last);
        first = last = i < count ? events[i].rank : -1;
    }
    add(text, STRAGGLER_TEXT, "rank%s %s", strpbrk(list, ",-") != NULL ? "s" : "", list);
}

static const struct straggler_event *slowest(const struct straggler_event *events, size_t count,
                                             size_t at, const char *hosts, size_t host_size)
{
    const struct straggler_event *most = &events[at];
    for (size_t i = at; i < count; i++)
        if (is_alike(&events[i], most, hosts, host_size) && events[i].percent > most->percent)
            most = &events[i];
    return most;
}

/* Does a line of an earlier event tell it? */
static bool is_told(const struct straggler_event *events, size_t at, const char *hosts,
                    size_t host_size)
{
    for (size_t i = 0; i < at; i++)
        if (is_alike(&events[i], &events[at], hosts, host_size))
            return true;
    return false;
}

void straggler_lines(const struct straggler_event *events, size_t count,
                     char (*causes)[STRAGGLER_CAUSE], const char *hosts, size_t host_size,
                     char text[STRAGGLER_TEXT])
{
    int lines = 0;
    text[0] = '\0';
    for (size_t at = 0; at < count; at++) {
        if (is_told(events, at, hosts, host_size) || lines++ >= STRAGGLER_LINES)
            continue;
        const struct straggler_event *most = slowest(events, count, at, hosts, host_size);
        const char *cause = causes[most->rank];
        add(text, STRAGGLER_TEXT, "sft-bench-job: ");
        add_ranks(events, count, at, hosts, host_size, text);
        add(text, STRAGGLER_TEXT, " on %.63s: ", hosts + (size_t)most->rank * host_size);
        if (most->begins)
            add(text, STRAGGLER_TEXT, "%.0f%% slower since step %d%s%s\n", most->percent,
                most->since + 1, cause[0] != '\0' ? ", " : "", cause);
        else
            add(text, STRAGGLER_TEXT, "no longer slow since step %d; %.0f%% slower for %d steps\n",
                most->until + 1, most->percent, most->until - most->since);
    }
    if (lines > STRAGGLER_LINES)
        add(text, STRAGGLER_TEXT, "sft-bench-job: and ranks of %d more hosts\n",
            lines - STRAGGLER_LINES);
}
