/* SPDX-License-Identifier: MIT */
/*
 * server.h - listeners, and what all connections share.
 */
#ifndef TESTS_SIM_SERVER_H
#define TESTS_SIM_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "base/attrs.h"
#include "base/json.h"
#include "tests/sim/loop.h"
#include "tests/sim/options.h"
#include "tests/sim/stats.h"
#include "tests/sim/tape.h"

#define SERVER_READ_BYTES ((size_t)16384)

struct conn;

struct listener {
    struct watch watch;
    struct timer again; /* accepting pauses when descriptors are out */
    struct server *server;
    bool is_tls;
};

struct server {
    const struct options *options; /* borrowed */
    struct loop *loop;             /* borrowed */
    struct tapes *tapes;           /* owned; NULL without --tapes */
    SSL_CTX *tls;                  /* owned; NULL without TLS listeners */
    struct json_doc *doc;          /* owned; one request's JSON at a time */
    struct stats stats;
    struct conn *live; /* owned; doubly linked */
    struct conn *dead; /* owned; freed when the turn is over */
    struct listener listeners[OPTIONS_LISTENERS_MAX];
    size_t listener_count;
    char read_buffer[SERVER_READ_BYTES];
};

/*
 * Open every listener and print its line. False with a message on stderr when
 * something is missing; server_fini() is due whatever comes back.
 */
bool server_init(struct server *server, const struct options *options, struct loop *loop) MUST_USE;
void server_fini(struct server *server);

/* For loop_run(): frees what died in the turn. <server> is the struct server. */
void server_after_turn(void *server);

#endif
