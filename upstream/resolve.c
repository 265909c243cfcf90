/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - names off the request path.
 *
 * One question at a time for each name, on libevent's DNS client, repeated by a
 * timer. A question cannot be called back without a callback later, so it lives
 * on the heap by itself and merely forgets its resolver when that is freed.
 *
 *   PENDING --addresses--> READY --refresh--> (asks again; old addresses stay)
 *      `------nothing----> FAILED --1 s, 2 s ... 30 s, or a request--> PENDING
 *
 * An address that does not work is passed over for the next one, round and round, and
 * makes the question come early. The one in use is kept for as long as it works.
 */
#include "upstream/resolve.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"

#define ADDRESSES_MAX 16
#define REFRESH_MS 60000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000

struct resolve_service {
    struct event_base *base; /* borrowed */
    struct evdns_base *dns;  /* owned; NULL until a name needs it */
    const char *resolv_conf; /* borrowed */
};

TAILQ_HEAD(waiter_list, resolve_waiter);

/* One question on its way; freed by its answer. */
struct question {
    struct resolver *resolver; /* borrowed; NULL once nobody wants the answer */
};

struct resolver {
    struct resolve_service *service; /* borrowed */
    char *host;                      /* owned */
    struct event *timer;             /* owned; NULL for hosts that need no DNS */
    struct question *question;       /* owned by the DNS client; NULL: none under way */
    struct waiter_list waiters;
    char addresses[ADDRESSES_MAX][INET6_ADDRSTRLEN];
    unsigned count;
    unsigned current;        /* index of the one to pick */
    int64_t asked_ms;        /* when the last question was put */
    int64_t retry_ms;        /* the pause after the next failure */
    int64_t last_failure_ms; /* valid while there are no addresses */
};

struct resolve_service *resolve_service_new(struct event_base *base, const char *resolv_conf)
{
    struct resolve_service *service = calloc(1, sizeof(*service));

    if (service != NULL) {
        service->base = base;
        service->resolv_conf = resolv_conf;
    }
    return service;
}

void resolve_service_free(struct resolve_service *service)
{
    if (service == NULL) {
        return;
    }
    if (service->dns != NULL) {
        evdns_base_free(service->dns, 1);
    }
    free(service);
}

static struct evdns_base *dns_of(struct resolve_service *service)
{
    if (service->dns == NULL) {
        service->dns = evdns_base_new(service->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (service->dns != NULL) {
            /* Some servers of container networks know their own names in lower case only. */
            (void)evdns_base_set_option(service->dns, "randomize-case:", "0");
            /* Reads /etc/hosts as well. On failure libevent falls back to 127.0.0.1. */
            (void)evdns_base_resolv_conf_parse(service->dns, DNS_OPTIONS_ALL, service->resolv_conf);
        }
    }
    return service->dns;
}

static void arm(struct resolver *resolver, int64_t delay_ms)
{
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000};

    (void)event_add(resolver->timer, &delay);
}

static void tell_waiters(struct resolver *resolver)
{
    struct resolve_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&resolver->waiters)) != NULL) {
        resolver_stop_waiting(resolver, waiter);
        waiter->on_resolved(waiter, resolver->count > 0);
    }
}

static bool has_address(const struct resolver *resolver, const char *text)
{
    for (unsigned i = 0; i < resolver->count; i++) {
        if (strcmp(resolver->addresses[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void add_address(struct resolver *resolver, const char *text)
{
    size_t length = strlen(text);

    if (resolver->count < ADDRESSES_MAX && length < INET6_ADDRSTRLEN &&
        !has_address(resolver, text)) {
        memcpy(resolver->addresses[resolver->count], text, length + 1);
        resolver->count++;
    }
}

static void add_found(struct resolver *resolver, const struct evutil_addrinfo *found)
{
    char text[INET6_ADDRSTRLEN];

    for (; found != NULL; found = found->ai_next) {
        const void *address = NULL;

        if (found->ai_family == AF_INET) {
            const struct sockaddr_in *in = (const void *)found->ai_addr;
            address = &in->sin_addr;
        } else if (found->ai_family == AF_INET6) {
            const struct sockaddr_in6 *in6 = (const void *)found->ai_addr;
            address = &in6->sin6_addr;
        }
        if (address != NULL &&
            evutil_inet_ntop(found->ai_family, address, text, sizeof(text)) != NULL) {
            add_address(resolver, text);
        }
    }
}

/* The answer is in: keep the address in use if it is still among them. */
static void take_answer(struct resolver *resolver, const struct evutil_addrinfo *found)
{
    char in_use[INET6_ADDRSTRLEN];

    memcpy(in_use, resolver->addresses[resolver->current], sizeof(in_use));
    resolver->count = 0;
    add_found(resolver, found);
    for (unsigned i = 0; i < resolver->count; i++) {
        if (strcmp(resolver->addresses[i], in_use) == 0) {
            resolver->current = i;
            return;
        }
    }
    resolver->current = 0;
}

static void on_dns_answer(int result, struct evutil_addrinfo *found, void *arg)
{
    struct question *question = arg;
    struct resolver *resolver = question->resolver;

    free(question);
    if (resolver != NULL) {
        resolver->question = NULL;
        if (result == 0 && found != NULL) {
            take_answer(resolver, found);
            resolver->retry_ms = RETRY_MIN_MS;
            arm(resolver, REFRESH_MS);
        } else {
            resolver->last_failure_ms = clock_now_ms();
            arm(resolver, resolver->retry_ms);
            resolver->retry_ms *= 2;
            if (resolver->retry_ms > RETRY_MAX_MS) {
                resolver->retry_ms = RETRY_MAX_MS;
            }
        }
    }
    if (found != NULL) {
        evutil_freeaddrinfo(found);
    }
    if (resolver != NULL) {
        tell_waiters(resolver);
    }
}

/* Ask; the answer may come before this returns (a name of /etc/hosts). */
static void ask(struct resolver *resolver)
{
    struct evutil_addrinfo hints = {
        .ai_flags = EVUTIL_AI_ADDRCONFIG, /* no AAAA where there is no IPv6 */
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
    };
    struct evdns_base *dns = dns_of(resolver->service);
    struct question *question = calloc(1, sizeof(*question));

    if (dns == NULL || question == NULL) {
        free(question);
        resolver->last_failure_ms = clock_now_ms();
        arm(resolver, RETRY_MIN_MS);
        return;
    }
    question->resolver = resolver;
    resolver->question = question;
    resolver->asked_ms = clock_now_ms();
    (void)evdns_getaddrinfo(dns, resolver->host, NULL, &hints, on_dns_answer, question);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;

    (void)fd;
    (void)what;
    if (resolver->question == NULL) {
        ask(resolver);
    }
}

/* True when <host> needs no DNS; its addresses are in then. */
static bool is_known(struct resolver *resolver, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        add_address(resolver, host);
        return true;
    }
    /* RFC 6761 section 6.3: always the loopback addresses. */
    if (strcasecmp(host, "localhost") == 0) {
        add_address(resolver, "127.0.0.1");
        add_address(resolver, "::1");
        return true;
    }
    return false;
}

struct resolver *resolver_new(struct resolve_service *service, const char *host)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL) {
        return NULL;
    }
    TAILQ_INIT(&resolver->waiters);
    resolver->service = service;
    resolver->retry_ms = RETRY_MIN_MS;
    if (is_known(resolver, host)) {
        return resolver;
    }
    resolver->host = strdup(host);
    resolver->timer = evtimer_new(service->base, on_timer, resolver);
    if (resolver->host == NULL || resolver->timer == NULL) {
        resolver_free(resolver);
        return NULL;
    }
    ask(resolver);
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL || BUG_IF(!TAILQ_EMPTY(&resolver->waiters))) {
        return;
    }
    if (resolver->question != NULL) {
        resolver->question->resolver = NULL;
    }
    if (resolver->timer != NULL) {
        event_free(resolver->timer);
    }
    free(resolver->host);
    free(resolver);
}

enum resolve_state resolver_check(struct resolver *resolver)
{
    if (resolver->count > 0) {
        return RESOLVE_READY;
    }
    if (resolver->question == NULL && clock_now_ms() - resolver->last_failure_ms >= RETRY_MIN_MS) {
        ask(resolver);
    }
    if (resolver->count > 0) {
        return RESOLVE_READY;
    }
    return resolver->question != NULL ? RESOLVE_PENDING : RESOLVE_FAILED;
}

void resolver_wait(struct resolver *resolver, struct resolve_waiter *waiter)
{
    TAILQ_INSERT_TAIL(&resolver->waiters, waiter, link);
    waiter->is_waiting = true;
}

void resolver_stop_waiting(struct resolver *resolver, struct resolve_waiter *waiter)
{
    if (waiter->is_waiting) {
        TAILQ_REMOVE(&resolver->waiters, waiter, link);
        waiter->is_waiting = false;
    }
}

unsigned resolver_count(const struct resolver *resolver)
{
    return resolver->count;
}

const char *resolver_pick(const struct resolver *resolver)
{
    return resolver->count == 0 ? NULL : resolver->addresses[resolver->current];
}

/* Ask before the refresh is due, but not for each of many failures. */
static void ask_soon(struct resolver *resolver)
{
    if (resolver->timer != NULL && resolver->question == NULL &&
        clock_now_ms() - resolver->asked_ms >= RETRY_MIN_MS) {
        arm(resolver, 0);
    }
}

void resolver_report_bad(struct resolver *resolver, const char *address)
{
    /* Many calls may fail on one address: only the first of them moves on. */
    if (resolver->count > 0 && strcmp(resolver->addresses[resolver->current], address) == 0) {
        resolver->current = (resolver->current + 1) % resolver->count;
    }
    ask_soon(resolver);
}
