/* SPDX-License-Identifier: MIT */
/*
 * test_framing.c - responses whose framing evhttp would take, RFC 9112 sections 4, 5 and 7.1,
 * each whole and at every cut.
 */
#include "upstream/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/guard_page.h"

#define CHUNK_MAX 1000

enum outcome {
    ENDS = 0, /* as it should, nothing behind it */
    GOES_ON,
    HAS_EXCESS,
    BREAKS,
};

struct row {
    const char *name;
    struct span bytes;
    enum outcome outcome;
    enum framing_body body; /* what the head is taken to say */
    uint64_t length;
};

#define HEAD_OK "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
#define HEAD(name, text, outcome)                                                                  \
    {                                                                                              \
        name, SPAN_LITERAL(text), outcome, FRAMING_NO_BODY, 0                                      \
    }
#define CHUNKED(name, text, outcome)                                                               \
    {                                                                                              \
        name, SPAN_LITERAL(HEAD_OK text), outcome, FRAMING_CHUNKED, 0                              \
    }
#define COUNTED(name, text, outcome)                                                               \
    {                                                                                              \
        name, SPAN_LITERAL(HEAD_OK text), outcome, FRAMING_COUNTED, 3                              \
    }

static const struct row rows[] = {
    HEAD("a head", HEAD_OK, ENDS),
    HEAD("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", ENDS),
    HEAD("no phrase", "HTTP/1.1 200 \r\n\r\n", ENDS),
    HEAD("no phrase and no space", "HTTP/1.1 200\r\n\r\n", ENDS),
    HEAD("8-bit phrase and value", "HTTP/1.1 200 \xC3\xA9\r\nA: \xE9\r\n\r\n", ENDS),
    HEAD("empty value, tab, no space", "HTTP/1.1 200 OK\r\nA:\r\nB:\tc d\r\n\r\n", ENDS),
    HEAD("cut status line", "HTTP/1.1 20", GOES_ON),
    HEAD("cut head", "HTTP/1.1 200 OK\r\nA: b\r\n", GOES_ON),
    HEAD("bytes behind no body", HEAD_OK "x", HAS_EXCESS),
    HEAD("another protocol", "SSH-2.0-OpenSSH\r\n\r\n", BREAKS),
    HEAD("HTTP/0.9", "data: hello\n\n", BREAKS),
    HEAD("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", BREAKS),
    HEAD("HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", BREAKS),
    HEAD("HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", BREAKS),
    HEAD("HTTP/+1.1", "HTTP/+1.1 200 OK\r\n\r\n", BREAKS),
    HEAD("lower case", "http/1.1 200 OK\r\n\r\n", BREAKS),
    HEAD("two spaces", "HTTP/1.1  200 OK\r\n\r\n", BREAKS),
    HEAD("signed status", "HTTP/1.1 +20 OK\r\n\r\n", BREAKS),
    HEAD("short status", "HTTP/1.1 20 OK\r\n\r\n", BREAKS),
    HEAD("long status", "HTTP/1.1 2000 OK\r\n\r\n", BREAKS),
    HEAD("words behind the status", "HTTP/1.1 200x OK\r\n\r\n", BREAKS),
    HEAD("empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", BREAKS),
    HEAD("LF alone behind the status line", "HTTP/1.1 200 OK\nA: b\r\n\r\n", BREAKS),
    HEAD("LF alone behind a field", "HTTP/1.1 200 OK\r\nA: b\n\r\n", BREAKS),
    HEAD("LF alone as empty line", "HTTP/1.1 200 OK\r\n\n", BREAKS),
    HEAD("CR alone in a value", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", BREAKS),
    HEAD("CR alone in the phrase", "HTTP/1.1 200 O\rK\r\n\r\n", BREAKS),
    HEAD("CR CR LF", "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", BREAKS),
    HEAD("NUL in a value", "HTTP/1.1 200 OK\r\nContent-Length: 3\0abc\r\n\r\n", BREAKS),
    HEAD("NUL at a line's start", "HTTP/1.1 200 OK\r\n\0\r\nA: b\r\n\r\n", BREAKS),
    HEAD("DEL in a value", "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n", BREAKS),
    HEAD("folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", BREAKS),
    HEAD("folded first line", "HTTP/1.1 200 OK\r\n\tA: b\r\n\r\n", BREAKS),
    HEAD("space before the colon", "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n",
         BREAKS),
    HEAD("empty name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", BREAKS),
    HEAD("no colon", "HTTP/1.1 200 OK\r\nnothing\r\n\r\n", BREAKS),
    HEAD("8-bit name", "HTTP/1.1 200 OK\r\n\xC3\xA9: b\r\n\r\n", BREAKS),
    HEAD("control byte in a name", "HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n", BREAKS),

    CHUNKED("empty body", "0\r\n\r\n", ENDS),
    CHUNKED("chunks", "1\r\na\r\n0A\r\n0123456789\r\n00\r\n\r\n", ENDS),
    CHUNKED("CRLF in the data", "2\r\n\r\n\r\n0\r\n\r\n", ENDS),
    CHUNKED("the largest chunk", "3e8\r\n", GOES_ON),
    CHUNKED("trailer fields", "0\r\nA: b\r\nC: d\r\n\r\n", ENDS),
    CHUNKED("not whole", "5\r\nabc", GOES_ON),
    CHUNKED("no last chunk", "1\r\na\r\n", GOES_ON),
    CHUNKED("trailers not whole", "0\r\nA: b\r\n", GOES_ON),
    CHUNKED("another response behind", "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", HAS_EXCESS),
    CHUNKED("sign", "+1\r\na\r\n0\r\n\r\n", BREAKS),
    CHUNKED("minus", "-1\r\na\r\n", BREAKS),
    CHUNKED("0x", "0x1\r\na\r\n", BREAKS),
    CHUNKED("space before", " 1\r\na\r\n", BREAKS),
    CHUNKED("space behind", "1 \r\na\r\n", BREAKS),
    CHUNKED("words behind", "1 junk\r\na\r\n", BREAKS),
    CHUNKED("extension", "1;a=b\r\na\r\n", BREAKS),
    CHUNKED("no number", "zz\r\n", BREAKS),
    CHUNKED("no size", "\r\na\r\n", BREAKS),
    CHUNKED("NUL behind", "1\0\r\na\r\n", BREAKS),
    CHUNKED("LF alone", "1\na\n", BREAKS),
    CHUNKED("CR alone", "1\ra", BREAKS),
    CHUNKED("above the bound", "3e9\r\n", BREAKS),
    CHUNKED("beyond 64 bits", "10000000000000001\r\n", BREAKS),
    CHUNKED("17 digits", "00000000000000001\r\na\r\n", BREAKS),
    CHUNKED("longer than its size", "1\r\nab\r\n", BREAKS),
    CHUNKED("LF alone behind the data", "1\r\na\n0\r\n\r\n", BREAKS),
    CHUNKED("an empty line between chunks", "1\r\na\r\n\r\n1\r\nb\r\n", BREAKS),
    CHUNKED("folded trailer", "0\r\nA: b\r\n c\r\n\r\n", BREAKS),
    CHUNKED("trailer without a name", "0\r\n: b\r\n\r\n", BREAKS),

    COUNTED("as long as it says", "abc", ENDS),
    COUNTED("shorter", "ab", GOES_ON),
    COUNTED("longer", "abcd", HAS_EXCESS),
};

static enum outcome outcome_of(const struct framing *framing, bool is_sound)
{
    if (!is_sound || framing->problem != NULL) {
        /* A broken one says why, and the two always agree. */
        assert_true(!is_sound && framing->problem != NULL);
        return BREAKS;
    }
    if (framing->has_excess) {
        return HAS_EXCESS;
    }
    return framing_has_ended(framing) ? ENDS : GOES_ON;
}

/* Feed as the pool does: behind the head, what was not looked at is fed again. */
static bool feed(struct framing *framing, const struct row *row, struct span bytes, size_t *seen)
{
    static const char end_of_head[] = "\r\n\r\n";
    const char *start = row->bytes.data;
    size_t before = *seen;
    bool is_sound = framing_feed(framing, bytes);

    *seen += bytes.length;
    for (size_t at = 0; is_sound && at + 4 <= *seen; at++) {
        if (memcmp(start + at, end_of_head, 4) == 0) {
            size_t head = at + 4;
            if (head > before) { /* it ended in these bytes */
                framing_begin_body(framing, row->body, row->length, CHUNK_MAX);
                is_sound = framing_feed(framing, span_skip(bytes, head - before));
            }
            break;
        }
    }
    return is_sound;
}

static enum outcome read_cut_at(const struct row *row, struct guard_page *guard, size_t cut)
{
    struct framing framing;
    struct row placed = *row;
    size_t seen = 0;
    bool is_sound = true;

    placed.bytes = guard_page_place(guard, row->bytes);
    framing_begin_head(&framing);
    is_sound = feed(&framing, &placed, span_of(placed.bytes.data, cut), &seen);
    if (is_sound) {
        is_sound = feed(&framing, &placed, span_skip(placed.bytes, cut), &seen);
    }
    return outcome_of(&framing, is_sound);
}

static void each_row_is_read_as_it_says_at_every_cut(void **state)
{
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t cut = 0; cut <= rows[i].bytes.length; cut++) {
            enum outcome got = read_cut_at(&rows[i], &guard, cut);
            if (got != rows[i].outcome) {
                print_error("row '%s', cut at %zu: %d, expected %d\n", rows[i].name, cut, (int)got,
                            (int)rows[i].outcome);
                failures++;
                break;
            }
        }
    }

    guard_page_free(&guard);
    assert_int_equal(failures, 0);
}

static void an_open_body_may_hold_anything(void **state)
{
    struct framing framing;
    (void)state;

    framing_begin_head(&framing);
    assert_true(framing_feed(&framing, span_from_string(HEAD_OK)));
    framing_begin_body(&framing, FRAMING_OPEN, 0, CHUNK_MAX);

    assert_true(framing_feed(&framing, span_from_string("zz\r\n\r\nHTTP/1.1")));
    assert_false(framing_has_ended(&framing));
}

static void a_head_may_follow_a_head(void **state)
{
    struct framing framing;
    (void)state;

    framing_begin_head(&framing);
    assert_true(framing_feed(&framing, span_from_string("HTTP/1.1 100 Continue\r\n\r\n")));
    framing_begin_head(&framing);
    assert_true(framing_feed(&framing, span_from_string(HEAD_OK)));
    framing_begin_body(&framing, FRAMING_COUNTED, 0, CHUNK_MAX);

    assert_true(framing_has_ended(&framing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_read_as_it_says_at_every_cut),
        cmocka_unit_test(an_open_body_may_hold_anything),
        cmocka_unit_test(a_head_may_follow_a_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
