/* SPDX-License-Identifier: MIT */
/*
 * test_addresses.c - a host with several addresses, some of which are dead.
 *
 * The name server is the test's own, on the same loop; 127.0.0.1 is the peer, and on the
 * same port of 127.0.0.2 and 127.0.0.3 there is nobody, or one who never accepts.
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
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>

#include "base/clock.h"
#include "tests/support/scripted_upstream.h"
#include "tests/support/stage_answers.h"
#include "upstream/upstream_internal.h"

#define PATIENCE_MS 10000
#define CONNECT_TIMEOUT_MS 2000
#define FILLERS 16

static const struct peer_step good[] = {{.action = PEER_EXPECT},
                                        SEND(STREAM_HEAD HELLO FINISH LAST),
                                        {.action = PEER_CLOSE},
                                        {.action = PEER_END}};

struct stage {
    struct event_base *base;
    struct event *turn_end;
    struct event *flush;
    struct evdns_server_port *server;
    const char *addresses[3]; /* what the name server says, in this order; NULL ends them */
    unsigned questions;
    char resolv_conf[64];
    struct upstream_context *context;
    struct upstream_origin *origin;
    struct upstream_settings settings;
    struct scripted_upstream *peer;
    char url[64];
};

static void on_question(struct evdns_server_request *request, void *arg)
{
    struct stage *stage = arg;
    const struct evdns_server_question *question = request->questions[0];
    struct in_addr addresses[3];
    int count = 0;

    if (question->type == EVDNS_TYPE_A) {
        stage->questions++;
        while (count < 3 && stage->addresses[count] != NULL) {
            (void)inet_pton(AF_INET, stage->addresses[count], &addresses[count]);
            count++;
        }
        (void)evdns_server_request_add_a_reply(request, question->name, count, addresses, 60);
    }
    (void)evdns_server_request_respond(request, DNS_ERR_NONE);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct stage *stage = arg;

    (void)fd;
    (void)what;
    upstream_context_flush(stage->context);
}

static void on_need_flush(void *arg)
{
    struct stage *stage = arg;

    event_active(stage->flush, EV_TIMEOUT, 0);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(arg);
}

static struct sockaddr_in at(const char *address, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

    assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
    return in;
}

