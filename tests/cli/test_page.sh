#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The page of made-up records (tests/fixtures/sacct-report.json): nothing hostile gets through, every section and
# chart is there, both languages have the same figures and no text is left in the other language, and a browser
# renders it without a complaint, at 1280 px and on A4. Prints "ok - WHAT" or "not ok - WHAT".
# shellcheck disable=SC2016,SC2317
set -u
src=${SFT_SRCDIR:?} build=${SFT_BUILDDIR:?}
report=$build/sft-report
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

ok() { # ok WHAT COMMAND...
    local what=$1
    shift
    if "$@" >out 2>&1; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        tail -n 20 out
        failed=1
    fi
}

skip() { echo "ok - $1 # skip $2"; }

# Goals for the fixture's runs. They are of the first form, which decides none; of the second form 7B's are reached, and
# 70B is beyond the hardware.
cat >goals.conf <<'EOF'
by = <b>Example</b>
name=7B, model=llama-7b, gpus=32, samples_s=3000, sample_tokens=128
name=70B, model=llama-70b, gpus=8, samples_s=160, sample_tokens=128
nodes=4, scaling=80
nodes=8, scaling=80
gpu_util=99
EOF

page() { # page LANG FILE [OPTION]...
    "$report" --input "$src/tests/fixtures/sacct-report.json" --format html --lang "$1" --price 600:JPY --tokens 100M \
        --goals goals.conf --output "$2" "${@:3}"
}

nls=$("$report" --input "$src/tests/fixtures/sacct-report.json" --format html --lang ja >/dev/null 2>&1 && echo yes)

# Where the prefix that it was made for has no catalogue, as in `make distcheck`, else it has that one.
moved() {
    local catalogue=$SFT_BUILDDIR/po/ja/LC_MESSAGES/sft-report.mo
    mkdir -p moved/bin moved/share/locale/ja/LC_MESSAGES && cp "$report" moved/bin/ &&
        cp "$catalogue" moved/share/locale/ja/LC_MESSAGES/ &&
        env -u SFT_LOCALEDIR moved/bin/sft-report --input "$src/tests/fixtures/sacct-report.json" --format html --lang ja >moved.html &&
        grep -q '<html lang="ja">' moved.html
}
[ -z "$nls" ] || ok "an installation that was moved speaks Japanese" moved

ok "the page is made" page en en.html --charts charts
cp out said
ok "broken records are counted on standard error" grep -qx 'sft-report: 3 broken records left out' said

hostile() {
    ! grep -qiE '<script|<img|onerror=[^&]|onload=[^&"]|http-equiv|src=|href="http' en.html &&
        grep -q '&lt;script&gt;alert(1)&lt;/script&gt;' en.html &&
        ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' en.html && iconv -f UTF-8 -t UTF-8 en.html >/dev/null
}
ok "nothing unescaped reaches it" hostile

quoted() {
    # the request tiny:1,out=/a'b; reboot $(x) as a shell reads it back, then as HTML
    grep -qF 'srun --sft-bench=&#39;tiny:1,out=/a&#39;\&#39;&#39;b; reboot $(x)&#39;' en.html
}
ok "a command that would be typed is quoted" quoted

sections() {
    local id
    for id in summary cost goals method appendix throughput utilization plan ranks system aside jobs; do
        grep -q "<h2 id=\"$id\">" en.html || { echo "no section $id"; return 1; }
    done
    [ "$(grep -oE '<h2 id="(summary|cost|goals|method|appendix|system|jobs)"' en.html | sed 's/.*"\(.*\)"/\1/' | xargs)" = \
        "summary cost goals method appendix system jobs" ] || { echo "in another order"; return 1; }
    # The first screen: a box, one sentence, one chart, one table.
    sed -n '/<h1>/,/<h2 id="cost"/p' en.html >first
    [ "$(grep -c '<dl class="box">' first)" -eq 1 ] && [ "$(grep -c '<p class="result">' first)" -eq 1 ] &&
        [ "$(grep -c '<figure ' first)" -le 1 ] && [ "$(grep -c '<table>' first)" -eq 1 ] || { echo "first screen"; return 1; }
}
ok "every section is there, in its order" sections

unasked() { # what nobody asked for, and what has nothing to say
    "$report" --input "$src/tests/fixtures/sacct-report.json" --format html --goals none --output plain.html 2>/dev/null &&
        ! grep -qE '<h2 id="(goals|cost|trend)"' plain.html && ! grep -q 'not met' plain.html &&
        "$report" --input "$src/tests/fixtures/sacct-report.json" --format html --goals nowhere 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q nowhere err && python3 - <<'PY'
import re
text = re.sub("<sup>.*?</sup>|<wbr>", "", open("plain.html", encoding="utf-8").read())
for table in re.findall(r"<table>.*?</table>", text, re.S):
    rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)]
    heads, rows = rows[0], rows[1:]
    assert rows, heads
    for i, head in enumerate(heads):
        cells = [row[i] for row in rows if len(row) == len(heads)]
        assert not cells or "Mark" in head or "record says" in head or {c.strip() for c in cells} != {"\u2013"}, head
