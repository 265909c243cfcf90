/* SPDX-License-Identifier: MIT */
/*
 * test_hostile_upstream.c - answers that no server of good will sends.
 *
 * Each row is one answer. It must end as the row says, have given no text but the
 * row's, and leave nothing behind: the next call, on the same origin, gets its own
 * answer and no byte of the hostile one.
 */
#include "tests/support/upstream_stage.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tests/support/stage_answers.h"

#define DRIP_BYTES 13

enum then {
    STAYS = 0, /* and answers the next request well, if it is ever asked */
    CLOSES,
    RESETS,
};

struct row {
    const char *name;
    struct span bytes;
    enum then then;
    enum upstream_failure failure;
    const char *text;
};

#define OK_EVENTS "Content-Type: text/event-stream\r\n"
#define EVENT(json) "data: " json "\n\n"
#define TEXT(text) EVENT("{\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}")
#define DONE "data: [DONE]\n\n"
#define END_OF_TEXT EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")
/* Bodies of a length that is easy to count: 0x33 + 0x39 bytes. */
#define HELLO_BODY TEXT("Hello") END_OF_TEXT

#define HEAD_ROW(name, fields, body, then, failure, text)                                          \
    {                                                                                              \
        name, SPAN_LITERAL("HTTP/1.1 200 OK\r\n" OK_EVENTS fields "\r\n" body), then, failure,     \
            text                                                                                   \
    }
#define STATUS_ROW(name, line, failure)                                                            \
    {                                                                                              \
        name, SPAN_LITERAL(line "\r\n" OK_EVENTS "Content-Length: 0\r\n\r\n"), CLOSES, failure, "" \
    }
#define RAW_ROW(name, bytes, then, failure, text)                                                  \
    {                                                                                              \
        name, SPAN_LITERAL(bytes), then, failure, text                                             \
    }
/* Close-delimited, so that no length has to be counted. */
#define BODY_ROW(name, body, failure, text) HEAD_ROW(name, "", body, CLOSES, failure, text)
#define CHUNK_ROW(name, chunks, failure, text)                                                     \
    RAW_ROW(name, STREAM_HEAD chunks, STAYS, failure, text)

#define BAD UPSTREAM_NONSENSE
#define CUT UPSTREAM_TRUNCATED

