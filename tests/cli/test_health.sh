#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The health check of a node: what it says of itself, judged without a GPU being opened; and the script for Slurm, whose
# programs are stand-ins here.
set -u
build=${SFT_BUILDDIR:?}
job=$build/sft-bench-job
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset "${!SLURM@}" "${!PMIX@}"
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

# A node with two GPUs, all well.
machine() {
    rm -rf root
    local bus
    for bus in 0000:18:00.0 0000:29:00.0; do
        mkdir -p root/proc/driver/nvidia/gpus/$bus root/sys/bus/pci/devices/$bus root/sys/bus/pci/drivers/nvidia
        echo 16 >root/sys/bus/pci/devices/$bus/current_link_width
        echo 16 >root/sys/bus/pci/devices/$bus/max_link_width
        echo 0x030200 >root/sys/bus/pci/devices/$bus/class
        echo 0x10de >root/sys/bus/pci/devices/$bus/vendor
        ln -sfn ../../../../bus/pci/drivers/nvidia root/sys/bus/pci/devices/$bus/driver
        ln -sfn ../../devices/$bus root/sys/bus/pci/drivers/nvidia/$bus
    done
    mkdir -p root/var/log
    echo "kernel: all is well" >root/var/log/kern.log
}

facts() { # facts STATUS
    SFT_BENCH_ROOT=$work/root "$job" verify:1,checks=facts,out="$work/out" >table 2>err
    local status=$?
    cat table err
    [ $status -eq "$1" ]
}

well() {
    machine
    facts 0 && grep -q ' good' table && python3 - <<'PY'
import json
v = json.load(open("out/verify.json"))
assert v["verdict"] == "good" and len(v["nodes"][0]["ranks"]) == 2, v
assert [r["bus_id"] for r in v["nodes"][0]["ranks"]] == ["0000:18:00.0", "0000:29:00.0"], v
assert not v["nodes"][0]["checks"] and not v["collectives"], v
PY
}
ok "a node that is well, both GPUs looked at" well

xid() {
    machine
    echo "[ 5.1] NVRM: Xid (PCI:0000:18:00): 79, pid=1, GPU has fallen off the bus." >>root/var/log/kern.log
    facts 2 && grep -q 'Xid 79' table && grep -q 'State=DRAIN' table
}
ok "an Xid in the kernel's log is bad" xid

narrow() {
    machine
    echo 8 >root/sys/bus/pci/devices/0000:29:00.0/current_link_width
    facts 1 && grep -q '0000:29:00.0' table
}
ok "a PCIe link at half its width is a warning, with its address" narrow

# The script, with programs of ours in its place's: job STATUS TEXT; scontrol says what it is told.
script() { # script DRAIN : made of the example
    mkdir -p bin
    sed "s|^JOB=.*|JOB=$work/bin/job|; s|^DRAIN=.*|DRAIN=$1|; s|^PATIENCE=.*|PATIENCE=2|; s|^STATE=.*|STATE=$work/state|; s|^PATH=.*|PATH=$work/bin:\$PATH|" \
        "$build/contrib/slurm/healthcheck.d/50-sft-bench" >check
    cat >bin/logger <<SH
#!/bin/sh
echo "\$@" >>$work/syslog
SH
    cat >bin/scontrol <<SH
#!/bin/sh
echo "scontrol \$*" >>$work/calls
case "\$*" in *"show node"*) echo "NodeName=n1 State=\$(cat $work/node) Reason=x" ;; esac
SH
    chmod 755 check bin/*
    rm -f state syslog calls
    touch syslog calls
    echo IDLE >node
}

answers() { # answers STATUS [LINE]...
    local status=$1
    shift
    printf '#!/bin/sh\ncat <<EOF\n%s\nEOF\nexit %s\n' "$(printf '%s\n' "$@")" "$status" >bin/job
    chmod 755 bin/job
}

run_check() {
    SLURMD_NODENAME=n1 ./check
}

said_once() {
    script no
    answers 2 'NODE  VERDICT' 'n1  bad' '    not slow' "    why: xid: the kernel's log has Xid 79"
    run_check && run_check && [ "$(grep -c "bad: not slow xid: the kernel's log has Xid 79" syslog)" -eq 1 ] && [ ! -s calls ] || return 1
    answers 0 'n1 good'
    run_check && [ ! -e state ] && [ "$(wc -l <syslog)" -eq 1 ]
}
ok "what is found is said once, and nobody is drained who did not ask for it" said_once

drained() {
    script yes
    answers 2 'NODE  VERDICT' 'n1  bad' '    rank 0 hung' '    why: hung'
    run_check && grep -q '^scontrol update nodename=n1 state=drain reason=sft-bench: rank 0 hung hung' calls || return 1
    rm calls
    echo IDLE+DRAIN >node
    run_check && ! grep -q update calls || return 1
    answers 1 'n1 warning' '    why: nvlink'
    echo IDLE >node
    run_check && ! grep -q update calls && grep -q 'warning: nvlink' syslog
}
ok "with DRAIN=yes a bad node is drained, and one that is drained already is left alone" drained

hangs() {
    script no
    printf '#!/bin/sh\nexec sleep 60\n' >bin/job
    chmod 755 bin/job
    local begin=$SECONDS
    run_check && grep -q 'bad: the driver has not answered for 2 s' syslog && [ $((SECONDS - begin)) -lt 40 ]
}
ok "a driver that does not answer is a finding, in time" hangs

epilog() {
    local file=$build/contrib/slurm/epilog.d/60-sft-bench-health
    script no
    sed "s|^CHECK=.*|CHECK=$work/check|" "$file" >epilog && chmod 755 epilog
    answers 2 'n1 bad' '    why: xid'
    SLURM_JOB_GPUS='' ./epilog && [ ! -s syslog ] && SLURM_JOB_GPUS=0,1 ./epilog && grep -q 'bad: xid' syslog
}
ok "the epilog looks after jobs with GPUs, and never fails" epilog

echo "1..$count"
exit $failed
