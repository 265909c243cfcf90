/* SPDX-License-Identifier: MIT */
/*
 * test_head_lexer.c - which request heads pass, which are refused, and at which byte.
 *
 * Each row is run whole, at every split point, byte by byte and in random pieces,
 * every piece right before an unreadable page; all runs must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/head_lexer.h"
#include "tests/unit/guard_page.h"
#include "tests/unit/head_lexer_rows.h"

#define ROOM 1024
#define RANDOM_RUNS 20

struct outcome {
    enum head_status status;
    size_t taken;
    enum end_reason refusal;
    char words[1024]; /* the head, or the problem */
};

static void put_span(FILE *out, struct span span)
{
    fprintf(out, "|%s:", span.data == NULL ? "absent" : "");
    if (span.length > 0) {
        fwrite(span.data, 1, span.length, out);
    }
}

static void put_head(FILE *out, const struct request_head *head)
{
    fprintf(out, "%d %d %d %d %llu", (int)head->method, (int)head->framing,
            (int)head->expects_continue, (int)head->wants_close,
            (unsigned long long)head->content_length);
    put_span(out, head->method_name);
    put_span(out, head->target);
    put_span(out, head->host);
    put_span(out, head->authorization);
    put_span(out, head->user_agent);
}

static void describe(const struct head_lexer *lexer, struct outcome *outcome)
{
    FILE *out = fmemopen(outcome->words, sizeof(outcome->words), "w");

    assert_non_null(out);
    if (outcome->status == HEAD_REFUSED) {
        outcome->refusal = lexer->refusal;
        fputs(lexer->problem, out);
    } else if (outcome->status == HEAD_DONE) {
        put_head(out, &lexer->head);
    }
    fclose(out);
}

/* Feed <text> in pieces; <next_piece> gives the length of the one at <at>. */
static void run(struct span text, size_t (*next_piece)(size_t at, size_t arg), size_t arg,
                const struct guard_page *guard, struct outcome *outcome)
{
    struct head_lexer lexer;
    size_t at = 0;

    memset(outcome, 0, sizeof(*outcome));
    head_lexer_init(&lexer, &limits);
    while (at < text.length && outcome->status == HEAD_MORE) {
        size_t length = next_piece(at, arg);
        size_t taken = SIZE_MAX;
        if (length > text.length - at) {
            length = text.length - at;
        }
        outcome->status = head_lexer_feed(
            &lexer, guard_page_place(guard, span_of(text.data + at, length)), &taken);
        assert_true(taken <= length);
        assert_true(taken == length || outcome->status != HEAD_MORE);
        outcome->taken += taken;
        at += length;
    }
    describe(&lexer, outcome);
    head_lexer_fini(&lexer);
}

static size_t all_at_once(size_t at, size_t arg)
{
    (void)at;
    (void)arg;
    return SIZE_MAX;
}

static size_t split_at(size_t at, size_t split)
{
    return at == 0 ? split : SIZE_MAX;
}

static size_t one_byte(size_t at, size_t arg)
{
    (void)at;
    (void)arg;
    return 1;
}

static size_t random_piece(size_t at, size_t seed)
{
    uint32_t x = (uint32_t)(at * 2654435761U + seed * 40503U + 12345U);

    x ^= x >> 13;
    x *= 2246822519U;
    return 1 + (x >> 16) % 9;
}

static void must_agree(const struct row *row, const struct outcome *a, const struct outcome *b,
                       const char *how, size_t number)
{
    if (a->status != b->status || a->taken != b->taken || a->refusal != b->refusal ||
        strcmp(a->words, b->words) != 0) {
        fail_msg("%s: %s %zu gives %d/%zu/%s, not %d/%zu/%s", row->name, how, number,
                 (int)b->status, b->taken, b->words, (int)a->status, a->taken, a->words);
    }
}

static void run_every_way(const struct row *row, struct span text, const struct guard_page *guard,
                          const struct outcome *whole)
{
    struct outcome other;

    for (size_t split = 1; split < text.length; split++) {
        run(text, split_at, split, guard, &other);
        must_agree(row, whole, &other, "split", split);
    }
    run(text, one_byte, 0, guard, &other);
    must_agree(row, whole, &other, "bytes", 1);
    for (size_t seed = 0; seed < RANDOM_RUNS; seed++) {
        run(text, random_piece, seed, guard, &other);
        must_agree(row, whole, &other, "seed", seed);
    }
}

