/* SPDX-License-Identifier: Apache-2.0 */
/* Slurm's texts of generic resources and CPUs. */
#ifndef SFT_SPANK_GRES_H
#define SFT_SPANK_GRES_H

/* GPUs in `gpu:h100:8(S:0-1),nic:2` (a node's), `gpu:2(IDX:0,3)` (a job's on one node) or
 * `gres/gpu=4` (tres). NULL is 0. */
int gres_gpus(const char *text);

/* The fewest CPUs of a node in `72(x2),36` (SLURM_JOB_CPUS_PER_NODE). NULL, or a text that is not
 * of that form, is 0. */
int gres_cpus(const char *text);

#endif
