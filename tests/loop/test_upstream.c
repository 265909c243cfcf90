/* SPDX-License-Identifier: MIT */
/*
 * test_upstream.c - the event contract of upstream.h, against a peer that does as it is told.
 *
 * Each test ends with no call, no connection lent, and nothing fired after the end.
 */
#include "tests/support/upstream_stage.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tests/support/stage_answers.h"

static void a_good_answer_is_delivered_and_the_connection_kept(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO HELLO FINISH LAST),
                                              EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct stage stage;
    struct caller first = {.deltas = 0};
    struct caller second = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    assert_int_equal(run(&stage, &first, script), UPSTREAM_OK);
    assert_string_equal(first.text, "HelloHello");
    assert_int_equal(first.end.finish, UPSTREAM_FINISH_STOP);
    assert_int_equal(counts_of(&stage).idle, 1);
    start(&stage, &second);
    UNTIL(&stage, second.ends == 1);
    assert_int_equal(second.end.failure, UPSTREAM_OK);
    assert_int_equal(report_of(&stage).accepted, 1);
    stage_fini(&stage);
}

static void the_request_holds_what_it_must_and_nothing_else(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct stage stage;
    struct caller caller = {.deltas = 0};
    const char *request;

    (void)state;
    stage_init(&stage);
    assert_int_equal(run(&stage, &caller, script), UPSTREAM_OK);
    request = report_of(&stage).request;
    assert_int_equal(strncmp(request, "POST /v1 HTTP/1.1\r\n", 19), 0);
    assert_non_null(strstr(request, "Authorization: Bearer hf_test\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"model\":\"acme/m\",\"messages\":["));
    assert_null(strstr(request, "Accept-Encoding: g"));
    stage_fini(&stage);
}

struct ending {
    const char *name;
    const struct peer_step *script;
    enum upstream_failure failure;
};

#define SCRIPT(name, ...) static const struct peer_step name[] = {EXPECT, __VA_ARGS__, END}
#define JSON_HEAD(status, length)                                                                  \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n"

SCRIPT(ends_without_finish, SEND(STREAM_HEAD HELLO LAST));
SCRIPT(closes_before_head, CLOSE);
SCRIPT(resets_before_head, RESET);
SCRIPT(closes_in_body, SEND(STREAM_HEAD HELLO), CLOSE);
SCRIPT(resets_in_body, SEND(STREAM_HEAD HELLO), RESET);
SCRIPT(closes_in_event, SEND(STREAM_HEAD HELLO "33\r\ndata: {\"ch"), CLOSE);
SCRIPT(status_401, SEND(JSON_HEAD("401 No", "15") "{\"error\":\"bad\"}"));
SCRIPT(status_404, SEND(JSON_HEAD("404 No", "15") "{\"error\":\"bad\"}"));
SCRIPT(status_410, SEND(JSON_HEAD("410 Gone", "15") "{\"error\":\"bad\"}"));
SCRIPT(status_429, SEND(JSON_HEAD("429 Slow", "15") "{\"error\":\"bad\"}"));
SCRIPT(status_503, SEND(JSON_HEAD("503 Busy", "15") "{\"error\":\"bad\"}"));
SCRIPT(redirect, SEND("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                      "Content-Length: 0\r\n\r\n"));
SCRIPT(early_hints, SEND("HTTP/1.1 103 Hints\r\n\r\n" STREAM_HEAD HELLO FINISH LAST));
SCRIPT(wrong_type,
       SEND("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"));
SCRIPT(compressed, SEND("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: "
                        "gzip\r\nContent-Length: 2\r\n\r\nhi"));
SCRIPT(not_http, SEND("SSH-2.0-x\r\n\r\n"), CLOSE);
SCRIPT(not_json, SEND(STREAM_HEAD "8\r\ndata: {\n\r\n2\r\n\n\n\r\n"));
SCRIPT(error_event, SEND(STREAM_HEAD "18\r\ndata: {\"error\":\"boom!\"}\n\r\n1\r\n\n\r\n"));

static const struct ending endings[] = {
    {"no finish reason", ends_without_finish, UPSTREAM_TRUNCATED},
    {"closes before the head", closes_before_head, UPSTREAM_TRUNCATED},
    {"resets before the head", resets_before_head, UPSTREAM_TRUNCATED},
    {"closes in the body", closes_in_body, UPSTREAM_TRUNCATED},
    {"resets in the body", resets_in_body, UPSTREAM_TRUNCATED},
    {"closes inside an event", closes_in_event, UPSTREAM_TRUNCATED},
    {"401", status_401, UPSTREAM_STATUS},
    {"404", status_404, UPSTREAM_MODEL_UNKNOWN},
    {"410", status_410, UPSTREAM_MODEL_RETIRED},
    {"429", status_429, UPSTREAM_RATE_LIMITED},
    {"503", status_503, UPSTREAM_BUSY},
    {"redirect is not followed", redirect, UPSTREAM_STATUS},
    {"103", early_hints, UPSTREAM_NONSENSE},
    {"wrong type", wrong_type, UPSTREAM_NONSENSE},
    {"compressed", compressed, UPSTREAM_NONSENSE},
    {"not HTTP", not_http, UPSTREAM_NONSENSE},
    {"not JSON", not_json, UPSTREAM_NONSENSE},
    {"error event", error_event, UPSTREAM_ERROR_EVENT},
};

static void each_bad_answer_ends_as_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct stage stage;
        struct caller caller = {.deltas = 0};
        stage_init(&stage);
        enum upstream_failure failure = run(&stage, &caller, endings[i].script);
        if (failure != endings[i].failure) {
            print_message("row '%s': %s, not %s\n", endings[i].name,
                          upstream_failure_token(failure),
                          upstream_failure_token(endings[i].failure));
        }
        assert_int_equal(failure, endings[i].failure);
        stage_fini(&stage);
    }
}

