/* SPDX-License-Identifier: MIT */
/*
 * test_accept.c - how connections come in: so many in one turn, and never in a spin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/edge.h"
#include "tests/support/gateway_stage.h"

enum {
    STORM = 300,
    PER_TURN_MAX = 32
};

static const struct metrics_slot *metrics_of(struct gateway_stage *stage)
{
    return metrics_slot(stage->metrics, 0);
}

/*
 * What happened: libevent accepts until the queue is empty, in one callback. With some
 * thousand connects waiting no stream got a byte for as long as that took.
 * What must happen: a bounded number is accepted in a turn of the loop, and then
 * everybody else has theirs; yet all come in.
 */
static void a_storm_of_connects_is_accepted_a_few_in_each_turn(void **state)
{
    static struct stage_client clients[STORM];
    struct gateway_stage stage;
    uint64_t before = 0;
    int turns = 0;

    (void)state;
    gateway_stage_init(&stage, "");
    for (int i = 0; i < STORM; i++) {
        client_connect(&stage, &clients[i]);
    }
    while (metrics_of(&stage)->connections_accepted < STORM) {
        assert_true(turns++ < 10 * STORM);
        assert_int_equal(event_base_loop(stage.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
        assert_true(metrics_of(&stage)->connections_accepted - before <= PER_TURN_MAX);
        before = metrics_of(&stage)->connections_accepted;
    }
    assert_true(turns >= STORM / PER_TURN_MAX);
    for (int i = 0; i < STORM; i++) {
        client_close(&clients[i]);
    }
    gateway_stage_fini(&stage);
}

static void limit_files(rlim_t count)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/*
 * What happened: libevent hands the error callback of a listener evhttp's own argument, and
 * the callback took it for the edge: the first EMFILE wrote into the middle of evhttp.
 * What must happen: accepting pauses, is tried again at a low rate, and goes on as soon
 * as there is a descriptor.
 */
static void without_descriptors_accepting_pauses_and_recovers(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;
    struct rlimit before;
    int next;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    next = dup(STDERR_FILENO); /* the lowest free one */
    assert_true(next >= 0);
    assert_int_equal(close(next), 0);
    limit_files((rlim_t)next);
    for (int i = 0; i < 500 && metrics_of(&stage)->accept_failures < 3; i++) {
        stage_turn(&stage, NULL);
    }
    assert_in_range(metrics_of(&stage)->accept_failures, 1, 12); /* one in 100 ms, not in 1 us */
    assert_int_equal(metrics_of(&stage)->connections_accepted, 0);

    limit_files(before.rlim_cur);
    client_send(&client, "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(until_received(&stage, &client, "HTTP/1.1 204 "));
    client_close(&client);
    gateway_stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_connects_is_accepted_a_few_in_each_turn),
        cmocka_unit_test(without_descriptors_accepting_pauses_and_recovers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
