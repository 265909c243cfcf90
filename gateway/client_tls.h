/* SPDX-License-Identifier: MIT */
/*
 * client_tls.h - TLS towards clients: the context of a listener, and what is different
 * about a connection's bufferevent when TLS lies under it.
 *
 * All else in connection.c and connection_held.c is the same for both kinds.
 */
#ifndef GATEWAY_CLIENT_TLS_H
#define GATEWAY_CLIENT_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/metrics.h"
#include "gateway/tls_identity.h"
#include "gateway/tls_tickets.h"

struct bufferevent;
struct event_base;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/*
 * The context of one listener. <identity> is only read here; <tickets> is borrowed for
 * the life of the context and of its connections. NULL on failure, with the reason in
 * <problem> (static text).
 */
struct ssl_ctx_st *client_tls_context_new(const struct tls_identity *identity,
                                          struct tls_tickets *tickets,
                                          const char **problem) MUST_USE;
void client_tls_context_free(struct ssl_ctx_st *context); /* accepts NULL */

/* A server bufferevent that has no socket yet; closes it when freed. NULL: no memory. */
struct bufferevent *client_tls_bufferevent_new(struct ssl_ctx_st *context,
                                               struct event_base *base) MUST_USE;

/* False for a plain bufferevent. The functions below are for those where it is true. */
bool client_tls_is_on(struct bufferevent *bev);

/* "TLSv1.2", "TLSv1.3"; NULL while that is not settled. */
const char *client_tls_version(struct bufferevent *bev);

/*
 * Write the output now, by SSL_write() and never to the socket itself; what a turn has
 * added becomes one record where it fits. Calls the bufferevent's callbacks as its own
 * writing does. What does not go is written later: EV_WRITE stays enabled.
 */
void client_tls_write(struct bufferevent *bev);

/* What was sent is whole: say so (close_notify, RFC 8446 section 6.1), before the socket is closed. */
void client_tls_say_end(struct bufferevent *bev);

/* The handshake is done: count it. Once for each connection. */
void client_tls_note_open(struct bufferevent *bev, struct metrics_slot *metrics);

/*
 * The connection closes and note_open() has not been called. When a handshake was begun
 * and never finished it is counted as failed, logged with <peer>, and a client that
 * speaks plain HTTP is told so. <by_us>: not the handshake but we made an end.
 */
void client_tls_note_close(struct bufferevent *bev, struct metrics_slot *metrics, const char *peer,
                           bool by_us);

#endif