static void run_rows(const struct row *rows, size_t count)
{
    struct guard_page guard = guard_page_new(ROOM);
    char text[ROOM];
    struct outcome whole;

    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        size_t length = row->taken.length + row->rest.length;

        memcpy(text, row->taken.data, row->taken.length);
        memcpy(text + row->taken.length, row->rest.data, row->rest.length);
        run(span_of(text, length), all_at_once, 0, &guard, &whole);

        enum head_status expected = row->reason == END_DONE ? HEAD_DONE : HEAD_REFUSED;
        if (whole.status != expected || whole.refusal != row->reason ||
            whole.taken != row->taken.length) {
            fail_msg("%s (%s): status %d, reason %d, %zu of %zu bytes, %s", row->name, row->spec,
                     (int)whole.status, (int)whole.refusal, whole.taken, row->taken.length,
                     whole.words);
        }
        run_every_way(row, span_of(text, length), &guard, &whole);
    }
    guard_page_free(&guard);
}

#define RUN_ROWS(rows) run_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void lawful_heads_pass(void **state)
{
    (void)state;
    RUN_ROWS(good_rows);
}

static void broken_request_lines_are_refused(void **state)
{
    (void)state;
    RUN_ROWS(bad_lines);
}

static void broken_fields_are_refused(void **state)
{
    (void)state;
    RUN_ROWS(bad_fields);
}

static void ambiguous_framing_is_refused(void **state)
{
    (void)state;
    RUN_ROWS(bad_framing);
}

static void every_prefix_of_a_lawful_head_wants_more(void **state)
{
    struct guard_page guard = guard_page_new(ROOM);
    struct outcome outcome;
    (void)state;

    for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
        for (size_t length = 1; length < good_rows[i].taken.length; length++) {
            run(span_of(good_rows[i].taken.data, length), all_at_once, 0, &guard, &outcome);
            if (outcome.status != HEAD_MORE || outcome.taken != length) {
                fail_msg("%s: the first %zu bytes", good_rows[i].name, length);
            }
        }
    }
    guard_page_free(&guard);
}

static enum head_status feed(struct head_lexer *lexer, const char *text, size_t *taken)
{
    return head_lexer_feed(lexer, span_from_string(text), taken);
}

#define assert_span(span, text) assert_true(span_equals_string(span, text))

static void what_the_gateway_needs_is_captured(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer,
                          "POST /a?b=c HTTP/1.1\r\nX-Long-Name-Of-No-Interest: "
                          "zzzz\r\nhost: h:1\r\nAuthorization: Bearer t \r\nContent-Type: "
                          "application/json\r\nOrigin: https://o\r\nUser-Agent: u\r\nConnection: "
                          "x, CLOSE \r\nContent-Length: 7\r\n\r\n",
                          &taken),
                     HEAD_DONE);

    assert_int_equal(lexer.head.method, METHOD_POST);
    assert_span(lexer.head.method_name, "POST");
    assert_span(lexer.head.target, "/a?b=c");
    assert_span(lexer.head.host, "h:1");
    assert_span(lexer.head.authorization, "Bearer t");
    assert_span(lexer.head.content_type, "application/json");
    assert_span(lexer.head.origin, "https://o");
    assert_span(lexer.head.user_agent, "u");
    assert_null(lexer.head.traceparent.data);
    assert_int_equal(lexer.head.framing, BODY_LENGTH);
    assert_int_equal(lexer.head.content_length, 7);
    assert_true(lexer.head.wants_close);
    assert_false(lexer.head.expects_continue);
    head_lexer_fini(&lexer);
}

static void an_empty_field_is_not_an_absent_one(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer, START "Authorization: \r\n\r\n", &taken), HEAD_DONE);

    assert_non_null(lexer.head.authorization.data);
    assert_int_equal(lexer.head.authorization.length, 0);
    assert_null(lexer.head.content_type.data);
    head_lexer_fini(&lexer);
}

