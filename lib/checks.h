/* SPDX-License-Identifier: Apache-2.0 */
/* What verify measures, by the words of checks=. */
#ifndef SFT_LIB_CHECKS_H
#define SFT_LIB_CHECKS_H

#include "lib/error.h"

/* In the order in which they are measured and shown; the last three are not measured against
 * others. */
enum check {
    CHECK_GEMM,    /* matrix products, all ranks at once */
    CHECK_MEMORY,  /* copies inside the device's memory, bytes read and written */
    CHECK_LAUNCH,  /* from the host's call to the end of an operation that does nothing */
    CHECK_H2D,     /* host to device, one rank of a node after the other; and back */
    CHECK_D2H,     /* */
    CHECK_H2D_ALL, /* the same, all ranks of a node at once */
    CHECK_D2H_ALL, /* */
    CHECK_NVLINK,  /* two GPUs of a node, one way */
    CHECK_NODE,    /* all-reduce among the ranks of a node, busbw of the largest size */
    CHECK_PAIR,    /* all-reduce between two nodes, busbw of a node */
    CHECK_GPT2,    /* smoke trainings: a place is kept, no word is theirs yet */
    CHECK_LSTM,    /* */
    CHECKS,        /* those that are judged */
    CHECK_COLLECTIVES = CHECKS, /* all-reduce, all-gather, reduce-scatter of all ranks by size */
    CHECK_CEILINGS,             /* what predictions are made of */
    CHECK_FACTS, /* what nodes say of themselves: always read, alone nothing else is */
    CHECK_WORDS
};

#define CHECK_BIT(check) (1u << (check))
#define CHECKS_TRAINED (CHECK_BIT(CHECK_GPT2) | CHECK_BIT(CHECK_LSTM))
#define CHECKS_ALL ((CHECK_BIT(CHECK_WORDS) - 1) & ~CHECKS_TRAINED)

const char *check_name(enum check check); /* "h2d-all" */

/* The bits of "all", or of names joined by '+'. Fails on a name that is none, naming those there
 * are, and on one that stands twice. */
int checks_read(const char *text, unsigned *checks, struct sft_error *err);

#endif
