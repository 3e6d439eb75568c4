# SPDX-License-Identifier: Apache-2.0
# examples/production.sbatch, from weights to a saved model: a small random Llama, on two nodes.
load helpers

setup_file() {
    cluster_of "$JOB" --nodes 2 --cpus 2 --gpus 2
    "$TOP/tests/make_checkpoint.py" "$FOLDER/base, small" >/dev/null
    echo "data.held = $TOP/examples/instructions.json" >>"$FOLDER/sft-bench.conf"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    PATH=$SFT_ROOT/bin:$PATH
    export WEIGHTS="$FOLDER/base, small" DATA=$TOP/examples/instructions.json STEPS=3
}

@test "a checkpoint is trained on two nodes and saved; the saved model begins another run" {
    SAVE="$FOLDER/all" KEYS=seq=256,warmup=1,eval=held,eval_every=3 sbatch --wait --nodes=2 -o all.log "$TOP/examples/production.sbatch" || {
        cat all.log
        false
    }
    grep -q "^The model is in $FOLDER/all; its README.md" all.log
    job=$(newest_job)
    wait_for 20 job_field_has "$job" state COMPLETED
    record=$(job_field "$job" admincomment)
    [ "$(field_of state <<<"$record")" = complete ]
    [ "$(field_of nodes <<<"$record")" = 2 ]
    [ "$(field_of steps_done <<<"$record")" = 3 ]
    [ "$(field_of weights <<<"$record")" = base,%20small ]
    [ "$(field_of eval <<<"$record")" = instructions.json ]
    [ "$(ls "$FOLDER/all")" = "$(printf '%s\n' README.md config.json model.safetensors)" ]
    grep -q "| step | $job.0 |" "$FOLDER/all/README.md"
    ! cmp -s "$FOLDER/all/model.safetensors" "$WEIGHTS/model.safetensors"
    SAVE="$FOLDER/all" WEIGHTS=$FOLDER/all KEYS=seq=256,warmup=0 sbatch --wait --nodes=1 -o again.log \
        "$TOP/examples/production.sbatch"
    [ "$(ls -A "$FOLDER" | grep -c '^\.all')" = 0 ]
    record=$(job_field "$(newest_job)" admincomment)
    [ "$(field_of weights <<<"$record")" = all ]
}

@test "adapters, alone and merged" {
    SAVE=$FOLDER/adapter KEYS=seq=256,warmup=0,method=lora sbatch --wait --nodes=2 -o lora.log "$TOP/examples/production.sbatch" || { cat lora.log; false; }
    [ "$(ls "$FOLDER/adapter")" = "$(printf '%s\n' README.md adapter_config.json adapter_model.safetensors)" ]
    grep -q "\"base_model_name_or_path\": \"$FOLDER/base, small\"" "$FOLDER/adapter/adapter_config.json"
    SAVE=$FOLDER/merged KEYS="seq=256,warmup=0,method=qlora,adapter=$FOLDER/adapter,merge=yes" sbatch --wait --nodes=2 \
        -o merged.log "$TOP/examples/production.sbatch"
    [ "$(ls "$FOLDER/merged")" = "$(printf '%s\n' README.md config.json model.safetensors)" ]
    grep -q 'They went on from those of adapter\.' "$FOLDER/merged/README.md"
}

@test "what is missing is said before the nodes are used, and nothing is left" {
    ! WEIGHTS=$FOLDER/none SAVE=$FOLDER/none-saved sbatch --wait --nodes=2 -o none.log "$TOP/examples/production.sbatch"
    grep -q "weights=$FOLDER/none: there is no such folder" none.log
    ! SAVE=$FOLDER/nowhere/model sbatch --wait --nodes=2 -o nowhere.log "$TOP/examples/production.sbatch"
    grep -q "save=$FOLDER/nowhere/model: cannot be made" nowhere.log
    ! DATA='' sbatch --wait -o data.log "$TOP/examples/production.sbatch"
    grep -q 'name the records: DATA=FILE' data.log
    [ ! -e "$FOLDER/none-saved" ]
    ! srun --sft-bench=tiny:1,gpus=1,data=hold,eval=helt >names.log 2>&1
    grep -q 'hold: cannot read the data' names.log
    grep -q "note: data=hold: no name of this site's list, either: held" names.log
    grep -q "note: eval=helt: no name of this site's list, either: held" names.log
}
