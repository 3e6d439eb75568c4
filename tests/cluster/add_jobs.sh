#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# add_jobs.sh COUNT NAME: many more jobs in the accounting of the private cluster whose environment is set (. DIR/env):
# copies of its last job, a second apart and ending now. The first 18 have the name NAME and the record, of the others
# each hundredth the record and the rest a comment of another tool.
set -euo pipefail
count=$1 name=$2
sql() { mariadb --no-defaults -u root --socket="$MYSQL_UNIX_PORT" -N slurm -e "$1"; }
columns=$(sql "select group_concat('\`', column_name, '\`' order by ordinal_position) from information_schema.columns
    where table_schema = 'slurm' and table_name = 'sft_job_table' and column_name <> 'job_db_inx'")
last=$(sql "select max(job_db_inx) from sft_job_table where admin_comment like 'sft_{%'")
values=$columns
change() { # change COLUMN EXPRESSION
    values=${values/"\`$1\`"/$2}
}
kept="(seq <= 18 or seq % 100 = 0)"
change id_job 'id_job + 1000 + seq'
change job_name "if(seq <= 18, '$name', concat('other-', seq % 7))"
change admin_comment "if($kept, regexp_replace(admin_comment, 'step=[0-9]+', concat('step=', id_job + 1000 + seq)), '')"
change derived_es "if($kept, regexp_replace(derived_es, 'step=[0-9]+', concat('step=', id_job + 1000 + seq)), concat('tool: {\"x\":', seq, '}'))"
for column in time_submit time_eligible time_start time_end; do
    change $column "$column - $count + seq"
done
sql "insert into sft_job_table ($columns) select $values from sft_job_table, seq_1_to_$count where job_db_inx = $last"
