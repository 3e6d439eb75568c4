/* SPDX-License-Identifier: Apache-2.0 */
/* The memory file between rank 0 and the step daemon. */
#include "lib/record.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF (SFT_RECORD_PAGE / 2)
#define STAMP 16 /* bytes of a half's number, behind all text */
_Static_assert(SFT_RECORD_MAX + STAMP <= HALF, "a record fits in half of a page");

static unsigned long long half_number(const char *half)
{
    char number[STAMP + 1] = "";
    memcpy(number, half + HALF - STAMP, STAMP);
    return isdigit((unsigned char)number[0]) ? strtoull(number, NULL, 10) : 0;
}

const char *sft_record_page_text(const char page[SFT_RECORD_PAGE])
{
    return half_number(page + HALF) > half_number(page) ? page + HALF : page;
}

int sft_record_page(const struct sft_record *record, char page[SFT_RECORD_PAGE],
                    struct sft_error *err)
{
    char text[SFT_RECORD_MAX];
    if (sft_record_format(record, false, text, sizeof text, err) < 0)
        return -1;
    unsigned long long first = half_number(page), second = half_number(page + HALF);
    char *half = first > second ? page + HALF : page;
    size_t length = strlen(text);
    memcpy(half, text, length);
    memset(half + length, '\n', HALF - length);
    snprintf(text, sizeof text, "%0*llu", STAMP - 1, (first > second ? first : second) + 1);
    memcpy(half + HALF - STAMP, text, STAMP - 1);
    return 0;
}
