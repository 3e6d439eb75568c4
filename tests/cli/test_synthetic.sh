#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# data=synthetic and data=synthetic:N as sft-bench-job reads them: what is one, and what is refused.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
failed=0
[ -x "$job" ] || exit 77

fail()
{
    echo "FAIL: $1"
    failed=1
}

# taken REQUEST: the job would run it; prints what --plan says of the data
taken()
{
    "$job" --check "$1" >/dev/null || fail "$1 was refused"
    "$job" --plan "$1" | sed -n 's/^data *//p'
}

# refused REQUEST TEXT: exit status 1 and one line that holds the text
refused()
{
    local said status
    said=$("$job" --check "$1" 2>&1)
    status=$?
    [ $status = 1 ] || fail "$1: exit status $status, expected 1"
    [ "$(wc -l <<<"$said")" = 1 ] || fail "$1: more than a line: $said"
    case $said in
    *"$2"*) ;;
    *) fail "$1: '$said' does not contain '$2'" ;;
    esac
}

data=$(taken tiny,data=synthetic)
[[ $data == synthetic:* && $data != synthetic:[0-9]* ]] || fail "data=synthetic is '$data'"
for length in 2 100 128 1024; do # tiny's seq is 1024
    data=$(taken "tiny,data=synthetic:$length")
    [[ $data == "synthetic:$length: "*" $length.0 tokens a record, 0 cut, "* ]] ||
        fail "data=synthetic:$length is '$data'"
    [ $((1024 % length)) != 0 ] || [[ $data == *" packs 100.0% full"* ]] ||
        fail "data=synthetic:$length is '$data', expected full packs"
done
data=$(taken tiny,seq=64,data=synthetic:64)
[[ $data == synthetic:64:* ]] || fail "seq=64,data=synthetic:64 is '$data'"

for length in 0 1 -5 1025 9999999 99999999999999999999999 4294967298 x 12x 0x10 1e2 '' ' 5' +5 '5 '; do
    refused "tiny,data=synthetic:$length" "data=synthetic:$length: documents must have from 2 to seq=1024"
done
refused tiny,seq=64,data=synthetic:65 "from 2 to seq=64"
# other names are files'
refused tiny,data=syntheticx "syntheticx: cannot read"
refused tiny,data=Synthetic "Synthetic: cannot read"
exit $failed
