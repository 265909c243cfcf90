/* SPDX-License-Identifier: MIT */
/*
 * pool.h - connections to one origin: open, lend, take back, retire, cap.
 *
 *              open                    request            done, clean
 *   (nothing) ------> OPENING --------> BUSY ---------------------------> IDLE
 *                        |               | \                             ^ |  |
 *                        |               |  `-[DONE]-> DRAINING --clean--' |  |
 *                        |               |                |                |  |
 *                        `---------------'-- anything else or cancelled ---'  |
 *                                        v                                    |
 *                                       DEAD  (freed by the next flush)     lent: BUSY
 *
 * evhttp queues requests behind each other and reconnects by itself; both would
 * hide from us what happens, so a connection carries one request at a time and is
 * never used again once it was disconnected.
 */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attrs.h"
#include "upstream/framing.h"

struct connection;
struct event;
struct evhttp_connection;
struct evhttp_request;
struct upstream;
struct upstream_context;
struct upstream_origin;

TAILQ_HEAD(connection_list, connection);

enum connection_state {
    CONNECTION_OPENING = 0, /* TCP connect, then the TLS handshake */
    CONNECTION_BUSY,        /* a request is being sent or answered */
    CONNECTION_DRAINING,    /* the call is over; the end of the body is awaited */
    CONNECTION_IDLE,        /* waits to be lent */
    CONNECTION_DEAD,        /* on the context's dead list */
};

/* evhttp's own callbacks, put aside while we listen for the connect. */
struct connection_callbacks {
    bufferevent_data_cb on_read;
    bufferevent_data_cb on_write;
    bufferevent_event_cb on_event;
    void *arg;
};

struct connection {
    TAILQ_ENTRY(connection) link;       /* in pool.idle, pool.active or dead_connections */
    TAILQ_ENTRY(connection) dirty_link; /* in context.dirty while is_dirty */
    struct upstream_origin *origin;     /* borrowed; not followed once DEAD */
    struct upstream_context *context;   /* borrowed */
    struct evhttp_connection *evcon;    /* owned */
    struct bufferevent *bev;            /* evcon's */
    struct evhttp_request *req;         /* evcon's; NULL while no request is under way */
    struct upstream *call;              /* borrowed; NULL when nobody waits for the answer */
    void (*on_broken)(struct upstream *call,
                      const char *problem); /* its bytes are no HTTP; told inside a read */
    struct connection_callbacks saved;      /* valid while OPENING and while is_direct */
    enum connection_state state;
    char address[INET6_ADDRSTRLEN]; /* numeric, one of the resolver's */
    unsigned http_error;            /* enum evhttp_request_error + 1; 0: none */
    unsigned continues;             /* 100 Continue answers seen */
    struct framing framing;         /* of the answer, read ahead of evhttp */
    struct event *reader;           /* owned: on the socket, see body_reader.h; may be NULL */
    uint64_t bytes_in;              /* read since the request was given to evhttp */
    uint64_t body_bytes;            /* of them, data of a body that is read past evhttp */
    uint64_t drained_at;            /* bytes_in when DRAINING began */
    int64_t expires_ms;             /* IDLE and DRAINING: closed then */
    bool is_tls;
    bool is_reused; /* lent from the pool */
    bool is_dirty;
    bool is_head_in;       /* the final response head has come */
    bool is_clean;         /* that head allows another request when the body has ended */
    bool is_direct;        /* the body is read past evhttp: body_reader.h */
    bool is_early;         /* in that: the reader has not fired since the head came */
    bool is_finishing;     /* evhttp has been given the body's end, and has not said so yet */
    bool handshake_failed; /* TLS said no, rather than the network */
};

struct pool {
    struct connection_list idle;   /* most recently used first */
    struct connection_list active; /* OPENING, BUSY and DRAINING */
    unsigned count;                /* idle and active */
    unsigned idle_count;
    int64_t sweep_due_ms; /* when the sweep runs next, while it is pending */
    struct event *sweep;  /* owned: closes what has expired */
};

/* False when memory is out. */
bool pool_init(struct pool *pool, struct upstream_origin *origin) MUST_USE;
void pool_close_idle(struct pool *pool);
void pool_fini(struct pool *pool); /* every connection becomes DEAD */

/* True when one more connection may be opened; may close an idle one to make room. */
bool pool_has_room(struct upstream_origin *origin);

/* The most recently used idle connection, now BUSY; NULL when there is none. */
struct connection *pool_lend(struct upstream_origin *origin) MUST_USE;

/* A new connection, OPENING, not yet told to connect; NULL when memory is out. */
struct connection *pool_open(struct upstream_origin *origin) MUST_USE;

/* A request on it has ended cleanly: it becomes IDLE (or DEAD when enough are). */
void pool_take_back(struct connection *connection);

/* Its call is over although the body has not ended: give the end a short while to come. */
void connection_drain(struct connection *connection);

/* In DRAINING, bytes have come: kills it when they are too many. */
void connection_check_drain(struct connection *connection);

/* Silence it and let the next flush close it. Legal in every callback; idempotent. */
void connection_kill(struct connection *connection);

/* The head is read and says how the body is framed; what is in the input belongs to it. */
void connection_begin_body(struct connection *connection, enum framing_body body, uint64_t length);

/* An interim response's head has been read; the next head follows. */
void connection_expect_head(struct connection *connection);

/* Its bytes are broken: nothing more is read, and the call is told. */
void connection_give_up(struct connection *connection);

/* Stop and resume reading the response body. */
void connection_pause(struct connection *connection);
void connection_resume(struct connection *connection);

/* A request waits in its output buffer: write it in the next flush. */
void connection_mark_dirty(struct connection *connection);

/* For upstream_context_flush() only. */
void connection_flush(struct connection *connection);
void connection_free(struct connection *connection);

/* Before the first byte is written: one TLS record for head and body together. */
void connection_join_output(struct connection *connection);

/* Overwrite the Authorization value that evhttp still holds for the current request. */
void connection_wipe_secret(struct connection *connection);

/*
 * The fields of request and answer have been read; evhttp would keep them, some thirty
 * pieces of memory, as long as the answer takes. That another request may follow on this
 * connection is our own decision (is_clean).
 */
void connection_forget_fields(struct connection *connection);

#endif
