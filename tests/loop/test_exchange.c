/* SPDX-License-Identifier: MIT */
/*
 * test_exchange.c - the life of an exchange: every state, and every way out of it.
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

static void one_chat_streams_from_upstream_to_client(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);

    client_send_chat(&stage, &client, "hi");

    assert_true(until_received(&stage, &client, "\r\n\r\n5\r\nHello\r\n0\r\n\r\n"));
    assert_true(until_logged(&stage, &client, "end=done"));
    assert_non_null(strstr(stage.log, "at=FLUSHING status=200"));
    assert_true(until_live(&stage, &client, 0));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void a_connection_serves_many_exchanges(void **state)
{
    static const struct peer_step script[] = {
        EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST),
        EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client client;
    struct peer_report report;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    for (int i = 0; i < 3; i++) {
        client.length = 0;
        client.received[0] = '\0';
        client_send_chat(&stage, &client, "hi");
        assert_true(until_received(&stage, &client, "5\r\nHello\r\n0\r\n\r\n"));
    }
    scripted_upstream_report(stage.peer, &report);
    assert_int_equal(report.accepted, 1); /* the upstream's connection was kept as well */
    assert_int_equal(metrics_slot(stage.metrics, 0)->connections_accepted, 1);
    client_close(&client);
    gateway_stage_fini(&stage);
}

