/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU that this rank may use. */
#ifndef SFT_JOB_RUN_HOST_H
#define SFT_JOB_RUN_HOST_H

#include <stdio.h>

struct host {
    int cores;        /* CPUs for this rank's threads */
    char model[128];  /* as /proc/cpuinfo names it, or "unknown CPU" */
    char flags[8192]; /* its flags line, "" where there is none */
};

/* `local_size` ranks share the node: a mask that spans all of its CPUs is divided by it. */
void host_read(struct host *host, int local_size);

/* That no GPU was found, and what trains instead, in one line. */
void host_tell_cpu(FILE *out);

#endif
