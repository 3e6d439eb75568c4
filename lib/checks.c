/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/checks.h"

#include <stdio.h>
#include <string.h>

#include "lib/nearest.h"

enum { NAME = 32 };

static const char *const names[CHECK_WORDS] = {
    [CHECK_GEMM] = "gemm",         [CHECK_MEMORY] = "memory",
    [CHECK_LAUNCH] = "launch",     [CHECK_H2D] = "h2d",
    [CHECK_D2H] = "d2h",           [CHECK_H2D_ALL] = "h2d-all",
    [CHECK_D2H_ALL] = "d2h-all",   [CHECK_NVLINK] = "nvlink",
    [CHECK_NODE] = "node",         [CHECK_PAIR] = "pair",
    [CHECK_GPT2] = "gpt2",         [CHECK_LSTM] = "lstm",
    [CHECK_FACTS] = "facts",       [CHECK_COLLECTIVES] = "collectives",
    [CHECK_CEILINGS] = "ceilings",
};

const char *check_name(enum check check)
{
    return names[check];
}

static int name_unknown(const char *name, struct sft_error *err)
{
    struct nearest nearest;
    char known[256] = "", meant[96];
    size_t used = 0;
    nearest_begin(&nearest, name);
    for (enum check check = 0; check < CHECK_WORDS; check++) {
        if (!(CHECKS_ALL & CHECK_BIT(check)))
            continue;
        nearest_offer(&nearest, names[check], names[check]);
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "",
                                 names[check]);
    }
    return sft_error_set(err, "checks=%.64s: no such check: all, or names joined by '+' of %s%s",
                         name, known, nearest_ask(&nearest, meant, sizeof meant));
}

static int name_add(const char *name, unsigned *checks, struct sft_error *err)
{
    for (enum check check = 0; check < CHECK_WORDS; check++) {
        if (!(CHECKS_ALL & CHECK_BIT(check)) || strcmp(name, names[check]) != 0)
            continue;
        if (*checks & CHECK_BIT(check))
            return sft_error_set(err, "checks: %s stands twice; say it once", name);
        *checks |= CHECK_BIT(check);
        return 0;
    }
    return name_unknown(name, err);
}

int checks_read(const char *text, unsigned *checks, struct sft_error *err)
{
    *checks = CHECKS_ALL;
    if (strcmp(text, "all") == 0)
        return 0;
    *checks = 0;
    for (const char *at = text;; at++) {
        char name[NAME];
        size_t length = strcspn(at, "+");
        snprintf(name, sizeof name, "%.*s", (int)(length < NAME ? length : NAME - 1), at);
        if (name_add(name, checks, err) < 0)
            return -1;
        at += length;
        if (*at == '\0')
            return 0;
    }
}
