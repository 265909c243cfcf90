/* SPDX-License-Identifier: MIT */
/*
 * listener.h - the listening sockets: one for each worker slot and address.
 *
 * The sockets of one address share its port (SO_REUSEPORT) and are kept by the
 * supervisor for its whole life, so a worker that dies or is replaced loses
 * nothing that waits in the accept queue.
 */
#ifndef GATEWAY_LISTENER_H
#define GATEWAY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config.h"

struct listener_set {
    int *fds; /* owned; slot by slot, each with one socket for each address; -1: closed */
    size_t slot_count;
    size_t address_count;
};

/*
 * Open them all. With port 0 the kernel picks one, and the other slots follow. On
 * failure nothing stays open and the reason has been logged. Each count at least 1.
 */
bool listener_set_open(struct listener_set *set, const struct config_listener *listeners,
                       size_t address_count, size_t slot_count) MUST_USE;

/* The <address_count> sockets of one slot; borrowed. */
const int *listener_set_slot(const struct listener_set *set, size_t slot);

/* In a child: close what belongs to other slots. */
void listener_set_keep_slot(struct listener_set *set, size_t slot);

/* Refuse connections from now on, also those that wait, in every process that shares a socket. */
void listener_set_refuse(const struct listener_set *set);

void listener_set_close(struct listener_set *set);

/* One socket that shares its port with nobody; -1 when that fails (the reason has been logged). */
int listener_open(const struct config_address *address) MUST_USE;

/* Log <event> with the address that <fd> is really bound to. */
void listener_log(const char *event, int fd);

#endif
