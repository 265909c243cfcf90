/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one client connection, from accept to close.
 *
 *   adopt -> PROXY --its header--> QUIET, on a listener with proxy_protocol; on others:
 *
 *            .------------------- evhttp reads --------------------.
 *   adopt -> QUIET --byte--> IN_HEAD --head--> IN_BODY --complete--> COMPLETE
 *              ^                |                 |                     |
 *              |                `--- refused, held early ---.           |
 *              |                                            v           v
 *              `--- given back --- FINISHING <--release--- HELD <----- hold
 *                                     |
 *                                     `--> LINGERING --> DEAD (freed at the end of the turn)
 *
 * Until it is held, evhttp owns the socket's callbacks and a strict lexer looks at
 * every byte first, from a callback on the input buffer. Holding it takes the
 * callbacks away from evhttp, so that evhttp never sees a byte that the lexer
 * refused, never aborts on a pipelined one, and the client's leaving is seen while
 * an answer is awaited. Releasing it either gives the socket back for the next
 * request or closes it without losing what was written.
 */
#ifndef GATEWAY_CONNECTION_H
#define GATEWAY_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/address.h"
#include "gateway/end_reason.h"
#include "gateway/head_lexer.h"
#include "gateway/metrics.h"
#include "gateway/turn.h"

struct bufferevent;
struct connection;
struct connection_set;
struct evbuffer;
struct event_base;
struct evhttp_request;

/* What the edge is told while evhttp owns the connection. */
struct connection_events {
    /* The head is complete and lawful. <body_is_complete>: so is the body, and evhttp is about
     * to hand the request out in this very call. */
    void (*on_head)(void *arg, struct connection *connection, bool body_is_complete);
    /* The bytes are refused: framing, limits or time. <problem> is a static text. The receiver
     * holds the connection, answers and releases it. */
    void (*on_refused)(void *arg, struct connection *connection, enum end_reason reason,
                       const char *problem);
    /* The PROXY protocol header has been read: connection_verdict() knows about the client. */
    void (*on_named)(void *arg, struct connection *connection);
    /* evhttp has closed the connection; it is gone after the call. */
    void (*on_closed)(void *arg, struct connection *connection);
    /* One connection fewer. */
    void (*on_count_change)(void *arg);
};

/* What the holder is told while it holds the connection. */
struct connection_holder {
    /* After a write by which the output fell to the low water mark or below. */
    void (*on_drain)(void *holder, size_t bytes_left);
    /* The client has closed, half-closed or reset. */
    void (*on_gone)(void *holder);
};

struct connection_settings {
    struct head_limits head_limits;
    int64_t head_timeout_ms;
    int64_t keepalive_timeout_ms;
    int64_t write_timeout_ms;      /* for what is still unwritten when the holder lets go */
    size_t low_water_bytes;        /* of the output, see on_drain */
    int64_t coalesce_ms;           /* see connection_mark_soon(); 0: not at all */
    size_t per_address_max;        /* connections, or requests through trusted proxies; 0: no cap */
    const struct network *trusted; /* borrowed; proxies whose word on the client is taken */
    size_t trusted_count;
    const struct connection_events *events;
    void *events_arg;
    struct metrics_slot *metrics;
};

struct connection_set *connection_set_new(struct event_base *base, struct turn *turn,
                                          const struct connection_settings *settings) MUST_USE;
/* Closes every connection at once. Accepts NULL. */
void connection_set_free(struct connection_set *set);

/* All of them; and those above a cap, which are there only to be told so. */
size_t connection_set_count(const struct connection_set *set);
size_t connection_set_refused(const struct connection_set *set);

/*
 * Close connections that owe a request, or that only wait for the other side to close,
 * until no more than <most> are open. False when too few of them have been so for long
 * enough.
 */
bool connection_set_make_room(struct connection_set *set, size_t most);

/* Two steps of the end of a turn: write every marked connection once; free the dead. */
void connection_set_flush(void *arg);
void connection_set_reap(void *arg);

/* Begin to drain: quiet connections close now, the others after their answer. */
void connection_set_drain(struct connection_set *set);

/*
 * Take charge of a connection that evhttp has just accepted on <bev>. <has_header>: it
 * begins with a PROXY protocol header. False when memory is out; the caller then frees the
 * evhttp connection.
 */
bool connection_adopt(struct connection_set *set, struct bufferevent *bev,
                      bool has_header) MUST_USE;

/* The connection on descriptor <fd>, or that a request came on; NULL when there is none. */
struct connection *connection_of_fd(struct connection_set *set, int fd);
struct connection *connection_of_request(struct connection_set *set,
                                         struct evhttp_request *request);

/* Refuse before any byte was read, for a cap on connections: with an answer, or by a reset. */
void connection_refuse(struct connection *connection, enum end_reason reason, const char *problem);
void connection_turn_away(struct connection *connection);

/* True when a PROXY protocol header is awaited from one who would not be believed: it is closed. */
bool connection_turn_away_stranger(struct connection *connection);

/* True while nothing can be said to the client, since who it is is still to come. */
bool connection_is_unnamed(const struct connection *connection);

/*
 * END_DONE, or why the client's address gets no more: END_ADDRESS_FULL, END_NO_MEMORY. It
 * is known after the adoption for a client that connects by itself, and from on_head for one
 * behind a trusted proxy. <problem> is written when there is more to say.
 */
enum end_reason connection_verdict(const struct connection *connection, const char **problem);

/* Look: valid from on_head until release. */
const struct request_head *connection_head(const struct connection *connection);

/* The client's address, and the proxy's that spoke for it; "" when there is none. */
const char *connection_client(const struct connection *connection);
const char *connection_via(const struct connection *connection);
const char *connection_tls(const struct connection *connection); /* the version; NULL: plain */

/* A slot for the exchange that is being served; NULL when none. */
void connection_set_user(struct connection *connection, void *user);
void *connection_user(const struct connection *connection);

/* Take the callbacks from evhttp. */
void connection_hold(struct connection *connection, const struct connection_holder *holder,
                     void *holder_arg);

/* The output: append to it, then connection_mark(). */
struct evbuffer *connection_output(struct connection *connection);
void connection_mark(struct connection *connection);

/* The same for a piece that may wait for the next ones, some milliseconds at most. */
void connection_mark_soon(struct connection *connection);

/* Monotonic ms of the last moment when bytes left, or when the output became non-empty. */
int64_t connection_progress_ms(const struct connection *connection);
uint64_t connection_bytes_sent(const struct connection *connection); /* in this hold */

/* False when the connection must close after this answer whatever the holder wants. */
bool connection_may_persist(const struct connection *connection);

enum connection_release {
    CONNECTION_KEEP = 0, /* write the rest, then serve the next request */
    CONNECTION_CLOSE,    /* write the rest, then FIN; unread input is drained a while */
    CONNECTION_CUT,      /* the same for an answer that is not whole: with TLS no close_notify */
    CONNECTION_ABORT,    /* drop the rest and close now */
};

/*
 * Let go. <request> is the evhttp request to be completed, or NULL when evhttp had not
 * handed one out (then CONNECTION_KEEP is not allowed). No holder event follows.
 */
void connection_release(struct connection *connection, struct evhttp_request *request,
                        enum connection_release how);

#endif
