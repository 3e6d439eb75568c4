/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/watchdog_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* False for what another host could not use without our interfaces' numbers. */
static bool address_read(const struct sockaddr *from, struct watchdog_address *address)
{
    memset(address, 0, sizeof *address);
    if (from == NULL)
        return false;
    if (from->sa_family == AF_INET) {
        address->family = 4;
        memcpy(address->bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
        return true;
    }
    const struct sockaddr_in6 *six = (const void *)from;
    if (from->sa_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr))
        return false;
    address->family = 6;
    memcpy(address->bytes, &six->sin6_addr, 16);
    return true;
}

static void addresses_add(struct watchdog_card *card, const struct ifaddrs *all, bool loopback)
{
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (card->addresses ==
            WATCHDOG_ADDRESSES - (loopback ? 0 : 1)) /* one is kept for loopback */
            return;
        if ((one->ifa_flags & IFF_UP) && !(one->ifa_flags & IFF_LOOPBACK) == !loopback &&
            address_read(one->ifa_addr, &card->address[card->addresses]))
            card->addresses++;
    }
}

static int card_fill(struct watchdog_card *card, struct sft_error *err)
{
    struct ifaddrs *all;
    if (getrandom(&card->token, sizeof card->token, 0) != (ssize_t)sizeof card->token)
        return sft_error_set(err, "no random numbers for the watchdog: %s", strerror(errno));
    if (getifaddrs(&all) < 0)
        return sft_error_set(err, "cannot list this host's addresses: %s", strerror(errno));
    card->addresses = 0;
    addresses_add(card, all, false);
    addresses_add(card, all, true);
    freeifaddrs(all);
    if (card->addresses == 0)
        return sft_error_set(err, "this host has no network address that is up");
    return 0;
}

/* IPv6 takes IPv4 too; a kernel without it leaves IPv4 alone. */
static int listener_bind(struct watchdog_card *card)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    socklen_t size = sizeof six;
    int no = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0 &&
        bind(fd, (struct sockaddr *)&six, sizeof six) == 0 && listen(fd, SOMAXCONN) == 0 &&
        getsockname(fd, (struct sockaddr *)&six, &size) == 0) {
        card->port = ntohs(six.sin6_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    size = sizeof four;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&four, sizeof four) == 0 &&
        listen(fd, SOMAXCONN) == 0 && getsockname(fd, (struct sockaddr *)&four, &size) == 0) {
        card->port = ntohs(four.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

int watchdog_listen(struct watchdog_card *card, struct sft_error *err)
{
    if (card_fill(card, err) < 0)
        return -1;
    int fd = listener_bind(card);
    if (fd < 0)
        return sft_error_set(err, "the watchdog cannot listen for the other ranks: %s",
                             strerror(errno));
    return fd;
}

/* Messages are small and seldom: none should wait for another. */
static int socket_make_prompt(int fd)
{
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

int watchdog_dial(const struct watchdog_address *address, uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_six = address->family == 6;
    memcpy(&six.sin6_addr, address->bytes, 16);
    memcpy(&four.sin_addr, address->bytes, 4);
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int status = is_six ? connect(fd, (struct sockaddr *)&six, sizeof six)
                        : connect(fd, (struct sockaddr *)&four, sizeof four);
    if (status < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return socket_make_prompt(fd);
}

bool watchdog_dialled(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

int watchdog_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -1 : socket_make_prompt(fd);
}

void watchdog_link_close(struct watchdog_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    *link = (struct watchdog_link){.fd = -1};
}

enum watchdog_news watchdog_link_take(struct watchdog_link *link, struct watchdog_message *message)
{
    while (link->have < sizeof link->buffer && !link->broken) {
        ssize_t got =
            recv(link->fd, link->buffer + link->have, sizeof link->buffer - link->have, 0);
        if (got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE)))
            return WATCHDOG_CLOSED;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? WATCHDOG_NOTHING : WATCHDOG_BROKEN;
        link->have += (size_t)got;
    }
    if (link->broken)
        return WATCHDOG_BROKEN;
    link->have = 0;
    memcpy(message, link->buffer, sizeof *message);
    message->progress.name[WATCHDOG_NAME - 1] = '\0';
    return message->version == WATCHDOG_VERSION ? WATCHDOG_MESSAGE : WATCHDOG_BROKEN;
}

void watchdog_link_send(struct watchdog_link *link, const struct watchdog_message *message)
{
    ssize_t sent = send(link->fd, message, sizeof *message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 && sent < (ssize_t)sizeof *message)
        shutdown(link->fd, SHUT_RDWR); /* half a message would put all that follow out of step */
    else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
             errno != EPIPE && errno != ECONNRESET)
        link->broken = true;
}
