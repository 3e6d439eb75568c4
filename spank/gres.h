/* SPDX-License-Identifier: Apache-2.0 */
/* Slurm's texts of generic resources. */
#ifndef SFT_SPANK_GRES_H
#define SFT_SPANK_GRES_H

/* GPUs in `gpu:h100:8(S:0-1),nic:2` (a node's), `gpu:2(IDX:0,3)` (a job's on one node) or
 * `gres/gpu=4` (tres). NULL is 0. */
int gres_gpus(const char *text);

#endif
