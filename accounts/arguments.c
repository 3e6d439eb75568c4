/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: getopt_long */
#include "accounts/arguments.h"

#include <stddef.h>

int arguments_read(int argc, char **argv, const char *letters, const struct option *options,
                   arguments_set *set, void *context, struct sft_error *err)
{
    int option;
    optind = 0; /* glibc: start anew, for the tests */
    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (option == ':')
            return sft_error_set(err, "%s: needs a value; see --help", argv[optind - 1]);
        if (option == '?' && optopt != 0 && optopt < 256)
            return sft_error_set(err, "-%c: no such option; see --help", optopt);
        if (option == '?')
            return sft_error_set(err, "%s: no such option, or one that takes no value; see --help",
                                 argv[optind - 1]);
        if (set(context, option, err) < 0)
            return -1;
    }
    return 0;
}