static void two_trace_parents_are_none(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer, START "traceparent: a\r\ntraceparent: b\r\n\r\n", &taken),
                     HEAD_DONE);

    assert_int_equal(lexer.head.traceparent.length, 0);
    head_lexer_fini(&lexer);
}

static void all_lines_of_a_trace_state_are_kept_or_none(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer,
                          START "tracestate: one \r\nTraceState:\r\nOrigin: o\r\n"
                                "tracestate: three\r\ntracestate: four\r\n\r\n",
                          &taken),
                     HEAD_DONE);
    assert_int_equal(lexer.head.tracestate.count, TRACE_STATE_LINES_MAX);
    assert_span(lexer.head.tracestate.lines[0], "one");
    assert_span(lexer.head.tracestate.lines[1], "");
    assert_span(lexer.head.tracestate.lines[2], "three");
    assert_span(lexer.head.tracestate.lines[3], "four");
    assert_span(lexer.head.origin, "o");

    head_lexer_reset(&lexer);
    assert_int_equal(feed(&lexer,
                          START "tracestate: 1\r\ntracestate: 2\r\ntracestate: 3\r\n"
                                "tracestate: 4\r\ntracestate: 5\r\nOrigin: o\r\n\r\n",
                          &taken),
                     HEAD_DONE);
    assert_int_equal(lexer.head.tracestate.count, 0);
    assert_span(lexer.head.origin, "o");
    head_lexer_fini(&lexer);
}

static void the_last_lines_of_forwarded_for_are_kept_in_order(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer,
                          START "X-Forwarded-For: one\r\nx-forwarded-for: two\r\nOrigin: o\r\n"
                                "X-FORWARDED-FOR:\r\nx-forwarded-for: four , 4\r\n"
                                "x-forwarded-for: five\r\n\r\n",
                          &taken),
                     HEAD_DONE);

    assert_int_equal(lexer.head.forwarded.count, FORWARDED_LINES_MAX);
    assert_span(lexer.head.forwarded.lines[0], "two");
    assert_span(lexer.head.forwarded.lines[1], "");
    assert_span(lexer.head.forwarded.lines[2], "four , 4");
    assert_span(lexer.head.forwarded.lines[3], "five");
    assert_span(lexer.head.origin, "o");
    head_lexer_reset(&lexer);
    assert_int_equal(feed(&lexer, START "\r\n", &taken), HEAD_DONE);
    assert_int_equal(lexer.head.forwarded.count, 0);
    head_lexer_fini(&lexer);
}

static void methods_are_told_apart_by_case(void **state)
{
    static const struct {
        const char *line;
        enum head_method method;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", METHOD_GET},
        {"HEAD / HTTP/1.1\r\n" HOST "\r\n", METHOD_HEAD},
        {"POST / HTTP/1.1\r\n" HOST "\r\n", METHOD_POST},
        {"OPTIONS / HTTP/1.1\r\n" HOST "\r\n", METHOD_OPTIONS},
        {"post / HTTP/1.1\r\n" HOST "\r\n", METHOD_OTHER},
        {"POSTS / HTTP/1.1\r\n" HOST "\r\n", METHOD_OTHER},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct head_lexer lexer;
        size_t taken;
        head_lexer_init(&lexer, &limits);
        assert_int_equal(feed(&lexer, rows[i].line, &taken), HEAD_DONE);
        assert_int_equal(lexer.head.method, rows[i].method);
        head_lexer_fini(&lexer);
    }
}

/* An answer to HEAD has no body, and the log names the method, broken head or not. */
static void the_method_of_a_broken_head_is_known(void **state)
{
    static const char bytes[] = "HEAD / HTTP/1.1\r\nHost a\r\n";
    (void)state;

    for (size_t first = 0; first < sizeof(bytes); first++) {
        struct head_lexer lexer;
        size_t taken;
        head_lexer_init(&lexer, &limits);
        enum head_status status = head_lexer_feed(&lexer, span_of(bytes, first), &taken);
        if (status == HEAD_MORE) {
            status =
                head_lexer_feed(&lexer, span_of(bytes + first, sizeof(bytes) - 1 - first), &taken);
        }
        assert_int_equal(status, HEAD_REFUSED);
        assert_int_equal(lexer.refusal, END_BAD_REQUEST);
        assert_int_equal(lexer.head.method, METHOD_HEAD);
        assert_span(lexer.head.method_name, "HEAD");
        head_lexer_fini(&lexer);
    }
}

