/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes first: cmocka wants these headers in front. */
#ifndef SFT_TESTS_UNIT_UNIT_H
#define SFT_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The text must hold the part; shows both when it does not. */
#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (strstr(text_, part_) == NULL)                                                          \
            fail_msg("'%s' does not contain '%s'", text_, part_);                                  \
    } while (0)

#endif
