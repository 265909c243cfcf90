/* SPDX-License-Identifier: MIT */
/*
 * tls.h - TLS to one origin: trust, names, resumption.
 */
#ifndef UPSTREAM_TLS_H
#define UPSTREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"

struct bufferevent;
struct event_base;
struct tls;

/*
 * <host> is a name or a numeric address and is copied; the certificate must be
 * for it. <ca_file> NULL or "": the system's trust roots. On failure NULL, and a
 * sentence in <problem>.
 */
struct tls *tls_new(const char *host, const char *ca_file, char *problem,
                    size_t problem_size) MUST_USE;
void tls_free(struct tls *tls); /* accepts NULL */

/*
 * A client bufferevent without a socket yet, which will resume the last session
 * if there is one. Closes its socket when freed. NULL when memory is out.
 */
struct bufferevent *tls_bufferevent_new(struct tls *tls, struct event_base *base) MUST_USE;

/* After the handshake: true when it resumed a session. */
bool tls_is_resumed(struct bufferevent *bev);

/* After a failed handshake: true when TLS itself said no, false when the network did. */
bool tls_has_refused(struct bufferevent *bev);

/*
 * Call before the connection is closed or reset. OpenSSL would otherwise mark the
 * session as not resumable, because libevent never sends close_notify.
 */
void tls_keep_session(struct bufferevent *bev);

#endif
