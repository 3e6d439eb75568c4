# SPDX-License-Identifier: Apache-2.0
# The private cluster itself.
load helpers

setup_file() {
    need_slurm
    cluster_up --nodes 2 --gpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
}

@test "nodes are idle, with the customer's names and their GPUs" {
    run "$CLUSTER" status "$FOLDER/c"
    [ "$status" -eq 0 ]
    [[ $output == *"fukushimadc-02-hgx-0001 idle 2 gpu:2"* ]]
    [[ $output == *"fukushimadc-02-hgx-0002 idle 2 gpu:2"* ]]
}

@test "a step runs on both nodes, each with a host name of its own" {
    [ "$(id -u)" -eq 0 ] || skip "host names of their own need root"
    run srun -N2 hostname
    [ "$(sort <<<"$output")" = "$(printf 'fukushimadc-02-hgx-%s\n' 0001 0002)" ]
}

@test "MPI over PMIx adds up over two nodes" {
    command -v mpicc >/dev/null || skip "no mpicc"
    cat >"$FOLDER/sum.c" <<'C'
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    int rank, sum;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    rank++;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("sum %d\n", sum);
    return MPI_Finalize();
}
C
    mpicc -o "$FOLDER/sum" "$FOLDER/sum.c"
    run timeout 60 srun -N2 --ntasks-per-node=2 --mpi=pmix "$FOLDER/sum"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^sum 10$' <<<"$output")" -eq 4 ]
}

@test "comment and admin comment reach the accounting" {
    job=$(sbatch --parsable -o /dev/null --comment='my | own' --wrap 'sleep 1')
    wait_for 20 scontrol update jobid="$job" admincomment='of the root'
    wait_for 30 job_field_has "$job" state COMPLETED
    [ "$(job_field "$job" comment)" = 'my | own' ]
    [ "$(job_field "$job" admincomment)" = 'of the root' ]
}

@test "what ends while slurmdbd is dead arrives when it is back" {
    "$CLUSTER" kill-dbd "$FOLDER/c"
    job=$(sbatch --parsable -o /dev/null --wrap true)
    gone() { ! squeue -h -j "$job" -t RUNNING,PENDING,COMPLETING 2>/dev/null | grep -q .; }
    wait_for 30 gone
    run job_field "$job" state
    [[ $output != *COMPLETED* ]]
    "$CLUSTER" start-dbd "$FOLDER/c"
    wait_for 60 job_field_has "$job" state COMPLETED
}

@test "a second cluster runs beside the first; stopped, it leaves nothing" {
    other=$FOLDER/o
    "$CLUSTER" start "$other" --nodes 1
    [ "$("$CLUSTER" run "$other" -- sinfo -h -o %D)" = 1 ]
    [ "$(sinfo -h -o %D)" = 2 ]
    "$CLUSTER" run "$other" -- sbatch -o /dev/null --wrap 'sleep 1000' >/dev/null
    before=$("$CLUSTER" pids "$other" | wc -l)
    [ "$before" -ge 5 ]
    "$CLUSTER" stop "$other"
    [ ! -e "$other" ]
    [ -z "$("$CLUSTER" pids "$other")" ]
    run grep -c "$other" /proc/mounts
    [ "$output" = 0 ]
    "$CLUSTER" stop "$other"
    [ "$(sinfo -h -o %D)" = 2 ]
}

@test "a cluster that starts leaves the temporary tables of other database servers alone" {
    mkdir "$FOLDER/shared" && touch "$FOLDER/shared/#sql-temptable-1-1-1.MAI"
    TMPDIR=$FOLDER/shared "$CLUSTER" start "$FOLDER/t" --nodes 1
    "$CLUSTER" stop "$FOLDER/t"
    [ -e "$FOLDER/shared/#sql-temptable-1-1-1.MAI" ]
}

@test "what does not start is named with the first error of its log" {
    printf '#!/bin/sh\necho "ERROR: 1051  Unknown table"; seq 20; exit 1\n' >"$FOLDER/mariadb-install-db"
    chmod +x "$FOLDER/mariadb-install-db"
    PATH=$FOLDER:$PATH run "$CLUSTER" start "$FOLDER/e" --nodes 1
    [ "$status" -eq 1 ]
    [[ $output == *"database did not start"*"Unknown table"* ]]
    [ ! -e "$FOLDER/e" ] || "$CLUSTER" stop "$FOLDER/e"
}

@test "bad words are refused in one line" {
    run "$CLUSTER" start "$FOLDER/x" --nodes 0
    [ "$status" -eq 2 ] && [ "${#lines[@]}" -eq 1 ]
    run "$CLUSTER" start "$FOLDER/x" --colour red
    [ "$status" -eq 2 ] && [[ ${lines[0]} == *"unknown option '--colour'"* ]]
    run "$CLUSTER" start "$FOLDER/c"
    [ "$status" -eq 2 ] && [[ $output == *"exists"* ]]
    run "$CLUSTER" run "$FOLDER/x" -- true
    [ "$status" -eq 1 ] && [[ $output == *"is no cluster"* ]]
    [ ! -e "$FOLDER/x" ]
}
