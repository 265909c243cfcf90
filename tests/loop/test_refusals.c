/* SPDX-License-Identifier: MIT */
/*
 * test_refusals.c - deadlines, the end of a drain, and requests that are not served.
 *
 * A real edge, real evhttp on both sides, a scripted upstream, raw clients. Each test
 * ends with nothing left: gateway_stage_fini() asserts it.
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

#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/gateway_stage.h"
#include "tests/support/stage_answers.h"

static const struct peer_step silence_in_mid_stream[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD,
                                                         END};

/* -- deadlines and the drain -- */

static void body_that_does_not_come_is_answered_408(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "limits: { body_timeout = \"100ms\"; };");
    client_connect(&stage, &client);
    client_send_head(&stage, &client, 100);
    assert_true(until_received(&stage, &client, "HTTP/1.1 408 "));
    assert_true(until_closed(&stage, &client));
    assert_true(until_logged(&stage, &client, "end=body_timeout"));
    expect_end(&stage, END_BODY_TIMEOUT);
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void head_that_does_not_end_is_answered_408(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "limits: { head_timeout = \"100ms\"; };");
    client_connect(&stage, &client);
    client_send(&client, "POST /api HTTP/1.1\r\nHost: ");
    assert_true(until_received(&stage, &client, "HTTP/1.1 408 "));
    assert_true(until_closed(&stage, &client));
    client_close(&client);
    gateway_stage_fini(&stage);
}

