/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/report.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "accounts/spawn.h"
#include "lib/words.h"

#define PROGRAM "sft-report"

static void words_make(struct words *words, const struct sweep_options *options,
                       const struct suite *suite, const char *user, const char *language)
{
    static const char *const keys[] = {"goals", "title", "site", "price"};
    const char *const values[] = {suite->goals, suite->title, suite->site, suite->price};
    char beside[4096 + sizeof PROGRAM];
    words_add(words, "%s", spawn_beside(PROGRAM, beside, sizeof beside) ? beside : PROGRAM);
    words_add(words, "--sweep=%s", options->name);
    words_add(words, "--user=%s", user);
    words_add(words, "--format=html");
    words_add(words, "--lang=%s", language);
    words_add(words, "--output=%s.%s.html", options->name, language);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (values[i][0] != '\0')
            words_add(words, "--%s=%s", keys[i], values[i]);
}

static int page_make(const struct sweep_options *options, const struct suite *suite,
                     const char *user, const char *language, struct sft_error *err)
{
    struct words words = {0};
    char *text = NULL;
    size_t length;
    words_make(&words, options, suite, user, language);
    int rc = words.failed ? sft_error_set(err, "no memory")
                          : spawn_read((const char *const *)words.list, NULL, &text, &length, err);
    free(text);
    words_clear(&words);
    if (rc == 0)
        printf("report: %s.%s.html\n", options->name, language);
    fflush(stdout);
    return rc;
}

int report_make(const struct sweep_options *options, const struct suite *suite,
                struct sft_error *err)
{
    const struct passwd *user = getpwuid(geteuid());
    if (user == NULL) {
        sft_error_set(err, "user %u has no name here", (unsigned)geteuid());
        return SWEEP_WRONG;
    }
    if (page_make(options, suite, user->pw_name, "en", err) < 0 ||
        page_make(options, suite, user->pw_name, "ja", err) < 0)
        return SWEEP_WRONG;
    return SWEEP_WHOLE;
}
