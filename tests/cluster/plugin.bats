# SPDX-License-Identifier: Apache-2.0
# The plugin on a real Slurm, with tests/cluster/dummy-job in the job's place.
load helpers

DUMMY=$BATS_TEST_DIRNAME/dummy-job

setup_file() {
    cluster_of "$DUMMY" --nodes 3 --cpus 4 --gpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    echo "job = $DUMMY" >"$FOLDER/sft-bench.conf"
}

# The controller's newest job (the accounting may lag behind), once its end is in the accounting.
last_job() {
    local job
    job=$(scontrol -o show job | grep -o '^JobId=[0-9]*' | cut -d= -f2 | sort -n | tail -n 1)
    wait_for 20 job_field_has "$job" state 'COMPLETED|FAILED|CANCELLED|TIMEOUT'
    echo "$job"
}

# refused STATUS MESSAGE COMMAND... : one line on stderr, nothing on stdout, no job
refused() {
    local status=$1 message=$2 before after got=0
    shift 2
    before=$(scontrol show job | grep -c JobId=)
    "$@" >"$FOLDER/out" 2>"$FOLDER/err" </dev/null || got=$?
    after=$(scontrol show job | grep -c JobId=)
    cat "$FOLDER/out" "$FOLDER/err"
    [ "$got" -eq "$status" ] && [ ! -s "$FOLDER/out" ] && [ "$before" -eq "$after" ] &&
        [ "$(wc -l <"$FOLDER/err")" -eq 1 ] && grep -Fq -- "$message" "$FOLDER/err"
}

# lacks PATTERN : the output has no such line. (bash takes no notice when `! command` fails.)
lacks() {
    if grep -E -- "$1" <<<"$output"; then return 1; fi
}

@test "the option stands in --help of srun, sbatch and salloc" {
    for program in srun sbatch salloc; do
        $program --help | grep -q -- '--sft-bench=model\[:nodes\]\[,key=value...\]'
    done
    srun --usage | grep -q '^Usage: srun'
    srun --version | grep -q '^slurm'
    srun --sft-bench=nonsense --help | grep -q '^Usage: srun'
}

# other_release FILE : its plugin_version becomes that of 20.11
other_release() {
    python3 - "$1" "$(nm -D "$1" | awk '$3 == "plugin_version" { print $1 }')" <<'EOF'
import struct, sys
data, at = bytearray(open(sys.argv[1], "rb").read()), int(sys.argv[2], 16)
begin, (size, count) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
for i in range(count):
    kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, begin + i * size)
    if kind == 1 and address <= at < address + length:
        struct.pack_into("<I", data, at - address + offset, 20 << 16 | 11 << 8)
open(sys.argv[1], "wb").write(data)
EOF
}

@test "a plugin for another release is refused in a line with both, and other jobs run" {
    cp "$PLUGIN" "$FOLDER/other.so"
    other_release "$FOLDER/other.so"
    echo "optional $FOLDER/other.so" >"$FOLDER/other.plugstack"
    sed "s#^PlugStackConfig=.*#PlugStackConfig=$FOLDER/other.plugstack#" "$SLURM_CONF" >"$FOLDER/other.conf"
    run env SLURM_CONF="$FOLDER/other.conf" srun --sft-bench=tiny:1
    [ "$status" -ne 0 ]
    grep -E "Incompatible Slurm plugin $FOLDER/other.so version \(20\.11\.0\)|built for Slurm 20\.11, and this is Slurm [0-9.-]+: install" <<<"$output"
    grep -F "unrecognized option '--sft-bench=tiny:1'" <<<"$output"
    SLURM_CONF="$FOLDER/other.conf" srun true
}

@test "srun with no other word: nodes, tasks, GPUs and CPUs come from the plan" {
    run srun --sft-bench=tiny:2
    [ "$status" -eq 0 ]
    [ "$(grep -c 'of=4 .* gpus=0,1 cpus=2 name=sft-bench:tiny words=<tiny:2>$' <<<"$output")" -eq 4 ]
    [ "$(grep -o 'rank=[0-9]*' <<<"$output" | sort | tr '\n' ' ')" = 'rank=0 rank=1 rank=2 rank=3 ' ]
    [ "$(grep -o 'node=[^ ]*' <<<"$output" | sort -u | wc -l)" -eq 2 ]
    [ "${#lines[@]}" -eq 4 ]
    job=$(last_job)
    wait_for 10 job_field_has "$job" jobname "^sft-bench:tiny$"
    wait_for 10 job_field_has "$job" submitline '^srun --nodes=2 .*--mpi=pmix --kill-on-bad-exit=1 --wait=0 '
}

