/* SPDX-License-Identifier: MIT */
/*
 * test_upstream_budget.c - how much of one stream is read in one turn of the loop.
 *
 * Turns are counted, not times: what a neighbour has to wait for is the number of
 * streams, whatever the machine is doing.
 */
#include "tests/support/upstream_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tests/support/stage_answers.h"

/* One turn of the loop; how much text it has brought to <caller>. */
static size_t text_of_one_turn(struct stage *stage, struct caller *caller)
{
    size_t before = caller->bytes;

    (void)event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    return caller->bytes - before;
}

/*
 * The read budget: of a peer that floods, one read of 16 KiB (one record more over TLS)
 * is taken in each turn, so a neighbour waits for as many reads as there are streams.
 */
static void check_read_budget(struct stage *stage, size_t budget)
{
    static const struct peer_step floods[] = {EXPECT, SEND(STREAM_HEAD), FLOOD(HELLO), END};
    static const struct peer_step speaks[] = {EXPECT, SEND(STREAM_HEAD HELLO), HOLD,
                                              SEND(HELLO FINISH LAST), END};
    struct caller flooded = {.forget_text = true};
    struct caller neighbour = {.deltas = 0};
    size_t most = 0;

    scripted_upstream_play(stage->peer, floods);
    scripted_upstream_play(stage->peer, speaks);
    start(stage, &flooded);
    UNTIL(stage, flooded.deltas > 100);
    start(stage, &neighbour);
    for (int i = 0; i < 2000; i++) {
        size_t bytes = text_of_one_turn(stage, &flooded);
        most = bytes > most ? bytes : most;
    }
    assert_true(most > 0);
    /* Five bytes of text come in each HELLO; one of them may have begun before the turn. */
    assert_true(most / 5 * (sizeof(HELLO) - 1) <= budget + sizeof(HELLO));
    assert_string_equal(neighbour.text, "Hello"); /* it was heard through the flood */
    scripted_upstream_release(stage->peer);
    UNTIL(stage, neighbour.ends == 1);
    assert_int_equal(neighbour.end.failure, UPSTREAM_OK);
    upstream_cancel(flooded.call);
    UNTIL(stage, report_of(stage).open <= 1);
}

static void a_flood_is_read_in_small_pieces(void **state)
{
    struct stage stage;

    (void)state;
    stage_init(&stage);
    check_read_budget(&stage, 16384);
    stage_fini(&stage);
}

static void a_flood_over_tls_is_read_record_by_record(void **state)
{
    struct test_certificate *certificate = test_certificate_new(CERTIFICATE_GOOD);
    struct stage stage;

    (void)state;
    stage_init_tls(&stage, certificate, certificate, "localhost");
    check_read_budget(&stage, 4096 + 16384UL);
    stage_fini(&stage);
    test_certificate_free(certificate);
}

/* One chunk with <GIANT_EVENTS> events in it, and what comes behind it. */
#define GIANT_EVENTS 8000
#define GIANT_EVENT "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n"

struct giant {
    char *bytes;
    struct peer_step steps[4];
};

static void giant_init(struct giant *giant, const char *head, const char *behind, bool closes)
{
    size_t event_length = strlen(GIANT_EVENT);
    size_t size = strlen(head) + 16 + GIANT_EVENTS * event_length + strlen(behind);
    const struct peer_step close = CLOSE;
    const struct peer_step hold = HOLD;
    int length;

    giant->bytes = malloc(size);
    assert_non_null(giant->bytes);
    length = snprintf(giant->bytes, size, "%s%zx\r\n", head, GIANT_EVENTS * event_length);
    for (int i = 0; i < GIANT_EVENTS; i++) {
        memcpy(giant->bytes + length, GIANT_EVENT, event_length);
        length += (int)event_length;
    }
    memcpy(giant->bytes + length, behind, strlen(behind));
    length += (int)strlen(behind);
    giant->steps[0] = (struct peer_step)EXPECT;
    giant->steps[1] = (struct peer_step)SEND_BYTES(giant->bytes, (size_t)length);
    giant->steps[2] = closes ? close : hold;
    giant->steps[3] = (struct peer_step)END;
}

static const struct {
    const char *name;
    const char *behind;
    bool closes;
    enum upstream_failure failure;
} giant_rows[] = {
    {"a whole answer", "\r\n" FINISH LAST, false, UPSTREAM_OK},
    {"a whole answer, closed at once", "\r\n" FINISH LAST, true, UPSTREAM_OK},
    {"closed behind the chunk", "\r\n", true, UPSTREAM_TRUNCATED},
    {"closed without an end", "\r\n" LAST, true, UPSTREAM_TRUNCATED},
    {"an error behind it", "\r\n18\r\ndata: {\"error\":\"boom!\"}\n\r\n1\r\n\n\r\n" LAST, false,
     UPSTREAM_ERROR_EVENT},
};

/*
 * What happened: a chunk of megabytes, which evhttp hands out in one piece, was read in one
 * turn, while all other streams waited. Now each turn takes 16 KiB of it, and what
 * stands behind it (the end, a cut, an error) is told behind it.
 */