PY
}
ok "without goals, tokens and price no such sections, and no column of dashes" unasked

counted() {
    python3 - <<'PY'
import re
text = open("en.html", encoding="utf-8").read()
assert "25 runs, 20 of them counted" in text
aside = text[text.index('<h2 id="aside">'):text.index('<h2 id="jobs">')]
jobs = re.findall(r'<tr><td class="n">(\d+)</td>', aside)
assert sorted(jobs) == ["202", "203", "204", "205", "207"], jobs
assert "rank 3 does not answer" in aside
# worked out apart from the fixture: the medians of 3 repeats, and the one rank that is 12% slower
import json
rows = {}
for job in json.load(open(f"{__import__('os').environ['SFT_SRCDIR']}/tests/fixtures/sacct-report.json"))["jobs"]:
    record = dict(f.split("=", 1) for f in re.findall(r"\w+=[^ }]*", job["comment"]["administrator"]))
    if job["job_id"] in (107, 108, 109):
        rows[job["job_id"]] = float(record["tok_s"])
median = sorted(rows.values())[1]
assert f"{median:,.0f}" in text, median
assert re.search(r'hgx-0003.*?rank 19</span> 1[01]\.\d %', text, re.S)
assert len(re.findall("rank \\d+</span>", text)) == 1
# goals: each has its line, with its reason where nothing decided it
goals = re.sub("<sup>.*?</sup>|<wbr>", "", text[text.index('<h2 id="goals">'):text.index('<h2 id="method">')])
assert "&lt;b&gt;Example&lt;/b&gt;" in goals and "full training needs more than the hardware can do: 107 %" in goals
lines = {r[0]: r for r in ([re.sub("<[^>]*>", "", c) for c in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]
                           for row in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", goals, re.S))}
assert set(lines) == {"7B", "70B", "4 nodes", "8 nodes", "gpu_util"}, lines
assert any("beyond the hardware" in c for c in lines["70B"]) and "not measured" in lines["8 nodes"][-1], lines
counts = [int(n) for n in re.search(r"Goals met: (\d+), not met: (\d+), not measured: (\d+)", goals).groups()]
assert sum(counts) == 5, counts
PY
}
ok "what counts, what does not, and who stands out" counted

charts() {
    local id
    for id in speed utilization ranks-1; do
        grep -q "<figure id=\"chart-$id\"" en.html || { echo "no chart $id"; return 1; }
        grep -q '<svg' "charts/$id.svg" && grep -q PNG <<<"$(head -c 4 "charts/$id.png")" || { echo "no file $id"; return 1; }
    done
    [ "$(grep -c '<figure ' en.html)" -eq 3 ] || { echo "more charts"; return 1; }
    # ids inside of the page's charts are unique
    [ -z "$(grep -oE "[ <]id=['\"][^'\"]*" en.html | tr '"' "'" | sort | uniq -d | tee /dev/stderr)" ]
}
if command -v gnuplot >/dev/null; then
    ok "every chart is there, with files beside" charts
else
    skip "every chart is there" "no gnuplot"
fi

goals_met() { # the same runs as records of the second form, which cut nothing
    sed -e 's/sft1{/sft2{cut=0 /g' "$src/tests/fixtures/sacct-report.json" >second.json
    "$report" --input second.json --format html --goals goals.conf --output second.html 2>/dev/null && python3 - <<'PY'
import re
text = open("second.html", encoding="utf-8").read()
goals = re.sub("<sup>.*?</sup>|<wbr>", "", text[text.index('<h2 id="goals">'):text.index('<h2 id="method">')])
assert "Goals met: 2, not met: 1, not measured: 2." in goals, re.search("Goals met[^<]*", goals).group(0)
met = re.findall(r'<tr><th scope="row">([^<]*)</th>(?:(?!</tr>).)*<td class="(met|missed|none)">', goals)
assert met == [("7B", "met"), ("70B", "missed"), ("4 nodes", "met"), ("8 nodes", "none"), ("gpu_util", "missed")], met
# 7B on 32 GPUs by its median of three, over 128 tokens; of scaling and utilization the lowest
assert '<td class="n">3,571</td>' in goals and re.search(r'<td class="n">93\.\d</td>', goals), goals
assert "107\u2013109" in goals
PY
}
ok "goals are met by runs of their own work" goals_met

unsteady() { # told on the first screen, with both figures and which steps it was
    python3 "$src/tests/fixtures/many_records.py" 48 1 | sed '
        s/\(step=1048\.0 [^"]*step_ms=\)[^ ]*/\11897 unsteady=12.5 tok_s_median=138199 slow_steps=7 slow_at=3-9/g' >unsteady.json
    "$report" --input unsteady.json --format html --output unsteady.html &&
        { [ -z "$nls" ] || "$report" --input unsteady.json --format html --lang ja --output unsteady.ja.html; } &&
        sed -n '/<h2 id="summary"/,/<h2 id="method"/p' unsteady.html >first &&
        grep -q '<p>Unsteady runs: 1 of 46\.' first && grep -q '<small>unsteady</small>' first &&
        grep -q 'job 1048: .* tokens/s, 138,199 at its median step; slow steps: 7 of 20 (3-9)' unsteady.html &&
        "$report" --input unsteady.json --groups >groups.txt && [ "$(awk '$(NF-3) == "U"' groups.txt | wc -l)" -eq 1 ] &&
        grep -q '^U  unsteady' groups.txt &&
        grep -q '^U  unsteady' <<<"$("$report" --compare file:unsteady.json file:unsteady.json)"
}
ok "unsteady runs are marked in page, groups and comparison" unsteady

losses() { # of runs that evaluated: the newest one's, held out and trained; a curve that is none leaves a gap
    local text='eval_first=5.78309 eval_best=2.97 eval_best_step=30 eval_loss=3.25 epochs=3.75 eval_curve=0:5.78309,15:%3Cb%3E,30:2.97,45:3.25 loss_curve=20:4.5,45:3.125'
    python3 "$src/tests/fixtures/many_records.py" 48 1 | sed "s/\(step=1048\.0 [^\"]*step_ms=\)[^ ]*/\11897 $text/g" >loss.json
    "$report" --input loss.json --format html --output loss.html && [ "$(grep -c '<h2 id="loss">' loss.html)" = 1 ] &&
        grep -q '<td class="n">3.75</td><td class="n">5.7831</td><td class="n">2.9700</td><td class="n">30</td><td class="n">3.2500</td>' loss.html &&
        ! grep -q 'id="loss"' en.html || return 1
    ! command -v gnuplot >/dev/null || { grep -q ', held out &ndash; 0: 5.7831, 30: 2.9700, 45: 3.2500</li>' loss.html &&
        grep -q ', trained &ndash; 20: 4.5000, 45: 3.1250</li>' loss.html; }
}
ok "losses of runs that evaluated" losses

stragglers() { # by rank and host, how much, since when, and why; a record's texts are no HTML
    python3 "$src/tests/fixtures/many_records.py" 48 1 | sed '
        s/\(step=1048\.0 [^"]*step_ms=\)[^ ]*/\11897 stragglers=2 straggler_rank=13 straggler_host=n%3C7 straggler_pct=38.4 straggler_step=210 straggler_steps=120 straggler_cause=SM%20clock%20900%20MHz,%20%3Cb%3E/g' >straggler.json
    "$report" --input straggler.json --format html --output straggler.html &&
        grep -q ', job 1048: rank 13 on n&lt;7 took 38% longer to compute, for 120 steps from step 210 on (SM clock 900 MHz, &lt;b&gt;); ranks that were stragglers: 2</li>' straggler.html &&
        [ "$(grep -c '<p>Stragglers: ranks' straggler.html)" = 1 ] && [ "$(grep -c 'longer to compute, for' straggler.html)" = 1 ] &&
        ! grep -q '<p>Stragglers' unsteady.html
}
ok "stragglers are told by rank, host and cause" stragglers

from_files() { # a page of result.json files says nothing of Slurm's accounting, and names no job 0
    mkdir -p results
    for i in 1 2 3; do
        cat >results/$i.json <<EOF
{"state": "complete", "model": "tiny", "nodes": 1, "ranks": 1, "seq": 1024, "global_batch": 2, "step_ms": 500, "steps_s": 10,
 "steps_done": 20, "tok_s": 4000, "samples_s": 12, "backend": "cpu", "start": "2026-11-0${i}T00:00:00Z"}
EOF
    done
    "$report" --input results --format html --output files.html && grep -q 'from a result.json: 3 of 3' files.html &&
        ! grep -q "left in Slurm" files.html && grep -q 'jobs outside of Slurm' files.html && ! grep -qE 'jobs? 0|: 0<' files.html
}
ok "a page of files says so" from_files

without_gnuplot() {
    mkdir -p empty && PATH=$work/empty "$report" --input "$src/tests/fixtures/sacct-report.json" --format html \
        --output none.html 2>err
    grep -q 'note: gnuplot is not installed' err && ! grep -q '<svg' none.html &&
        grep -q 'No chart here' none.html
}
ok "without gnuplot the page says so" without_gnuplot

# Whatever the user's locale: gnuplot 6 says a line a chart where it is none of UTF-8.
charts_in_c() {
    mkdir -p gnuplot && printf '%s\n' '#!/bin/sh' 'charmap=$(locale charmap)' \
        '[ "$charmap" = UTF-8 ] || echo "warning: iconv failed ($charmap)" >&2' "exec $(command -v gnuplot) \"\$@\"" >gnuplot/gnuplot
    chmod +x gnuplot/gnuplot
    local set
    for set in LC_ALL=C LC_CTYPE=POSIX; do
        env -u LC_ALL -u LANG "$set" PATH="$work/gnuplot:$PATH" "$report" --input "$src/tests/fixtures/sacct-report.json" \
            --format html --output c.html 2>err && grep -q '<svg' c.html && ! grep -v '^sft-report: ' err || return 1
    done
}
if command -v gnuplot >/dev/null; then
    ok "charts are made in UTF-8 where the user has no such locale" charts_in_c
else
    skip "charts are made in UTF-8 where the user has no such locale" "no gnuplot"
fi

no_pdf() {
    ! PATH=$work/empty "$report" --input "$src/tests/fixtures/sacct-report.json" --format pdf --output no.pdf 2>err &&
        grep -q 'neither chromium nor weasyprint is installed' err && [ -z "$(ls no.pdf* 2>/dev/null)" ]
}
ok "without a browser a PDF is refused in one line, and no file is left" no_pdf

everywhere() { # NaN, huge and hostile values in every figure, through every format
    "$report" --keys | awk 'NR > 1 { print $1 }' >keys && [ "$(wc -l <keys)" -gt 60 ] && python3 - <<'PY' || return 1
import json
values = ["nan", "-inf", "1e999", "9" * 300, "-0", "1e308", "-1e18", "%3Cscript%3Ealert(1)%3C/script%3E%22%27%26", "%1B[31m%00%FF%0A,;",
          "%3D1+1", "%E2%80%AE%D7%90", "x" * 700, ""]
jobs, number = [], 0
for key in open("keys").read().split():
    if key == "step":
        continue
    for value in values:
        number += 1
        rest = {"state": "complete", "model": "tiny", "method": "full", "precision": "bf16", "nodes": "1", "ranks": "1",
                "step_ms": "100", "tok_s": "1000", "samples_s": "1", "backend": "cuda", "steps_s": "1", "steps_done": "10"}
        rest[key] = value
        text = "sft2{step=%d.0 %s}" % (number, " ".join(f"{k}={v}" for k, v in rest.items()))
        jobs.append({"job_id": number, "name": "a", "user": "u", "cluster": "c", "state": {"current": "COMPLETED"},
                     "comment": {"administrator": text, "job": text}})
json.dump({"jobs": jobs}, open("given.json", "w"))
PY
    local form
    for form in table csv json html; do
        "$report" --input given.json --format $form --output every.$form 2>err || { cat err; return 1; }
        iconv -f UTF-8 -t UTF-8 every.$form >/dev/null || return 1
        ! LC_ALL=C grep -q $'[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]' every.$form || { echo "control characters in $form"; return 1; }
    done
    "$report" --input given.json --groups >groups && "$report" --compare file:given.json file:given.json --format html --output both.html || return 1
    python3 - <<'PY'
import csv, json, re
lines = list(csv.reader(open("every.csv", newline="", encoding="utf-8")))
records = json.load(open("every.json", encoding="utf-8"))
assert len(records) == len(lines) - 1 > 700
assert len({len(line) for line in lines}) == 1, "not square"
assert not [c for line in lines for c in line if c[:1] in "=@" and c], "a formula"
for name in ("every.html", "both.html"):
    text = open(name, encoding="utf-8").read()
    assert "<script" not in text and text.rstrip().endswith("</html>")
    cells = [re.sub("<[^>]*>", "", c) for c in re.findall(r'<td class="n">(.*?)</td>', text, re.S)]
    assert cells and not [c for c in cells if re.search("nan|inf|e[+]", c, re.I)], "no figure"
PY
}
ok "NaN, huge and hostile values in every figure pass every format" everywhere

# A suite's section on nodes: none of 300 is left out, the median is of all, a bad node is found in Slurm's own list of a
# run's nodes where the record's is cut, and bad nodes that the record does not name are counted.
suite_nodes() { # suite_nodes FILE RUN_NODES CUT
    python3 - "$@" <<'PY'
import json, sys
file, run_nodes, cut = sys.argv[1], sys.argv[2], sys.argv[3] == "cut"
jobs = []
def job(name_of_nodes, begin, **record):
    number = len(jobs) + 1
    text = "sft2{step=%d.0 state=complete %s}" % (number, " ".join(f"{k}={v}" for k, v in record.items()))
    jobs.append({"job_id": number, "name": "big", "user": "u", "cluster": "c", "nodes": name_of_nodes,
                 "state": {"current": "COMPLETED"}, "time": {"start": begin, "end": begin + 60},
                 "comment": {"administrator": text, "job": text}})
train = {"method": "full", "precision": "fp32", "backend": "cpu", "step_ms": 100, "tok_s": 1000, "steps_s": 10, "steps_done": 100,
         "ranks": 1}
for series in range(9):
    for node in [n for n in range(1, 303 if series == 0 else 4) if n not in (30, 31)]:
        job(f"n{node:03d}", 2000 + node, model="tiny", nodes=1, seq=128 + series, samples_s=50 if node == 290 else 100, **train)
job(run_nodes, 3000, model="llama-1b", nodes=40, samples_s=100, hosts="n001,n002,...", **train)
names = ",".join(f"n{n:03d}" for n in (30, 31)) + (",..." if cut else "")
job("n[001-300]", 1000, task="verify", nodes=300, verdict="bad", hosts_bad=names, nodes_bad=9 if cut else 2, nodes_good=298)
job("n[001-300]", 100, task="verify", nodes=300, verdict="good", nodes_bad=0, nodes_good=300)
json.dump({"jobs": jobs}, open(file, "w"))
PY
    "$report" --input "$1" --sweep big --format html --output big.html &&
        sed -n '/id="nodes"/,/<h2/p' big.html | sed 's/<[^>]*>/ /g' | tr -s ' \n' ' ' >big.txt
}
nodes_counted() {
    suite_nodes big.json 'n[001-029,040-050]' whole && grep -q 'bad: n030, n031. No run after it was on them' big.txt &&
        grep -q 'Series of single nodes that have no column here: 1\.' big.txt || { cat big.txt; return 1; }
    [ "$(grep -oE ' n[0-9]{3} [15]0' big.txt | wc -l)" -eq 300 ] && grep -q 'n290 50.0*[^0-9]*0\.50' big.txt || { cat big.txt; return 1; }
    suite_nodes big.json 'n[001-050]' whole && grep -q 'Runs after it that were on them: 1\.' big.txt || { cat big.txt; return 1; }
    suite_nodes big.json 'n[001-029]' cut && grep -q 'bad: n030, n031 and 7 more' big.txt && ! grep -q 'No run after' big.txt
}
ok "many nodes of a suite: none is left out, and no more is said than is known" nodes_counted

careful() { # a FIFO stands for what must not be replaced, a device among it
    mkfifo fifo && ln -s linked.html link && echo old >linked.html && ln -s nowhere/x dangling
    ! page en fifo && [ -p fifo ] && ! page en . && ! page en dangling && [ -L dangling ] &&
        page en link && [ -L link ] && grep -q '</html>' linked.html && [ "$(ls -d link* fifo* dangling* | wc -l)" -eq 4 ]
}
ok "--output replaces neither links nor what is no file" careful

translated() {
    page ja ja.html && grep -q '<html lang="ja">' ja.html && python3 - <<'PY'
import re
def strip(name):
    return re.sub(r"<figure.*?</figure>|<style.*?</style>", "", open(name, encoding="utf-8").read(), flags=re.S)
en, ja = strip("en.html"), strip("ja.html")
def figures(text):
    return [re.sub(r"<[^>]*>", "", c) for c in re.findall(r'<td class="n">(.*?)</td>', text)]
assert len(figures(en)) > 250 and figures(en) == figures(ja), (len(figures(en)), len(figures(ja)))
def tags(text):
    return [t for t in re.findall(r"<(\w+)", text) if t != "wbr"]
assert tags(en) == tags(ja)
# headings and sentences: none is the same in both languages, but for names
names = {"MFU", "BLAS", "MPI", "PMIx", "NCCL", "sft-bench"}
for tag in ("h1", "h2", "caption", "p", "li"):
    for a, b in zip(re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", en, re.S), re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", ja, re.S)):
        a, b = re.sub("<[^>]*>", "", a).strip(), re.sub("<[^>]*>", "", b).strip()
        assert a != b or a in names, a
for a, b in zip(re.findall('<th scope="col"[^>]*>(.*?)</th>', en, re.S), re.findall('<th scope="col"[^>]*>(.*?)</th>', ja, re.S)):
    a, b = re.split("<", a)[0], re.split("<", b)[0]
    assert a != b or a in names, a
PY
}
japans() { # °C and yen, and Japan's time unless TZ says another
    grep -q '°C' en.html && grep -q '°C' ja.html && grep -q '円' ja.html && ! grep -q 'JPY' ja.html &&
        (unset TZ && page ja jst.html && grep -q '+0900' jst.html) && TZ=UTC0 page ja utc.html && ! grep -q '+0900' utc.html
}
catalogue() {
    msgfmt --check --statistics -o /dev/null "$src/po/ja.po" 2>stat || { cat stat; return 1; }
    cat stat
    ! grep -qE 'untranslated|fuzzy' stat && "$src/po/update.sh" "$work/new.pot" &&
        diff <(grep -v '^#' "$src/po/sft-report.pot") <(grep -v '^#' new.pot) &&
        diff <(msgattrib --no-obsolete --no-wrap "$src/po/ja.po" | grep '^msgid' | sort) \
            <(msgattrib --no-obsolete --no-wrap new.pot | grep '^msgid' | sort)
}
if [ -n "$nls" ]; then
    ok "the Japanese page has the same figures and nothing in English" translated
    ok "its units, currency and times are Japan's" japans
    command -v xgettext >/dev/null && ok "every text has its translation" catalogue
else
    skip "the Japanese page" "built without gettext"
fi

compared() { # compared LANG FILE : A is the fixture; B the same on another device, 10% faster
    sed -e 's/device=NVIDIA%20H200/device=NVIDIA%20B200/g' "$src/tests/fixtures/sacct-report.json" | python3 -c '
import json, re, sys
faster = lambda m: m.group(1) + "%.6g" % (float(m.group(2)) * 1.1)
slower = lambda m: m.group(1) + "%.6g" % (float(m.group(2)) / 1.1)
text = re.sub(r"(\b(?:tok_s|tok_s_real|tok_s_processed|samples_s|tflops|mfu)=)([0-9.]+)", faster, sys.stdin.read())
print(re.sub(r"(\b(?:step_ms|steps_s)=)([0-9.]+)", slower, text))' >b.json
    "$report" --compare "file:$src/tests/fixtures/sacct-report.json" file:b.json --format html --lang "$1" --output "$2" &&
        grep -q 'A: NVIDIA H200' "$2" && grep -q 'B: NVIDIA B200' "$2" && grep -q '>1\.100<' "$2" && grep -q '</html>' "$2" &&
        ! grep -q '<script' "$2"
}
ok "a comparison is a page, and names what A and B ran on" compared en compare.html
across() {
    sed -e 's/precision=bf16/precision=fp8/g' "$src/tests/fixtures/sacct-report.json" >fp8.json
    local sets=("file:$src/tests/fixtures/sacct-report.json" file:fp8.json)
    "$report" --compare "${sets[@]}" >apart && "$report" --compare "${sets[@]}" --across precision >together
    grep -q 'only in A: llama-7b full bf16' apart && ! grep -q 'bf16.* / .*fp8' apart &&
        grep -q 'llama-7b full bf16.* / llama-7b full fp8.* 1\.0000 ' together && ! grep -q 'only in' together &&
        ! "$report" --compare "${sets[@]}" --across size 2>/dev/null
}
ok "precisions are compared when asked, and named" across
[ -z "$nls" ] || ok "a comparison in Japanese" compared ja compare-ja.html
compared_japans() { # in Japan's time unless TZ says another, as the report's page
    (unset TZ && compared ja jst.html && grep -q '+0900' jst.html) && TZ=UTC0 compared ja utc.html && ! grep -q '+0900' utc.html
}
[ -z "$nls" ] || ok "a comparison's dates are in the reader's zone" compared_japans

compared_sets() { # of one site: told by how they were asked for, with dates, the result, and why which run counts nowhere
    python3 "$src/tests/fixtures/many_records.py" 64 1 >a.json && python3 "$src/tests/fixtures/many_records.py" 48 1 >b.json
    "$report" --compare file:a.json file:b.json --format html --title 'Before and after' --output sets.html || return 1
    grep -q '<h1>Before and after</h1>' sets.html && grep -q 'made by sft-report [0-9.]*, 20' sets.html &&
        grep -q '<b>A: NVIDIA H200, c</b> .*file:a\.json .* 64 runs, 62 of them counted</p>' sets.html &&
        grep -q '>A: file:a\.json' sets.html && grep -q '>B: file:b\.json' sets.html &&
        grep -q '<p class="result">Of 14 configurations with enough repeats B is faster in 0, slower in 0. Too few repeats: 2' \
            sets.html && grep -q '>1141<.*not complete' <<<"$(sed -n '/Runs of B that stand aside/,/<\/table>/p' sets.html)" &&
        grep -q '^not counted in B: job 1141, llama3-8b on 8 nodes: not complete' <<<"$("$report" --compare file:a.json file:b.json)"
}
ok "two sets of one site are told apart, with the result first and why which run counts nowhere" compared_sets

handed_over() { # what came in a file is said to have
    "$report" --input a.json --format html --output handed.html &&
        grep -q 'files that were given with --input' handed.html && ! grep -q 'nothing was typed in' handed.html
}
ok "records out of a file are not called Slurm's own" handed_over

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
flags=(--headless --disable-gpu --disable-dev-shm-usage --hide-scrollbars)
[ "$(id -u)" -ne 0 ] || flags+=(--no-sandbox)

phone() { # phone PAGE : the page is no wider than 390 px; what is wider scrolls in a frame of its own
    python3 - "$1" <<'PY' || return 1
import sys
text = open(sys.argv[1], encoding="utf-8").read()
probe = """<script>addEventListener('load', () => {
 const page = document.getElementById('w').contentDocument, wide = page.documentElement.scrollWidth;
 document.title = 'probe:' + wide + ':' + page.querySelectorAll('.table').length;
});</script>"""
open("inner.html", "w", encoding="utf-8").write(text)
import html
open("probe.html", "w", encoding="utf-8").write("<!DOCTYPE html><meta charset=utf-8><body><iframe id=w width=390 height=2000 "
    "style='border:0' srcdoc=\"" + html.escape(text, quote=True) + "\"></iframe>" + probe)
PY
    "$browser" "${flags[@]}" --dump-dom "file://$work/probe.html" >dom 2>/dev/null
    grep -o '<title>probe:[^<]*' dom | tee title
    [[ $(cat title) =~ probe:([0-9]+):([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -le 390 ] && [ "${BASH_REMATCH[2]}" -gt 8 ]
}
read_aloud() { # read_aloud PAGE : every table is headed and named, every chart has its figures in words
    python3 - "$1" <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
tables = re.findall(r"<table>.*?</table>", text, re.S)
assert len(tables) > 8
for table in tables:
    assert re.match(r"<table><caption>[^<]", table), table[:80]
    head = re.search(r"<thead>(.*?)</thead>", table, re.S).group(1)
    assert "<th " in head and all('scope="col"' in th for th in re.findall(r"<th[^>]*>", head)), head
assert len(re.findall(r'<th scope="row">', text)) > 20
charts = re.findall(r"<figure.*?</figure>", text, re.S)
assert len(charts) == 3
for chart in charts:
    assert re.search(r'role="img" aria-label="[^"<]{10,}"', chart)
    assert re.search(r'<ul class="aloud">.*<li>.*\d', chart[chart.index("</svg>"):], re.S)
# 7B on 4 nodes, as the table has it
assert "4: 14,283" in text
PY
}
fonts() { # fonts PDF : fonts are fonts, no drawings of single letters; pages are numbered
    pdffonts "$1" >fonts.txt && ! grep -q 'Type 3' fonts.txt && grep -q 'TrueType' fonts.txt || { cat fonts.txt; return 1; }
    local pages
    pages=$(pdfinfo "$1" | awk '$1 == "Pages:" { print $2 }')
    grep -qxE "$pages ?/ ?$pages" <<<"$(pdftotext -f "$pages" -l "$pages" "$1" -)" && grep -qxE "2 ?/ ?$pages" <<<"$(pdftotext -f 2 -l 2 "$1" -)"
}
rendered() { # rendered PAGE : no message of the page's, all charts have a size, nothing wider than the window
    python3 - "$1" <<'PY' || return 1
import sys
text = open(sys.argv[1], encoding="utf-8").read()
probe = """<script>addEventListener('load', () => {
 const bad = [];
 if (document.documentElement.scrollWidth > 1280) bad.push('wider: ' + document.documentElement.scrollWidth);
 for (const e of document.querySelectorAll('h1,h2,p,li,td,th,caption,figcaption,code'))
  if (!e.closest('.aloud') && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline') bad.push('cut: ' + e.textContent);
 for (const e of document.querySelectorAll('.table')) if (e.scrollWidth > e.clientWidth + 1) bad.push('scrolls: ' + e.textContent);
 for (const f of document.querySelectorAll('figure svg')) {
  const r = f.getBoundingClientRect(); if (r.width < 600 || r.height < 200) bad.push('chart: ' + r.width);
  for (const t of f.querySelectorAll('text')) { const b = t.getBoundingClientRect();
   if (b.left < r.left - 1 || b.right > r.right + 1 || b.bottom > r.bottom + 1) bad.push('chart text: ' + t.textContent);
   if (parseFloat(getComputedStyle(t).fontSize) < 11) bad.push('small: ' + t.textContent); } }
 document.title = 'probe:' + document.querySelectorAll('figure svg').length + ':' + bad.length + ':' + bad.join('|');
});</script></body>"""
open("probe.html", "w", encoding="utf-8").write(text.replace("</body>", probe))
PY
    "$browser" "${flags[@]}" --window-size=1280,3000 --enable-logging=stderr --v=0 --dump-dom "file://$work/probe.html" \
        >dom 2>console
    grep -o '<title>probe:[^<]*' dom | head -n 1
    ! grep -q 'CONSOLE' console && grep -q '<title>probe:[1-9][0-9]*:0:' dom
}
printed() { # printed PAGE PDF : every heading is in the A4 PDF, and the last line of every table
    "$browser" "${flags[@]}" --no-pdf-header-footer --print-to-pdf="$work/$2" "file://$work/$1" >/dev/null 2>&1
    grep -q 'Page size:.*A4' <<<"$(pdfinfo "$2")" && pdftotext -layout "$2" "$2.txt" && python3 - "$1" "$2.txt" <<'PY'
import html, re, sys
page = re.sub(r"<figure.*?</figure>|<sup>.*?</sup>|<wbr>", "", open(sys.argv[1], encoding="utf-8").read(), flags=re.S)
squeeze = lambda s: re.sub(r"\s+", "", s)
pdf = squeeze(open(sys.argv[2], encoding="utf-8").read())
for tag in ("h1", "h2", "caption"):
    for text in re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", page, re.S):
        text = squeeze(html.unescape(re.sub("<[^>]*>", "", text)))
        assert text in pdf, text
numbers = re.findall(r'<td class="n">([\d,.]+)</td>', page)
missing = [n for n in numbers if n not in pdf]
assert len(numbers) > 250 and not missing, missing[:10]
PY
}
if [ -n "$browser" ] && command -v gnuplot >/dev/null; then
    ok "a browser renders it at 1280 px: no complaint, nothing cut" rendered en.html
    [ -z "$nls" ] || ok "the Japanese page, too" rendered ja.html
    ok "with all columns" rendered unsteady.html
    [ -z "$nls" ] || ok "with all columns in Japanese" rendered unsteady.ja.html
    ok "on a phone of 390 px nothing is wider than the page" phone en.html
    [ -z "$nls" ] || ok "nor in Japanese" phone ja.html
    ok "tables and charts can be read aloud" read_aloud en.html
    if command -v pdftotext >/dev/null; then
        ok "on A4 every heading and figure is there" printed en.html en.pdf
        [ -z "$nls" ] || ok "of the Japanese page, too" printed ja.html ja.pdf
        ok "the PDF has real fonts and page numbers" fonts en.pdf
        if [ -z "$nls" ]; then
            skip "the Japanese PDF's fonts" "built without gettext"
        elif grep -qE 'BIZ UDPGothic|IPAexGothic|IPAPGothic' <<<"$(fc-list)"; then
            ok "the Japanese PDF, too" fonts ja.pdf
        else
            skip "the Japanese PDF's fonts" "no Japanese TrueType font (Debian: fonts-morisawa-bizud-gothic)"
        fi
    fi
    many() { # of 16 and of 208 configurations; a trend by date, and under 6 pages with all that can be asked
        local n pages
        for n in 1 13; do
            python3 "$src/tests/fixtures/many_records.py" 600 "$n" >many.json
            "$report" --input many.json --format html --output many.html --goals goals.conf --tokens 500M --price 3 &&
                grep -q '<h2 id="trend">' many.html && grep -q '<figure id="chart-trend"' many.html &&
                "$report" --input many.json --format pdf --output many.pdf --goals goals.conf --tokens 500M --price 3 || return 1
            pages=$(pdfinfo many.pdf | awk '$1 == "Pages:" { print $2 }')
            echo "$pages pages"
            [ "$pages" -lt 6 ] || return 1
        done
        # every job that counts is named, none twice
        python3 - <<'PY'
import json, re
text = open("many.html", encoding="utf-8").read()
listed = re.sub("<[^>]*>", "", text[text.index('<h2 id="jobs">'):])
ids = [int(n) for n in re.findall(r"\b\d{4}\b", listed)]
good = [j["job_id"] for j in json.load(open("many.json"))["jobs"] if "state=complete" in j["comment"]["job"]]
assert sorted(ids) == good and len(good) == 585, (len(ids), len(good))
PY
    }
    command -v pdfinfo >/dev/null && ok "600 records stay under 6 pages" many
    ok "so do they in a PDF" "$report" --input given.json --format pdf --output every.pdf
    make_pdf() { "$report" --input "$src/tests/fixtures/sacct-report.json" --format pdf --output "it's a.pdf" &&
        grep -q '%PDF-' <<<"$(head -c 5 "it's a.pdf")" && [ "$(ls -d ./it* | wc -l)" -eq 1 ]; }
    ok "--format pdf makes the file and leaves no other" make_pdf
else
    skip "a browser renders it" "no chromium or no gnuplot"
fi
exit $failed
