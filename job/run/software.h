/* SPDX-License-Identifier: Apache-2.0 */
/* What each rank's node stands on, and what differs between the nodes of a run: told before any
 * device is opened and any library of collectives started. */
#ifndef SFT_JOB_RUN_SOFTWARE_H
#define SFT_JOB_RUN_SOFTWARE_H

#include <stdbool.h>

#include "job/control/control.h"

enum { SOFTWARE_TEXT = 96, SOFTWARE_LINE = 640, SOFTWARE_BRIEF = 401 };

enum software_part {
    SOFTWARE_JOB,    /* this program: its release, and a checksum of its file */
    SOFTWARE_NCCL,   /* of ranks on GPUs */
    SOFTWARE_MPI,    /* of ranks on CPUs */
    SOFTWARE_PMIX,   /* the library in the job */
    SOFTWARE_CUDA,   /* runtime */
    SOFTWARE_CUDNN,  /* */
    SOFTWARE_BLAS,   /* cuBLASLt */
    SOFTWARE_DRIVER, /* NVIDIA's module in the kernel */
    SOFTWARE_GPUS,   /* of the node, as its driver counts and names them */
    SOFTWARE_CPU,    /* */
    SOFTWARE_KERNEL, /* */
    SOFTWARE_PARTS
};

/* "" where there is none, or nobody says: then it differs from nothing. */
struct software {
    char text[SOFTWARE_PARTS][SOFTWARE_TEXT];
};

/* What this node says of itself. root: folder with the proc/ to read; NULL: the machine's. gpu: the
 * rank computes on one. pmix: of the library that started it, "" none. */
void software_read(struct software *own, const char *root, bool gpu, const char *pmix);

struct software_found {
    int lines;
    struct {
        bool refused; /* the run must not begin; else it may */
        bool quiet;   /* for the record alone */
        char text[SOFTWARE_LINE];
    } line[SOFTWARE_PARTS];     /* "NCCL differs: 2.21.5 on 7 nodes, 2.20.5 on node-[3,9]" */
    char brief[SOFTWARE_BRIEF]; /* the same for the record, without what to do; "": all alike */
};

/* all, hosts: [size] by rank. What most nodes have is taken for right and counted, the nodes with
 * anything else are named. Refused are: another build of this program (the figures would be those
 * of a mixture), and libraries of collectives of several series, which do not talk to each other.
 */
void software_judge(const struct software *all, char (*hosts)[CONTROL_HOST], int size,
                    struct software_found *found);

#endif
