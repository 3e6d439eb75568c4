/* SPDX-License-Identifier: Apache-2.0 */
/* The bootstrap's exchange in a test of ranks that are threads or processes of it: what a scene
 * says it is, in place of PMIx's. */
#ifndef SFT_TESTS_UNIT_CONTROL_EXCHANGE_H
#define SFT_TESTS_UNIT_CONTROL_EXCHANGE_H

#include <stddef.h>

#include "job/control/bootstrap.h"

typedef int exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                     struct sft_error *err);

/* bootstrap_exchange from now on. */
void exchange_by(exchange *how);
void sleep_ms(int ms);

#endif
