/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets between one binary's ranks: addresses, connections and messages of a fixed size over TCP.
 * Nothing here waits. */
#ifndef SFT_JOB_CONTROL_NET_H
#define SFT_JOB_CONTROL_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define NET_ADDRESSES 16
#define NET_MOST 128 /* bytes of a message */
#define NET_HOST 256

struct net_address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

/* What a rank publishes; who does not listen has neither port nor addresses. */
struct net_card {
    char host[NET_HOST];
    uint64_t token; /* rank 0's is the run's: who does not know it is no rank of it */
    uint16_t port;
    uint16_t addresses;
    struct net_address address[NET_ADDRESSES]; /* loopback last */
};

/* What every message begins with. */
struct net_head {
    uint32_t version; /* of its form */
    uint32_t kind;
    uint64_t token;
    int32_t rank; /* who sends */
    int32_t size; /* of the job */
};

/* A connection with the part of a message that has come so far. */
struct net_link {
    int fd; /* -1: none */
    bool broken;
    size_t have;
    char buffer[NET_MOST];
};

enum net_news { NET_NOTHING, NET_MESSAGE, NET_CLOSED, NET_BROKEN };

/* A socket that listens on every address and a port of the system's choice, and its card without
 * the host. -1 and err. */
int net_listen(struct net_card *card, struct sft_error *err);
/* A connection that is still under way: writable once it stands. -1: not to be had. */
int net_dial(const struct net_address *address, uint16_t port);
bool net_dialled(int fd);
/* The next connection that came in; -1: none. */
int net_accept(int listener);

void net_link_close(struct net_link *link);
/* The next whole message, of `size` bytes, if it has come, and not a byte of what follows. CLOSED:
 * the peer closed or reset it; BROKEN: another error. */
enum net_news net_link_take(struct net_link *link, void *message, size_t size);
/* Never waits: what does not fit into the socket's buffer is left out. net_link_take tells
 * when the connection is of no use any more. */
void net_link_send(struct net_link *link, const void *message, size_t size);

/* Room for so many connections, and some for the libraries. Too low a hard limit is told by those
 * that are missing. */
void net_raise_files(int connections);

#endif
