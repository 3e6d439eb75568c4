# SPDX-License-Identifier: Apache-2.0
# The job in a container's image, the plugin outside: contrib/container. The image is a folder with the job, its
# libraries and nothing else of this machine; enter_image.c puts tasks into it as pyxis does, and a program that
# takes Apptainer's name and its words does it for run-in-image.
load helpers

SHORT=steps=2,warmup=0,gpus=0,seq=256,micro_batch=1,global_batch=2
USER_ID=65534
CONTRIB=$TOP/contrib/container

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip "only root can enter a folder as its root"
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    [ -e /usr/include/slurm/spank.h ] || skip "no slurm/spank.h"
    # Not below /tmp, which is the host's in the image, too.
    OUTSIDE=$(mktemp -d /var/tmp/sftc.XXXXXX)
    export OUTSIDE
    chmod 755 "$OUTSIDE"
    cc -shared -fPIC -o "$OUTSIDE/enter_image.so" "$BATS_TEST_DIRNAME/enter_image.c"
    image_make
    run_in_image_make
    site "$OUTSIDE/run-in-image"
    need_slurm
    cluster_folder
    cluster_start --nodes 2 --cpus 2 --affinity --plugin "$PLUGIN" --plugin-args "config=$OUTSIDE/sft-bench.conf"
    chmod 755 "$FOLDER"
    order after
}

teardown_file() {
    cluster_down
    [ -z "${OUTSIDE:-}" ] || rm -rf "$OUTSIDE"
}

setup() {
    cluster_enter
    site "$OUTSIDE/run-in-image"
    cd /
}

# With the modules that MPI and PMIx open, sh for scripts, and the file by which run-in-image knows it.
image_make() {
    local image=$OUTSIDE/image file
    mkdir -p "$image"/{proc,sys,dev,tmp,etc,usr/bin,bin,var/tmp} "$image$OUTSIDE"
    cp "$JOB" "$image/usr/bin/sft-bench-job"
    cp -L /bin/sh "$image/bin/sh"
    touch "$image/etc/sft-bench-image" "$image$OUTSIDE/run-in-image"
    { ldd "$JOB" /bin/sh; find /usr/lib/*/openmpi /usr/lib/*/pmix2 -name '*.so*' -type f -exec ldd {} +; } 2>/dev/null |
        grep -o '/[^ ]*' | grep -v ':$' | sort -u | while read -r file; do cp -L --parents "$file" "$image"; done
    for file in /usr/lib/*/openmpi /usr/lib/*/pmix2 /usr/share/openmpi /usr/share/pmix; do
        [ ! -d "$file" ] || cp -rL --parents "$file" "$image" 2>/dev/null
    done
    cp --parents "$SFT_ROOT/share/sft-bench/instructions.json" "$image"
}

# contrib's, as an admin sets it up.
run_in_image_make() {
    sed -e "s|^IMAGE=.*|IMAGE=$OUTSIDE/image|" -e 's|^BINDS=.*|BINDS="/tmp"|' "$CONTRIB/run-in-image" >"$OUTSIDE/run-in-image"
    chmod 755 "$OUTSIDE/run-in-image"
    sed "s|/usr/local/bin/|$OUTSIDE/|g" "$CONTRIB/sft-bench.fstab" >"$OUTSIDE/fstab"
    grep -q "^$OUTSIDE/run-in-image " "$OUTSIDE/fstab"
}

site() { # site JOB : the one that the site's configuration names
    printf 'job = %s\nsocket_interface = site0\n' "$1" >"$OUTSIDE/sft-bench.conf"
    chmod 644 "$OUTSIDE/sft-bench.conf"
}

# order before|after|alone : our line in plugstack.conf, and the container plugin's
order() {
    local ours="optional $PLUGIN config=$OUTSIDE/sft-bench.conf"
    local theirs="required $OUTSIDE/enter_image.so $OUTSIDE/image $OUTSIDE/fstab"
    case $1 in
    before) printf '%s\n' "$ours" "$theirs" ;;
    after) printf '%s\n' "$theirs" "$ours" ;;
    alone) echo "$ours" ;;
    esac >"$FOLDER/c/etc/plugstack.conf"
}

as_user() {
    setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups env HOME=/nonexistent "$@"
}

