#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each way of sharing on 1, 2, 3, 4, 6 and 8 real ranks over up to 4 "nodes", sizes that nothing divides,
# gradient accumulation: losses and weights after 20 steps as one rank's, to fp32 rounding. With SFT_QUICK, each way on
# 4 ranks alone.
set -u
# shellcheck source=tests/cli/ranks.sh
. "$SFT_SRCDIR/tests/cli/ranks.sh"
heads=(tied untied gpt2 lora lora_fp8 lora_nf4)
layouts=(1x1 2x2 3x3 4x2 6x3 6x2 8x2 8x8)
[ -z "${SFT_QUICK:-}" ] || layouts=(4x2)
for zero in 0 1 2 3 hybrid; do
    for layout in "${layouts[@]}"; do
        ranks $zero "$layout" "${heads[number % 6]}"
    done
done
exit $failed
