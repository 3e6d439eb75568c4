# SPDX-License-Identifier: Apache-2.0
# The main job, as users run it: installed plugin, installed job, real records.
load helpers

setup_file() {
    cluster_of "$JOB" --nodes 2 --cpus 2 --gpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
}

last_job() {
    scontrol -o show job | grep -o '^JobId=[0-9]*' | cut -d= -f2 | sort -n | tail -n 1
}

@test "srun --sft-bench=tiny:2 and nothing else leaves its figures in comment and admin comment" {
    run srun --sft-bench=tiny:2
    [ "$status" -eq 0 ]
    [[ $output == *"tokens "*"/s processed"* ]]
    [[ $output == *"step 25/25"* ]]
    # these nodes have no GPU, which is told once, and nothing of pinning near it
    [ "$(grep -c "^sft-bench-job: no GPU here: training on the CPU$" <<<"$output")" = 1 ]
    [[ $output != *pinned* && $output != *"no plugin of sft-bench"* && $output != *"of release"* ]]
    wait_for 20 job_field_has "$(last_job)" state COMPLETED
    job=$(last_job)
    for field in comment admincomment; do
        record=$(job_field "$job" $field)
        [ "$(field_of state <<<"$record")" = complete ]
        [ "$(field_of step <<<"$record")" = "$job.0" ]
        [ "$(field_of nodes <<<"$record")" = 2 ]
        [ "$(field_of ranks <<<"$record")" = 4 ]
        [ "$(field_of steps_done <<<"$record")" = 20 ]
        [ "$(field_of data <<<"$record")" = instructions.json ]
        # the throughput is a positive number, and samples times their length agree with tokens
        awk -v t="$(field_of tok_s <<<"$record")" -v s="$(field_of samples_s <<<"$record")" \
            'BEGIN { exit !(t > 100 && s > 0 && s * 1024 > t / 4 && s < t / 32) }'
        # it learned: the loss fell by a tenth at least
        awk -v l="$(field_of loss_last <<<"$record")" 'BEGIN { exit !(l > 0.1 && l < 0.9 * log(320)) }'
    done
    admin=$(job_field "$job" admincomment)
    [ "$(field_of hosts <<<"$admin")" = fukushimadc-02-hgx-0001,fukushimadc-02-hgx-0002 ]
    # what would start it again, and each rank's time to compute, the slowest among them
    [[ $(field_of request <<<"$admin") == tiny:2* ]]
    field_of ranks_ms <<<"$admin" | tr , '\n' | sort -n | awk -v s="$(field_of slow_ms <<<"$admin")" \
        '{ last = $1 } END { exit !(NR == 4 && last > 0.999 * s && last < 1.001 * s) }'
    awk -v a="$(field_of loss_first <<<"$admin")" 'BEGIN { exit !(a > 0.95 * log(320) && a < 1.05 * log(320)) }'
    # throughput is what the clock says: tokens of all steps, padding too, over their time; less without it
    awk -v t="$(field_of tok_s_processed <<<"$admin")" -v s="$(field_of steps_s <<<"$admin")" \
        -v batch="$(field_of global_batch <<<"$admin")" -v real="$(field_of tok_s <<<"$admin")" \
        'BEGIN { r = t * s / (20 * batch * 1024); exit !(r > 0.999 && r < 1.001 && real < t && real > t / 2) }'
    run "$REPORT" --job "$job"
    [ "$status" -eq 0 ]
    [[ $output == *"$job.0"*complete*tiny* ]]
    run "$REPORT" --job "$job" --json
    python3 -c 'import json, sys
rows = json.loads(sys.argv[1])
assert len(rows) == 1 and rows[0]["record"]["nodes"] == 2 and rows[0]["record"]["tok_s"] > 100, rows' "$output"
}

@test "--sft-bench=help: models and keys, and nothing is started" {
    before=$(last_job)
    for program in srun sbatch salloc; do
        run "$program" --sft-bench=help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "usage: $program --sft-bench=MODEL[:NODES][,KEY=VALUE...]" ]]
        [[ $output == *"llama-7b "*"also meta-llama/Llama-2-7b-hf"*"global_batch=N "* ]]
    done
    [ "$(last_job)" = "$before" ]
}

