#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Verify's collectives on real ranks: the sums are right, of all ranks and of two; and one that does not come costs the
# others their limit and no more.
set -u
# shellcheck source=tests/cli/ranks.sh
. "$SFT_SRCDIR/tests/cli/ranks.sh"
team=$SFT_BUILDDIR/tests/unit/collective/team_ranks
for ranks in 2 3 4 7; do
    for kind in all pairs late; do
        number=$((number + 1))
        said=$(timeout 120 mpirun --oversubscribe -n $ranks "$team" $kind 2>&1)
        status=$?
        # Who leaves MPI without its end is complained of by mpirun.
        [ $kind != late ] || [ $status -eq 124 ] || status=0
        [[ $said == *well* && $said != *team_ranks:* ]] || status=1
        [ $status -eq 0 ] || { failed=1 && printf 'not '; }
        echo "ok $number $kind of $ranks ranks"
        [ $status -eq 0 ] || sed 's/^/# /' <<<"$said"
    done
done
echo "1..$number"
exit $failed
