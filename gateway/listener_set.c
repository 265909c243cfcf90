/* SPDX-License-Identifier: MIT */
/*
 * listener_set.c - all listening sockets, and which worker slot serves which.
 */
#include "gateway/listener_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/listener.h"
#include "gateway/log.h"

#define BACKLOG_LEAST 1024

static bool say_no_memory(void)
{
    log_event(LOG_ERROR, "listen_failed", "problem", "no memory");
    return false;
}

/* -- the sockets of one address -- */

static size_t count_of(const struct listener_set *set, size_t address)
{
    size_t count = 0;

    for (size_t i = 0; i < set->socket_count; i++) {
        count += set->sockets[i].address == address ? 1 : 0;
    }
    return count;
}

/* Takes <fd>, also when it fails. */
static bool add(struct listener_set *set, int fd, size_t address)
{
    struct listener *grown;

    if (fd < 0) {
        return false;
    }
    grown = realloc(set->sockets, (set->socket_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        (void)close(fd);
        return say_no_memory();
    }
    set->sockets = grown;
    set->sockets[set->socket_count++] = (struct listener){.fd = fd, .address = address};
    return true;
}

/* Every socket that was handed over for <place>; the first one found settles port 0. */
static bool add_inherited(struct listener_set *set, struct sockaddr_storage *place,
                          const char *text, size_t index, struct inherited *inherited)
{
    int fd;

    while ((fd = inherit_take(inherited, INHERIT_LISTEN, place)) >= 0) {
        if (!add(set, listener_take_over(fd, text), index)) {
            return false;
        }
    }
    return true;
}

static bool add_own(struct listener_set *set, const struct config_address *from,
                    struct sockaddr_storage *place, size_t index)
{
    socklen_t length = from->socket_address_length;
    int fd = listener_open_shared(place, length, from->text);

    if (!add(set, fd, index)) {
        return false;
    }
    (void)getsockname(fd, (struct sockaddr *)place, &length); /* cannot fail for a bound socket */
    return true;
}

static bool can_share_port(int fd)
{
    int value = 0;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, &length) == 0 && value != 0;
}

/* Fewer than slots is no failure: they share. It costs a wake-up of each for every client. */
static void warn_shared(const struct listener_set *set, const char *text, size_t sockets)
{
    struct log_line line;

    log_begin(&line, LOG_WARN, "listener_shared");
    log_string(&line, "address", text);
    log_int(&line, "sockets", (int64_t)sockets);
    log_int(&line, "workers", (int64_t)set->slot_count);
    log_end(&line);
}

static bool open_address(struct listener_set *set, const struct config_address *from, size_t index,
                         struct inherited *inherited)
{
    struct sockaddr_storage place = from->socket_address;
    size_t first = set->socket_count;
    size_t count;
    size_t taken;
    bool is_shareable = true;

    if (!add_inherited(set, &place, from->text, index, inherited)) {
        return false;
    }
    taken = set->socket_count - first;
    count = taken;
    if (taken > 0) {
        is_shareable = can_share_port(set->sockets[first].fd);
    } else if (!listener_port_is_free(&place, from->socket_address_length, from->text)) {
        return false;
    }
    while (count < set->slot_count && is_shareable && add_own(set, from, &place, index)) {
        count++;
    }
    if (count < set->slot_count && taken == 0) {
        return false;
    }
    if (count < set->slot_count) {
        warn_shared(set, from->text, count);
    }
    listener_log("listening", set->sockets[first].fd);
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

/* -- the shares of the slots -- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Socket number <number> of one address. */
static const struct listener *socket_of(const struct listener_set *set, size_t address,
                                        size_t number)
{
    for (size_t i = 0; i < set->socket_count; i++) {
        if (set->sockets[i].address == address && number-- == 0) {
            return &set->sockets[i];
        }
    }
    return NULL; /* not reached: <number> is below count_of() */
}

static void add_to_share(struct listener_set *set, size_t slot, const struct listener *socket)
{
    struct listener *share = &set->shares[slot * set->share_size];

    while (share->fd >= 0) {
        share++;
    }
    *share = *socket;
}

/* Deal the sockets of each address out to the slots, going round both until all have some. */
static bool make_shares(struct listener_set *set)
{
    for (size_t i = 0; i < set->address_count; i++) {
        set->share_size += (larger(count_of(set, i), 1) + set->slot_count - 1) / set->slot_count;
    }
    set->shares = calloc(set->slot_count * set->share_size, sizeof(*set->shares));
    if (set->shares == NULL) {
        return say_no_memory();
    }
    for (size_t i = 0; i < set->slot_count * set->share_size; i++) {
        set->shares[i].fd = -1;
    }
    for (size_t i = 0; i < set->address_count; i++) {
        size_t count = count_of(set, i);
        for (size_t k = 0; k < larger(count, set->slot_count); k++) {
            add_to_share(set, k % set->slot_count, socket_of(set, i, k % count));
        }
    }
    return true;
}

/* Addresses with a port go first, so that one with port 0 does not take theirs. */
static bool open_addresses(struct listener_set *set, const struct config_listener *listeners,
                           bool with_port, struct inherited *inherited)
{
    for (size_t i = 0; i < set->address_count; i++) {
        struct sockaddr_storage place = listeners[i].address.socket_address;
        if ((*listener_port(&place) != 0) == with_port &&
            !open_address(set, &listeners[i].address, i, inherited)) {
            return false;
        }
    }
    return true;
}

bool listener_set_open(struct listener_set *set, const struct config_listener *listeners,
                       size_t address_count, size_t slot_count, struct inherited *inherited)
{
    *set = (struct listener_set){.slot_count = slot_count, .address_count = address_count};
    if (!open_addresses(set, listeners, true, inherited) ||
        !open_addresses(set, listeners, false, inherited) || !make_shares(set)) {
        listener_set_close(set);
        return false;
    }
    warn_of_short_backlog();
    return true;
}

size_t listener_set_share(const struct listener_set *set, size_t slot,
                          const struct listener **share)
{
    size_t count = 0;

    *share = &set->shares[slot * set->share_size];
    while (count < set->share_size && (*share)[count].fd >= 0) {
        count++;
    }
    return count;
}

static bool serves(const struct listener_set *set, size_t slot, int fd)
{
    const struct listener *share;
    size_t count = listener_set_share(set, slot, &share);

    for (size_t i = 0; i < count; i++) {
        if (share[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static void close_socket(struct listener *socket)
{
    if (socket->fd >= 0) {
        (void)close(socket->fd);
        socket->fd = -1;
    }
}

void listener_set_keep_slot(struct listener_set *set, size_t slot)
{
    for (size_t i = 0; i < set->socket_count; i++) {
        if (!serves(set, slot, set->sockets[i].fd)) {
            close_socket(&set->sockets[i]);
        }
    }
}

void listener_set_close(struct listener_set *set)
{
    for (size_t i = 0; i < set->socket_count; i++) {
        close_socket(&set->sockets[i]);
    }
    free(set->sockets);
    free(set->shares);
    *set = (struct listener_set){.sockets = NULL};
}
