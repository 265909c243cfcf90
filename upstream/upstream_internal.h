/* SPDX-License-Identifier: MIT */
/*
 * upstream_internal.h - what the event-loop files of this folder share with each other.
 *
 * Internal: nobody outside upstream/ includes it. Who owns what:
 *
 *   upstream_context            one per event loop
 *     dead calls, dead connections   freed by upstream_context_flush()
 *     upstream_origin           one per configured upstream
 *       resolver, tls, pool
 *         connection            pool.h; lent to at most one call
 *       calls                   call.h; owned by the gateway until upstream_cancel()
 */
#ifndef UPSTREAM_UPSTREAM_INTERNAL_H
#define UPSTREAM_UPSTREAM_INTERNAL_H

#include <stddef.h>
#include <sys/queue.h>

#include "upstream/circuit.h"
#include "upstream/dialect.h"
#include "upstream/pool.h"
#include "upstream/retry_budget.h"
#include "upstream/upstream.h"
#include "upstream/url.h"

struct resolver;
struct resolve_service;
struct tls;

TAILQ_HEAD(upstream_list, upstream);

/* Of one stream, in one turn: four reads of evhttp's, or one TLS record. */
#define TURN_BYTES_MAX ((size_t)16 * 1024)

struct upstream_context {
    struct event_base *base; /* borrowed */
    struct upstream_hooks hooks;
    struct json_doc *doc;            /* owned: error answers are read with it */
    struct dialect_scratch *scratch; /* owned: events are read with it */
    struct resolve_service *names;   /* owned */
    struct connection_list dirty;    /* requests wait in these output buffers */
    struct connection_list dead_connections;
    struct upstream_list dead_calls;
    struct upstream_list line;       /* by line_link: their bodies go on in the next turn */
    struct event *next_turn;         /* owned: pending while somebody stands in line */
    unsigned origin_count;           /* for the check in upstream_context_free() */
    char read_bytes[TURN_BYTES_MAX]; /* what body_reader.c has just read */
    bool flush_asked;                /* on_need_flush has been called since the last flush */
};

struct upstream_origin {
    struct upstream_context *context; /* borrowed, outlives this */
    struct upstream_settings settings;
    const struct dialect *dialect; /* static */
    struct url url;                /* points into settings.url */
    char *authorization;           /* owned, wiped: the header's value; NULL: none sent */
    struct resolver *resolver;     /* owned */
    struct tls *tls;               /* owned; NULL for http:// */
    struct pool pool;
    struct circuit circuit;
    struct retry_budget budget;
    struct upstream_list calls; /* live handles, ended ones included */
    unsigned call_count;
    unsigned long reused; /* the totals of struct upstream_counts */
    unsigned long opened;
    unsigned long tls_resumed;
    unsigned long retries;
    unsigned long withheld;
};

/* The circuit's functions for a call, with what follows from a change: see origin.c. */
bool origin_enter(struct upstream_origin *origin, struct circuit_pass *pass) MUST_USE;
void origin_note_text(struct upstream_origin *origin, struct circuit_pass *pass);
void origin_leave(struct upstream_origin *origin, struct circuit_pass *pass,
                  enum upstream_health health, enum upstream_failure failure,
                  int64_t retry_after_s);
void origin_give_up(struct upstream_origin *origin, struct circuit_pass *pass, int64_t silent_ms);

/* The provider's token as it is sent; empty: none is. Borrowed. */
struct span origin_token(const struct upstream_origin *origin);

/* Pay for one retry; false when the budget has none. */
bool origin_spend_retry(struct upstream_origin *origin) MUST_USE;

/* Ask the owner, once per turn, to call upstream_context_flush(). */
void context_need_flush(struct upstream_context *context);

/* For tests: read this file instead of /etc/resolv.conf; before the first origin. False: no memory. */
bool context_use_resolv_conf(struct upstream_context *context, const char *path);

#endif
