/* SPDX-License-Identifier: MIT */
/*
 * client_leg.h - the client's side of an exchange: one answer, in order.
 *
 * take -> (answer | head -> chunk* -> last chunk) -> finish, or cut, or abort.
 *
 * Bytes go into the connection's output and leave at the end of the turn.
 */
#ifndef GATEWAY_CLIENT_LEG_H
#define GATEWAY_CLIENT_LEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/connection.h"

struct evhttp_request;

struct client_leg {
    struct connection *connection;  /* borrowed; NULL before take and after the end */
    struct evhttp_request *request; /* borrowed from evhttp; NULL when refused early */
    char *reserved;                 /* room of the chunk being written */
    size_t reserved_bytes;
};

/* Take the connection over from evhttp. <request> NULL: evhttp had none to hand out. */
void client_leg_take(struct client_leg *leg, struct connection *connection,
                     struct evhttp_request *request, const struct connection_holder *holder,
                     void *holder_arg);

/*
 * The request's body in one piece, chunks already decoded. Borrowed from evhttp until
 * client_leg_forget_request(). False when memory is out.
 */
bool client_leg_body(struct client_leg *leg, struct span *body) MUST_USE;

/*
 * The answer has begun: nobody will ask again for fields and body of the request. What
 * evhttp holds of them would stay as long as the answer does.
 */
void client_leg_forget_request(struct client_leg *leg);

/*
 * The value of the first field of that name of the request, or NULL. For what concerns one
 * route alone and nobody's safety; the rest is in connection_head(), strictly read.
 */
const char *client_leg_field(const struct client_leg *leg, const char *name);

/* Append whole bytes (a head, or a whole answer). False when memory is out. */
bool client_leg_append(struct client_leg *leg, struct span bytes) MUST_USE;

/* The same for bytes that outlive everything: they are referenced, not copied. */
bool client_leg_append_constant(struct client_leg *leg, struct span bytes) MUST_USE;

/*
 * Write one chunk of a chunked body in place: room for <bytes_max> content bytes, or
 * NULL when memory is out; then commit the number really written. 0 commits nothing.
 */
char *client_leg_reserve_chunk(struct client_leg *leg, size_t bytes_max) MUST_USE;
void client_leg_commit_chunk(struct client_leg *leg, size_t bytes);

bool client_leg_append_last_chunk(struct client_leg *leg) MUST_USE;

/* What is there leaves at the end of this turn, whatever might still come. */
void client_leg_push(struct client_leg *leg);

/* Bytes that wait for the client. */
size_t client_leg_backlog(const struct client_leg *leg);

/* True when the next request may come on the same connection. */
bool client_leg_may_persist(const struct client_leg *leg);

/*
 * The end; the leg lets go and nothing follows. finish: the answer is whole. cut: what
 * was written still goes out, then the connection closes, so that a missing last chunk
 * shows. abort: close now, drop what waits.
 */
void client_leg_finish(struct client_leg *leg);
void client_leg_cut(struct client_leg *leg);
void client_leg_abort(struct client_leg *leg);

#endif
