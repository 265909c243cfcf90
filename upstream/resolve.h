/* SPDX-License-Identifier: MIT */
/*
 * resolve.h - names off the request path.
 *
 * evhttp given a name would block the loop or use the first address only, and
 * would ask again for each connection. So a resolver asks on a timer, keeps all
 * addresses, and hands out numeric ones; a request only waits for the very first
 * result.
 */
#ifndef UPSTREAM_RESOLVE_H
#define UPSTREAM_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attrs.h"

struct event_base;
struct resolve_service; /* the DNS client of one event loop, made when first needed */
struct resolver;        /* the addresses of one host */

/* <resolv_conf> is borrowed. NULL when memory is out. */
struct resolve_service *resolve_service_new(struct event_base *base,
                                            const char *resolv_conf) MUST_USE;
/* Every resolver must have been freed before. Accepts NULL. */
void resolve_service_free(struct resolve_service *service);

/* One who waits for the first result; embedded in its owner. */
struct resolve_waiter {
    TAILQ_ENTRY(resolve_waiter) link;
    void *owner; /* for its own use */
    /* Fired once from the loop; it no longer waits then. */
    void (*on_resolved)(struct resolve_waiter *waiter, bool has_addresses);
    bool is_waiting;
};

/* <host> is copied: a numeric address, "localhost", or a name. NULL when memory is out. */
struct resolver *resolver_new(struct resolve_service *service, const char *host) MUST_USE;
/* Nobody may be waiting. Accepts NULL. */
void resolver_free(struct resolver *resolver);

enum resolve_state {
    RESOLVE_READY = 0, /* resolver_pick() gives an address */
    RESOLVE_PENDING,   /* an answer is awaited: wait */
    RESOLVE_FAILED,    /* asked a moment ago in vain */
};
/* May start a new question when the last one failed more than a second ago. */
enum resolve_state resolver_check(struct resolver *resolver);

/* Only while RESOLVE_PENDING. */
void resolver_wait(struct resolver *resolver, struct resolve_waiter *waiter);
void resolver_stop_waiting(struct resolver *resolver, struct resolve_waiter *waiter);

/* How many addresses are known. */
unsigned resolver_count(const struct resolver *resolver);

/* The numeric address to connect to now, valid until the loop runs again; NULL: there is none. */
const char *resolver_pick(const struct resolver *resolver);

/*
 * <address>, which was picked at some time, does not work: the next one is picked from now
 * on, and the name is asked for again soon, as the host may have moved.
 */
void resolver_report_bad(struct resolver *resolver, const char *address);

#endif