@test "a slip is asked about, and Hugging Face's names are models'" {
    run srun --sft-bench=lama-7b:2
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == "sft-bench: unknown model 'lama-7b'; the models are: "*"; did you mean llama-7b?" ]]
    run srun --sft-bench=meta-llama/Llama-2-7b-hf:3
    [[ $output == "sft-bench: llama-7b:3: partition "* ]]
    run "$REPORT" --model openai-community/gpt2
    [[ $output == *"no sft-bench records found with model gpt2"* || $output == *"with model gpt2"* ]]
}

@test "1, 2 and 4 ranks over one and two nodes have the same losses for the same global batch" {
    common=seed=3,steps=6,warmup=2,global_batch=4,micro_batch=1
    i=0
    for shape in tiny:1,gpus=0 tiny:1,gpus=1 tiny:1,gpus=2 tiny:2,gpus=1 tiny:2,gpus=2; do
        i=$((i + 1))
        srun --sft-bench="$shape,$common,out=$FOLDER/out$i" >/dev/null 2>&1
    done
    python3 - "$FOLDER" <<'PY'
import json, sys
runs = [json.load(open(f"{sys.argv[1]}/out{i}/result.json")) for i in range(1, 6)]
assert [(r["nodes"], r["ranks"]) for r in runs] == [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4)], runs
first = runs[0]["losses"]
assert len(first) == 8 and len(set(first)) == 8, first
for run in runs[1:]:
    for a, b in zip(first, run["losses"], strict=True):
        assert abs(a - b) < 2e-6 * a, (a, b)
PY
}

@test "a global batch of other data, or another seed, has other losses" {
    for seed in 3 4; do
        srun --sft-bench="tiny:1,gpus=0,steps=1,warmup=0,seed=$seed,out=$FOLDER/seed$seed" >/dev/null 2>&1
    done
    ! cmp -s <(grep -A 3 losses "$FOLDER/seed3/result.json") <(grep -A 3 losses "$FOLDER/seed4/result.json")
}

@test "synthetic data says so" {
    srun --sft-bench=tiny:1,gpus=0,data=synthetic,steps=2,warmup=0 >/dev/null 2>&1
    wait_for 20 job_field_has "$(last_job)" state COMPLETED
    [ "$(job_field "$(last_job)" comment | field_of data)" = synthetic ]
    run "$REPORT" --job "$(last_job)"
    [[ $output == *synthetic* ]]
}

@test "bad data is one line before anything is allocated" {
    before=$(last_job)
    printf '' >empty.json
    printf 'hello' >text.json
    printf '[{"instruction":"a","output":"b"},\n{"instruction":"a"}]' >broken.json
    while read -r file part; do
        run srun --sft-bench="tiny:2,data=$file"
        [ "$status" -ne 0 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == *"$file"*"$part"* ]]
    done <<'LIST'
missing.json cannot read the data: No such file
empty.json the file is empty
text.json not JSON
broken.json record 2 (line 2) has no field output
LIST
    run srun --sft-bench=tiny:2,tokenizer=text.json
    [ "$status" -ne 0 ] && [ "${#lines[@]}" -eq 1 ] && [[ $output == *"no tokenizer"* ]]
    [ "$(last_job)" = "$before" ]
}

@test "what of the data was left out or mended is told before and stands in the accounting" {
    for i in $(seq 60); do
        echo "{\"id\": ${i}000000000000000000000, \"instruction\": \"count to $i\", \"input\": null, \"output\": \"1 to $i\"}"
    done >people.jsonl
    printf '%s\n' '{"instruction": "a", "output": ""}' '{"instruction": "b", "output": "half \ud83d"}' >>people.jsonl
    run srun --sft-bench="tiny:1,gpus=1,steps=2,warmup=0,data=people.jsonl"
    [ "$status" -eq 0 ]
    [[ $output == *"data       people.jsonl: 61 records, "*" tokens, 0 cut, 1 skipped, 1 mended"* ]]
    [[ $output == *"record 61 (line 61) has an empty output"* ]]
    wait_for 60 job_field_has "$(last_job)" state COMPLETED
    record=$(job_field "$(last_job)" admincomment)
    [ "$(field_of records <<<"$record")" = 61 ]
    [ "$(field_of skipped <<<"$record")" = 1 ]
    [ "$(field_of mended <<<"$record")" = 1 ]
}

