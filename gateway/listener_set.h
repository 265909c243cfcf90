/* SPDX-License-Identifier: MIT */
/*
 * listener_set.h - all listening sockets, and which worker slot serves which.
 *
 * The sockets of one address share its port (SO_REUSEPORT), one for each slot, and
 * are kept by the supervisor for its whole life, so a worker that dies or is
 * replaced loses nothing that waits in the accept queue.
 *
 * Sockets that were handed over may be more than there are slots (the conf asks for
 * fewer workers than the predecessor's): then a slot serves several, for closing
 * one would reset what waits in it. Or they may be fewer, and not to be multiplied
 * (a single socket of systemd's): then slots share one.
 */
#ifndef GATEWAY_LISTENER_SET_H
#define GATEWAY_LISTENER_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/inherit.h"

struct listener {
    int fd;         /* -1: closed */
    size_t address; /* which of the conf's addresses, by index */
};

struct listener_set {
    struct listener *sockets; /* owned */
    size_t socket_count;
    struct listener *shares; /* owned; slot by slot, <share_size> each: what the slot serves */
    size_t share_size;       /* the rest of a smaller share has fd -1 */
    size_t slot_count;
    size_t address_count;
};

/*
 * Take from <inherited> what is bound to one of the addresses and open what is
 * missing. With port 0 the kernel picks one, and the other slots follow. On failure
 * nothing stays open and the reason has been logged. Each count at least 1.
 */
bool listener_set_open(struct listener_set *set, const struct config_listener *listeners,
                       size_t address_count, size_t slot_count,
                       struct inherited *inherited) MUST_USE;

/* The sockets that one slot serves; borrowed. The result is how many. */
size_t listener_set_share(const struct listener_set *set, size_t slot,
                          const struct listener **share);

/* In a child: close what only other slots serve. */
void listener_set_keep_slot(struct listener_set *set, size_t slot);

/* Close this process's copies. The kernel refuses connections once no process has one. */
void listener_set_close(struct listener_set *set);

#endif