/* evhttp ends its answer to a chunked request by itself: then the next answer began with "0". */
static void nothing_stands_behind_the_answer_to_a_chunked_request(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), EXPECT,
                                              SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client client;
    char head[2048];

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    (void)snprintf(head, sizeof(head),
                   "POST /api/ai/huggingface/acme/chatty/chat?chat_id=c1 HTTP/1.1\r\n"
                   "Host: gateway\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                   stage.token);
    client_send(&client, head);
    client_send(&client,
                "2d\r\n{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\r\n0\r\n\r\n");
    assert_true(until_received(&stage, &client, "5\r\nHello\r\n0\r\n\r\n"));

    client_send_chat(&stage, &client, "hi");

    assert_true(until_received(&stage, &client, "0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_null(strstr(client.received, "0\r\n\r\n0"));
    assert_true(until_logged(&stage, &client, "end=done"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void the_200_waits_for_the_first_text(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD), HOLD,
                                              SEND(HELLO FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_upstream_requests(&stage, 1));
    for (int i = 0; i < 20; i++) {
        stage_turn(&stage, &client);
    }
    assert_int_equal(client.length, 0);

    scripted_upstream_release(stage.peer);

    assert_true(until_received(&stage, &client, "Hello"));
    assert_true(until_live(&stage, &client, 0));
    client_close(&client);
    gateway_stage_fini(&stage);
}

/* -- the client goes away, in each state -- */

static void client_gone_while_its_body_is_awaited(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    client_connect(&stage, &client);
    client_send_head(&stage, &client, 100);
    assert_true(until_live(&stage, &client, 1));
    client_close(&client);
    assert_true(until_logged(&stage, NULL, "end=client_gone fault=client at=AWAIT_BODY"));
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void client_gone_before_the_answer_cancels_upstream(void **state)
{
    static const struct peer_step script[] = {EXPECT, HOLD, END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_upstream_requests(&stage, 1));
    client_close(&client);
    assert_true(until_logged(&stage, NULL, "end=client_gone fault=client at=AWAIT_ANSWER"));
    assert_true(until_upstream_open(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void client_gone_in_mid_stream_cancels_upstream(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD, END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_received(&stage, &client, "Hello"));
    client_close(&client);
    assert_true(until_logged(&stage, NULL, "end=client_gone fault=client at=RELAYING"));
    assert_true(until_upstream_open(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

/* One event of 2 KiB of text, in a chunk of its own; made once. */
static char fat[4096];
static size_t fat_length;

static int make_fat_event(void **state)
{
    char text[2049];
    char event[3000];
    int length;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    length = snprintf(event, sizeof(event),
                      "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n", text);
    fat_length = (size_t)snprintf(fat, sizeof(fat), "%x\r\n%s\r\n", (unsigned)length, event);
    return 0;
}

/* A client that never reads; the upstream floods until its own writes block. */
static void fill_until_paused(struct gateway_stage *stage, struct stage_client *client)
{
    struct peer_report report = {0};
    uint64_t before = 0;
    int still = 0;

    client->is_frozen = true;
    client_send_chat(stage, client, "hi");
    assert_true(until_upstream_requests(stage, 1));
    /* Blocked: the same count of bytes has left the peer for many turns, and some wait. */
    for (int i = 0; i < 5000 && still < 50; i++) {
        stage_turn(stage, client);
        scripted_upstream_report(stage->peer, &report);
        still = report.flooded == before && report.unsent > 0 ? still + 1 : 0;
        before = report.flooded;
    }
    assert_int_equal(still, 50);
}

static void slow_client_makes_upstream_block_while_our_memory_stays_bounded(void **state)
{
    const struct peer_step script[] = {
        EXPECT, SEND(STREAM_HEAD), {.action = PEER_FLOOD, .bytes = fat, .length = fat_length}, END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "stream: { buffer = \"16k\"; };");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);

    fill_until_paused(&stage, &client);

    assert_in_range(exchange_set_backlog(stage.exchanges), 1, 16 * 1024 + 64 * 1024);
    client_close(&client);
    assert_true(until_logged(&stage, NULL, "end=client_gone fault=client at=PAUSED"));
    assert_non_null(strstr(stage.log, "pauses=1"));
    assert_true(until_upstream_open(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void a_slow_client_that_reads_again_gets_everything(void **state)
{
    const struct peer_step script[] = {
        EXPECT, SEND(STREAM_HEAD), {.action = PEER_FLOOD, .bytes = fat, .length = fat_length}, END};
    struct gateway_stage stage;
    struct stage_client client;
    size_t at_first;

    (void)state;
    gateway_stage_init(&stage, "stream: { buffer = \"16k\"; };");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    fill_until_paused(&stage, &client);

    client.is_frozen = false;
    stage_turn(&stage, &client);
    at_first = client.length;
    while (client.length < at_first + 4 * 1024 * 1024) {
        stage_turn(&stage, &client);
        assert_in_range(exchange_set_backlog(stage.exchanges), 0, 16 * 1024 + 64 * 1024);
    }
    /* No byte was lost or doubled: behind the head there is nothing but whole chunks. */
    const char *at = strstr(client.received, "\r\n\r\n") + 4;
    for (int i = 0; i < 1000; i++) {
        assert_memory_equal(at, "800\r\nxxxx", 9);
        assert_memory_equal(at + 5 + 2048 - 4, "xxxx\r\n", 6);
        at += 5 + 2048 + 2;
    }
    client_close(&client);
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

static void a_client_that_takes_nothing_is_given_up(void **state)
{
    const struct peer_step script[] = {
        EXPECT, SEND(STREAM_HEAD), {.action = PEER_FLOOD, .bytes = fat, .length = fat_length}, END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "stream: { buffer = \"16k\"; write_timeout = \"300ms\"; };");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client.is_frozen = true;
    client_send_chat(&stage, &client, "hi");
    assert_true(until_logged(&stage, &client, "end=client_stalled fault=client at=PAUSED"));
    assert_true(until_upstream_open(&stage, &client, 0));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static unsigned idle_upstream_connections(const struct gateway_stage *stage)
{
    struct upstream_counts counts;

    upstream_origin_counts(stage->origin, &counts);
    return counts.idle;
}

/* Everything is here and the client takes none of it: more than the kernel holds for it. */
static void client_gone_while_the_rest_is_flushed(void **state)
{
    enum {
        EVENTS = 4000
    };
    char *answer = malloc(sizeof(STREAM_HEAD FINISH LAST) + EVENTS * fat_length);
    size_t length = sizeof(STREAM_HEAD) - 1;
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    assert_non_null(answer);
    memcpy(answer, STREAM_HEAD, length);
    for (int i = 0; i < EVENTS; i++) {
        memcpy(answer + length, fat, fat_length);
        length += fat_length;
    }
    memcpy(answer + length, FINISH LAST, sizeof(FINISH LAST) - 1);
    length += sizeof(FINISH LAST) - 1;
    const struct peer_step script[] = {EXPECT, SEND_BYTES(answer, length), END};
    gateway_stage_init(&stage, "stream: { buffer = \"16m\"; };");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client.is_frozen = true;

    client_send_chat(&stage, &client, "hi");
    /* The upstream is done with it: its connection is back in the pool. */
    for (int i = 0; i < 5000 && idle_upstream_connections(&stage) == 0; i++) {
        stage_turn(&stage, &client);
    }
    assert_int_equal(idle_upstream_connections(&stage), 1);
    assert_true(exchange_set_backlog(stage.exchanges) > 0);
    client_close(&client);

    assert_true(until_logged(&stage, NULL, "end=client_gone fault=client at=FLUSHING"));
    gateway_stage_fini(&stage);
    free(answer);
}

static void a_half_close_counts_as_leaving(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD, END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_received(&stage, &client, "Hello"));
    shutdown(client.fd, SHUT_WR);
    assert_true(until_logged(&stage, &client, "end=client_gone"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

static void a_pipelined_byte_does_not_disturb_the_answer(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD,
                                              SEND(HELLO FINISH LAST), END};
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "");
    scripted_upstream_play(stage.peer, script);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_received(&stage, &client, "Hello"));
    client_send(&client, "P");
    stage_turn(&stage, &client);
    client_send(&client, "OST / HTTP/1.1\r\n");
    stage_turn(&stage, &client);
    scripted_upstream_release(stage.peer);
    assert_true(until_received(&stage, &client, "\r\n0\r\n\r\n"));
    assert_true(until_closed(&stage, &client)); /* rather than serve half a request */
    assert_true(until_logged(&stage, &client, "end=done"));
    client_close(&client);
    gateway_stage_fini(&stage);
}

/* -- the upstream fails -- */

struct failure_row {
    const char *name;
    const struct peer_step *script;
    const char *log;
    const char *received; /* NULL: the body is cut, no last chunk */
};

static const struct peer_step cut_mid_event[] = {EXPECT, SEND(STREAM_HEAD HELLO "30\r\ndata: {"),
                                                 CLOSE, END};
static const struct peer_step cut_before_finish[] = {EXPECT, SEND(STREAM_HEAD HELLO LAST), END};
static const struct peer_step nothing_at_all[] = {EXPECT, CLOSE, END};
static const struct peer_step status_500[] = {
    EXPECT, SEND("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"), END};
static const struct peer_step silence[] = {EXPECT, HOLD, END};
static const struct peer_step silence_in_mid_stream[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD,
                                                         END};

static const struct failure_row failures[] = {
    {"cut in the middle of an event", cut_mid_event, "end=upstream_truncated fault=upstream", NULL},
    {"ended before a finish_reason", cut_before_finish, "end=upstream_truncated fault=upstream",
     NULL},
    {"closed without an answer", nothing_at_all, "fault=upstream at=AWAIT_ANSWER status=500",
     "\"statusCode\": 500"},
    {"status 500", status_500, "fault=upstream at=AWAIT_ANSWER status=500",
     "\"statusMessage\": \"Internal Server Error\""},
    {"no first token in time", silence, "end=upstream_timeout_first", "\"statusCode\": 500"},
    {"no next token in time", silence_in_mid_stream, "end=upstream_timeout_idle", NULL},
};

static void upstream_failures_are_told_or_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        const struct failure_row *row = &failures[i];
        struct gateway_stage stage;
        struct stage_client client;

        print_message("row: %s\n", row->name);
        gateway_stage_init(&stage, "");
        upstream_origin_free(stage.origin);
        stage.config->upstreams[0].first_token_timeout_ms = 200;
        stage.config->upstreams[0].idle_timeout_ms = 200;
        gateway_stage_remake_origin(&stage);
        scripted_upstream_play(stage.peer, row->script);
        client_connect(&stage, &client);
        client_send_chat(&stage, &client, "hi");
        assert_true(until_logged(&stage, &client, row->log));
        if (row->received != NULL) {
            assert_true(until_received(&stage, &client, row->received));
        } else {
            assert_true(until_closed(&stage, &client));
            assert_non_null(strstr(client.received, "Hello"));
            assert_null(strstr(client.received, "\r\n0\r\n\r\n"));
        }
        client_close(&client);
        assert_true(until_live(&stage, NULL, 0));
        gateway_stage_fini(&stage);
    }
}

static void a_failure_in_format_data_has_words(void **state)
{
    struct gateway_stage stage;
    struct stage_client client;

    (void)state;
    gateway_stage_init(&stage, "stream: { format = \"data\"; };");
    scripted_upstream_play(stage.peer, cut_before_finish);
    client_connect(&stage, &client);
    client_send_chat(&stage, &client, "hi");
    assert_true(until_received(&stage, &client, "3:\""));
    assert_true(until_received(&stage, &client, "\r\n0\r\n\r\n"));
    assert_true(until_logged(&stage, &client, "end=upstream_truncated"));
    client_close(&client);
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_chat_streams_from_upstream_to_client),
        cmocka_unit_test(a_connection_serves_many_exchanges),
        cmocka_unit_test(nothing_stands_behind_the_answer_to_a_chunked_request),
        cmocka_unit_test(the_200_waits_for_the_first_text),
        cmocka_unit_test(client_gone_while_its_body_is_awaited),
        cmocka_unit_test(client_gone_before_the_answer_cancels_upstream),
        cmocka_unit_test(client_gone_in_mid_stream_cancels_upstream),
        cmocka_unit_test(slow_client_makes_upstream_block_while_our_memory_stays_bounded),
        cmocka_unit_test(a_slow_client_that_reads_again_gets_everything),
        cmocka_unit_test(a_client_that_takes_nothing_is_given_up),
        cmocka_unit_test(client_gone_while_the_rest_is_flushed),
        cmocka_unit_test(a_half_close_counts_as_leaving),
        cmocka_unit_test(a_pipelined_byte_does_not_disturb_the_answer),
        cmocka_unit_test(upstream_failures_are_told_or_shown),
        cmocka_unit_test(a_failure_in_format_data_has_words),
    };

    return cmocka_run_group_tests(tests, make_fat_event, NULL);
}
