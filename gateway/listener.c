/* SPDX-License-Identifier: MIT */
/*
 * listener.c - the listening sockets: one for each worker slot and address.
 *
 * SO_REUSEPORT lets a second gateway of the same user bind the same port without
 * any error, and the kernel then gives it half of the connections. So a plain
 * socket tries each port first: if that fails, the port is somebody's.
 */
#include "gateway/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/log.h"

#define BACKLOG_WANTED 4096 /* the kernel cuts it to net.core.somaxconn */
#define BACKLOG_LEAST 1024
#define NOT_SENT_BYTES_MAX (64 * 1024)
#define ADDRESS_TEXT_BYTES (INET6_ADDRSTRLEN + 16)

static in_port_t *port_of(struct sockaddr_storage *address)
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
             (unsigned)ntohs(*port_of(&address)));
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
static bool set_options(int fd, sa_family_t family, bool is_shared)
{
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_BYTES_MAX) &&
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

int listener_open(const struct config_address *address)
{
    return listen_on(
        bind_one(&address->socket_address, address->socket_address_length, address->text, false),
        address->text);
}

/* False when somebody else listens on the port. */
static bool port_is_free(struct sockaddr_storage *address, socklen_t length, const char *text)
{
    int fd;

    if (*port_of(address) == 0) {
        return true;
    }
    fd = bind_one(address, length, text, false);
    if (fd < 0 || (fd = listen_on(fd, text)) < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}

/* The sockets of address number <index>, for every slot. */
static bool open_address(struct listener_set *set, const struct config_address *from, size_t index)
{
    struct sockaddr_storage address = from->socket_address;
    socklen_t length = from->socket_address_length;

    if (!port_is_free(&address, length, from->text)) {
        return false;
    }
    for (size_t slot = 0; slot < set->slot_count; slot++) {
        int fd = listen_on(bind_one(&address, length, from->text, true), from->text);
        if (fd < 0) {
            return false;
        }
        set->fds[slot * set->address_count + index] = fd;
        if (slot == 0 && getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
            return fail(-1, from->text, "getsockname") >= 0;
        }
    }
    listener_log("listening", set->fds[index]);
    return true;
}

static void warn_of_short_backlog(void)
{
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    char text[32] = "";
    struct log_line line;
    long most;

    if (file == NULL) {
        return;
    }
    most = fgets(text, sizeof(text), file) == NULL ? 0 : strtol(text, NULL, 10);
    (void)fclose(file); /* only read from */
    if (most > 0 && most < BACKLOG_LEAST) {
        log_begin(&line, LOG_WARN, "short_backlog");
        log_int(&line, "somaxconn", most);
        log_int(&line, "wanted", BACKLOG_LEAST);
        log_end(&line);
    }
}

bool listener_set_open(struct listener_set *set, const struct config_listener *listeners,
                       size_t address_count, size_t slot_count)
{
    *set = (struct listener_set){.slot_count = slot_count, .address_count = address_count};
    set->fds = calloc(slot_count * address_count, sizeof(*set->fds));
    if (set->fds == NULL) {
        log_event(LOG_ERROR, "listen_failed", "problem", "no memory");
        return false;
    }
    for (size_t i = 0; i < slot_count * address_count; i++) {
        set->fds[i] = -1;
    }
    for (size_t i = 0; i < address_count; i++) {
        if (!open_address(set, &listeners[i].address, i)) {
            listener_set_close(set);
            return false;
        }
    }
    warn_of_short_backlog();
    return true;
}

const int *listener_set_slot(const struct listener_set *set, size_t slot)
{
    return &set->fds[slot * set->address_count];
}

static void close_range_of(struct listener_set *set, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (set->fds[i] >= 0) {
            (void)close(set->fds[i]);
            set->fds[i] = -1;
        }
    }
}

void listener_set_keep_slot(struct listener_set *set, size_t slot)
{
    close_range_of(set, 0, slot * set->address_count);
    close_range_of(set, (slot + 1) * set->address_count, set->slot_count * set->address_count);
}

void listener_set_refuse(const struct listener_set *set)
{
    for (size_t i = 0; i < set->slot_count * set->address_count; i++) {
        (void)shutdown(set->fds[i], SHUT_RD); /* ends the listening state; Linux */
    }
}

void listener_set_close(struct listener_set *set)
{
    if (set->fds != NULL) {
        close_range_of(set, 0, set->slot_count * set->address_count);
        free(set->fds);
    }
    *set = (struct listener_set){.fds = NULL};
}
