/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/checksum.h"

uint64_t sft_checksum(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * 0x100000001b3u;
    return sum;
}