/* evhttp answers 400 in HTML as soon as it has a first line of less than 14 bytes. */
static void a_short_method_that_comes_in_pieces_is_answered_405_by_us(void **state)
{
    static const char *const pieces[] = {"P", " / HTTP/1.1\r\n", "Host: a\r", "\n\r", "\n"};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        assert_int_equal(client.length, 0);
        client_send(&client, pieces[i]);
        stage_turn(&stage, &client);
    }
    assert_true(until_received(&stage, &client, "HTTP/1.1 405 "));
    assert_true(until_logged(&stage, &client, "end=method_not_allowed"));
    assert_non_null(strstr(client.received, "\"statusCode\": 405"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void total_timeout_cuts_a_stream_that_lives_too_long(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "stream: { total_timeout = \"200ms\"; };");
    scripted_upstream_play(stage.peer, silence_in_mid_stream);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_logged(&stage, &client, "end=total_timeout"));
    assert_true(until_closed(&stage, &client));
    assert_null(strstr(client.received, "\r\n0\r\n\r\n"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void the_end_of_a_drain_cuts_what_still_runs(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, silence_in_mid_stream);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_received(&stage, &client, "Hello"));
    edge_drain(stage.edge);
    stage_turn(&stage, &client);
    assert_int_equal(exchange_set_live(stage.exchanges), 1); /* a drain cuts nothing by itself */
    exchange_set_end_all(stage.exchanges, END_DRAINING);
    assert_true(until_closed(&stage, &client));
    assert_true(until_logged(&stage, &client, "end=draining"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

/* -- refusals -- */

static void a_strangers_body_is_not_read(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    client_send(&client, "POST /api/ai/huggingface/acme/x/chat?chat_id=1 HTTP/1.1\r\nHost: a\r\n"
                         "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
    assert_true(until_received(&stage, &client, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_non_null(strstr(client.received, "Connection: close\r\n"));
    assert_true(until_closed(&stage, &client));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void the_body_is_judged_after_the_token(void **state)
{
    struct gateway_stage stage;
    struct stage_client stranger;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &stranger);
    client_send(&stranger, "POST /api/ai/huggingface/acme/x/chat?chat_id=1 HTTP/1.1\r\nHost: a\r\n"
                           "Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n");
    assert_true(until_received(&stage, &stranger, "HTTP/1.1 401 Unauthorized\r\n"));
    client_close(&stranger);
    client_connect(&stage, &client);
    client_send_head(&stage, &client, 99999999);
    assert_true(until_received(&stage, &client, "HTTP/1.1 413 Content Too Large\r\n"));
    expect_end(&stage, END_TOO_LARGE);
    client_close(&client);
    assert_int_equal(exchange_set_live(stage.exchanges), 0);
    gateway_stage_fini(&stage);
}

static void a_refused_whole_request_keeps_its_connection(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    for (int i = 0; i < 3; i++) {
        client.length = 0;
        client.received[0] = '\0';
        client_send(&client,
                    "POST /api/ai/huggingface/acme/x/chat?chat_id=1 HTTP/1.1\r\nHost: a\r\n"
                    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        assert_true(until_received(&stage, &client, "\"Unauthorized\"\n}"));
        assert_null(strstr(client.received, "Connection: close"));
    }
    assert_int_equal(metrics_slot(stage.metrics, 0)->connections_accepted, 1);
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void connections_above_the_cap_are_told_so(void **state)
{
    struct gateway_stage stage;
    struct stage_client first;
    struct stage_client second;

    (void)state;
    gateway_stage_init(&stage, "limits: { connections = 1; };");
    client_connect(&stage, &first);
    client_send_head(&stage, &first, 100); /* it is being served: it does not make room */
    assert_true(until_live(&stage, &first, 1));
    client_connect(&stage, &second);
    assert_true(until_received(&stage, &second, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(second.received, "Retry-After: "));
    expect_end(&stage, END_GATEWAY_FULL);
    assert_true(until_closed(&stage, &second));
    client_close(&second);
    client_close(&first);
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void exchanges_above_the_cap_are_refused(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD,
                                              SEND(FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client first;
    struct stage_client second;

    (void)state;
    gateway_stage_init(&stage, "limits: { exchanges = 1; };");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &first);
    client_connect(&stage, &second);
    client_send_chat(&stage, &first, "hi");
    assert_true(until_received(&stage, &first, "Hello"));
    client_send_chat(&stage, &second, "hi");
    assert_true(until_received(&stage, &second, "HTTP/1.1 503 Service Unavailable\r\n"));
    scripted_upstream_release(stage.peer);
    assert_true(until_received(&stage, &first, "\r\n0\r\n\r\n"));
    client_close(&second);
    client_close(&first);
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void one_subject_cannot_take_every_place(void **state)
{
    struct gateway_stage stage;
    struct stage_client first;
    struct stage_client second;

    (void)state;
    gateway_stage_init(&stage, "limits: { exchanges_per_subject = 1; };");
    scripted_upstream_play(stage.peer, silence_in_mid_stream);
    client_connect(&stage, &first);
    client_connect(&stage, &second);
    client_send_chat(&stage, &first, "hi");
    assert_true(until_received(&stage, &first, "Hello"));
    client_send_chat(&stage, &second, "hi");
    assert_true(until_received(&stage, &second, "HTTP/1.1 429 Too Many Requests\r\n"));
    expect_end(&stage, END_RATE_LIMITED);
    client_close(&second);
    client_close(&first);
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void options_is_answered_without_a_token(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    client_send(&client, "OPTIONS /api HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(until_received(&stage, &client, "HTTP/1.1 204 No Content\r\n"));
    assert_non_null(strstr(client.received, "Allow: POST, OPTIONS\r\n"));
    expect_end(&stage, END_OPTIONS);
    client_close(&client);
    gateway_stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_that_does_not_come_is_answered_408),
        cmocka_unit_test(head_that_does_not_end_is_answered_408),
        cmocka_unit_test(a_short_method_that_comes_in_pieces_is_answered_405_by_us),
        cmocka_unit_test(total_timeout_cuts_a_stream_that_lives_too_long),
        cmocka_unit_test(the_end_of_a_drain_cuts_what_still_runs),
        cmocka_unit_test(a_strangers_body_is_not_read),
        cmocka_unit_test(the_body_is_judged_after_the_token),
        cmocka_unit_test(a_refused_whole_request_keeps_its_connection),
        cmocka_unit_test(connections_above_the_cap_are_told_so),
        cmocka_unit_test(exchanges_above_the_cap_are_refused),
        cmocka_unit_test(one_subject_cannot_take_every_place),
        cmocka_unit_test(options_is_answered_without_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
