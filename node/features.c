/* SPDX-License-Identifier: Apache-2.0 */
#include "node/features.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

struct reader {
    const char *at;
    const char *features;
    int depth;
    bool failed;
};

static bool features_list(struct reader *reader);

static bool features_has(const char *features, const char *name, size_t length)
{
    while (features != NULL && *features != '\0') {
        size_t size = strcspn(features, ",");
        size_t bare = strcspn(features, "(,"); /* a newer release adds its state in parentheses */
        if (bare == length && strncmp(features, name, length) == 0)
            return true;
        features += size + (features[size] == ',');
    }
    return false;
}

static void features_count(struct reader *reader)
{
    if (*reader->at == '*')
        reader->at += 1 + strspn(reader->at + 1, "0123456789");
}

static bool features_group(struct reader *reader)
{
    char close = *reader->at++ == '[' ? ']' : ')';
    reader->failed = reader->failed || reader->depth >= 8;
    if (reader->failed)
        return true;
    reader->depth++;
    bool met = features_list(reader);
    reader->depth--;
    if (*reader->at != close)
        reader->failed = true;
    else
        reader->at++;
    return met;
}

static bool features_one(struct reader *reader)
{
    bool met;
    if (*reader->at == '[' || *reader->at == '(') {
        met = features_group(reader);
    } else {
        size_t length = strcspn(reader->at, "&|,*[]()");
        reader->failed = reader->failed || length == 0;
        met = features_has(reader->features, reader->at, length);
        reader->at += length;
    }
    features_count(reader);
    return met;
}

/* From left to right, as Slurm does: neither sign binds closer. */
static bool features_list(struct reader *reader)
{
    bool met = features_one(reader);
    while (!reader->failed && *reader->at != '\0' && strchr("&|,", *reader->at) != NULL) {
        bool either = *reader->at++ == '|';
        bool next = features_one(reader);
        met = either ? met || next : met && next;
    }
    return met;
}

bool features_meet(const char *constraint, const char *features)
{
    struct reader reader = {.at = constraint, .features = features};
    if (constraint == NULL || *constraint == '\0')
        return true;
    bool met = features_list(&reader);
    return met || reader.failed || *reader.at != '\0';
}