static void a_long_method_is_kept_in_part(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer, "POST" X64 " / HTTP/1.1\r\n" HOST "\r\n", &taken), HEAD_DONE);

    assert_int_equal(lexer.head.method, METHOD_OTHER);
    assert_int_equal(lexer.head.method_name.length, 32);
    head_lexer_fini(&lexer);
}

/* Fill up to <length> bytes of head with one long field, then ask for one byte more. */
static void a_head_above_the_limit_is_refused(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    size_t total;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer, START "X: ", &taken), HEAD_MORE);
    for (total = taken; total < limits.max_head_bytes; total += taken) {
        assert_int_equal(feed(&lexer, "x", &taken), HEAD_MORE);
    }
    assert_int_equal(feed(&lexer, "x", &taken), HEAD_REFUSED);

    assert_int_equal(taken, 0);
    assert_int_equal(lexer.refusal, END_HEAD_TOO_LARGE);
    head_lexer_fini(&lexer);
}

static void an_ended_lexer_takes_nothing(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_int_equal(feed(&lexer, START "\r\nxx", &taken), HEAD_DONE);
    assert_int_equal(taken, strlen(START "\r\n"));
    assert_int_equal(feed(&lexer, "xx", &taken), HEAD_DONE);
    assert_int_equal(taken, 0);
    head_lexer_reset(&lexer);
    assert_int_equal(feed(&lexer, " ", &taken), HEAD_REFUSED);
    assert_int_equal(feed(&lexer, "POST", &taken), HEAD_REFUSED);
    assert_int_equal(taken, 0);

    head_lexer_fini(&lexer);
}

static void reset_gives_a_fresh_lexer_without_memory(void **state)
{
    struct head_lexer lexer;
    size_t taken;
    (void)state;
    head_lexer_init(&lexer, &limits);

    assert_true(head_lexer_is_fresh(&lexer));
    assert_int_equal(head_lexer_feed(&lexer, span_of(NULL, 0), &taken), HEAD_MORE);
    assert_true(head_lexer_is_fresh(&lexer));
    assert_null(lexer.store);
    assert_int_equal(feed(&lexer, START "Content-Length: 5\r\n\r\n", &taken), HEAD_DONE);
    assert_false(head_lexer_is_fresh(&lexer));
    head_lexer_reset(&lexer);
    assert_true(head_lexer_is_fresh(&lexer));
    assert_null(lexer.store);
    assert_int_equal(feed(&lexer, START "\r\n", &taken), HEAD_DONE);
    assert_int_equal(lexer.head.framing, BODY_NONE);
    assert_int_equal(lexer.head.content_length, 0);

    head_lexer_fini(&lexer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lawful_heads_pass),
        cmocka_unit_test(broken_request_lines_are_refused),
        cmocka_unit_test(broken_fields_are_refused),
        cmocka_unit_test(ambiguous_framing_is_refused),
        cmocka_unit_test(every_prefix_of_a_lawful_head_wants_more),
        cmocka_unit_test(what_the_gateway_needs_is_captured),
        cmocka_unit_test(the_last_lines_of_forwarded_for_are_kept_in_order),
        cmocka_unit_test(an_empty_field_is_not_an_absent_one),
        cmocka_unit_test(two_trace_parents_are_none),
        cmocka_unit_test(all_lines_of_a_trace_state_are_kept_or_none),
        cmocka_unit_test(methods_are_told_apart_by_case),
        cmocka_unit_test(the_method_of_a_broken_head_is_known),
        cmocka_unit_test(a_long_method_is_kept_in_part),
        cmocka_unit_test(a_head_above_the_limit_is_refused),
        cmocka_unit_test(an_ended_lexer_takes_nothing),
        cmocka_unit_test(reset_gives_a_fresh_lexer_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
