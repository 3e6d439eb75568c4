/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the parser takes, of either form, is written and read back the same; a record that is
 * made to fit does; a merge never exceeds its size, never loses the new record or the text in
 * front; a page takes a record whatever was there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record.h"

#define BRIEF "sft2{step=1.0 state=complete"
#define NEW BRIEF " seed=3 hosts=a,b}"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_fit(struct sft_record *record, size_t size)
{
    char text[SFT_RECORD_MAX], brief[SFT_RECORD_MAX];
    int fits = sft_record_fit(record, size, NULL);
    REQUIRE(sft_record_format(record, false, text, sizeof text, NULL) == 0);
    REQUIRE(sft_record_format(record, true, brief, sizeof brief, NULL) == 0);
    REQUIRE(fits == 0 ? strlen(text) < size : strcmp(text, brief) == 0);
}

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
            check_fit(&record, strlen(once) / 2);
        }
        sft_record_clear(&record);
    }
}

static void check_merge(const char *text)
{
    struct sft_record record;
    char out[SFT_RECORD_COMMENT + 1];
    REQUIRE(sft_record_parse(&record, NEW, NULL, NULL) == 0);
    int result = sft_record_merge(text, &record, out, sizeof out, NULL);
    REQUIRE(result >= 0 || strlen(text) > SFT_RECORD_COMMENT);
    if (result == 0) {
        REQUIRE(strlen(out) <= SFT_RECORD_COMMENT);
        REQUIRE(strstr(out, BRIEF) != NULL);
        const char *first = sft_record_find(text, strlen(text));
        size_t front = first == NULL ? strlen(text) : (size_t)(first - text);
        while (front > 0 && text[front - 1] == ' ')
            front--;
        REQUIRE(strncmp(out, text, front) == 0);
    }
    sft_record_clear(&record);
}

static void check_page(const char *text, size_t length)
{
    struct sft_record record;
    char page[SFT_RECORD_PAGE + 1] = "";
    memcpy(page, text, length < SFT_RECORD_PAGE ? length : SFT_RECORD_PAGE);
    REQUIRE(sft_record_parse(&record, NEW, NULL, NULL) == 0);
    const char *before = sft_record_page_text(page);
    REQUIRE(before == page || before == page + SFT_RECORD_PAGE / 2);
    REQUIRE(sft_record_page(&record, page, NULL) == 0);
    sft_record_clear(&record);
    if (sft_record_parse(&record, sft_record_page_text(page), NULL, NULL) == 0)
        sft_record_clear(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    if (text != NULL) {
        check_round_trip(text);
        check_merge(text);
        check_page((const char *)data, size);
    }
    free(text);
    return 0;
}