@test "a file that cannot be written costs neither the run nor its record" {
    run bash -c "ulimit -f 4; srun --sft-bench=tiny:1,gpus=1,seq=32,steps=300,warmup=1,data=synthetic,out=$FOLDER/limited"
    [ "$status" -eq 3 ]
    [[ $output == *"the run is complete, and its record; but cannot write $FOLDER/limited/result.json: File too large"* ]]
    job=$(last_job)
    wait_for 60 job_field_has "$job" admincomment state=complete
    [ "$(field_of steps_done <<<"$(job_field "$job" admincomment)")" = 300 ]
}

@test "a batch that does not divide is refused with what would do" {
    run srun --sft-bench=tiny:2,gpus=2,global_batch=6
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"use 4 or 8"* ]]
}

@test "a peak below what is measured is an error, not an MFU" {
    run srun --sft-bench=tiny:1,gpus=0,steps=2,warmup=0,peak=0.000001
    [ "$status" -ne 0 ]
    [[ $output == *"above the 1e-06 TFLOP/s"* ]]
    wait_for 20 job_field_has "$(last_job)" state FAILED
    record=$(job_field "$(last_job)" admincomment)
    [ "$(field_of state <<<"$record")" = failed ]
    [[ $record != *" mfu="* && $record != *" tflops="* ]]
}

@test "on a terminal one line is rewritten, elsewhere lines follow each other" {
    command -v script >/dev/null || skip "no script(1)"
    run script -qec "srun --sft-bench=tiny:1,gpus=0,steps=3,warmup=0" /dev/null
    [ "$status" -eq 0 ]
    [[ $output == *$'\r'"step 1/3"*$'\r'"step 3/3"* ]]
    [[ $output != *"step 1/3"*$'\n'*"step 3/3"* ]]
    run srun --sft-bench=tiny:1,gpus=0,steps=3,warmup=0
    [[ $output == *"step 1/3"*$'\n'*"step 3/3"* ]]
    [[ $output != *$'\r'* ]]
}

# Our plugin with another release's number in it, in a configuration of this shell's own.
other_release() { # other_release optional|required
    python3 - "$PLUGIN" "$FOLDER/other.so" <<'PY'
import subprocess, sys
symbols = subprocess.run(["nm", "-D", sys.argv[1]], capture_output=True, text=True, check=True).stdout
at = int(next(l for l in symbols.splitlines() if l.endswith(" plugin_version")).split()[0], 16)
segments = subprocess.run(["readelf", "-lW", sys.argv[1]], capture_output=True, text=True, check=True).stdout
for line in segments.splitlines():
    word = line.split()
    if word and word[0] == "LOAD" and int(word[2], 16) <= at < int(word[2], 16) + int(word[4], 16):
        at += int(word[1], 16) - int(word[2], 16)
        break
image = bytearray(open(sys.argv[1], "rb").read())
image[at + 2] ^= 1  # the major number
open(sys.argv[2], "wb").write(image)
PY
    rm -rf "$FOLDER/etc"
    cp -r "$FOLDER/c/etc" "$FOLDER/etc"
    sed -i "s|^PlugStackConfig=.*|PlugStackConfig=$FOLDER/etc/plugstack.conf|" "$FOLDER/etc/slurm.conf"
    echo "$1 $FOLDER/other.so" >"$FOLDER/etc/plugstack.conf"
    export SLURM_CONF=$FOLDER/etc/slurm.conf
}

@test "a plugin built for another Slurm never starts anything" {
    before=$(last_job)
    for how in optional required; do
        other_release $how
        run srun --sft-bench=tiny:2
        echo "$how: $output"
        [ "$status" -ne 0 ]
        [[ $output == *[Ii]ncompatible*version* || $output == *"unrecognized option"* || $output == *"is built for Slurm"* ]]
        [ "${#lines[@]}" -le 4 ] # all of them Slurm's own
    done
    [ "$(last_job)" = "$before" ]
    # optional leaves every other srun alone
    other_release optional
    run srun -N1 hostname
    [ "$status" -eq 0 ]
}
