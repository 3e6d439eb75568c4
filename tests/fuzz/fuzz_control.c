/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over the sockets between ranks, of whoever connects: no crash, nothing is written
 * beyond what was asked for, an error has a text, and who lacks the token has no effect. The first
 * byte says which message is waited for and in how many pieces the rest comes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "job/control/tree.h"
#include "job/control/watchdog_internal.h"

enum { ROOM = 40, GUARD = 64 };

static char hosts[3][NET_HOST] = {"a", "b", "c"};
static struct control_tree tree = {
    .size = 3,
    .limit = 1,
    .hosts = hosts,
    .place = {.parent = -1, .end = 3, .children = 2, .child = {1, 2}},
    .token = 0x7466737466737466u,
    .number = 5};

/* Some of what is there; the rest later. */
static void feed(int fd, const unsigned char **data, size_t *size, size_t most)
{
    size_t piece = *size < most ? *size : most;
    ssize_t sent = send(fd, *data, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
    piece = sent < 0 ? *size : (size_t)sent; /* a full socket: the rest is left out */
    *data += piece;
    *size -= piece;
}

static void read_call(int fds[2], enum tree_kind kind, const unsigned char *data, size_t size,
                      size_t pieces)
{
    char room[ROOM + GUARD];
    struct tree_link link = {.fd = fds[0], .rank = 1};
    struct sft_error err = {""};
    int got = 0;
    memset(room, 0x5a, sizeof room);
    tree_expect(&link, kind, room, ROOM);
    while (got == 0 && size > 0) {
        feed(fds[1], &data, &size, pieces);
        got = tree_read(&tree, &link, &err);
    }
    for (size_t i = ROOM; i < sizeof room; i++)
        if (room[i] != 0x5a)
            abort();
    if ((got < 0) != (err.text[0] != '\0' || (link.kind == TREE_FAILED && link.fd < 0)) ||
        (got > 0 && link.message.head.token != tree.token))
        abort();
    fds[0] = link.fd;
}

/* The first words of a connection, and the watchdog's messages. */
static void read_others(int fds[2], bool watchdog, const unsigned char *data, size_t size,
                        size_t pieces)
{
    struct net_link link = {.fd = fds[0]};
    enum net_news news = NET_NOTHING;
    while (size > 0 && (news == NET_NOTHING || news == NET_MESSAGE)) {
        struct tree_message hello;
        struct watchdog_message beat;
        feed(fds[1], &data, &size, pieces);
        news = watchdog ? watchdog_take(&link, &beat) : net_link_take(&link, &hello, sizeof hello);
        if (news == NET_MESSAGE && watchdog &&
            (beat.head.version != WATCHDOG_VERSION ||
             memchr(beat.progress.name, '\0', WATCHDOG_NAME) == NULL))
            abort();
        if (news == NET_MESSAGE && !watchdog && hello.head.token != tree.token &&
            tree_message_is(&tree, &hello, TREE_HELLO, hello.head.rank))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int fds[2];
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    unsigned which = data[0] % 8;
    size_t pieces = data[0] < 128 ? 4096 : 1 + data[0] % 64;
    if (which < 6)
        read_call(fds, (enum tree_kind)(TREE_SUM + which), data + 1, size - 1, pieces);
    else
        read_others(fds, which == 6, data + 1, size - 1, pieces);
    if (fds[0] >= 0)
        close(fds[0]);
    close(fds[1]);
    return 0;
}