static void start_name_server(struct stage *stage)
{
    struct sockaddr_in address = at("127.0.0.1", 0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    FILE *conf;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    stage->server = evdns_add_server_port_with_base(stage->base, fd, 0, on_question, stage);
    (void)snprintf(stage->resolv_conf, sizeof(stage->resolv_conf), "/tmp/tidegate-resolv-XXXXXX");
    conf = fdopen(mkstemp(stage->resolv_conf), "w");
    fprintf(conf, "nameserver 127.0.0.1:%d\noptions timeout:1 attempts:1\n",
            ntohs(address.sin_port));
    (void)fclose(conf);
}

/* The host has these addresses; <second> and <third> may be NULL. */
static void stage_init(struct stage *stage, const char *first, const char *second,
                       const char *third)
{
    const struct upstream_hooks hooks = {.on_need_flush = on_need_flush, .hook_arg = stage};
    char problem[200] = "";

    memset(stage, 0, sizeof(*stage));
    (void)signal(SIGPIPE, SIG_IGN);
    stage->addresses[0] = first;
    stage->addresses[1] = second;
    stage->addresses[2] = third;
    stage->base = event_base_new();
    stage->turn_end = evtimer_new(stage->base, on_turn_end, stage->base);
    stage->flush = event_new(stage->base, -1, 0, on_flush, stage);
    start_name_server(stage);
    stage->peer = scripted_upstream_new(stage->base, NULL);
    scripted_upstream_play(stage->peer, good);
    stage->context = upstream_context_new(stage->base, &hooks);
    assert_true(context_use_resolv_conf(stage->context, stage->resolv_conf));
    (void)snprintf(stage->url, sizeof(stage->url), "http://host.test:%u/v1",
                   scripted_upstream_port(stage->peer));
    stage->settings = (struct upstream_settings){
        .name = "peer",
        .url = stage->url,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .first_token_timeout_ms = 5000,
        .idle_timeout_ms = 5000,
        .max_event_bytes = 64 * 1024,
        .max_answer_bytes = 1024 * 1024,
        .max_connections = 4,
        .failures = 1, /* whoever counts a dead address as a failure opens the circuit */
        .open_time_ms = 60000,
    };
    stage->origin = upstream_origin_new(stage->context, &stage->settings, problem, sizeof(problem));
    assert_non_null(stage->origin);
}

static void stage_fini(struct stage *stage)
{
    struct upstream_counts counts;

    upstream_context_flush(stage->context);
    upstream_origin_counts(stage->origin, &counts);
    assert_int_equal(counts.calls, 0);
    assert_int_equal(counts.connections, counts.idle);
    upstream_origin_free(stage->origin);
    upstream_context_free(stage->context);
    scripted_upstream_free(stage->peer);
    event_free(stage->flush); /* it would flush what is gone */
    /* libevent lets go of a question under way in a callback of the next turn. */
    (void)event_base_loop(stage->base, EVLOOP_NONBLOCK);
    evdns_close_server_port(stage->server);
    (void)unlink(stage->resolv_conf);
    event_free(stage->turn_end);
    event_base_free(stage->base);
}

struct caller {
    struct upstream *call;
    struct upstream_end end;
    unsigned ends;
};

static void on_delta(void *owner, const struct upstream_delta *delta)
{
    (void)owner;
    (void)delta;
}

static void on_end(void *owner, const struct upstream_end *end)
{
    struct caller *caller = owner;

    caller->ends++;
    caller->end = *end;
    upstream_cancel(caller->call);
}

static const struct upstream_events events = {.on_delta = on_delta, .on_end = on_end};

/* One call to its end; returns how long it took. */
static int64_t run(struct stage *stage, struct caller *caller)
{
    static const struct span content = SPAN_LITERAL("hi");
    const struct upstream_message message = {UPSTREAM_ROLE_USER, &content, 1};
    const struct upstream_call call = {
        .events = &events,
        .owner = caller,
        .model = SPAN_LITERAL("acme/m"),
        .messages = &message,
        .message_count = 1,
    };
    int64_t began_ms = clock_now_ms();

    *caller = (struct caller){.ends = 0};
    caller->call = upstream_start(stage->origin, &call);
    assert_non_null(caller->call);
    while (caller->ends == 0) {
        struct timeval end = {0, 2000};
        assert_true(clock_now_ms() - began_ms < PATIENCE_MS);
        (void)event_add(stage->turn_end, &end);
        (void)event_base_dispatch(stage->base);
    }
    return clock_now_ms() - began_ms;
}

/* A listener of the peer's port on <address> whose queue is full: connects to it hang. */
struct black_hole {
    int listener;
    int fillers[FILLERS];
};

static void black_hole_init(struct black_hole *hole, const struct stage *stage, const char *address)
{
    struct sockaddr_in in = at(address, scripted_upstream_port(stage->peer));

    hole->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->listener, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(hole->listener, 0), 0);
    for (int i = 0; i < FILLERS; i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], (struct sockaddr *)&in, sizeof(in));
    }
}

static void black_hole_fini(struct black_hole *hole)
{
    for (int i = 0; i < FILLERS; i++) {
        (void)close(hole->fillers[i]);
    }
    (void)close(hole->listener);
}

static void an_address_that_refuses_fails_nothing(void **state)
{
    struct stage stage;
    struct caller caller;

    (void)state;
    stage_init(&stage, "127.0.0.2", "127.0.0.3", "127.0.0.1");
    for (int i = 0; i < 3; i++) {
        (void)run(&stage, &caller);
        assert_int_equal(caller.end.failure, UPSTREAM_OK);
        assert_int_equal(caller.end.attempts, 1);
    }
    stage_fini(&stage);
}