@test "the option's value as a word of its own, and abbreviated" {
    run srun --sft-bench tiny:1,gpus=1
    [ "$status" -eq 0 ]
    [[ $output == *'of=1 '*'words=<tiny:1,gpus=1>' ]]
    run srun --sft-ben=tiny:1,gpus=1
    [ "$status" -eq 0 ]
    [[ $output == *'words=<tiny:1,gpus=1>' ]]
    run srun -l -N 1 --comment 'a b' --sf tiny,gpus=1
    [ "$status" -eq 0 ]
    [[ $output == '0: '*'words=<tiny:1,gpus=1>' ]]
}

@test "words behind -- go to the job, whole" {
    run srun --sft-bench=tiny,gpus=1 -- --data "it's a file.json" '' --epochs=2
    [ "$status" -eq 0 ]
    [[ $output == *"words=<tiny,gpus=1><--data><it's a file.json><><--epochs=2>" ]]
    run srun --sft-bench=tiny,gpus=1 --comment -- -- --comment
    [ "$status" -eq 0 ]
    [[ $output == *'words=<tiny,gpus=1><--comment>' ]]
}

@test "the user's own options win" {
    run srun --sft-bench=tiny -N3 -J mine --gpus-per-node=1 --ntasks-per-node=1
    [ "$status" -eq 0 ]
    [ "$(grep -c 'of=3 .* gpus=0 cpus=2 name=mine words=<tiny:3>$' <<<"$output")" -eq 3 ]
    run srun -n2 --sft-bench=tiny:1
    [ "$status" -eq 0 ]
    [ "$(grep -c 'of=2 ' <<<"$output")" -eq 2 ]
    run srun --sft-bench=tiny:2,gpus=1 --chdir=/ --cpus-per-task=1
    [ "$(grep -c 'of=2 .* cpus=1 ' <<<"$output")" -eq 2 ]
}

@test "an option of another program's command is not ours" {
    run srun -N1 -n1 echo --sft-bench=nonsense
    [ "$status" -eq 0 ]
    [ "$output" = --sft-bench=nonsense ]
    run srun -n1 -- echo --sft-bench=nonsense
    [ "$status" -eq 0 ]
    [ "$output" = --sft-bench=nonsense ]
    run srun -N1 -n1 --comment --sft-bench=nonsense echo mine
    [ "$status" -eq 0 ]
    [ "$output" = mine ]
}

# Before 22.05 --overlap shares no GPU with the step that has them: the nested one asks for none.
@test "the tasks' environment is clean, a nested srun is an ordinary one" {
    cat >nested <<'SH'
#!/bin/sh
[ "$1" = --check ] && exit 0
env | grep -E 'SFT_BENCH_LAUNCHED|SPANK' && echo leaked
[ "$SLURM_PROCID" -eq 0 ] || exit 0
printf '%-4096s' 'sft1{state=complete}' 1<>"/proc/self/fd/$SFT_BENCH_RECORD_FD"
env -u SFT_BENCH_RECORD_FD -u SFT_BENCH_PLACE -u SFT_BENCH_FABRIC -u SFT_BENCH_SRUN -u SFT_BENCH_NODE srun --overlap --gres=none -N1 -n1 sh -c 'env | grep -E "SFT_BENCH_|SPANK"; echo nested $SLURM_STEP_NUM_TASKS'
SH
    chmod +x nested
    echo "job = $FOLDER/nested" >sft-bench.conf
    run srun --sft-bench=tiny:2
    [ "$status" -eq 0 ]
    [ "$output" = 'nested 1' ]
}

@test "an ordinary step has no record file" {
    run srun -N1 -n1 env
    [ "$status" -eq 0 ]
    lacks 'SFT_BENCH_RECORD_FD|SFT_BENCH_LAUNCHED|SPANK'
}

