#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 or 13 to the main job: installs packages, builds, starts a private two-node Slurm
# cluster, runs `srun --sft-bench=tiny:2` on real instruction records, prints the accounting's line
# and the report. As root; everything but the packages stays below ./build, the cluster is stopped
# at the end.
set -euo pipefail
umask 022 # the configuration is read only where nobody else may write it
cd "$(dirname "$0")/.."
top=$PWD
build=$top/build/quickstart
root=$build/root
# shellcheck source=tests/packages.sh
. tests/packages.sh

say() { printf '\n== %s\n' "$*"; }
log_of() { # log_of NAME COMMAND... : run quietly, show the log's end when it fails
    local log=$build/$1.log
    shift
    "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "failed; the whole log: $log" >&2; exit 1; }
}

mkdir -p "$build"
say "1/5 packages"
packages_install BUILD CLUSTER

say "2/5 build into $root"
[ -x configure ] || log_of autoreconf autoreconf -fi
cd "$build"
[ -e Makefile ] || log_of configure "$top/configure" --prefix="$root"
log_of make make -j"$(nproc)"
log_of install make install
cd "$top"

say "3/5 private Slurm cluster, two nodes"
dir=$(mktemp -d /tmp/sft-quickstart.XXXXXX)
trap 'tests/cluster/sft-cluster stop "$dir/cluster" || true; rm -rf "$dir"' EXIT
cat >"$dir/sft-bench.conf" <<CONF
# the site's configuration of the plugin
job = $root/bin/sft-bench-job
data = ${SFT_DATA:-$root/share/sft-bench/instructions.json}
CONF
tests/cluster/sft-cluster start "$dir/cluster" --nodes 2 --gpus 1 --cpus 1 \
    --plugin "$root/lib/sft-bench/sft_bench.so" --plugin-args "config=$dir/sft-bench.conf"
# shellcheck disable=SC1091
. "$dir/cluster/env"

say "4/5 srun --sft-bench=tiny:2"
srun --sft-bench=tiny:2

say "5/5 what the accounting holds"
job=
for _ in $(seq 100); do
    job=$(sacct -X -n -P -o jobid,state,admincomment | sed -n 's/^\([0-9]*\)|COMPLETED|.*state=complete.*/\1/p')
    [ -n "$job" ] && break
    sleep 0.2
done
[ -n "$job" ] || { echo "no finished record in sacct" >&2; exit 1; }
sacct -X -j "$job" -P -o jobid,jobname,nnodes,nodelist,state,elapsed,comment
echo
"$root/bin/sft-report" --job "$job"

say "what next"
cat <<NEXT
That was a test model on the CPU, in a private cluster that stops now. On your own cluster:

  1. install, once for the submit hosts and the nodes:  ./configure --prefix=/usr && make && make install
     then one line in /etc/slurm/plugstack.conf:        optional /usr/lib/sft-bench/sft_bench.so
  2. see where tasks would go, without training:        srun --sft-bench=explain:2
  3. see whether it fits, and how fast it should be:    sft-bench-job --plan llama-7b:2
  4. measure:                                           srun --sft-bench=llama-7b:2
  5. read it again, or as a page:                       sft-report --format html --output report.html

srun --sft-bench=help lists models and keys; man 7 sft-bench has all of it; doc/first-run.md explains
what you have just seen. The build stays in $build.
NEXT