/* clang-format off */
static const struct row rows[] = {
    /* Two framings, or none. RFC 9112 section 6.3 */
    HEAD_ROW("TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("CL and TE", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("two different CL", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("two equal CL", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a list of CL", "Content-Length: 5, 5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a signed CL", "Content-Length: +5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a negative CL", "Content-Length: -5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a CL of hexadecimal", "Content-Length: 0x5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("an empty CL", "Content-Length: \r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a CL with NUL", "Content-Length: 5\0000\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a CL beyond 64 bits", "Content-Length: 99999999999999999999\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a CL above the bound", "Content-Length: 99999999999999999\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("TE of another name", "Transfer-Encoding: xchunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE identity", "Transfer-Encoding: identity\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE of two codings", "Transfer-Encoding: gzip, chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE with a parameter", "Transfer-Encoding: chunked;a=b\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE with a vertical tab", "Transfer-Encoding: \x0b""chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE, space before the colon", "Transfer-Encoding : chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    HEAD_ROW("TE, folded", "Transfer-Encoding:\r\n chunked\r\n", HELLO LAST, STAYS, BAD, ""),
    RAW_ROW("TE in HTTP/1.0", "HTTP/1.0 200 OK\r\n" OK_EVENTS "Transfer-Encoding: chunked\r\n\r\n" HELLO LAST, STAYS, BAD, ""),

    /* Lengths that lie. */
    HEAD_ROW("a CL that is too small", "Content-Length: 51\r\n", HELLO_BODY, STAYS, CUT, "Hello"),
    HEAD_ROW("a CL that is too large", "Content-Length: 109\r\n", HELLO_BODY, CLOSES, CUT, "Hello"),
    HEAD_ROW("a CL of zero", "Content-Length: 0\r\n", HELLO_BODY, STAYS, CUT, ""),
    HEAD_ROW("no length, no end", "", TEXT("Hello"), CLOSES, CUT, "Hello"),
    HEAD_ROW("no length, reset", "", TEXT("Hello"), RESETS, CUT, "Hello"),
    HEAD_ROW("no length, Connection of another word", "Connection: keep-alive\r\n", TEXT("Hello"), CLOSES, CUT, "Hello"),

    /* Chunks. RFC 9112 section 7.1 */
    CHUNK_ROW("a chunk size of letters", HELLO "zz\r\n", BAD, NULL),
    CHUNK_ROW("a negative chunk size", HELLO "-1\r\n", BAD, NULL),
    CHUNK_ROW("a signed chunk size", "+" HELLO LAST, BAD, ""),
    CHUNK_ROW("a chunk size with 0x", "0x" HELLO LAST, BAD, ""),
    CHUNK_ROW("words behind a chunk size", "33 junk\r\n" TEXT("Hello") "\r\n" LAST, BAD, ""),
    CHUNK_ROW("a chunk size and LF", "33\n" TEXT("Hello") "\n0\n\n", BAD, ""),
    CHUNK_ROW("a chunk size beyond 64 bits", "fffffffffffffffff\r\n", BAD, ""),
    CHUNK_ROW("a chunk size above the bound", "7fffffff\r\n", BAD, ""),
    CHUNK_ROW("a chunk longer than its size", "32\r\n" TEXT("Hello") "\r\n" LAST, BAD, ""),
    CHUNK_ROW("an empty line between chunks", "\r\n" HELLO LAST, BAD, ""),
    CHUNK_ROW("a whole answer and a bad last chunk", HELLO FINISH "0\n\n", BAD, NULL),
    RAW_ROW("closed inside a chunk", STREAM_HEAD HELLO "33\r\ndata: {", CLOSES, CUT, "Hello"),
    RAW_ROW("closed before the last chunk", STREAM_HEAD HELLO FINISH, CLOSES, CUT, "Hello"),
    RAW_ROW("reset inside a chunk size", STREAM_HEAD HELLO "3", RESETS, CUT, NULL),

    /* Interim and other statuses. */
    STATUS_ROW("101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade", BAD),
    STATUS_ROW("102", "HTTP/1.1 102 Processing", BAD),
    STATUS_ROW("103", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload", BAD),
    STATUS_ROW("199", "HTTP/1.1 199 Miscellaneous", BAD),
    STATUS_ROW("000", "HTTP/1.1 000 Nothing", BAD),
    STATUS_ROW("099", "HTTP/1.1 099 Nothing", BAD),
    STATUS_ROW("600", "HTTP/1.1 600 Beyond", BAD),
    STATUS_ROW("999", "HTTP/1.1 999 Beyond", BAD),
    STATUS_ROW("no number", "HTTP/1.1 OK 200", BAD),
    RAW_ROW("100 for ever", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
            "HTTP/1.1 100 C\r\n\r\n" STREAM_HEAD HELLO FINISH LAST, STAYS, BAD, ""),
    RAW_ROW("a broken head behind 100", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\nA: b\r\n\r\n", STAYS, BAD, ""),
    RAW_ROW("204 with a body", "HTTP/1.1 204 None\r\n" OK_EVENTS "Content-Length: 5\r\n\r\nhello", STAYS, BAD, ""),
    RAW_ROW("304 with a body", "HTTP/1.1 304 Same\r\n" OK_EVENTS "Content-Length: 5\r\n\r\nhello", STAYS, UPSTREAM_STATUS, ""),
    RAW_ROW("206", "HTTP/1.1 206 Part\r\n" OK_EVENTS "Content-Length: 0\r\n\r\n", STAYS, BAD, ""),
    STATUS_ROW("301", "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/", UPSTREAM_STATUS),
    STATUS_ROW("307", "HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/", UPSTREAM_STATUS),
    STATUS_ROW("308 without a place", "HTTP/1.1 308 Moved", UPSTREAM_STATUS),

    /* No HTTP, or another one. */
    RAW_ROW("HTTP/0.9", HELLO_BODY, CLOSES, BAD, ""),
    RAW_ROW("HTTP/2.0", "HTTP/2.0 200 OK\r\n" OK_EVENTS "Content-Length: 0\r\n\r\n", CLOSES, BAD, ""),
    RAW_ROW("a preface of HTTP/2", "\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0", CLOSES, BAD, ""),
    RAW_ROW("a TLS alert", "\x15\x03\x03\0\x02\x02\x28", CLOSES, BAD, ""),
    RAW_ROW("garbage without a line end", "\xff\xfe\xfd", CLOSES, BAD, ""),
    RAW_ROW("LF line ends", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n" HELLO_BODY, CLOSES, BAD, ""),
    HEAD_ROW("NUL that ends the head early", "\0\r\nContent-Length: 5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("a field without a colon", "nothing\r\n", HELLO_BODY, STAYS, BAD, ""),
    HEAD_ROW("CR inside a value", "X-Evil: a\rSet-Cookie: b\r\n", HELLO_BODY, STAYS, BAD, ""),
    RAW_ROW("a cut head", "HTTP/1.1 200 OK\r\n" OK_EVENTS, CLOSES, CUT, ""),

    /* Not what was asked for. */
    RAW_ROW("no type", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", STAYS, BAD, ""),
    RAW_ROW("a type that only begins so", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream2\r\nContent-Length: 5\r\n\r\nhello", STAYS, BAD, ""),
    HEAD_ROW("gzip", "Content-Encoding: gzip\r\nContent-Length: 5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("br and identity", "Content-Encoding: br, identity\r\nContent-Length: 5\r\n", "hello", STAYS, BAD, ""),
    HEAD_ROW("two encodings", "Content-Encoding: gzip\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n", "hello", STAYS, BAD, ""),

    /* Events. */
    BODY_ROW("NUL in text", TEXT("a\0b"), BAD, ""),
    BODY_ROW("a raw control byte in text", TEXT("a\x1b[2Jb"), BAD, ""),
    BODY_ROW("a lone continuation byte", TEXT("a\x80"), BAD, ""),
    BODY_ROW("an overlong form", TEXT("a\xC0\xAF"), BAD, ""),
    BODY_ROW("a surrogate in UTF-8", TEXT("a\xED\xA0\x80"), BAD, ""),
    BODY_ROW("beyond U+10FFFF", TEXT("a\xF4\x90\x80\x80"), BAD, ""),
    BODY_ROW("half a surrogate pair", TEXT("a\\ud83d"), BAD, ""),
    BODY_ROW("text, then invalid UTF-8", TEXT("Hello") TEXT("\xFF"), BAD, "Hello"),
    BODY_ROW("text, then no JSON", TEXT("Hello") EVENT("{]"), BAD, "Hello"),
    BODY_ROW("text, then an error", TEXT("Hello") EVENT("{\"error\":\"x\"}") DONE, UPSTREAM_ERROR_EVENT, "Hello"),
    BODY_ROW("an error behind the end counts no more", HELLO_BODY DONE EVENT("{\"error\":\"x\"}"), UPSTREAM_OK, "Hello"),
    BODY_ROW("NUL outside of strings", "data: {\0}\n\n", BAD, ""),
    BODY_ROW("NUL lines alone", "\0\0\0\n\0\n\n", CUT, ""),
};
/* clang-format on */

static const struct peer_step works[] = {EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), END};

static struct peer_step after(enum then then)
{
    static const struct peer_step steps[] = {[STAYS] = EXPECT, [CLOSES] = CLOSE, [RESETS] = RESET};

    return steps[then];
}

#define PEER_STEPS(row)                                                                            \
    {                                                                                              \
        EXPECT, SEND_BYTES((row)->bytes.data, (row)->bytes.length), after((row)->then), works[1],  \
            END                                                                                    \
    }

/* The next call gets its own answer, whatever came before it. */
static void expect_unharmed(struct stage *stage)
{
    struct caller next = {.deltas = 0};

    assert_int_equal(run(stage, &next, works), UPSTREAM_OK);
    assert_string_equal(next.text, "Hello");
}

static bool ends_as_it_says(struct stage *stage, const struct row *row,
                            const struct peer_step *script)
{
    struct caller caller = {.deltas = 0};
    enum upstream_failure failure = run(stage, &caller, script);
    bool has_text = row->text == NULL || strcmp(caller.text, row->text) == 0;

    if (failure != row->failure || !has_text) {
        print_error("row '%s': %s, not %s; text '%s'\n", row->name, upstream_failure_token(failure),
                    upstream_failure_token(row->failure), caller.text);
    }
    return failure == row->failure && has_text;
}

static void each_hostile_answer_ends_as_it_should_and_leaves_nothing(void **state)
{
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct peer_step script[] = PEER_STEPS(&rows[i]);
        struct stage stage;
        stage_init(&stage);
        failures += ends_as_it_says(&stage, &rows[i], script) ? 0 : 1;
        expect_unharmed(&stage);
        stage_fini(&stage);
    }
    assert_int_equal(failures, 0);
}

/* The same bytes, a few at a time: what is refused does not depend on the cuts. */
static void each_hostile_answer_may_drip(void **state)
{
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        size_t pieces = (row->bytes.length + DRIP_BYTES - 1) / DRIP_BYTES;
        size_t count = 2 * pieces + 4;
        struct peer_step *script = calloc(count, sizeof(*script));
        struct stage stage;

        assert_non_null(script);
        script[0] = (struct peer_step)EXPECT;
        for (size_t at = 0; at < pieces; at++) {
            struct span rest = span_skip(row->bytes, at * DRIP_BYTES);
            size_t length = rest.length < DRIP_BYTES ? rest.length : DRIP_BYTES;
            script[1 + 2 * at] = (struct peer_step)SEND_BYTES(rest.data, length);
            script[2 + 2 * at] = (struct peer_step)WAIT_MS(1);
        }
        script[count - 3] = after(row->then);
        script[count - 2] = works[1];
        stage_init(&stage);
        failures += ends_as_it_says(&stage, row, script) ? 0 : 1;
        expect_unharmed(&stage);
        stage_fini(&stage);
        free(script);
    }
    assert_int_equal(failures, 0);
}

/* What has no end ends at its bound: not at a clock, and not in our memory. */
#define ENDLESS(name, bytes, flood, failure)                                                       \
    {                                                                                              \
        name, {EXPECT, SEND(bytes), FLOOD(flood), END}, failure                                    \
    }

static const struct {
    const char *name;
    struct peer_step script[4];
    enum upstream_failure failure;
} endless_rows[] = {
    ENDLESS("a status line", "HTTP/1.1 200 ", "aaaaaaaaaaaaaaaa", BAD),
    ENDLESS("a field", "HTTP/1.1 200 OK\r\nX: ", "aaaaaaaaaaaaaaaa", BAD),
    ENDLESS("fields", "HTTP/1.1 200 OK\r\n", "X-Evil: aaaaaaaaaaaaaaaa\r\n", BAD),
    ENDLESS("interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n", BAD),
    ENDLESS("zeros before a chunk size", STREAM_HEAD, "0000000000000000", BAD),
    ENDLESS("trailer fields", STREAM_HEAD HELLO "0\r\n", "X-Evil: aaaaaaaaaaaaaaaa\r\n", BAD),
    ENDLESS("a line of data", STREAM_HEAD, "10\r\ndata:aaaaaaaaaaa\r\n", BAD),
    ENDLESS("lines of data", STREAM_HEAD, "d\r\ndata:aaaaaaa\n\r\n", BAD),
    ENDLESS("a comment", STREAM_HEAD "1\r\n:\r\n", "10\r\naaaaaaaaaaaaaaaa\r\n", BAD),
    ENDLESS("comments", STREAM_HEAD, "3\r\n:\n\n\r\n", BAD),
    ENDLESS("blank lines", STREAM_HEAD, "4\r\n\n\n\n\n\r\n", BAD),
    ENDLESS("events without text", STREAM_HEAD, "a\r\ndata: {}\n\n\r\n", BAD),
    ENDLESS("text", STREAM_HEAD, HELLO, BAD),
    ENDLESS("an error's body", "HTTP/1.1 400 No\r\nContent-Type: text/html\r\n\r\n",
            "<html><html><html>", UPSTREAM_STATUS),
    ENDLESS("a page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "<html><html><html>",
            BAD),
    ENDLESS("what comes behind the end", STREAM_HEAD HELLO "e\r\n" DONE "\r\n", HELLO, UPSTREAM_OK),
};

static void what_has_no_end_ends_at_its_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(endless_rows) / sizeof(endless_rows[0]); i++) {
        struct stage stage;
        struct caller caller = {.forget_text = true};
        stage_init(&stage);
        upstream_origin_free(stage.origin);
        stage.settings.max_answer_bytes = 512UL * 1024;
        make_origin(&stage);
        enum upstream_failure failure = run(&stage, &caller, endless_rows[i].script);
        if (failure != endless_rows[i].failure) {
            print_error("row '%s': %s, not %s\n", endless_rows[i].name,
                        upstream_failure_token(failure),
                        upstream_failure_token(endless_rows[i].failure));
        }
        assert_int_equal(failure, endless_rows[i].failure);
        UNTIL(&stage, report_of(&stage).open == 0); /* the flood has an end, too */
        expect_unharmed(&stage);
        stage_fini(&stage);
    }
}

/* A peer that answers before it was asked is not heard for long, and holds nothing up. */
static void a_flood_before_the_request_is_not_read_without_bound(void **state)
{
    static const struct peer_step script[] = {FLOOD("HTTP/1.1 200 OK\r\nX: a\r\n\r\n"), END};
    struct stage stage;
    struct caller caller = {.forget_text = true};

    (void)state;
    stage_init(&stage);
    assert_int_not_equal(run(&stage, &caller, script), UPSTREAM_OK);
    expect_unharmed(&stage);
    stage_fini(&stage);
}

/*
 * What happened: a kept connection on which bytes had just arrived was lent to the next
 * call, and they were taken for its answer. Why: the loop had not read them yet. Now a
 * connection is looked at before it is lent, and a fresh one is opened instead.
 */
static void bytes_that_arrive_just_before_the_next_call_are_not_its_answer(void **state)
{
    static const struct peer_step poison[] = {
        EXPECT, SEND(STREAM_HEAD HELLO FINISH LAST), HOLD,
        SEND("HTTP/1.1 200 OK\r\n" OK_EVENTS "Content-Length: 66\r\n\r\n" TEXT("Poison") DONE),
        END};
    struct stage stage;
    struct caller first = {.deltas = 0};
    struct caller second = {.deltas = 0};

    (void)state;
    stage_init(&stage);
    assert_int_equal(run(&stage, &first, poison), UPSTREAM_OK);
    assert_int_equal(counts_of(&stage).idle, 1);
    scripted_upstream_release(stage.peer);
    (void)event_base_loop(stage.base,
                          EVLOOP_ONCE | EVLOOP_NONBLOCK); /* the peer writes; nobody has read */
    assert_int_equal(counts_of(&stage).idle, 1);

    assert_int_equal(run(&stage, &second, works), UPSTREAM_OK);

    assert_string_equal(second.text, "Hello");
    assert_int_equal(report_of(&stage).accepted, 2);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hostile_answer_ends_as_it_should_and_leaves_nothing),
        cmocka_unit_test(each_hostile_answer_may_drip),
        cmocka_unit_test(what_has_no_end_ends_at_its_bound),
        cmocka_unit_test(a_flood_before_the_request_is_not_read_without_bound),
        cmocka_unit_test(bytes_that_arrive_just_before_the_next_call_are_not_its_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