@test "a leaked guard of another process does not stop srun" {
    run env SFT_BENCH_LAUNCHED=1 srun --sft-bench=tiny:1,gpus=1
    [ "$status" -eq 0 ]
    [[ $output == *'words=<tiny:1,gpus=1>' ]]
    run srun -N1 -n1 env
    lacks SFT_BENCH_LAUNCHED
}

@test "sbatch without a script runs the benchmark in its allocation" {
    job=$(sbatch --parsable -o out.%j --sft-bench=tiny:2 -- --data "a 'b' \$x")
    wait_for 20 job_field_has "$job" state COMPLETED
    [ "$(grep -c "of=4 .* gpus=0,1 cpus=2 .*words=<tiny:2><--data><a 'b' \$x>\$" "out.$job")" -eq 4 ]
    [ "$(wc -l <"out.$job")" -eq 4 ]
    wait_for 10 job_field_has "$job" comment "step=$job\.0 state=complete"
    job=$(sbatch --parsable -o out.%j --sft-bench=tiny,gpus=1 -N3)
    wait_for 20 job_field_has "$job" state COMPLETED
    [ "$(grep -c 'of=3 .*words=<tiny:3,gpus=1>$' "out.$job")" -eq 3 ]
}

@test "sbatch with a script: the allocation is shaped, the script's steps are its own" {
    printf '#!/bin/sh\necho "$SLURM_NNODES $*"\nsrun -N1 -n1 sh -c "env | grep -c SFT_BENCH_"\nsrun --sft-bench=tiny:2\nsrun --sft-bench=tiny:1,gpus=1\n' >script
    job=$(sbatch --parsable -o out.%j --comment='mine | "own"' --sft-bench=tiny:2 script a b)
    wait_for 20 job_field_has "$job" state COMPLETED
    grep -qx '2 a b' "out.$job"
    grep -qx 0 "out.$job"
    [ "$(grep -c 'of=4 .*words=<tiny:2>' "out.$job")" -eq 4 ]
    [ "$(grep -c 'of=1 .*words=<tiny:1,gpus=1>' "out.$job")" -eq 1 ]
    wait_for 10 job_field_has "$job" comment "^mine \| \"own\" sft2\{.*step=$job\.1 .*\} sft2\{.*step=$job\.2 .*\}$"
    job_field_has "$job" admincomment "^sft2\{.*step=$job\.1 .*\} sft2\{.*step=$job\.2 .*\}$"
}

@test "salloc without a command runs the benchmark, with one it shapes the allocation" {
    run salloc -Q --sft-bench=tiny:2 -- --data x
    [ "$status" -eq 0 ]
    [ "$(grep -c 'of=4 .*words=<tiny:2><--data><x>$' <<<"$output")" -eq 4 ]
    run salloc -Q --sft-bench=tiny:2 sh -c 'echo $SLURM_NNODES; srun -N1 -n1 env'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 2 ]
    lacks 'SFT_BENCH_RECORD_FD|SFT_BENCH_LAUNCHED|SPANK'
    run salloc -Q -N1 sh -c 'exit 7'
    [ "$status" -eq 7 ]
}

@test "inside an allocation: all of it, a part of it, never more" {
    cat >inside <<'SH'
srun --sft-bench=tiny && echo
srun --sft-bench=tiny:1 && echo
srun --sft-bench=tiny,gpus=0 && echo
srun --sft-bench=tiny:3; echo "status $?"
srun --sft-bench=tiny,gpus=2; echo "status $?"
SH
    run salloc -Q -N2 --gpus-per-node=1 sh inside
    [ "$(grep -c 'of=2 .* gpus=0 .*words=<tiny>$' <<<"$output")" -eq 2 ]
    [ "$(grep -c 'of=1 .* gpus=0 .*words=<tiny:1>$' <<<"$output")" -eq 1 ]
    [ "$(grep -c 'of=2 .*words=<tiny,gpus=0>$' <<<"$output")" -eq 2 ]
    grep -qx 'sft-bench: tiny:3: this allocation has 2 nodes; ask for 2 or fewer' <<<"$output"
    grep -qx 'sft-bench: gpus=2: the nodes of this allocation have 1; ask for 1 or fewer' <<<"$output"
    [ "$(grep -c '^status 1$' <<<"$output")" -eq 2 ]
}

