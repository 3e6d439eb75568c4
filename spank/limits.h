/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of accounts and QOS on the CPUs of this user's jobs, as the controller knows them. */
#ifndef SFT_SPANK_LIMITS_H
#define SFT_SPANK_LIMITS_H

/* CPUs that a job of `nodes` nodes may have on each; 0: no limit that can be seen. account, qos:
 * the user's words or NULL for the default ones; partition_qos: the partition's, or NULL. */
int limits_cpus(const char *account, const char *qos, const char *partition_qos, int nodes);

#endif
