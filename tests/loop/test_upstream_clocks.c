/* SPDX-License-Identifier: MIT */
/*
 * test_upstream_clocks.c - signs of life are no answer: what comments and empty events may
 * put off, and what they may not; and until when a call is tried again.
 */
#include "tests/support/upstream_stage.h"

#include <stdio.h>

#include "tests/support/stage_answers.h"

#define COMMENT "3\r\n:\n\n\r\n"
#define EMPTY_DATA "7\r\ndata:\n\n\r\n"
#define BLANK_DATA "9\r\ndata:  \n\n\r\n"
/* 0x34 bytes: data: {"choices":[{"delta":{"role":"assistant"}}]} and a blank line. */
#define ROLE "34\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n\r\n"
/* 0x32 bytes: data: {"choices":[{"delta":{"reasoning":"Hm"}}]} and a blank line. */
#define REASONING "32\r\ndata: {\"choices\":[{\"delta\":{\"reasoning\":\"Hm\"}}]}\n\n\r\n"
#define BUSY_EVENT "2a\r\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n\r\n"

#define FIRST_MS 300
#define IDLE_MS 250
#define SIGN_EVERY_MS 10
#define SIGNS 400 /* more than any clock of these tests lets pass */

/* A head, <opening>, and then <sign> for as long as anybody listens. */
struct signs {
    struct peer_step steps[3 + 2 * SIGNS + 2];
};

static void write_signs(struct signs *signs, const struct peer_step *opening,
                        const struct peer_step *sign)
{
    const struct peer_step expect = EXPECT;
    const struct peer_step head = SEND(STREAM_HEAD);
    const struct peer_step pause = WAIT_MS(SIGN_EVERY_MS);
    const struct peer_step hold = HOLD;
    size_t at = 0;

    signs->steps[at++] = expect;
    signs->steps[at++] = head;
    if (opening != NULL) {
        signs->steps[at++] = *opening;
    }
    for (int i = 0; i < SIGNS; i++) {
        signs->steps[at++] = *sign;
        signs->steps[at++] = pause;
    }
    signs->steps[at] = hold;
}

static void stage_with_short_clocks(struct stage *stage)
{
    stage_init(stage);
    upstream_origin_free(stage->origin);
    stage->settings.first_token_timeout_ms = FIRST_MS;
    stage->settings.idle_timeout_ms = IDLE_MS;
    make_origin(stage);
}

static const struct {
    const char *name;
    struct peer_step step;
} sign_rows[] = {
    {"comments", SEND(COMMENT)},
    {"data without a value", SEND(EMPTY_DATA)},
    {"data of blanks", SEND(BLANK_DATA)},
    {"roles", SEND(ROLE)},
};

/* The first and the last stand for all where a test takes long. */
#define LAST_SIGN_ROW (sizeof(sign_rows) / sizeof(sign_rows[0]) - 1)

static void no_sign_of_life_puts_off_the_first_token_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sign_rows) / sizeof(sign_rows[0]); i++) {
        struct stage stage;
        struct caller caller = {.deltas = 0};
        struct signs signs;

        stage_with_short_clocks(&stage);
        write_signs(&signs, NULL, &sign_rows[i].step);
        int64_t began_ms = clock_now_ms();
        enum upstream_failure failure = run(&stage, &caller, signs.steps);
        if (failure != UPSTREAM_FIRST_TIMEOUT) {
            print_error("row '%s': %s\n", sign_rows[i].name, upstream_failure_token(failure));
        }
        assert_int_equal(failure, UPSTREAM_FIRST_TIMEOUT);
        assert_true(clock_now_ms() - began_ms >= FIRST_MS);
        stage_fini(&stage);
    }
}

static void signs_of_life_stretch_the_idle_clock_tenfold_and_no_further(void **state)
{
    static const struct peer_step hello = SEND(HELLO);

    (void)state;
    for (size_t i = 0; i < sizeof(sign_rows) / sizeof(sign_rows[0]); i += LAST_SIGN_ROW) {
        struct stage stage;
        struct caller caller = {.deltas = 0};
        struct signs signs;

        stage_with_short_clocks(&stage);
        write_signs(&signs, &hello, &sign_rows[i].step);
        int64_t began_ms = clock_now_ms();
        enum upstream_failure failure = run(&stage, &caller, signs.steps);
        if (failure != UPSTREAM_IDLE_TIMEOUT || clock_now_ms() - began_ms < 10 * IDLE_MS) {
            print_error("row '%s': %s\n", sign_rows[i].name, upstream_failure_token(failure));
        }
        assert_int_equal(failure, UPSTREAM_IDLE_TIMEOUT);
        assert_true(clock_now_ms() - began_ms >= 10 * IDLE_MS);
        assert_string_equal(caller.text, "Hello");
        stage_fini(&stage);
    }
}

/* Thinking is an answer: it ends the wait for the first token, and keeps the stream alive. */
static void reasoning_counts_as_text(void **state)
{
    static const struct peer_step thought = SEND(REASONING);
    struct stage stage;
    struct caller caller = {.deltas = 0};
    struct signs signs;

    (void)state;
    stage_with_short_clocks(&stage);
    write_signs(&signs, NULL, &thought);
    scripted_upstream_play(stage.peer, signs.steps);
    int64_t began_ms = clock_now_ms();
    start(&stage, &caller);
    UNTIL(&stage, clock_now_ms() - began_ms > 12 * IDLE_MS + FIRST_MS);
    assert_int_equal(caller.ends, 0);
    upstream_cancel(caller.call);
    UNTIL(&stage, report_of(&stage).open == 0);
    stage_fini(&stage);
}

static void a_call_that_failed_before_its_first_text_is_tried_again(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD ROLE COMMENT BUSY_EVENT),
                                              CLOSE, END};
    static const struct peer_step works[] = {EXPECT, SEND(STREAM_HEAD ROLE HELLO FINISH LAST), END};
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.retries = 1;
    make_origin(&stage);
    scripted_upstream_play(stage.peer, script);
    assert_int_equal(run(&stage, &caller, works), UPSTREAM_OK);
    assert_string_equal(caller.text, "Hello");
    assert_int_equal(caller.end.attempts, 2);
    stage_fini(&stage);
}

/* Contract 8: an owner that has shown an event without text says so. */
static void a_call_whose_events_were_shown_is_not_tried_again(void **state)
{
    static const struct peer_step script[] = {
        EXPECT, SEND(STREAM_HEAD ROLE), HOLD, SEND(BUSY_EVENT), CLOSE, END};
    struct stage stage;
    struct caller caller = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.retries = 1;
    make_origin(&stage);
    scripted_upstream_play(stage.peer, script);
    start(&stage, &caller);
    UNTIL(&stage, caller.events == 1);
    upstream_commit(caller.call);
    scripted_upstream_release(stage.peer);
    UNTIL(&stage, caller.ends == 1);
    assert_int_equal(caller.end.failure, UPSTREAM_ERROR_EVENT);
    assert_int_equal(caller.end.attempts, 1);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sign_of_life_puts_off_the_first_token_clock),
        cmocka_unit_test(signs_of_life_stretch_the_idle_clock_tenfold_and_no_further),
        cmocka_unit_test(reasoning_counts_as_text),
        cmocka_unit_test(a_call_that_failed_before_its_first_text_is_tried_again),
        cmocka_unit_test(a_call_whose_events_were_shown_is_not_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
