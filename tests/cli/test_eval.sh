#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# epochs= and eval=: steps out of passes, the same held-out losses on any number of ranks and whatever they share,
# losses.jsonl, a run that goes on, and what is refused.
# shellcheck disable=SC2317 # functions are called by name
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
[ -x "$job" ] || exit 77
data=$(cd "${SFT_SRCDIR:?}" && pwd)/examples/instructions.json
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} # Open MPI and PMIx keep some memory to the end
run=tiny,device=cpu,data=$data,eval=0.2,seq=320,global_batch=4,micro_batch=1
failed=0 number=0

ok() { # ok WHAT COMMAND...
    local what=$1
    shift
    number=$((number + 1))
    if "$@" >out 2>&1; then
        echo "ok $number $what"
    else
        failed=1
        echo "not ok $number $what"
        sed 's/^/# /' out
    fi
}

refused() { # refused REQUEST TEXT
    "$job" "$1" >said 2>&1 && return 1
    cat said
    grep -q -- "$2" said
}

one() { # 55 records of 69; evaluated before, each third step and at the end
    "$job" "$run,epochs=1,eval_every=3,warmup=2,out=one" && python3 - <<'PY'
import json
rows = [json.loads(line) for line in open("one/losses.jsonl")]
r = json.load(open("one/result.json"))
steps = [row["step"] for row in rows if "loss" in row]
assert steps == list(range(1, r["steps"] + r["warmup"] + 1)), steps
assert [row["loss"] for row in rows if "loss" in row] == r["losses"]
held = {row["step"]: row["eval_loss"] for row in rows if "eval_loss" in row}
assert sorted(held) == sorted({0, steps[-1]} | {s for s in steps if s % 3 == 0}), held
assert abs(held[0] - r["eval_first"]) < 1e-4 and abs(held[steps[-1]] - r["eval_loss"]) < 1e-4
assert held[steps[-1]] < held[0] and abs(min(held.values()) - r["eval_best"]) < 1e-4
assert 1 <= r["epochs"] < 1 + 1 / (r["steps"] + r["warmup"] - 1) and r["eval_records"] == 14 and r["records"] == 55
assert r["eval"] == "0.2" and r["eval_s"] > 0
assert r["eval_curve"].startswith("0:") and r["loss_curve"].startswith("1:"), r
tokens = [row["tokens"] for row in rows]
assert tokens == sorted(tokens) and tokens[-1] > 1000
PY
}
ok "an epoch: steps, losses.jsonl and record agree" one

ranks() { # ranks COUNT ZERO
    mpirun --oversubscribe -n "$1" "$job" "$run,epochs=1,eval_every=3,warmup=2,zero=$2,out=many" && python3 - <<'PY'
import json
one, many = ([json.loads(line) for line in open(f"{name}/losses.jsonl")] for name in ("one", "many"))
assert len(one) == len(many) and all(a.keys() == b.keys() for a, b in zip(one, many))
for a, b in zip(one, many):
    for key in ("loss", "eval_loss"):
        assert key not in a or abs(a[key] - b[key]) < 2e-6 * a[key], (a, b)
PY
}
best_ranks() { # the lowest loss comes before the checkpoint: what 2 ranks kept of it 1 saves, bit for bit
    local few="tiny,device=cpu,data=$data,eval=0.03,seq=320,global_batch=2,micro_batch=1,steps=14,warmup=0,lr=0.07,lr_warmup=14,eval_every=2"
    few=$few,checkpoint=ranks-ck,checkpoint_every=7
    mpirun --oversubscribe -n 2 "$job" "$few,zero=3,save=two-saved" && rm -r ranks-ck/step-14 &&
        "$job" "$few,save=one-saved,out=one-out" && grep -q 'goes on behind step 7' out &&
        grep -q '"eval_best_step": 6' one-out/result.json && cmp two-saved/model.safetensors one-saved/model.safetensors
}
if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    ok "2 ranks, zero=0: the same losses" ranks 2 0
    ok "4 ranks, zero=3: the same losses" ranks 4 3
    ok "the best weights of 2 ranks, on 1" best_ranks
else
    echo "ok $((number += 1)) # skip no mpirun, or built without MPI and PMIx"
fi

goes_on() { # lines of steps that the checkpoint does not know leave, and none stands twice
    "$job" "$run,epochs=3,warmup=2,out=two,checkpoint=ck,checkpoint_every=4" &
    local pid=$! i
    for ((i = 0; i < 600; i++)); do
        grep -q '"step": 9,' two/losses.jsonl && break
        sleep 0.1
    done
    kill -KILL "$pid"
    "$job" "$run,epochs=3,warmup=2,out=two,checkpoint=ck,checkpoint_every=4" && grep -q 'goes on behind step' out && python3 - <<'PY'
import json
rows = [json.loads(line) for line in open("two/losses.jsonl")]
steps = [row["step"] for row in rows if "loss" in row]
assert steps == list(range(1, json.load(open("two/result.json"))["steps"] + 3)) and len(steps) > 30, steps
tokens = [row["tokens"] for row in rows if "loss" in row]
assert tokens == sorted(tokens), tokens
PY
}
ok "a run that goes on appends to its losses" goes_on

