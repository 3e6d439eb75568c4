/* SPDX-License-Identifier: Apache-2.0 */
/* What a test prints of a described machine (tests/fixtures/topology) beside the reviewed text
 * (tests/fixtures/expected). After a change that is meant, look at the difference and copy what the
 * build folder has. */
#ifndef SFT_TESTS_UNIT_REVIEWED_H
#define SFT_TESTS_UNIT_REVIEWED_H

#include "tests/unit/unit.h"

/* Print what is tested of the machine that the file describes; fails the test by itself. */
typedef void reviewed_print(FILE *out, const char *machine_file);

/* NAME.txt printed and compared with NAME.KIND.txt. */
void reviewed_check(const char *name, const char *kind, reviewed_print *print);

/* A folder of the environment, "." without it. */
const char *reviewed_folder(const char *variable);

/* A test of test_machine(), whose state is the machine's name. */
#define MACHINE(name)                                                                              \
    {                                                                                              \
        "test_" name, test_machine, NULL, NULL, (void *)(uintptr_t)name                            \
    }

#endif