static void a_refused_connect_is_a_connect_failure(void **state)
{
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.url = "http://127.0.0.1:1/v1"; /* nobody listens on port 1 */
    make_origin(&stage);
    start(&stage, &caller);
    UNTIL(&stage, caller.ends == 1);
    assert_int_equal(caller.end.failure, UPSTREAM_CONNECT);
    stage_fini(&stage);
}

static void cancelling_leaves_nothing(void **state)
{
    static const struct peer_step waits[] = {EXPECT, HOLD, END};
    static const struct peer_step streams[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD, END};
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    scripted_upstream_play(stage.peer, waits);
    start(&stage, &caller); /* at once, while connecting */
    upstream_cancel(caller.call);
    turn(&stage);
    UNTIL(&stage, report_of(&stage).open == 0);
    scripted_upstream_play(stage.peer, waits);
    start(&stage, &caller); /* while the head is awaited */
    UNTIL(&stage, report_of(&stage).requests == 1);
    upstream_cancel(caller.call);
    UNTIL(&stage, report_of(&stage).open == 0);
    scripted_upstream_play(stage.peer, streams);
    start(&stage, &caller); /* in mid-stream */
    UNTIL(&stage, caller.deltas == 1);
    upstream_cancel(caller.call);
    UNTIL(&stage, report_of(&stage).open == 0);
    assert_int_equal(caller.ends, 0); /* contract 3 */
    stage_fini(&stage);
}

static void cancelling_inside_a_delta_is_legal(void **state)
{
    SCRIPT(script, SEND(STREAM_HEAD HELLO HELLO HELLO), HOLD);
    struct stage stage;
    struct caller caller = {.cancel_at_delta = 2};

    (void)state;
    stage_init(&stage);
    scripted_upstream_play(stage.peer, script);
    start(&stage, &caller);
    UNTIL(&stage, caller.call == NULL);
    UNTIL(&stage, report_of(&stage).open == 0);
    assert_int_equal(caller.deltas, 2); /* the third was in the same read */
    assert_int_equal(caller.ends, 0);
    stage_fini(&stage);
}

static void a_dead_kept_connection_is_tried_again_on_a_fresh_one(void **state)
{
    static const struct peer_step dies[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), EXPECT,
                                            CLOSE, END};
    static const struct peer_step works[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct stage stage;
    struct caller first = {.deltas = 0};
    struct caller second = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    assert_int_equal(run(&stage, &first, dies), UPSTREAM_OK);
    assert_int_equal(counts_of(&stage).idle, 1);
    assert_int_equal(run(&stage, &second, works), UPSTREAM_OK);
    assert_string_equal(second.text, "Hello");
    assert_int_equal(report_of(&stage).accepted, 2);
    stage_fini(&stage);
}