# The lowest loss comes early and its weights are saved: a run that is killed after it, told to end, and goes on, ends with
# the same files as the one that nothing happened to.
high="tiny,device=cpu,data=$data,eval=0.03,seq=320,global_batch=1,micro_batch=1,steps=20,warmup=2,lr=0.07,lr_warmup=22,eval_every=2"
end_at() { # end_at SIGNAL STEP STATUS : the run goes on, and gets the signal when that checkpoint is there
    local pid i
    "$job" "$high,out=cut,save=cut-saved,checkpoint=cut-ck,checkpoint_every=5" &
    pid=$!
    for ((i = 0; i < 6000; i++)); do
        [ -e "cut-ck/step-$2" ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    kill -"$1" $pid
    wait $pid
    [ $? -eq "$3" ]
}
best() {
    "$job" "$high,out=high,save=high-saved" && end_at KILL 5 137 && end_at KILL 10 137 && end_at TERM 15 4 || return 1
    [ ! -e cut-saved ] || return 1
    "$job" "$high,out=cut,save=cut-saved,checkpoint=cut-ck,checkpoint_every=5" || return 1
    cmp high-saved/model.safetensors cut-saved/model.safetensors && python3 - <<'PY'
import json
def log(name):
    steps, held = {}, {}
    for row in map(json.loads, open(f"{name}/losses.jsonl")):
        for key, to in (("loss", steps), ("eval_loss", held)):
            if key in row:
                assert row["step"] not in to, (name, row)
                to[row["step"]] = row[key]
    return steps, held
whole, cut = log("high"), log("cut")
assert sorted(whole[0]) == list(range(1, 23)) and sorted(whole[1]) == list(range(0, 23, 2)), whole
assert whole == cut, (whole, cut)
assert 0 < min(whole[1], key=whole[1].get) < 5, whole[1]
a, b = (json.load(open(f"{name}/result.json")) for name in ("high", "cut"))
for key in "eval_first", "eval_loss", "eval_best", "eval_best_step", "loss_curve", "eval_curve":
    assert a[key] == b[key], (key, a[key], b[key])
assert b["resumed_step"] >= 15
PY
}
ok "the lowest loss and its weights outlive kills" best
other_records() { # the lowest loss of other records counts no more, and it is said
    local small="tiny,device=cpu,data=synthetic,seq=320,global_batch=1,steps=3,warmup=0,checkpoint=other,checkpoint_every=2" n
    for n in 3 4; do
        python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1]))[:int(sys.argv[2])], open(sys.argv[2] + ".json", "w"))' "$data" $n
    done
    "$job" "$small,eval=4.json,eval_every=1,out=other-out" && rm -rf other/step-3 &&
        grep -q '"eval_curve": "0:' other-out/result.json &&
        "$job" "$small,eval=3.json,eval_every=1,out=other-out" &&
        grep -q 'warning: eval=3.json: other records than those of the run before' out &&
        grep -q '"eval_records": 3' other-out/result.json && python3 - <<'PY'
import json
r = json.load(open("other-out/result.json"))
curve = dict(point.split(":") for point in r["eval_curve"].split(","))
assert list(curve) == ["2", "3"] and abs(float(curve["2"]) - r["eval_first"]) < 1e-3, r["eval_curve"]
assert r["loss_curve"].startswith("1:"), r["loss_curve"]
last = [row for row in map(json.loads, open("other-out/losses.jsonl")) if row["step"] == 2 and "eval_loss" in row][-1]
assert abs(last["eval_loss"] - r["eval_first"]) < 1e-4, (last, r["eval_first"])
PY
}
ok "other records begin anew" other_records
without_save() { # without save= no weights were kept: a later save= says from where on the best is looked for
    local few=${high/steps=20/steps=5}
    few=${few/lr_warmup=22/lr_warmup=5}
    rm -rf other
    "$job" "$few,checkpoint=other,checkpoint_every=5,out=later" && rm -rf other/step-7 &&
        cp later/result.json before.json &&
        "$job" "$few,checkpoint=other,checkpoint_every=5,save=other-saved,out=later" &&
        grep -q 'kept no weights of it, having had no save=' out && [ -e other-saved/model.safetensors ] && python3 - <<'PY'
import json
before, after = (json.load(open(name)) for name in ("before.json", "later/result.json"))
assert after["eval_first"] == before["eval_first"], (after["eval_first"], before["eval_first"])
assert after["eval_curve"].startswith(before["eval_curve"].split(",")[0]), after["eval_curve"]
assert after["eval_best_step"] >= 5, after["eval_best_step"]
PY
}
ok "weights that nobody kept" without_save

ok "another file's records" sh -c "'$job' '$run,steps=2,warmup=0,out=file' >/dev/null && '$job' 'tiny,device=cpu,data=synthetic,eval=$data,seq=320,steps=2,warmup=0,out=file' &&
    grep -q '\"eval\": \"instructions.json\"' file/result.json && grep -q '\"eval_records\": 69' file/result.json"
ok "steps and epochs" refused "$run,epochs=1,steps=3" 'epochs=1 and steps=3 exclude each other'
ok "too long a warm-up" refused "$run,epochs=1,warmup=100" 'warmup=100 leaves none to be measured'
ok "eval_every alone" refused "tiny,eval_every=3" 'nothing is evaluated: say eval=, too'
ok "nothing left to train" refused "tiny,data=$data,eval=0.999,seq=320" 'none would be left for training'
ok "a file that is not there" refused "tiny,data=$data,eval=nowhere.json" 'nowhere.json'
ok "the plan says steps" sh -c "'$job' --plan 'tiny,epochs=2,eval=0.2,seq=320,data=$data' | grep -E '^epochs +2 of [0-9]+ sequences: [0-9]+ steps' &&
    '$job' --plan 'tiny,epochs=2,eval=0.2,seq=320,data=$data' | grep -E '^eval +0.2: 14 records'"
exit $failed
