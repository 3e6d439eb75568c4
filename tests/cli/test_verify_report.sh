#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sft-report --verify: tables and pages of runs of verify, of one node's weeks, and what is no such file.
set -u
src=${SFT_SRCDIR:?} report=${SFT_BUILDDIR:?}/sft-report
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export TZ=UTC
count=0 failed=0

ok() { # ok NAME FUNCTION
    count=$((count + 1))
    if "$2" >log 2>&1; then
        echo "ok $count $1"
    else
        failed=1
        echo "not ok $count $1"
        sed 's/^/# /' log
    fi
}

python3 "$src/tests/fixtures/make_verify_history.py" history 6

newest() {
    "$report" --verify history >out && [ "$(grep -c 'hgx-' out)" -eq 8 ] &&
        grep -q '0007  bad  *0.50  *341.8 .*GEMMs 345 TFLOP/s.*hw-power-brake' out && grep -q '^UTC .*TFLOP/s *GB/s *us *GB/s' out
}
ok "the newest run, a line a node" newest

weeks() {
    "$report" --verify history --node fukushimadc-02-hgx-0007 --json >out && python3 - <<'PY'
import json
rows = json.load(open("out"))
rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
assert [r["verdict"] for r in rows] == ["good"] * 3 + ["bad"] * 3, rows
assert all(abs(float(r["gemm"]) - (345 if r["verdict"] == "bad" else 690)) < 8 for r in rows), rows
PY
}
ok "a node's runs, as JSON" weeks

page() {
    "$report" --verify history --node fukushimadc-02-hgx-0007 --format html --output page.html 2>err && python3 - <<'PY'
import re
text = open("page.html", encoding="utf-8").read()
assert "Of 8 nodes 7 are good, 0 have a warning, 1 are bad." in text
ids = re.findall(r'<h2 id="(\w+)"', text)
assert ids == ["nodes", "findings", "weeks", "node", "collectives"], ids
nodes = text[text.index('id="nodes"'):text.index('id="findings"')]
warm = re.findall(r'<th scope="row">([^<]*)(?:<wbr>)?[^\n]*?class="n h3">([\d.,]+)<small>&times;(\d\.\d+)', nodes)
assert len(warm) == 1 and float(warm[0][2]) == 0.5, warm
assert nodes.count('class="n h0"') == 31, nodes.count('class="n h0"')
weeks = text[text.index('id="weeks"'):text.index('id="node"')]
assert weeks.count('class="n h3"') == 3 and weeks.count("10-01") == 1, weeks
node = text[text.index('id="node"'):text.index('id="collectives"')]
assert len(re.findall(r'class="n h3">342<small>&times;0\.50', node)) == 3, node
assert "scontrol update NodeName=" in text and "<script" not in text
PY
}
ok "the page: a warm cell, what to type, the weeks" page

japanese() {
    "$report" --verify history --format html --lang ja --output ja.html && grep -q '<html lang="ja">' ja.html
}
ok "the page in Japanese" japanese

hostile() {
    mkdir bad && cp history/verify-20261001T090000Z-100.0.json bad/ && python3 - <<'PY'
import json
v = json.load(open("bad/verify-20261001T090000Z-100.0.json"))
v["time"] = "2026-11-26T00:00:00Z"
n = v["nodes"][0]
n["host"] = "<script>alert(1)</script>"
n["finding"] = "\x1b[31m\u202e"
n["checks"]["gemm"]["worst"] = "no number"
n["checks"]["memory"] = 3
n["verdict"] = "wonderful"
v["checks"] += [{"name": f"x{i}"} for i in range(100)] + [7, {"name": 3}]
json.dump(v, open("bad/verify-2.json", "w"))
open("bad/verify-3.json", "w").write("{")
open("bad/verify-4.json", "w").write('{"form": 1, "nodes": []}')
open("bad/other.json", "w").write("{")
PY
    "$report" --verify bad --format html --output bad.html 2>err && grep -q '2 files left out' err &&
        ! grep -q '<script' bad.html && ! grep -q "$(printf '\033')" bad.html && "$report" --verify bad >out && ! grep -q "$(printf '\033')" out &&
        grep -q 'could not tell' out
}
ok "a file that somebody made up" hostile

refused() { # refused TEXT ARGUMENT... : one line, status 2
    local text=$1
    shift
    "$report" "$@" >out 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$text" err || { cat err; return 1; }
}
refusals() {
    mkdir empty
    refused "empty: no file verify*.json in this folder" --verify empty &&
        refused "nowhere: cannot read" --verify nowhere && refused "in none of 6 runs of verify" --verify history --node n1 &&
        refused "in none of 6 runs of verify" --verify history --node n1 --format html --output none.html && [ ! -e none.html ] &&
        refused "--node: is of --verify PATH" --node n1 && refused "is no verify.json" --verify bad/verify-4.json
}
ok "what is missing or no such file is said in one line" refusals

records() { # beside records of training
    python3 - <<'PY'
import json
json.dump({"task": "verify", "state": "complete", "step": "7.0", "verdict": "bad", "nodes": 2, "ranks": 2}, open("result.json", "w"))
PY
    "$report" --input result.json >out && grep -q ' verify ' out && "$report" --input result.json --format html --output none.html 2>err
    [ $? -eq 1 ] && grep -q '1 run of verify left out: --verify shows its verify.json' err
}
ok "its record stands in the table and not among configurations" records

echo "1..$count"
exit $failed
