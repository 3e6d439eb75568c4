/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of ranks that control talks along: its connections and its messages. */
#ifndef SFT_JOB_CONTROL_TREE_H
#define SFT_JOB_CONTROL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/control/bootstrap.h"
#include "job/control/net.h"
#include "job/control/tree_place.h"

enum tree_kind {
    TREE_HELLO = 1, /* child to parent, over each of its addresses */
    TREE_WELCOME,   /* the answer */
    TREE_CHOICE,    /* child to parent, over the first that answered */
    TREE_FAILED,    /* with an error's text: what ended the sender's part in the run */
    TREE_SUM,
    TREE_MAX,
    TREE_GATHER,
    TREE_BROADCAST,
    TREE_BARRIER,
    TREE_AGREE,
    TREE_KINDS
};

#define TREE_VERSION 0x53464301u /* "SFC" 1 */

struct tree_message {
    struct net_head head; /* TREE_VERSION, enum tree_kind */
    int32_t to;           /* rank */
    int32_t unused;
    uint64_t number; /* of the call, from 1; 0 before */
    uint64_t bytes;  /* that follow */
};

/* A connection and what is to come over it: a message of that kind with so many bytes, to be put
 * there. */
struct tree_link {
    int fd; /* -1: none */
    int rank;
    enum tree_kind kind;
    char *to;
    size_t bytes;
    size_t have; /* of the message and what follows it, so far */
    bool done;
    struct tree_message message;
    char failed[SFT_ERROR_SIZE];
};

struct control_tree {
    int rank, size;
    double limit;            /* seconds that ranks wait for each other */
    bool watched;            /* by a watchdog, which sees all ranks and so judges first */
    char (*hosts)[NET_HOST]; /* [size] by rank: the owner's, whose own is set before tree_connect */
    struct tree_place place;
    struct tree_link link[TREE_LINKS]; /* the parent's, then the children's */
    uint64_t token, number;
    char *room;               /* for what the children send */
    size_t room_size;         /* bytes */
    struct sft_error failure; /* what ended this rank's part; "" */
};

#define TREE_GONE_SECONDS                                                                          \
    4.0 /* from a closed connection to an error: the watchdog says it sooner */

/* The connections, with as many as t->limit seconds for them. */
int tree_connect(struct control_tree *t, struct bootstrap *bootstrap, struct sft_error *err);

struct tree_message tree_message_make(const struct control_tree *t, enum tree_kind kind, int to,
                                      size_t bytes);
/* Of this run, of such a rank, to this one. */
bool tree_message_is(const struct control_tree *t, const struct tree_message *message,
                     enum tree_kind kind, int from);

/* What is to come; tree_wait takes it. */
void tree_expect(struct tree_link *link, enum tree_kind kind, void *to, size_t bytes);
/* Until all has come that was asked for of links[count]. An error names the rank and its host. */
int tree_wait(struct control_tree *t, struct tree_link *links, int count, struct sft_error *err);
int tree_send(struct control_tree *t, struct tree_link *link, enum tree_kind kind, const void *from,
              size_t bytes, struct sft_error *err);
/* " and 3 more ranks" behind the first of so many that are late; "" behind a lone one. */
enum { TREE_MORE = 40 };
const char *tree_more(int late, char text[TREE_MORE]);
/* This rank's part is over: tell all that it is still connected to why. */
void tree_fail(struct control_tree *t, const struct sft_error *err);
/* What has come so far. 1: all; 0: not yet; -1 and err: it is not what was asked for, or nothing
 * more will come (then `link` is closed). */
int tree_read(struct control_tree *t, struct tree_link *link, struct sft_error *err);

#endif
