/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the parser takes is written and read back the same; a merge never exceeds its size and
 * never loses the new record or the text in front. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_round_trip(const char *text)
{
    struct sft_record record, again;
    char once[SFT_RECORD_MAX], twice[SFT_RECORD_MAX];
    for (const char *cursor = text; sft_record_next(&record, &cursor) == 1;) {
        if (sft_record_format(&record, false, once, sizeof once, NULL) == 0) {
            REQUIRE(sft_record_parse(&again, once, NULL, NULL) == 0);
            REQUIRE(sft_record_format(&again, false, twice, sizeof twice, NULL) == 0);
            REQUIRE(strcmp(once, twice) == 0);
            sft_record_clear(&again);
        }
        sft_record_clear(&record);
    }
}

static void check_merge(const char *text)
{
    struct sft_record record;
    char out[SFT_RECORD_COMMENT + 1];
    REQUIRE(sft_record_parse(&record, "sft1{step=1.0 state=complete}", NULL, NULL) == 0);
    int result = sft_record_merge(text, &record, out, sizeof out, NULL);
    REQUIRE(result >= 0 || strlen(text) > SFT_RECORD_COMMENT);
    if (result == 0) {
        REQUIRE(strlen(out) <= SFT_RECORD_COMMENT);
        REQUIRE(strstr(out, "sft1{step=1.0 state=complete}") != NULL);
        const char *first = strstr(text, "sft1{");
        size_t front = first == NULL ? strlen(text) : (size_t)(first - text);
        while (front > 0 && text[front - 1] == ' ')
            front--;
        REQUIRE(strncmp(out, text, front) == 0);
    }
    sft_record_clear(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    if (text != NULL) {
        check_round_trip(text);
        check_merge(text);
    }
    free(text);
    return 0;
}