@test "comments hold the record, the user's own text, and never more than 1,024 characters" {
    text=$(printf "%850s" "" | tr " " u)
    DUMMY_PAD=2000 srun --comment="$text" --sft-bench=tiny:1,gpus=1 >/dev/null
    job=$(last_job)
    wait_for 10 job_field_has "$job" admincomment "^sft2\{.*pad=x{2000}.*\}$"
    comment=$(job_field "$job" comment)
    [ "${#comment}" -le 1024 ]
    [[ $comment == "$text sft2{"*'}' && $comment != *pad=* ]]
    text=$(printf '%1020s' '' | tr ' ' u)
    srun --comment="$text" --sft-bench=tiny:1,gpus=1 >/dev/null
    job=$(last_job)
    wait_for 10 job_field_has "$job" admincomment '^sft2\{.*state=complete'
    [ "$(job_field "$job" comment)" = "$text" ]
}

@test "two steps at once keep both records" {
    salloc -Q -N2 sh -c 'srun -N1 --sft-bench=tiny:1,gpus=0 & srun -N1 --sft-bench=tiny:1,gpus=0; wait' >/dev/null
    job=$(last_job)
    wait_for 10 job_field_has "$job" comment "step=$job\.0 .*step=$job\.1 |step=$job\.1 .*step=$job\.0 "
    [ "$(job_field "$job" admincomment | grep -o 'state=complete' | wc -l)" -eq 2 ]
}

@test "a job that ends without a last word leaves a partial record" {
    DUMMY_STATE=none run srun --sft-bench=tiny:2
    [ "$status" -eq 3 ]
    job=$(last_job)
    wait_for 10 job_field_has "$job" comment '^sft2\{.*state=partial.*\}$'
    job_field_has "$job" state FAILED
}

@test "what is no record is logged and not published, and srun ends with 1" {
    DUMMY_STATE=junk DUMMY_SECONDS=0 run srun --sft-bench=tiny:1,gpus=1
    [ "$status" -eq 1 ]
    [[ $output == *'record of '*'does not begin with sft2{'* ]]
    job=$(last_job)
    [[ $(job_field "$job" comment) != *%n* ]]
    job_field_has "$job" state COMPLETED
}

@test "comment = no leaves the comment to the user" {
    printf 'job = %s\ncomment = no\n' "$DUMMY" >sft-bench.conf
    srun --comment=mine --sft-bench=tiny:1,gpus=1 >/dev/null
    job=$(last_job)
    wait_for 10 job_field_has "$job" admincomment '^sft2\{'
    [ "$(job_field "$job" comment)" = mine ]
}

@test "the site's data, tokenizer, CPUs and partition are defaults" {
    printf 'job = %s\ndata = /d/a.json\ntokenizer=/d/t\ncpus_per_task = 1\npartition = gpu\nmpi = none\n' \
        "$DUMMY" >sft-bench.conf
    run srun --sft-bench=tiny:1,gpus=1
    [[ $output == *'cpus=1 '*'words=<tiny:1,gpus=1,data=/d/a.json,tokenizer=/d/t>' ]]
    run srun --sft-bench=tiny:1,gpus=1,data=synthetic
    [[ $output == *'words=<tiny:1,gpus=1,data=synthetic,tokenizer=/d/t>' ]]
}

