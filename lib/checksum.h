/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a of 64 bits: tells two files apart by chance, not against anybody's will. */
#ifndef SFT_LIB_CHECKSUM_H
#define SFT_LIB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define SFT_CHECKSUM_BEGIN 0xcbf29ce484222325u

/* The sum of what `sum` is of with `size` bytes more behind it. */
uint64_t sft_checksum(uint64_t sum, const void *bytes, size_t size);

#endif
