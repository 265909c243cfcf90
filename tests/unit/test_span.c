/* SPDX-License-Identifier: MIT */
/*
 * test_span.c - comparing and cutting borrowed text (base/span.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"
#include "tests/unit/guard_page.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void spans_compare_by_length_and_bytes(void **state)
{
    static const struct {
        struct span left;
        struct span right;
        bool is_equal;
    } rows[] = {
        {{NULL, 0}, {NULL, 0}, true},
        {{NULL, 0}, SPAN_LITERAL(""), true},
        {SPAN_LITERAL("a"), {NULL, 0}, false},
        {SPAN_LITERAL("abc"), SPAN_LITERAL("abc"), true},
        {SPAN_LITERAL("abc"), SPAN_LITERAL("abd"), false},
        {SPAN_LITERAL("abc"), SPAN_LITERAL("ab"), false},
        {SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0b"), true},
        {SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0c"), false},
        {SPAN_LITERAL("abc"), SPAN_LITERAL("ABC"), false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (span_equals(rows[i].left, rows[i].right) != rows[i].is_equal ||
            span_equals(rows[i].right, rows[i].left) != rows[i].is_equal) {
            fail_msg("row %zu", i);
        }
    }
    assert_true(span_equals_string(span_from_string("abc"), "abc"));
    assert_false(span_equals_string(span_of("a\0", 2), "a"));
    assert_true(span_is_empty(span_from_string(NULL)));
}

static void letters_compare_without_case(void **state)
{
    static const struct {
        struct span text;
        const char *other;
        bool is_equal;
    } rows[] = {
        {SPAN_LITERAL("Bearer"), "bEARER", true},
        {SPAN_LITERAL("Bearer"), "Bearer ", false},
        {SPAN_LITERAL("[@"), "{`", false},
        {SPAN_LITERAL(""), "", true},
        {{NULL, 0}, "", true},
        {SPAN_LITERAL("a\0b"), "a", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (span_equals_ignore_case(rows[i].text, rows[i].other) != rows[i].is_equal) {
            fail_msg("row %zu: %s", i, rows[i].other);
        }
    }
}

static void prefixes_are_seen_and_nothing_behind_the_span_is_read(void **state)
{
    struct guard_page guard = guard_page_new(64);
    struct span placed = guard_page_place(&guard, span_from_string("env:"));

    (void)state;
    assert_true(span_starts_with(placed, "env:"));
    assert_true(span_starts_with(placed, ""));
    assert_false(span_starts_with(placed, "env:N"));
    assert_false(span_starts_with(placed, "file:"));
    assert_true(span_is_empty(span_skip(placed, 4)));
    assert_true(span_equals_string(span_skip(placed, 3), ":"));
    guard_page_free(&guard);
}

/* RFC 9110 section 5.6.3: optional white space is spaces and tabs, not line ends. */
static void trimming_takes_spaces_and_tabs_only(void **state)
{
    static const struct {
        struct span text;
        const char *trimmed;
    } rows[] = {
        {SPAN_LITERAL(""), ""},          {SPAN_LITERAL(" "), ""},
        {SPAN_LITERAL(" \t \t"), ""},    {SPAN_LITERAL("a"), "a"},
        {SPAN_LITERAL(" a"), "a"},       {SPAN_LITERAL("a\t"), "a"},
        {SPAN_LITERAL("\ta b "), "a b"}, {SPAN_LITERAL("\na"), "\na"},
        {SPAN_LITERAL("a\r "), "a\r"},
    };
    struct guard_page guard = guard_page_new(64);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct span placed = guard_page_place(&guard, rows[i].text);
        if (!span_equals_string(span_trim(placed), rows[i].trimmed)) {
            fail_msg("row %zu", i);
        }
    }
    guard_page_free(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_length_and_bytes),
        cmocka_unit_test(letters_compare_without_case),
        cmocka_unit_test(prefixes_are_seen_and_nothing_behind_the_span_is_read),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
