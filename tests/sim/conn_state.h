/* SPDX-License-Identifier: MIT */
/*
 * conn_state.h - the connection as conn.c, conn_request.c and conn_write.c see it.
 *
 * Nobody else includes this. conn.c owns the life of the object, conn_request.c
 * turns bytes into a planned answer, conn_write.c turns the answer into bytes.
 */
#ifndef TESTS_SIM_CONN_STATE_H
#define TESTS_SIM_CONN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "tests/sim/bytes.h"
#include "tests/sim/call.h"
#include "tests/sim/loop.h"
#include "tests/sim/request.h"
#include "tests/sim/response.h"
#include "tests/sim/server.h"
#include "tests/sim/transport.h"

enum conn_state {
    CONN_HANDSHAKE = 0, /* for TLS to be agreed */
    CONN_HEAD,          /* for a request's head */
    CONN_BODY,          /* for a request's body */
    CONN_ANSWER,        /* for the socket to take more, or for the next token's time */
    CONN_RESETTING,     /* for the peer to have everything before the reset */
    CONN_DYING,         /* idle, for the time to close without a word */
    CONN_LINGER,        /* for the peer's last word after ours */
    CONN_DEAD,          /* for the end of the turn */
};

struct conn {
    struct watch watch; /* first: the loop's pointer is ours */
    struct timer timer;
    struct server *server; /* borrowed */
    struct conn *next;     /* in server->live or server->dead */
    struct conn *previous; /* in server->live */
    struct transport transport;
    enum conn_state state;
    bool is_control;  /* its requests go to /sim/: not counted */
    bool has_served;  /* a request before this one */
    bool is_blocked;  /* the socket is full */
    bool is_talking;  /* a made-up answer is under way */
    bool is_http_1_0; /* of the request in hand, as the next two */
    bool keeps_alive;
    bool is_json;
    enum call_route route;
    struct bytes in;   /* read, not parsed yet */
    struct bytes head; /* of the request in hand */
    struct bytes body; /* of the request in hand */
    struct bytes out;  /* to be written */
    struct request_body reader;
    struct response response; /* valid in CONN_ANSWER */
    int64_t drip_due_ms;
};

/* Look at the socket for these EPOLL* bits, and always for the client leaving. */
void conn_watch_for(struct conn *conn, uint32_t events);

/* Note that the socket is full, or is no longer. */
void conn_set_blocked(struct conn *conn, bool is_blocked);

/* Arm the alarm for <delay_ms> from now. */
void conn_wake_in(struct conn *conn, int64_t delay_ms);

/* A made-up answer, if one is under way, has ended; <counter> says how. */
void conn_end_talk(struct conn *conn, uint64_t *counter);

/* The end: closes the descriptor and frees all but the object itself. */
void conn_close(struct conn *conn, enum transport_leave how);

/*
 * One step each of the state of the same name. True when there is more to do
 * right now; false when the socket, the alarm or nothing is waited for, and
 * after conn_close().
 */
bool conn_step_read(struct conn *conn) MUST_USE; /* reads once into <in> */
bool conn_step_head(struct conn *conn) MUST_USE;
bool conn_step_body(struct conn *conn) MUST_USE;
bool conn_step_answer(struct conn *conn) MUST_USE;
bool conn_step_reset(struct conn *conn) MUST_USE;
bool conn_step_linger(struct conn *conn) MUST_USE;

#endif