static void a_silent_address_costs_half_of_the_time_once(void **state)
{
    struct stage stage;
    struct black_hole hole;
    struct caller caller;
    int64_t took_ms;

    (void)state;
    stage_init(&stage, "127.0.0.2", "127.0.0.1", NULL);
    black_hole_init(&hole, &stage, "127.0.0.2");
    took_ms = run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_OK);
    assert_int_equal(caller.end.attempts, 1);
    assert_in_range(took_ms, CONNECT_TIMEOUT_MS / 2, CONNECT_TIMEOUT_MS - 1);
    took_ms = run(&stage, &caller); /* the other one stays in use */
    assert_int_equal(caller.end.failure, UPSTREAM_OK);
    assert_in_range(took_ms, 0, CONNECT_TIMEOUT_MS / 2 - 1);
    black_hole_fini(&hole);
    stage_fini(&stage);
}

static void the_connect_timeout_holds_for_all_addresses_together(void **state)
{
    struct stage stage;
    struct black_hole hole;
    struct caller caller;
    int64_t took_ms;

    (void)state;
    stage_init(&stage, "127.0.0.2", "127.0.0.3", NULL); /* the first refuses, the other is silent */
    black_hole_init(&hole, &stage, "127.0.0.3");
    took_ms = run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_CONNECT_TIMEOUT);
    assert_in_range(took_ms, CONNECT_TIMEOUT_MS - 1, PATIENCE_MS);
    black_hole_fini(&hole);
    stage_fini(&stage);
}

static void with_every_address_dead_the_call_fails_once(void **state)
{
    struct stage stage;
    struct caller caller;

    (void)state;
    stage_init(&stage, "127.0.0.2", "127.0.0.3", NULL);
    (void)run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_CONNECT);
    assert_int_equal(caller.end.attempts, 1);
    (void)run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_CIRCUIT_OPEN);
    assert_int_equal(caller.end.attempts, 0);
    assert_in_range(caller.end.retry_after_s, 59, 75);
    stage_fini(&stage);
}

/* It takes connections, so the call cannot know better; but the next one does. */
static void an_address_that_never_answers_is_left_by_the_next_call(void **state)
{
    struct stage stage;
    struct caller caller;
    struct sockaddr_in in;
    int mute = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    stage_init(&stage, "127.0.0.2", "127.0.0.1", NULL);
    stage.origin->circuit.failures = 0;
    stage.origin->settings.first_token_timeout_ms = 200;
    in = at("127.0.0.2", scripted_upstream_port(stage.peer));
    assert_int_equal(bind(mute, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(mute, 8), 0);
    (void)run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_FIRST_TIMEOUT);
    stage.origin->settings.first_token_timeout_ms = 5000;
    (void)run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_OK);
    (void)close(mute);
    stage_fini(&stage);
}

/* The host has moved: the next refresh is a minute away, and nobody waits for it. */
static void a_failure_makes_the_name_be_asked_for_again(void **state)
{
    struct stage stage;
    struct caller caller = {.ends = 0};
    int64_t began_ms = clock_now_ms();

    (void)state;
    stage_init(&stage, "127.0.0.2", NULL, NULL);
    stage.origin->circuit.failures = 0;
    (void)run(&stage, &caller);
    assert_int_equal(caller.end.failure, UPSTREAM_CONNECT);
    stage.addresses[0] = "127.0.0.1";
    while (caller.end.failure != UPSTREAM_OK) {
        assert_true(clock_now_ms() - began_ms < PATIENCE_MS);
        (void)run(&stage, &caller);
    }
    assert_in_range(stage.questions, 2, 4); /* once a second, however often it fails */
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_refuses_fails_nothing),
        cmocka_unit_test(a_silent_address_costs_half_of_the_time_once),
        cmocka_unit_test(the_connect_timeout_holds_for_all_addresses_together),
        cmocka_unit_test(with_every_address_dead_the_call_fails_once),
        cmocka_unit_test(an_address_that_never_answers_is_left_by_the_next_call),
        cmocka_unit_test(a_failure_makes_the_name_be_asked_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
