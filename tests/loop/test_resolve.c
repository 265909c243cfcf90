/* SPDX-License-Identifier: MIT */
/*
 * test_resolve.c - names become addresses off the request path, by a DNS server that the
 * test plays itself on the same loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>

#include "base/clock.h"
#include "upstream/resolve.h"

#define PATIENCE_MS 10000

struct stage {
    struct event_base *base;
    struct evdns_server_port *server;
    struct resolve_service *service;
    char resolv_conf[64];
    unsigned questions;
    bool is_mute; /* takes questions and never answers */
};

static void on_question(struct evdns_server_request *request, void *arg)
{
    struct stage *stage = arg;
    const char *name = request->questions[0]->name;
    struct in_addr addresses[2];

    stage->questions++;
    if (stage->is_mute) {
        (void)evdns_server_request_drop(request);
        return;
    }
    (void)inet_pton(AF_INET, "127.0.0.2", &addresses[0]);
    (void)inet_pton(AF_INET, "127.0.0.3", &addresses[1]);
    /*
     * To the letter, as the name servers of some container networks do: asked for a name in
     * mixed case they pass the question on to a server that has never heard of it.
     */
    if (strcmp(name, "two.test") == 0 && request->questions[0]->type == EVDNS_TYPE_A) {
        (void)evdns_server_request_add_a_reply(request, name, 2, addresses, 60);
        (void)evdns_server_request_respond(request, DNS_ERR_NONE);
    } else if (strcmp(name, "two.test") == 0) {
        (void)evdns_server_request_respond(request, DNS_ERR_NONE);
    } else {
        (void)evdns_server_request_respond(request, DNS_ERR_NOTEXIST);
    }
}

static void stage_init(struct stage *stage)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    FILE *conf;

    memset(stage, 0, sizeof(*stage));
    stage->base = event_base_new();
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    stage->server = evdns_add_server_port_with_base(stage->base, fd, 0, on_question, stage);
    memcpy(stage->resolv_conf, "/tmp/tidegate-resolv-XXXXXX", 28);
    int conf_fd = mkstemp(stage->resolv_conf);
    conf = fdopen(conf_fd, "w");
    fprintf(conf, "nameserver 127.0.0.1:%d\noptions timeout:1 attempts:1\n",
            ntohs(address.sin_port));
    (void)fclose(conf);
    stage->service = resolve_service_new(stage->base, stage->resolv_conf);
    assert_non_null(stage->service);
}

static void stage_fini(struct stage *stage)
{
    resolve_service_free(stage->service);
    /* libevent lets go of a question under way in a callback of the next turn. */
    (void)event_base_loop(stage->base, EVLOOP_NONBLOCK);
    evdns_close_server_port(stage->server);
    (void)unlink(stage->resolv_conf);
    event_base_free(stage->base);
}

struct waiting {
    struct resolve_waiter waiter;
    unsigned fired;
    bool has_addresses;
};

static void on_resolved(struct resolve_waiter *waiter, bool has_addresses)
{
    struct waiting *waiting = waiter->owner;

    waiting->fired++;
    waiting->has_addresses = has_addresses;
}

/* Wait for the first result as a call does; true when there are addresses. */
static bool wait_for(struct stage *stage, struct resolver *resolver, struct waiting *waiting)
{
    int64_t limit_ms = clock_now_ms() + PATIENCE_MS;

    memset(waiting, 0, sizeof(*waiting));
    waiting->waiter.owner = waiting;
    waiting->waiter.on_resolved = on_resolved;
    assert_int_equal(resolver_check(resolver), RESOLVE_PENDING);
    resolver_wait(resolver, &waiting->waiter);
    while (waiting->fired == 0 && clock_now_ms() < limit_ms) {
        (void)event_base_loop(stage->base, EVLOOP_ONCE);
    }
    assert_int_equal(waiting->fired, 1);
    return waiting->has_addresses;
}

