/* SPDX-License-Identifier: Apache-2.0 */
/* Apart: tests with ranks as threads have their own. */
#include "job/control/bootstrap.h"

#include <string.h>

int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    if (bootstrap->name != NULL && strcmp(bootstrap->name, "pmix") == 0)
        return bootstrap_exchange_pmix(bootstrap, mine, bytes, all, err);
    memcpy(all, mine, bytes);
    return 0;
}
