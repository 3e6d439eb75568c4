/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog's sockets: fixed-size messages over TCP between one binary's ranks. Nothing here
 * waits longer than it is told to. */
#ifndef SFT_JOB_CONTROL_WATCHDOG_NET_H
#define SFT_JOB_CONTROL_WATCHDOG_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/control/watchdog.h"

#define WATCHDOG_ADDRESSES 16
#define WATCHDOG_HOST 256

struct watchdog_address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

/* What each rank publishes; port, token and addresses are rank 0's. */
struct watchdog_card {
    char host[WATCHDOG_HOST];
    uint64_t token; /* who does not know it is no rank of this job */
    uint16_t port;
    uint16_t addresses;
    struct watchdog_address address[WATCHDOG_ADDRESSES]; /* loopback last */
};

enum watchdog_kind { WATCHDOG_BEAT = 1, WATCHDOG_ACK, WATCHDOG_BYE };

struct watchdog_message {
    uint32_t version; /* WATCHDOG_VERSION */
    uint32_t kind;    /* enum watchdog_kind */
    uint64_t token;
    int32_t rank;  /* who sends */
    int32_t size;  /* of the job */
    double waited; /* seconds inside its collective, 0: outside */
    struct watchdog_progress progress;
};

#define WATCHDOG_VERSION 0x53465701u /* "SFW" 1 */

/* A connection with the part of a message that has come so far. */
struct watchdog_link {
    int fd; /* -1: none */
    bool broken;
    size_t have;
    char buffer[sizeof(struct watchdog_message)];
};

enum watchdog_news { WATCHDOG_NOTHING, WATCHDOG_MESSAGE, WATCHDOG_CLOSED, WATCHDOG_BROKEN };

/* A socket that listens on every address and a port of the system's choice, and rank 0's card
 * without the host. -1 and err. */
int watchdog_listen(struct watchdog_card *card, struct sft_error *err);
/* A connection that is still under way: writable once it stands. -1: not to be had. */
int watchdog_dial(const struct watchdog_address *address, uint16_t port);
bool watchdog_dialled(int fd);
/* The next connection that came in; -1: none. */
int watchdog_accept(int listener);

void watchdog_link_close(struct watchdog_link *link);
/* The next whole message, if it has come. CLOSED: the peer closed or reset it; BROKEN: another
 * error. */
enum watchdog_news watchdog_link_take(struct watchdog_link *link, struct watchdog_message *message);
/* Never waits: what does not fit into the socket's buffer is left out. watchdog_link_take tells
 * when the connection is of no use any more. */
void watchdog_link_send(struct watchdog_link *link, const struct watchdog_message *message);

#endif
