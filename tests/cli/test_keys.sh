#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The lists of keys and models in the manual, the completion and the site's example are what the library's rows make
# of them.
set -u
src=${SFT_SRCDIR:?} build=${SFT_BUILDDIR:?}
failed=0
for file in man/sft-bench.7 man/sft-bench-job.1 contrib/slurm/sft-bench.conf "$src"/contrib/completion/*; do
    file=${file#"$src"/}
    diff -u --label "$file" --label "$file after make update-keys" "$src/$file" <("$build/contrib/keys" "$src/$file") ||
        failed=1
done
exit $failed
