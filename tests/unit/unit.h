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

/* A command for the shell; the test fails where it does. */
static inline void __attribute__((format(printf, 1, 2))) unit_shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* The first line of a test that computes for more than ten seconds: tests/run.sh runs it once, and
 * not again where all tests run for the sake of how they are built (sanitizers, fewest libraries,
 * another system). */
static inline void unit_takes_long(void)
{
    if (getenv("SFT_QUICK") != NULL)
        skip();
}

#endif
