/* SPDX-License-Identifier: Apache-2.0 */
/* plugstack.conf's arguments and the site's configuration, sft-bench.conf(5). */
#ifndef SFT_SPANK_CONF_H
#define SFT_SPANK_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/fields.h"
#include "lib/request.h"
#include "node/conf_fabric.h"
#include "spank/conf_data.h"

/* Numbers are -1 and texts "" where the site said nothing. */
struct conf {
    char job[CONF_PATH];       /* path of sft-bench-job on the compute nodes */
    char data[CONF_PATH];      /* default of the request's data */
    char tokenizer[CONF_PATH]; /* default of the request's tokenizer */
    char ceilings[CONF_PATH];  /* default of the request's ceilings */
    char history[CONF_PATH];   /* default of verify's history */
    char tuned[CONF_PATH];     /* the site's folder of timed choices of products */
    char partition[128];       /* where to run when the user names no partition */
    char mpi[64];              /* srun's --mpi */
    int gpus_per_node;         /* in place of what the nodes' gres says */
    int cpus_per_task;         /* in place of the node's CPUs shared out to its tasks */
    int update_seconds;        /* longest time between two updates of a running job's record */
    int hold_seconds;          /* a run's end waits so long for slurmctld to take its record */
    char root[CONF_PATH];      /* for tests: folder of the sys/ and proc/ to read; "": the node's */
    char file[CONF_PATH];      /* that was read; "" none */
    int line;                  /* that is being read */
    int partition_line;        /* where it says the partition */
    bool comment;              /* write the job's comment (the admin comment is always written) */
    struct conf_data sets;     /* names for data= */
    struct conf_fabric fabric; /* the network */
};

/* The rows of the keys and of plugstack.conf's arguments; conf_fabric_keys has the network's. */
const struct sft_field *conf_keys(void);

void conf_init(struct conf *conf);

/* Read `length` bytes of text: lines `key = value`, empty, or beginning with `#`. A later line
 * replaces an earlier one, except nccl_env's of other variables. Complaints begin with "NAME:LINE:
 * ". */
int conf_parse(struct conf *conf, const char *text, size_t length, const char *name,
               struct sft_error *err);

/* "FILE:LINE" of a key of which that is kept (partition, exclude_hosts), for messages. */
const char *conf_place(const struct conf *conf, const char *key, char *text, size_t size);

/* conf_init, then the file (config=FILE of the arguments, or the default place, which may be
 * missing), then the other arguments: job=PATH. */
int conf_load(struct conf *conf, int ac, char **av, struct sft_error *err);

/* What the site says where the request says nothing: data and tokenizer, and what its names of data
 * sets stand for, but no tokenizer for weights=, which have theirs; of verify the history; and, for
 * a run on GPUs,
 * what it knows of them and of the network, for forecasts and MFU. */
void conf_fill_texts(const struct conf *conf, struct sft_request *request);
void conf_fill_figures(const struct conf *conf, struct sft_request *request);

#endif
