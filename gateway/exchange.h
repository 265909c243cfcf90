/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - one client request and the answer to it. Read exchange.c first.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth.h"
#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/connection.h"
#include "gateway/end_reason.h"
#include "gateway/metrics.h"
#include "gateway/turn.h"
#include "upstream/upstream.h"

struct event_base;
struct evhttp_request;
struct exchange;
struct exchange_set; /* every exchange of one event loop, and what they share */

/* All borrowed for the set's life. */
struct exchange_services {
    struct event_base *base;
    struct turn *turn;
    const struct config *config;
    struct metrics_slot *metrics;
    struct auth_checker *checker;
    struct upstream_origin *const *origins; /* tried in this order */
    size_t origin_count;
};

struct exchange_set *exchange_set_new(const struct exchange_services *services) MUST_USE;
void exchange_set_free(struct exchange_set *set); /* every exchange ended; accepts NULL */

size_t exchange_set_live(const struct exchange_set *set);

/* Bytes that wait for clients, in all. Walks every exchange. */
uint64_t exchange_set_backlog(const struct exchange_set *set);

/* A step of the end of a turn: free what has ended. */
void exchange_set_reap(void *arg);

/* End every exchange with <reason>, those that are answering by a visible cut. */
void exchange_set_end_all(struct exchange_set *set, enum end_reason reason);

/*
 * A lawful head has come on <connection>: judge it. The exchange becomes the
 * connection's user until it ends. <body_is_complete>: exchange_on_request()
 * follows in this very call stack.
 */
void exchange_start(struct exchange_set *set, struct connection *connection, bool body_is_complete);

/* evhttp hands out the whole request that belongs to <ex>. */
void exchange_on_request(struct exchange *ex, struct evhttp_request *request);

/* The body's bytes were refused by the lexer. */
void exchange_on_bad_body(struct exchange *ex, enum end_reason reason, const char *problem);

/* evhttp has closed the connection while the body was being read. */
void exchange_on_client_lost(struct exchange *ex);

/* Answer a request whose head was refused, or a connection above the cap. */
void exchange_refuse(struct exchange_set *set, struct connection *connection,
                     enum end_reason reason, const char *problem);

#endif