static void numeric_hosts_and_localhost_ask_nobody(void **state)
{
    static const char *const hosts[] = {"127.0.0.9", "::1", "localhost"};
    static const char *const addresses[] = {"127.0.0.9", "::1", "127.0.0.1"};
    struct stage stage;

    (void)state;
    stage_init(&stage);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct resolver *resolver = resolver_new(stage.service, hosts[i]);
        assert_int_equal(resolver_check(resolver), RESOLVE_READY);
        assert_string_equal(resolver_pick(resolver), addresses[i]);
        resolver_free(resolver);
    }
    assert_int_equal(stage.questions, 0);
    stage_fini(&stage);
}

static void every_address_is_kept_and_a_bad_one_passed_over(void **state)
{
    struct stage stage;
    struct waiting waiting;
    struct resolver *resolver;
    char first[64];
    char second[64];

    (void)state;
    stage_init(&stage);
    resolver = resolver_new(stage.service, "two.test");
    assert_true(wait_for(&stage, resolver, &waiting));
    assert_int_equal(resolver_check(resolver), RESOLVE_READY);
    (void)snprintf(first, sizeof(first), "%s", resolver_pick(resolver));
    resolver_report_bad(resolver, first);
    (void)snprintf(second, sizeof(second), "%s", resolver_pick(resolver));
    assert_string_not_equal(first, second);
    resolver_report_bad(resolver, first); /* of one who failed on it as well, but later */
    assert_string_equal(second, resolver_pick(resolver));
    resolver_report_bad(resolver, second);
    assert_string_equal(first, resolver_pick(resolver)); /* round and round */
    resolver_free(resolver);
    stage_fini(&stage);
}

static void a_name_that_does_not_exist_fails_at_once(void **state)
{
    struct stage stage;
    struct waiting waiting;
    struct resolver *resolver;
    unsigned asked;

    (void)state;
    stage_init(&stage);
    resolver = resolver_new(stage.service, "no.such.test");
    assert_false(wait_for(&stage, resolver, &waiting));
    asked = stage.questions;
    assert_int_equal(resolver_check(resolver), RESOLVE_FAILED); /* and is not asked again yet */
    assert_int_equal(stage.questions, asked);
    resolver_free(resolver);
    stage_fini(&stage);
}

static void one_who_stops_waiting_is_not_called(void **state)
{
    struct stage stage;
    struct waiting patient;
    struct waiting gone = {.fired = 0};
    struct resolver *resolver;

    (void)state;
    stage_init(&stage);
    resolver = resolver_new(stage.service, "two.test");
    assert_int_equal(resolver_check(resolver), RESOLVE_PENDING);
    gone.waiter.owner = &gone;
    gone.waiter.on_resolved = on_resolved;
    resolver_wait(resolver, &gone.waiter);
    resolver_stop_waiting(resolver, &gone.waiter);
    assert_true(wait_for(&stage, resolver, &patient));
    assert_int_equal(gone.fired, 0);
    resolver_free(resolver);
    stage_fini(&stage);
}

static void a_mute_server_can_be_walked_away_from(void **state)
{
    struct stage stage;
    struct resolver *resolver;

    (void)state;
    stage_init(&stage);
    stage.is_mute = true;
    resolver = resolver_new(stage.service, "two.test");
    assert_int_equal(resolver_check(resolver), RESOLVE_PENDING);
    for (int i = 0; i < 100 && stage.questions == 0; i++) {
        (void)event_base_loop(stage.base, EVLOOP_ONCE);
    }
    assert_true(stage.questions > 0);
    resolver_free(resolver); /* with the question under way */
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_hosts_and_localhost_ask_nobody),
        cmocka_unit_test(every_address_is_kept_and_a_bad_one_passed_over),
        cmocka_unit_test(a_name_that_does_not_exist_fails_at_once),
        cmocka_unit_test(one_who_stops_waiting_is_not_called),
        cmocka_unit_test(a_mute_server_can_be_walked_away_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
