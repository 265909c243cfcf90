/* SPDX-License-Identifier: MIT */
/*
 * test_chunk_lexer.c - chunked request bodies, RFC 9112 section 7.1, at every cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/chunk_lexer.h"
#include "tests/unit/guard_page.h"

#define BODY_MAX 1000

struct row {
    const char *name;
    struct span bytes;
    enum chunk_status status;
    enum end_reason refusal; /* when refused */
    size_t taken;            /* when done: what belongs to the body */
};

#define ROW(name, text, status, refusal, taken)                                                    \
    {                                                                                              \
        name, SPAN_LITERAL(text), status, refusal, taken                                           \
    }

static const struct row rows[] = {
    ROW("empty body", "0\r\n\r\n", CHUNK_DONE, END_DONE, 5),
    ROW("one chunk", "3\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 13),
    ROW("two chunks", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 18),
    ROW("hexadecimal, both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", CHUNK_DONE,
        END_DONE, 35),
    ROW("leading zeros", "0003\r\nabc\r\n000\r\n\r\n", CHUNK_DONE, END_DONE, 18),
    ROW("bytes behind", "0\r\n\r\nGET", CHUNK_DONE, END_DONE, 5),
    ROW("CRLF in the data", "2\r\n\r\n\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 12),
    ROW("not whole", "3\r\nab", CHUNK_MORE, END_DONE, 0),
    ROW("last line not whole", "0\r\n\r", CHUNK_MORE, END_DONE, 0),
    ROW("sign", "+3\r\nabc\r\n0\r\n\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("minus", "-3\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("0x", "0x3\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("space before", " 3\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("space behind", "3 \r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("tab behind", "3\t\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("extension", "3;a=b\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("LF alone", "3\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("CR alone", "3\rabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("no size", "\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("NUL", "3\0\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("not a digit", "g\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("no CRLF behind the data", "3\r\nabcd\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("LF behind the data", "3\r\nabc\n0\r\n\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("trailer field", "0\r\nX: y\r\n\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("17 digits", "00000000000000000\r\n", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("largest number", "ffffffffffffffff\r\n", CHUNK_REFUSED, END_TOO_LARGE, 0),
    ROW("above the limit at once", "3e9\r\n", CHUNK_REFUSED, END_TOO_LARGE, 0),
};

/* The status after feeding <bytes> in two pieces; <taken> in all. */
static enum chunk_status feed(struct chunk_lexer *lexer, struct span bytes, size_t first,
                              size_t *taken)
{
    size_t used = 0;
    enum chunk_status status = CHUNK_MORE;

    *taken = 0;
    if (first > 0) {
        status = chunk_lexer_feed(lexer, span_of(bytes.data, first), &used);
        *taken = used;
    }
    if (status == CHUNK_MORE && first < bytes.length) {
        status = chunk_lexer_feed(lexer, span_skip(bytes, first), &used);
        *taken += used;
    }
    return status;
}

static void each_body_is_judged_as_the_table_says_at_every_cut(void **state)
{
    struct guard_page guard = guard_page_new(256);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span bytes = guard_page_place(&guard, rows[i].bytes);
        for (size_t first = 0; first <= bytes.length; first++) {
            struct chunk_lexer lexer;
            size_t taken;
            chunk_lexer_init(&lexer, BODY_MAX);
            enum chunk_status status = feed(&lexer, bytes, first, &taken);
            if (status != rows[i].status ||
                (status == CHUNK_REFUSED && lexer.refusal != rows[i].refusal) ||
                (status == CHUNK_DONE && taken != rows[i].taken)) {
                fail_msg("row '%s' cut at %zu: status %d, refusal %d, taken %zu", rows[i].name,
                         first, (int)status, (int)lexer.refusal, taken);
            }
        }
    }
    guard_page_free(&guard);
}

static void the_limit_is_for_all_chunks_together(void **state)
{
    struct chunk_lexer lexer;
    size_t taken;
    char chunk[] = "64\r\n"; /* 100 bytes */
    char data[102];

    (void)state;
    memset(data, 'x', 100);
    memcpy(data + 100, "\r\n", 2);
    chunk_lexer_init(&lexer, BODY_MAX);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(chunk_lexer_feed(&lexer, span_of(chunk, 4), &taken), CHUNK_MORE);
        assert_int_equal(chunk_lexer_feed(&lexer, span_of(data, sizeof(data)), &taken), CHUNK_MORE);
    }
    assert_int_equal(chunk_lexer_feed(&lexer, span_from_string("1\r\n"), &taken), CHUNK_REFUSED);
    assert_int_equal(lexer.refusal, END_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_body_is_judged_as_the_table_says_at_every_cut),
        cmocka_unit_test(the_limit_is_for_all_chunks_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
