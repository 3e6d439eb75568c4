# SPDX-License-Identifier: Apache-2.0
# Shared weights, gradients and states on real ranks: up to 8 on 4 private nodes.
load helpers

setup_file() {
    cluster_of "$JOB" --nodes 4 --cpus 2 --gpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
}

train() { # train NAME SHAPE ZERO [KEY=VALUE,...]
    srun --sft-bench="$2,zero=$3,data=synthetic,seed=3,steps=18,warmup=2,seq=128,micro_batch=1,global_batch=16,out=$FOLDER/$1${4:+,$4}" \
        >"$FOLDER/$1.log" 2>&1 || {
        cat "$FOLDER/$1.log"
        return 1
    }
}

@test "every way of sharing on 1, 2, 4 and 8 ranks over 1, 2 and 4 nodes trains as one rank does" {
    train one tiny:1,gpus=0 0
    for zero in 0 1 2 3 hybrid; do
        for nodes in 1 2 4; do
            train "$zero-$nodes" "tiny:$nodes,gpus=2" $zero
        done
    done
    python3 - "$FOLDER" <<'PY'
import json, sys
def run(name):
    return json.load(open(f"{sys.argv[1]}/{name}/result.json"))
first = run("one")["losses"]
assert len(first) == len(set(first)) == 20, first
for zero in ("0", "1", "2", "3", "hybrid"):
    memory = {}
    for nodes in (1, 2, 4):
        ranks = 2 * nodes
        r = run(f"{zero}-{nodes}")
        assert (r["nodes"], r["ranks"]) == (nodes, ranks), r
        assert r["zero"] == zero, r["zero"]
        for a, b in zip(first, r["losses"], strict=True):
            assert abs(a - b) < 1e-5 * a, (zero, nodes, a, b)
        memory[ranks, nodes] = r["mem_plan_gib"]
    print(zero, memory)
    if zero != "0":  # states at least are a fraction of what one rank would keep
        assert memory[8, 4] < memory[4, 2] < memory[2, 1], (zero, memory)
PY
}

@test "FP8 and adapters over NF4, shared by 2, 4 and 8 ranks, train as one rank does" {
    local kind keys way
    for kind in fp8 qlora; do
        [ $kind = fp8 ] && keys=precision=fp8 || keys=method=qlora,lr=0.01
        train "one-$kind" tiny:1,gpus=0 0 $keys
        for way in 1-1 1-2 3-2 hybrid-2 3-4 hybrid-4; do
            train "$way-$kind" "tiny:${way#*-},gpus=2" "${way%-*}" $keys
        done
    done
    python3 - "$FOLDER" <<'PY'
import json, sys
def run(name):
    return json.load(open(f"{sys.argv[1]}/{name}/result.json"))
curves = [run("one")["losses"]]  # of the test before, in fp32
for kind, base, bound in (("fp8", None, 2e-3), ("qlora", "nf4", 1e-5)):
    one = run(f"one-{kind}")
    assert len(set(one["losses"])) == 20 and one["losses"] not in curves, kind
    curves.append(one["losses"])
    for zero, nodes in (("1", 1), ("1", 2), ("3", 2), ("hybrid", 2), ("3", 4), ("hybrid", 4)):
        r = run(f"{zero}-{nodes}-{kind}")
        assert (r["nodes"], r["ranks"], r["zero"]) == (nodes, 2 * nodes, zero) and r.get("base") == base, r
        worst = max(abs(a - b) / a for a, b in zip(one["losses"], r["losses"], strict=True))
        print(kind, zero, nodes, worst, r.get("gathered"))
        assert worst < bound, (kind, zero, nodes, worst)
        if kind == "fp8":
            assert r["precision"] == "fp8" and (zero == "1") == ("gathered" not in r), r.get("gathered")
            assert zero == "1" or r["gathered"] == "e4m3", r["gathered"]
PY
}

@test "ways of sharing that do not exist are refused" {
    run srun --sft-bench=tiny:2,zero=4
    [ "$status" -ne 0 ]
    [[ $output == *"zero=4: must be one of auto|0|1|2|3|hybrid"* ]]
}
