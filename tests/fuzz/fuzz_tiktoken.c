/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as tiktoken ranks: fuzz_bpe.h. */
#include "tests/fuzz/fuzz_bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_bpe(bpe_tiktoken_read, bytes, size);
}
