/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/every.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Seconds of "s", "min" and "h", 0 of "", which is steps; -1: no unit. */
static double unit_seconds(const char *unit)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 0}, {"s", 1}, {"min", 60}, {"h", 3600}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].seconds;
    return -1;
}

static int every_refuse(const char *text, struct sft_error *err)
{
    return sft_error_set(err,
                         "checkpoint_every=%.64s: must be a number of steps, as 500, or a time of "
                         "a second or more, as 90s, 10min or 2h",
                         text);
}

int sft_every_read(struct sft_every *every, const char *text, struct sft_error *err)
{
    char *end;
    *every = (struct sft_every){0, SFT_EVERY_SECONDS};
    if (text[0] == '\0')
        return 0;
    if (text[0] < '0' || text[0] > '9' || strpbrk(text, "xX") != NULL)
        return every_refuse(text, err);
    double count = strtod(text, &end), unit = unit_seconds(end);
    bool fits = unit > 0 ? count * unit >= 1 : count >= 1 && count == floor(count);
    if (unit < 0 || !fits || count > 1e6)
        return every_refuse(text, err);
    *every = (struct sft_every){unit > 0 ? 0 : (int)count, count * unit};
    return 0;
}
