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
    ROW("extension", "3;a=b\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 17),
    ROW("extension without value", "3;a\r\nabc\r\n0;last\r\n\r\n", CHUNK_DONE, END_DONE, 20),
    ROW("two extensions", "3;a=b;c=\"d\"\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 23),
    ROW("extension in quotes", "3;a=\";\\\"\t\xff\"\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 23),
    ROW("extension of an empty string", "3;a=\"\"\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, END_DONE, 18),
    ROW("extension without name", "3;\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("extension without name but value", "3;=b\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("extension with empty value", "3;a=\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("two semicolons", "3;;a\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("semicolon at the end", "3;a;\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("space before an extension", "3 ;a\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("space behind the semicolon", "3; a\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("space before the equals sign", "3;a =b\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("no digits but an extension", ";a=b\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("LF in an extension", "3;a\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("LF in a quoted extension", "3;a=\"\n\"\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("CR in a quoted extension", "3;a=\"\r\n\"\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("escaped LF in an extension", "3;a=\"\\\n\"\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("NUL in an extension", "3;a\0\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("byte behind a quoted value", "3;a=\"b\"c\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("open quotes", "3;a=\"b\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("quotes inside a value", "3;a=b\"c\"\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
    ROW("8-bit name of an extension", "3;\xc3\xa9\r\nabc", CHUNK_REFUSED, END_BAD_REQUEST, 0),
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

/* Feed all of <bytes>, however often the lexer stops to show an extension. */
static enum chunk_status feed_all(struct chunk_lexer *lexer, struct span bytes, size_t *taken)
{
    enum chunk_status status = CHUNK_EXTENSION;

    *taken = 0;
    while (status == CHUNK_EXTENSION) {
        size_t used = 0;
        status = chunk_lexer_feed(lexer, span_skip(bytes, *taken), &used);
        *taken += used;
        assert_true(status != CHUNK_EXTENSION || bytes.data[*taken - 1] == ';');
    }
    return status;
}

/* The status after feeding <bytes> in two pieces; <taken> in all. */
static enum chunk_status feed(struct chunk_lexer *lexer, struct span bytes, size_t first,
                              size_t *taken)
{
    size_t used = 0;
    enum chunk_status status = CHUNK_MORE;

    *taken = 0;
    if (first > 0) {
        status = feed_all(lexer, span_of(bytes.data, first), &used);
        *taken = used;
    }
    if (status == CHUNK_MORE && first < bytes.length) {
        status = feed_all(lexer, span_skip(bytes, first), &used);
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

/* However they are spread over the chunks. */
static void extensions_are_bounded_in_all(void **state)
{
    static const char chunk[] = "1;aaaaaaaaaaaaaaa\r\nx\r\n"; /* 15 bytes of extension */
    struct chunk_lexer lexer;
    enum chunk_status status = CHUNK_MORE;
    size_t taken = 0;
    size_t chunks = 0;

    (void)state;
    chunk_lexer_init(&lexer, BODY_MAX);
    while (status == CHUNK_MORE) {
        status = feed_all(&lexer, span_from_string(chunk), &taken);
        chunks++;
    }
    assert_int_equal(status, CHUNK_REFUSED);
    assert_int_equal(lexer.refusal, END_TOO_LARGE);
    assert_int_equal(chunks, 4096 / 15 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_body_is_judged_as_the_table_says_at_every_cut),
        cmocka_unit_test(the_limit_is_for_all_chunks_together),
        cmocka_unit_test(extensions_are_bounded_in_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