# The newest job's record once it has ended, in $record.
ended() {
    job=$(newest_job)
    wait_for 60 job_field_has "$job" state COMPLETED
    wait_for 20 job_field_has "$job" admincomment 'sft2\{'
    record=$(job_field "$job" admincomment)
    echo "$record"
}

is() { # is KEY VALUE : of the record
    [ "$(field_of "$1" <<<"$record")" = "$2" ]
}

@test "the tasks are in the image, with nothing else of the host" {
    run env SFT_TEST_IMAGE=1 srun -N1 /bin/sh -c 'echo /usr/bin/* /etc/*; exec 3</proc/self/mounts && echo yes'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "/usr/bin/sft-bench-job /etc/sft-bench-image" ]
}

@test "a run in the image, by an ordinary user: its record is in the accounting, and counts" {
    as_user SFT_TEST_IMAGE=1 srun --sft-bench="tiny:2,$SHORT"
    ended
    is state complete
    is nodes 2
    is ranks 2
    is program script
    is doubted ''
    run "$REPORT" -a -j "$job" --csv
    [[ ${lines[1]} == *",complete,"* ]]
}

# The module that binds tasks and the site's file lie outside, and are in the step daemon before it enters the image.
@test "in the image, too, the site's file is obeyed and the node is looked at, whichever plugin comes first" {
    local first
    for first in before after; do
        order $first
        run as_user SFT_TEST_IMAGE=1 srun --sft-bench="explain:2,gpus=0"
        echo "$output"
        [ "$status" -eq 0 ]
        [ "$(grep -c 'NCCL_SOCKET_IFNAME .* =site0' <<<"$output")" -eq 2 ]
        [ "$(grep -c 'not pinned: no GPU is left to the step' <<<"$output")" -eq 2 ] # the module's own words
    done
}

@test "a variable of NCCL that the image sets counts as the user's" {
    order after
    run as_user SFT_TEST_IMAGE=image0 srun --sft-bench="explain:2,gpus=0"
    echo "$output"
    [ "$(grep -c "NCCL_SOCKET_IFNAME .*user's .*image0 .*the user has set it" <<<"$output")" -eq 2 ]
}

@test "the image's own copy in the place of the host's program is told as another one" {
    order after
    cp "$JOB" "$OUTSIDE/sft-bench-job"
    cp "$JOB" "$OUTSIDE/image$OUTSIDE/sft-bench-job"
    site "$OUTSIDE/sft-bench-job"
    as_user SFT_TEST_IMAGE=1 srun --sft-bench="tiny:1,$SHORT"
    ended
    is program other:sft-bench-job
    [ -n "$(field_of doubted <<<"$record")" ]
}

@test "a task that is not in the image and has none says what to do; srun's look at the data is quiet" {
    sed 's|^IMAGE=.*|IMAGE=""|' "$CONTRIB/run-in-image" >"$OUTSIDE/no-image"
    chmod 755 "$OUTSIDE/no-image"
    run "$OUTSIDE/no-image" tiny
    [ "$status" -eq 127 ]
    [ "$output" = "sft-bench: $OUTSIDE/no-image: not in an image: srun wants --container-image, or this host IMAGE and apptainer" ]
    run "$OUTSIDE/no-image" --check tiny
    [ "$status" -eq 127 ]
    [ -z "$output" ]
}

# In Apptainer's place: `exec --bind FOLDER... IMAGE COMMAND...`, with what it mounts by itself, and those folders.
apptainer_make() {
    cat >"$OUTSIDE/bin/apptainer" <<'SH'
#!/bin/sh
[ "$1" = exec ] || exit 255
shift
folders="/proc /sys /dev"
while [ "$1" = --bind ]; do
    folders="$folders $2"
    shift 2
done
image=$1
shift
export image folders
exec unshare --mount sh -c 'for folder in $folders; do
    mkdir -p "$image$folder" && mount --rbind "$folder" "$image$folder" || exit 255; done
    exec chroot "$image" "$@"' sh "$@"
SH
    chmod 755 "$OUTSIDE/bin/apptainer"
}

@test "without a plugin for containers: run-in-image enters the image itself" {
    mkdir -p "$OUTSIDE/bin"
    apptainer_make
    order alone
    PATH=$OUTSIDE/bin:$PATH srun --sft-bench="tiny:2,$SHORT"
    ended
    is state complete
    is ranks 2
    is program script
    is doubted ''
}
