/* SPDX-License-Identifier: MIT */
/*
 * listener.c - one listening socket: opened, or taken over from another process.
 *
 * SO_REUSEPORT lets a second gateway of the same user bind the same port without
 * any error, and the kernel then gives it half of the connections. So a plain
 * socket tries each port first: if that fails, the port is somebody's.
 */
#include "gateway/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/log.h"

#define BACKLOG_WANTED 4096 /* the kernel cuts it to net.core.somaxconn */
#define NOT_SENT_BYTES_MAX (64 * 1024)
#define ADDRESS_TEXT_BYTES (INET6_ADDRSTRLEN + 16)

in_port_t *listener_port(struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6) {
        return &((struct sockaddr_in6 *)(void *)address)->sin6_port;
    }
    return &((struct sockaddr_in *)(void *)address)->sin_port;
}

/* "127.0.0.1:8080" or "[::1]:8080". */
static void address_text(int fd, char text[ADDRESS_TEXT_BYTES])
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(address);
    char host[INET6_ADDRSTRLEN] = "?";
    bool is_six;

    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        snprintf(text, ADDRESS_TEXT_BYTES, "?");
        return;
    }
    is_six = address.ss_family == AF_INET6;
    (void)inet_ntop(address.ss_family,
                    is_six ? (void *)&((struct sockaddr_in6 *)(void *)&address)->sin6_addr
                           : (void *)&((struct sockaddr_in *)(void *)&address)->sin_addr,
                    host, sizeof(host));
    snprintf(text, ADDRESS_TEXT_BYTES, is_six ? "[%s]:%u" : "%s:%u", host,
             (unsigned)ntohs(*listener_port(&address)));
}

void listener_log(const char *event, int fd)
{
    char text[ADDRESS_TEXT_BYTES];

    address_text(fd, text);
    log_event(LOG_INFO, event, "address", text);
}

static int fail(int fd, const char *text, const char *step)
{
    int problem = errno;
    struct log_line line;

    log_begin(&line, LOG_ERROR, "listen_failed");
    log_string(&line, "address", text);
    log_string(&line, "step", step);
    log_string(&line, "problem", strerror(problem));
    log_end(&line);
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/*
 * The options of the protocol are inherited by the sockets that are accepted; libevent
 * sets neither. Without a bound on what is not sent yet the kernel takes megabytes for
 * a client that does not read, and the upstream would be paused far too late.
 */
static bool set_protocol_options(int fd)
{
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_BYTES_MAX);
}

static bool set_options(int fd, sa_family_t family, bool is_shared)
{
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_protocol_options(fd) &&
           (!is_shared || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
           (family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
}

/* A bound socket; <text> is for the log. */
static int bind_one(const struct sockaddr_storage *address, socklen_t length, const char *text,
                    bool is_shared)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return fail(fd, text, "socket");
    }
    if (!set_options(fd, address->ss_family, is_shared)) {
        return fail(fd, text, "setsockopt");
    }
    if (bind(fd, (const struct sockaddr *)address, length) != 0) {
        return fail(fd, text, "bind");
    }
    return fd;
}

static int listen_on(int fd, const char *text)
{
    return fd < 0 || listen(fd, BACKLOG_WANTED) == 0 ? fd : fail(fd, text, "listen");
}

/* A second listen() only sets the backlog. */
int listener_take_over(int fd, const char *text)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || !set_protocol_options(fd)) {
        return fail(fd, text, "setsockopt");
    }
    return listen_on(fd, text);
}

int listener_open_shared(const struct sockaddr_storage *address, socklen_t length, const char *text)
{
    return listen_on(bind_one(address, length, text, true), text);
}

int listener_open_admin(const struct config_address *address, struct inherited *inherited)
{
    struct sockaddr_storage place = address->socket_address;
    int fd = inherit_take(inherited, INHERIT_ADMIN, &place);

    if (fd >= 0) {
        return listener_take_over(fd, address->text);
    }
    return listen_on(
        bind_one(&address->socket_address, address->socket_address_length, address->text, false),
        address->text);
}

void listener_close_unused(struct inherited *inherited)
{
    char text[ADDRESS_TEXT_BYTES];
    int fd;

    while ((fd = inherit_take_rest(inherited)) >= 0) {
        address_text(fd, text);
        log_event(LOG_WARN, "inherited_socket_unused", "address", text);
        (void)close(fd);
    }
}

bool listener_port_is_free(struct sockaddr_storage *address, socklen_t length, const char *text)
{
    int fd;

    if (*listener_port(address) == 0) {
        return true;
    }
    fd = bind_one(address, length, text, false);
    if (fd < 0 || (fd = listen_on(fd, text)) < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}
