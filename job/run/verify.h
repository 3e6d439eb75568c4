/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of verify: rank 0 orders, each rank measures, rank 0 judges. */
#ifndef SFT_JOB_RUN_VERIFY_H
#define SFT_JOB_RUN_VERIFY_H

#include "job/control/hub.h"
#include "job/run/machine.h"
#include "job/run/ranks.h"
#include "job/run/result.h"
#include "job/run/software.h"
#include "job/train/sensors.h"
#include "job/verify/ceilings.h"
#include "job/verify/probe.h"
#include "job/verify/table.h"

/* What a rank says of itself. */
struct verify_told {
    int gpu; /* number in its node */
    struct gpu_facts gpu_facts;
    struct node_facts node_facts;
    double free_bytes; /* of the device's memory; NAN: it has none of its own */
};

enum verify_what {
    VERIFY_OPEN,     /* the device, and what is there before a load */
    VERIFY_FACTS,    /* the same without a device: nothing is opened that a job may use */
    VERIFY_CHECK,    /* a pass of a check that needs no other rank */
    VERIFY_ID,       /* an id for a team */
    VERIFY_TEAM,     /* a collective among some ranks */
    VERIFY_CEILINGS, /* what predictions are made of */
    VERIFY_TELL,     /* what is there after the load */
    VERIFY_WAIT,     /* nothing, and no answer: others are asked */
    VERIFY_END       /* and leave, as the others do; `lost`: without MPI's end */
};

/* Which ranks: those that are lost take no part. */
enum verify_team {
    TEAM_ALL,
    TEAM_NODE, /* of this rank's node */
    TEAM_MATE  /* and one other */
};

/* Exit status: what keeps verify from its verdict is no verdict on a node. */
enum { VERIFY_COULD_NOT_TELL = 3 };

enum { VERIFY_LOST = 16, VERIFY_TEXT = 240 };

struct verify_order {
    enum verify_what what;
    enum check check;
    double limit; /* s for all of it */
    enum verify_team team;
    int mate, number; /* of team_place */
    int lost, lost_rank[VERIFY_LOST];
    unsigned char id[TEAM_ID];
    enum collective_kind kind;
    size_t bytes;
    int times; /* that each repeat does it */
};

struct verify_answer {
    int count;                   /* values; -1: failed, and text says why */
    bool late;                   /* by others, who did not come */
    double value[JUDGE_REPEATS]; /* of a check in its unit, of a collective seconds */
    char text[VERIFY_TEXT];
    unsigned char id[TEAM_ID];
    struct sft_ceiling ceiling;
    struct verify_told told; /* of OPEN, TELL, and a check under load */
};

/* A rank that measures. */
struct verify_worker {
    const struct sft_request *request;
    struct ranks *ranks;
    const char *root; /* of a described machine; NULL */
    struct machine machine;
    struct sensors *sensors; /* NULL: no GPU, or it says nothing */
    struct verify_told told;
    struct cpu_mark begin;
    struct team *team;
    int team_number; /* of `team`; 0: none */
    struct probe_memory room;
};

/* Before anything else of ours runs. */
void verify_worker_begin(struct verify_worker *worker, const struct sft_request *request,
                         struct ranks *ranks);
void verify_worker_do(struct verify_worker *worker, const struct verify_order *order,
                      struct verify_answer *answer);
/* Of GPU `number` of the node, by the addresses; unknown where there is none. */
void verify_gpu_facts(struct gpu_facts *facts, const char *root, int number);
void verify_worker_end(struct verify_worker *worker);

/* On rank 0, for whom nobody waits: the same, and where it has not ended after `limit` seconds that
 * this process ran the run ends, with a line and in the record. */
void verify_timer_do(struct verify_worker *worker, const struct verify_order *order, double limit,
                     struct verify_answer *answer);

/* The members of a team, and which of them `rank` is; returns how many. rank[control->size]. */
int verify_members(const struct verify_order *order, const struct control *control, int rank,
                   int *members, int *mine);

/* Rank 0. */
struct verify_lead {
    struct verify_worker *worker; /* its own */
    struct control *control;
    struct hub *hub;
    double limit;    /* s of one check */
    unsigned checks; /* that are wanted */
    unsigned done;   /* that gave a figure */
    int teams;       /* numbers given so far */
    bool on_gpu;
    double free_bytes;           /* the least of a rank's; NAN */
    bool *gone;                  /* [size] lost, or failed: it is asked nothing more */
    bool too_few;                /* are left for what is measured among several ranks */
    int *local, *locals;         /* [size] its number in its node, and how many that has */
    struct verify_order *orders; /* [size] */
    struct verify_answer *answers;
    struct judge_input input;
    struct verdict *verdicts;
    struct table_sizes sizes;
    struct sft_ceiling *ceiling; /* [size]; device "": not measured */
};

int verify_lead_open(struct verify_lead *lead, struct sft_error *err);
void verify_lead_close(struct verify_lead *lead);
/* Orders to the ranks of `chosen` (NULL: all) that are not gone, and their answers. The other ranks
 * that can hear it are told to wait: none is without word for longer than that takes. */
void verify_lead_ask(struct verify_lead *lead, const bool *chosen);
/* What nodes say of themselves, alone: a lone rank for all GPUs of its node. -1 without memory. */
int verify_lead_facts(struct verify_lead *lead, struct sft_error *err);
/* All that is wanted, into lead->input and lead->sizes. */
void verify_lead_measure(struct verify_lead *lead);
/* The checks among several ranks. */
void verify_lead_teams(struct verify_lead *lead);
void verify_lead_collectives(struct verify_lead *lead);
void verify_lead_ceilings(struct verify_lead *lead);
/* The file of ceilings, to be freed; NULL where nothing was measured. -1 and err: what was measured
 * is impossible. */
int verify_ceilings_text(const struct verify_lead *lead, char **text, struct sft_error *err);
/* A line on stderr: what is going on. */
void verify_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* verify.json, history, record, table; 0, or -1 where a file is not there, and err. */
int verify_tell(struct verify_lead *lead, struct result *result, struct sft_error *err);
/* The record's beginning: what is known before the first check. */
int verify_describe(const struct verify_lead *lead, struct result *result, const char *mixed,
                    struct sft_error *err);

#endif
