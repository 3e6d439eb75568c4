/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

const char *sft_number(char text[SFT_NUMBER], double value, int digits)
{
    bool whole = fabs(value) >= pow(10, digits) - 0.5 && fabs(value) < 1e15;
    if (whole)
        snprintf(text, SFT_NUMBER, "%.0f", value);
    else
        snprintf(text, SFT_NUMBER, "%.*g", digits, value);
    return text;
}

static const char *skip_digits(const char *text)
{
    while (isdigit((unsigned char)*text))
        text++;
    return text;
}

/* JSON's grammar of a number: no plus, no leading zero, digits on both sides of the point. */
static bool is_json_number(const char *text, bool *whole)
{
    text += *text == '-';
    if (!isdigit((unsigned char)*text) || (text[0] == '0' && isdigit((unsigned char)text[1])))
        return false;
    text = skip_digits(text);
    *whole = *text == '\0';
    if (*text == '.') {
        if (!isdigit((unsigned char)text[1]))
            return false;
        text = skip_digits(text + 1);
    }
    if (*text == 'e' || *text == 'E') {
        text += text[1] == '+' || text[1] == '-' ? 2 : 1;
        if (!isdigit((unsigned char)*text))
            return false;
        text = skip_digits(text);
    }
    return *text == '\0';
}

enum sft_type sft_number_read(const char *text, long long *whole, double *real)
{
    bool is_whole = false;
    if (!is_json_number(text, &is_whole))
        return SFT_TEXT;
    if (is_whole) {
        errno = 0;
        *whole = strtoll(text, NULL, 10);
        if (errno == 0)
            return SFT_INTEGER;
    }
    *real = strtod(text, NULL);
    return isfinite(*real) ? SFT_REAL : SFT_TEXT;
}
