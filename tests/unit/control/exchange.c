/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/exchange.h"

#include <time.h>

static exchange *by;

void exchange_by(exchange *how)
{
    by = how;
}

int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    return by(bootstrap, mine, bytes, all, err);
}

void sleep_ms(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}
