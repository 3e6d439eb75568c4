/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that a suite's lines make. */
#include "sweep/suite.h"

#include <stdio.h>
#include <string.h>

#include "sweep/cells.h"

enum taken { TAKEN_ALL, TAKEN_SMOKE, TAKEN_VERIFY };

/* Does a run of this kind take the key of a line that is about all? Lengths are one thing: of
 * steps, seconds and epochs a run has one. */
static bool with_is_taken(const struct sft_field *field, const struct sft_request *request,
                          enum taken taken)
{
    static const char *const some[] = {"gpus",  "device",  "bind",   "timeout",
                                       "steps", "seconds", "warmup", NULL};
    bool is_length = strcmp(field->name, "steps") == 0 || strcmp(field->name, "seconds") == 0 ||
                     strcmp(field->name, "epochs") == 0;
    int most = taken == TAKEN_VERIFY ? 4 : 7;
    bool takes = taken == TAKEN_ALL;
    for (int i = 0; i < most; i++)
        takes |= strcmp(field->name, some[i]) == 0;
    if (is_length && (request->steps > 0 || request->seconds > 0 || request->epochs > 0))
        return false;
    return takes && !sft_field_said(field, request);
}

static int with_set(struct sft_request *request, const char *pair, enum taken taken,
                    struct sft_error *err)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(pair, "="), pair);
    const struct sft_field *field = sft_field_find(sft_request_keys(), key);
    if (field != NULL && !with_is_taken(field, request, taken))
        return 0;
    return sft_request_set(request, key, strchr(pair, '=') + 1, err);
}

static int withs_set(const struct suite *suite, const struct sweep_options *options,
                     struct sft_request *request, enum taken taken, struct sft_error *err)
{
    for (int i = 0; options != NULL && i < options->with_count; i++)
        if (with_set(request, options->with[i], taken, err) < 0)
            return sft_error_prefix(err, "--with");
    for (size_t i = 0; i < suite->with.count; i++)
        if (with_set(request, suite->with.at[i].text, taken, err) < 0)
            return -1;
    return 0;
}

int suite_request(const struct suite *suite, const struct sweep_options *options, bool smoke,
                  const char *text, struct sft_request *request, struct sft_error *err)
{
    char whole[SWEEP_REQUEST];
    if (sft_request_parse(request, text, err) < 0 ||
        withs_set(suite, options, request, smoke ? TAKEN_SMOKE : TAKEN_ALL, err) < 0)
        return -1;
    if (sft_request_format(request, whole, sizeof whole, NULL) < 0)
        return sft_error_set(err,
                             "%.60s: with its keys it is longer than %d bytes, and the job's "
                             "comment must hold it beside the record",
                             text, SWEEP_REQUEST - 1);
    return 0;
}

int suite_verify(const struct suite *suite, const struct sweep_options *options, int nodes,
                 struct sft_request *request, struct sft_error *err)
{
    if (sft_request_parse(request, "verify", err) < 0)
        return -1;
    request->nodes = nodes;
    if (strcmp(suite->verify, "all") != 0 &&
        sft_request_set(request, "checks", suite->verify, err) < 0)
        return -1;
    return withs_set(suite, options, request, TAKEN_VERIFY, err);
}
