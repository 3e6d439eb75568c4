/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

const char *sft_number(char text[SFT_NUMBER], double value, int digits)
{
    bool whole = fabs(value) >= pow(10, digits) - 0.5 && fabs(value) < 1e15;
    if (whole)
        snprintf(text, SFT_NUMBER, "%.0f", value);
    else
        snprintf(text, SFT_NUMBER, "%.*g", digits, value);
    return text;
}
