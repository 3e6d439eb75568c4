/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* False for what another host could not use without our interfaces' numbers. */
static bool address_read(const struct sockaddr *from, struct net_address *address)
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

static void addresses_add(struct net_card *card, const struct ifaddrs *all, bool loopback)
{
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (card->addresses == NET_ADDRESSES - (loopback ? 0 : 1)) /* one is kept for loopback */
            return;
        if ((one->ifa_flags & IFF_UP) && !(one->ifa_flags & IFF_LOOPBACK) == !loopback &&
            address_read(one->ifa_addr, &card->address[card->addresses]))
            card->addresses++;
    }
}

static int card_fill(struct net_card *card, struct sft_error *err)
{
    struct ifaddrs *all;
    if (getrandom(&card->token, sizeof card->token, 0) != (ssize_t)sizeof card->token)
        return sft_error_set(err, "no random numbers for the run's token: %s", strerror(errno));
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
static int listener_bind(struct net_card *card)
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

int net_listen(struct net_card *card, struct sft_error *err)
{
    if (card_fill(card, err) < 0)
        return -1;
    int fd = listener_bind(card);
    if (fd < 0)
        return sft_error_set(err, "cannot listen for the other ranks: %s", strerror(errno));
    return fd;
}

/* Messages are small and seldom: none should wait for another. */
static int socket_make_prompt(int fd)
{
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

int net_dial(const struct net_address *address, uint16_t port)
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

bool net_dialled(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

int net_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -1 : socket_make_prompt(fd);
}

void net_link_close(struct net_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    *link = (struct net_link){.fd = -1};
}

enum net_news net_link_take(struct net_link *link, void *message, size_t size)
{
    while (link->have < size && !link->broken) {
        ssize_t got = recv(link->fd, link->buffer + link->have, size - link->have, 0);
        if (got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE)))
            return NET_CLOSED;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? NET_NOTHING : NET_BROKEN;
        link->have += (size_t)got;
    }
    if (link->broken)
        return NET_BROKEN;
    link->have = 0;
    memcpy(message, link->buffer, size);
    return NET_MESSAGE;
}

void net_link_send(struct net_link *link, const void *message, size_t size)
{
    ssize_t sent = send(link->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 && sent < (ssize_t)size)
        shutdown(link->fd, SHUT_RDWR); /* half a message would put all that follow out of step */
    else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
             errno != EPIPE && errno != ECONNRESET)
        link->broken = true;
}

void net_raise_files(int connections)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)connections + 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    setrlimit(RLIMIT_NOFILE, &limit);
}