static void a_failure_that_may_pass_is_tried_again(void **state)
{
    static const struct peer_step busy[] = {EXPECT,
                                            SEND(JSON_HEAD("503 Busy", "15") "{\"error\":\"bad\"}"),
                                            EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.retries = 1;
    make_origin(&stage);
    assert_int_equal(run(&stage, &caller, busy), UPSTREAM_OK);
    assert_int_equal(caller.end.attempts, 2);
    assert_int_equal(report_of(&stage).requests, 2);
    stage_fini(&stage);
}

static void nothing_is_tried_again_after_a_delta(void **state)
{
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.retries = 3;
    make_origin(&stage);
    assert_int_equal(run(&stage, &caller, resets_in_body), UPSTREAM_TRUNCATED);
    assert_int_equal(report_of(&stage).requests, 1);
    stage_fini(&stage);
}

static void bytes_behind_an_answer_are_not_given_to_the_next(void **state)
{
    SCRIPT(poison,
           SEND(STREAM_HEAD HELLO FINISH LAST "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    SCRIPT(works, SEND(STREAM_HEAD HELLO FINISH LAST));
    struct stage stage;
    struct caller first = {.deltas = 0};
    struct caller second = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    assert_int_equal(run(&stage, &first, poison), UPSTREAM_OK);
    assert_int_equal(counts_of(&stage).idle, 0);
    assert_int_equal(run(&stage, &second, works), UPSTREAM_OK);
    assert_string_equal(second.text, "Hello");
    assert_int_equal(report_of(&stage).accepted, 2);
    stage_fini(&stage);
}

static void a_pause_blocks_the_peer_and_stops_the_idle_clock(void **state)
{
    const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO), FLOOD(HELLO), END};
    struct stage stage;
    struct caller caller = {.pause_at_delta = 1};
    uint64_t flooded = 0;
    int still = 0;

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.idle_timeout_ms = 150;
    make_origin(&stage);
    scripted_upstream_play(stage.peer, script);
    start(&stage, &caller);
    /* Blocked for longer than the idle timeout, twice over. */
    for (int i = 0; i < 5000 && still < 200; i++) {
        turn(&stage);
        struct peer_report report = report_of(&stage);
        still = report.flooded == flooded && report.unsent > 0 ? still + 1 : 0;
        flooded = report.flooded;
    }
    assert_int_equal(still, 200);
    assert_int_equal(caller.ends, 0);
    assert_true(caller.text_length < 16384); /* contract 5: one read at most came after */
    caller.pause_at_delta = 0;
    caller.cancel_at_delta = caller.deltas + 1000;
    upstream_resume(caller.call);
    UNTIL(&stage, caller.call == NULL);
    UNTIL(&stage, report_of(&stage).open == 0);
    stage_fini(&stage);
}

static void each_clock_fires_and_says_which(void **state)
{
    SCRIPT(silent, HOLD);
    SCRIPT(stalls, SEND(STREAM_HEAD HELLO), HOLD);
    struct stage stage;
    struct caller first = {.deltas = 0};
    struct caller idle = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.first_token_timeout_ms = 100;
    stage.settings.idle_timeout_ms = 100;
    make_origin(&stage);
    assert_int_equal(run(&stage, &first, silent), UPSTREAM_FIRST_TIMEOUT);
    assert_int_equal(run(&stage, &idle, stalls), UPSTREAM_IDLE_TIMEOUT);
    stage_fini(&stage);
}

static void above_the_cap_a_call_is_refused_and_not_queued(void **state)
{
    SCRIPT(silent, HOLD);
    struct stage stage;
    struct caller callers[5] = {{.deltas = 0}};

    (void)state;
    stage_init(&stage);
    scripted_upstream_play(stage.peer, silent);
    for (int i = 0; i < 5; i++) {
        start(&stage, &callers[i]);
    }
    UNTIL(&stage, callers[4].ends == 1);
    assert_int_equal(callers[4].end.failure, UPSTREAM_FULL);
    for (int i = 0; i < 4; i++) {
        upstream_cancel(callers[i].call);
    }
    UNTIL(&stage, report_of(&stage).open == 0);
    stage_fini(&stage);
}

/* The same bytes in two pieces, at every place: the same text and the same end. */
static void an_answer_may_be_cut_anywhere(void **state)
{
    static const char answer[] = STREAM_HEAD HELLO FINISH LAST;
    struct stage stage;

    (void)state;
    for (size_t cut = 1; cut < sizeof(answer) - 1; cut++) {
        const struct peer_step script[] = {
            EXPECT,     SEND_BYTES(answer, cut),
            WAIT_MS(1), SEND_BYTES(answer + cut, sizeof(answer) - 1 - cut),
            CLOSE,      END};
        struct caller caller = {.deltas = 0};
        stage_init(&stage);
        assert_int_equal(run(&stage, &caller, script), UPSTREAM_OK);
        assert_string_equal(caller.text, "Hello");
        stage_fini(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer_is_delivered_and_the_connection_kept),
        cmocka_unit_test(the_request_holds_what_it_must_and_nothing_else),
        cmocka_unit_test(each_bad_answer_ends_as_what_it_is),
        cmocka_unit_test(a_refused_connect_is_a_connect_failure),
        cmocka_unit_test(cancelling_leaves_nothing),
        cmocka_unit_test(cancelling_inside_a_delta_is_legal),
        cmocka_unit_test(a_dead_kept_connection_is_tried_again_on_a_fresh_one),
        cmocka_unit_test(a_failure_that_may_pass_is_tried_again),
        cmocka_unit_test(nothing_is_tried_again_after_a_delta),
        cmocka_unit_test(bytes_behind_an_answer_are_not_given_to_the_next),
        cmocka_unit_test(a_pause_blocks_the_peer_and_stops_the_idle_clock),
        cmocka_unit_test(each_clock_fires_and_says_which),
        cmocka_unit_test(above_the_cap_a_call_is_refused_and_not_queued),
        cmocka_unit_test(an_answer_may_be_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