static void a_giant_chunk_is_read_in_many_turns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(giant_rows) / sizeof(giant_rows[0]); i++) {
        struct caller caller = {.forget_text = true};
        struct giant giant;
        struct stage stage;
        size_t most = 0;

        stage_init(&stage);
        giant_init(&giant, STREAM_HEAD, giant_rows[i].behind, giant_rows[i].closes);
        scripted_upstream_play(stage.peer, giant.steps);
        start(&stage, &caller);
        for (int64_t limit = clock_now_ms() + PATIENCE_MS; caller.ends == 0;) {
            assert_true(clock_now_ms() < limit);
            size_t bytes = text_of_one_turn(&stage, &caller);
            most = bytes > most ? bytes : most;
        }
        if (caller.end.failure != giant_rows[i].failure) {
            print_error("row '%s': %s\n", giant_rows[i].name,
                        upstream_failure_token(caller.end.failure));
        }
        assert_int_equal(caller.end.failure, giant_rows[i].failure);
        assert_int_equal(caller.deltas, GIANT_EVENTS);
        assert_true(most / 5 * strlen(GIANT_EVENT) <= 16384 + strlen(GIANT_EVENT));
        stage_fini(&stage);
        free(giant.bytes);
    }
}

static void a_pause_holds_the_rest_of_a_giant_chunk(void **state)
{
    struct caller caller = {.forget_text = true, .pause_at_delta = 10};
    struct giant giant;
    struct stage stage;

    (void)state;
    stage_init(&stage);
    upstream_origin_free(stage.origin);
    stage.settings.idle_timeout_ms = 100;
    make_origin(&stage);
    giant_init(&giant, STREAM_HEAD, "\r\n" FINISH LAST, true);
    scripted_upstream_play(stage.peer, giant.steps);
    start(&stage, &caller);
    UNTIL(&stage, caller.deltas >= 10);
    unsigned at_pause = caller.deltas;
    assert_true(at_pause <= 16384 / 50);
    for (int64_t until_ms = clock_now_ms() + 300; clock_now_ms() < until_ms;) {
        turn(&stage); /* the peer has closed; the idle clock would have fired */
    }
    assert_int_equal(caller.deltas, at_pause);
    assert_int_equal(caller.ends, 0);
    upstream_resume(caller.call);
    assert_int_equal(caller.deltas, at_pause); /* nothing fires inside */
    UNTIL(&stage, caller.ends == 1);
    assert_int_equal(caller.end.failure, UPSTREAM_OK);
    assert_int_equal(caller.deltas, GIANT_EVENTS);
    stage_fini(&stage);
    free(giant.bytes);
}

/*
 * What happened: the pause came with the very last of what was held, when the connection
 * had ended behind it; to go on then meant to read from a connection that was gone.
 */
static void a_pause_at_the_last_of_what_is_held_keeps_the_end(void **state)
{
    static const struct peer_step script[] = {EXPECT, SEND(STREAM_HEAD HELLO HELLO HELLO LAST),
                                              CLOSE, END};
    struct caller caller = {.forget_text = true, .pause_at_delta = 1};
    struct stage stage;

    (void)state;
    stage_init(&stage);
    scripted_upstream_play(stage.peer, script);
    start(&stage, &caller);
    UNTIL(&stage, caller.deltas == 1); /* the rest of that read, end included, is held */
    caller.pause_at_delta = 3;
    upstream_resume(caller.call);
    UNTIL(&stage, caller.deltas == 3);
    for (int turns = 0; turns < 10; turns++) {
        (void)event_base_loop(stage.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    assert_int_equal(caller.ends, 0);
    upstream_resume(caller.call);
    assert_int_equal(caller.ends, 0); /* nothing fires inside */
    UNTIL(&stage, caller.ends == 1);
    assert_int_equal(caller.end.failure, UPSTREAM_TRUNCATED);
    stage_fini(&stage);
}

static void a_call_that_holds_bytes_may_be_cancelled_anywhere(void **state)
{
    static const unsigned places[] = {1, 100, 1000, 5000, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct caller caller = {.forget_text = true, .cancel_at_delta = places[i]};
        struct giant giant;
        struct stage stage;

        stage_init(&stage);
        giant_init(&giant, STREAM_HEAD, "\r\n" FINISH LAST, false);
        scripted_upstream_play(stage.peer, giant.steps);
        start(&stage, &caller);
        if (places[i] == 0) { /* between two turns, while it stands in line */
            for (int turns = 0; caller.deltas == 0; turns++) {
                assert_true(turns < 10000);
                (void)text_of_one_turn(&stage, &caller);
            }
            upstream_cancel(caller.call);
            caller.call = NULL;
        }
        UNTIL(&stage, caller.call == NULL);
        UNTIL(&stage, report_of(&stage).open <= counts_of(&stage).idle);
        assert_int_equal(caller.ends, 0);
        stage_fini(&stage);
        free(giant.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_read_in_small_pieces),
        cmocka_unit_test(a_flood_over_tls_is_read_record_by_record),
        cmocka_unit_test(a_giant_chunk_is_read_in_many_turns),
        cmocka_unit_test(a_pause_holds_the_rest_of_a_giant_chunk),
        cmocka_unit_test(a_pause_at_the_last_of_what_is_held_keeps_the_end),
        cmocka_unit_test(a_call_that_holds_bytes_may_be_cancelled_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