@test "bad requests: one line, status 1, nothing allocated" {
    refused 1 "sft-bench: unknown model 'gpt-5'; the models are: tiny, llama-1b" srun --sft-bench=gpt-5:2
    refused 1 'sft-bench: tiny:0: nodes must be' srun --sft-bench=tiny:0
    refused 1 'sft-bench: tiny:-1: nodes must be' srun --sft-bench=tiny:-1
    refused 1 'sft-bench: tiny:1000000000: nodes must be' srun --sft-bench=tiny:1000000000
    refused 1 "sft-bench: tiny:4: partition 'gpu' has 3 nodes; ask for 3 or fewer" srun --sft-bench=tiny:4
    refused 1 "sft-bench: unknown key 'step'; the keys are: gpus, steps" srun --sft-bench=tiny:2,step=1
    refused 1 'sft-bench: seq=1: must be' srun --sft-bench=tiny:2,seq=1
    refused 1 "sft-bench: gpus=3: the nodes of partition 'gpu' have 2" srun --sft-bench=tiny:2,gpus=3
    refused 1 'sft-bench: global_batch=7 does not divide' srun --sft-bench=tiny:2,global_batch=7
    refused 1 "sft-bench: no partition 'none' here; there are: gpu" srun -p none --sft-bench=tiny:2
    refused 1 'sft-bench: no model' srun --sft-bench=
    refused 1 'sft-bench: unknown model' sbatch --sft-bench=gpt-5
    refused 1 'sft-bench: tiny:4: partition' salloc --sft-bench=tiny:4
    refused 1 'sft-bench: unknown model' srun --sft-bench=$'%n%s\e[31m'
}

@test "words that contradict each other: one line that says which, nothing allocated" {
    refused 1 'sft-bench: tiny:2 and -N 1 are a contradiction' srun --sft-bench=tiny:2 -N 1
    refused 1 'sft-bench: explain:2 and -N 3 are a contradiction' srun --sft-bench=explain:2 -N 3
    refused 1 'sft-bench: tiny:2 and -N 3 are a contradiction' sbatch --sft-bench=tiny:2 -N 3
    refused 1 'sft-bench: -N with a range' srun --sft-bench=tiny -N 1-2
    refused 1 'sft-bench: tiny:1 and the 2 hosts that you name' srun --sft-bench=tiny:1 -w fukushimadc-02-hgx-[0001-0002]
    refused 1 'sft-bench: --multi-prog starts programs of its own' srun --multi-prog --sft-bench=tiny:1
}

@test "--chdir to nowhere: a note of its own, and on" {
    run srun --sft-bench=tiny:1,gpus=1 --chdir=/nowhere
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'sft-bench: note: --chdir=/nowhere: no such folder on this host'* ]]
    [[ $output == *'of=1 '*'words=<tiny:1,gpus=1>' ]]
    lacks 'does not run on this host'
}

@test "bad words around it: one line, status 1, nothing allocated" {
    refused 1 "sft-bench: './my' would be a command" srun --sft-bench=tiny:2 ./my --
    refused 1 "sft-bench: a heterogeneous job (':')" srun --sft-bench=tiny : --sft-bench=tiny
    refused 1 "sft-bench: a heterogeneous job (':')" srun --sft-bench=tiny -- a : b
    refused 1 'sft-bench-job: missing.json: no such file' srun --sft-bench=tiny,data=missing.json
    refused 1 'sft-bench-job: missing.json: no such file' srun --sft-bench=tiny -- --data missing.json
    refused 1 'sft-bench-job: missing.json: no such file' sbatch --sft-bench=tiny,data=missing.json
}

@test "bad configuration: one line with the file and its line" {
    printf '# c\njob = %s\ngpu = 8\n' "$DUMMY" >sft-bench.conf
    refused 1 "sft-bench: $FOLDER/sft-bench.conf:3: unknown key 'gpu'" srun --sft-bench=tiny:2
    chmod 664 sft-bench.conf
    refused 1 "sft-bench: configuration $FOLDER/sft-bench.conf: mode 0664: the file can be written by others" \
        srun --sft-bench=tiny:2
    chmod 644 sft-bench.conf
    chmod 777 .
    refused 1 "sft-bench: configuration $FOLDER: mode 0777: the file's folder can be written by others" \
        srun --sft-bench=tiny:2
    chmod 700 .
    rm sft-bench.conf
    refused 1 "sft-bench: configuration $FOLDER/sft-bench.conf: No such file" srun --sft-bench=tiny:2
    run srun -N1 -n1 echo fine
    [ "$status" -eq 0 ]
    [ "$output" = fine ]
}

@test "a job that is not on the login host: a note, and on" {
    run srun --sft-bench=tiny:1,gpus=1,data=nowhere
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "sft-bench: note: $DUMMY does not run on this host"* ]]
    [[ ${lines[1]} == *'words=<tiny:1,gpus=1,data=nowhere>' ]]
}
