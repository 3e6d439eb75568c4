#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In FP8 on 1, 2, 4 and 8 ranks by tensor and by row, all that is computed again, 1 and 2 micro-batches a rank: as one
# rank's to what FP8 makes of it, and where weights come in FP8 as if they came in fp32, bit for bit. With SFT_QUICK, on 4
# ranks alone.
set -u
# shellcheck source=tests/cli/ranks.sh
. "$SFT_SRCDIR/tests/cli/ranks.sh"
kinds=(fp8-tensor fp8-row fp8-gpt2) levels=(none norms block)
for zero in 1 2 3 hybrid; do
    case ${SFT_QUICK:-}$zero in
    [3h]*) layouts="1x1 2x2 4x2 8x2" ;;
    *) layouts=4x2 ;;
    esac
    for layout in $layouts; do
        for i in 0 1 2; do
            many=$((1 + number % 2))
            [ "$layout" = 1x1 ] && many=2 # of one micro-batch a step nothing is learnt
            ranks $zero "$layout" "${kinds[i]}" "${levels[(i + number / 3) % 3]}" $many
        done
    done
done
exit $failed
