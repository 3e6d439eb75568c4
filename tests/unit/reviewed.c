/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/reviewed.h"

const char *reviewed_folder(const char *variable)
{
    const char *path = getenv(variable);
    return path != NULL ? path : ".";
}

void reviewed_check(const char *name, const char *kind, reviewed_print *print)
{
    const char *source = reviewed_folder("SFT_SRCDIR");
    char machine[1024], expected[1024], actual[1024], command[4096];
    snprintf(machine, sizeof machine, "%s/tests/fixtures/topology/%s.txt", source, name);
    snprintf(expected, sizeof expected, "%s/tests/fixtures/expected/%s.%s.txt", source, name, kind);
    snprintf(actual, sizeof actual, "%s/tests/unit/%s.%s.txt", reviewed_folder("SFT_BUILDDIR"),
             name, kind);
    FILE *out = fopen(actual, "w");
    assert_non_null(out);
    print(out, machine);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof command, "diff -u '%s' '%s' >&2", expected, actual);
    if (system(command) != 0)
        fail_msg("%s: not as expected, see above", actual);
    remove(actual);
}
