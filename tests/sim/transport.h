/* SPDX-License-Identifier: MIT */
/*
 * transport.h - reading and writing one connection, plain or TLS, without blocking.
 */
#ifndef TESTS_SIM_TRANSPORT_H
#define TESTS_SIM_TRANSPORT_H

#include <stddef.h>

#include <openssl/ssl.h>

#include "base/attrs.h"

enum transport_status {
    TRANSPORT_DONE = 0,    /* something was moved, or the handshake is complete */
    TRANSPORT_WANTS_READ,  /* try again when the socket is readable */
    TRANSPORT_WANTS_WRITE, /* try again when the socket is writable */
    TRANSPORT_EOF,         /* the peer said its last word */
    TRANSPORT_FAILED,
};

/* How to take leave. */
enum transport_leave {
    LEAVE_PROPERLY = 0, /* TLS close_notify, then FIN */
    LEAVE_SILENTLY,     /* FIN alone, as when a process dies */
    LEAVE_BY_RESET,     /* RST */
};

struct transport {
    int fd;
    SSL *ssl; /* owned; NULL when plain */
};

enum transport_status transport_handshake(struct transport *t) MUST_USE;
enum transport_status transport_read(struct transport *t, char *out, size_t room,
                                     size_t *got) MUST_USE;
enum transport_status transport_write(struct transport *t, const char *data, size_t length,
                                      size_t *sent) MUST_USE;

/* Say that nothing more will be written, but keep reading. */
void transport_end_writes(struct transport *t);

/* Bytes written that the peer has not acknowledged yet. */
size_t transport_unacknowledged(const struct transport *t);

/* Frees what <t> owns and closes the descriptor. */
void transport_close(struct transport *t, enum transport_leave how);

#endif
