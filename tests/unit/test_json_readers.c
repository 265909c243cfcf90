/* SPDX-License-Identifier: MIT */
/*
 * test_json_readers.c - walks, look-ups, strings and numbers of a parsed text
 * (base/json.c, json_string.c, json_number.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Far above what a linear walk needs under sanitizers, far below what a quadratic one does. */
enum {
    LARGE_BYTES = 1024 * 1024,
    CPU_SECONDS_MAX = 5
};

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = json_doc_new();

    assert_non_null(doc);
    assert_int_equal(json_parse(doc, span_from_string(text), JSON_DEPTH_MAX), JSON_OK);
    return doc;
}

static void expect_raw(const struct json_doc *doc, json_ref at, const char *text)
{
    struct span raw = json_raw(doc, at);

    if (at == JSON_NONE || !span_equals_string(raw, text)) {
        fail_msg("value %d is %.*s, expected %s", at, (int)raw.length,
                 raw.data == NULL ? "" : raw.data, text);
    }
}

static void expect_only_type(const char *text, enum json_type expected)
{
    struct json_doc *doc = parse(text);

    for (int type = JSON_OBJECT; type <= JSON_NULL; type++) {
        bool is_type = json_is(doc, 0, (enum json_type)type);
        if (is_type != (type == (int)expected)) {
            fail_msg("%s: type %d", text, type);
        }
    }
    json_doc_free(doc);
}

static void every_type_is_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
    } rows[] = {
        {"{}", JSON_OBJECT},      {"[]", JSON_ARRAY},      {"\"[\"", JSON_STRING},
        {"\"\"", JSON_STRING},    {"-1", JSON_NUMBER},     {"0", JSON_NUMBER},
        {"true", JSON_TRUE},      {"false", JSON_FALSE},   {"null", JSON_NULL},
        {" \"a\" ", JSON_STRING}, {"\n-1\t", JSON_NUMBER}, {" null", JSON_NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_only_type(rows[i].text, rows[i].type);
    }
}

static void what_is_not_there_answers_nothing(void **state)
{
    struct json_doc *doc = parse("{\"a\":[1]}");
    static const json_ref absent[] = {JSON_NONE, 4, 1000000, -7};
    int64_t value = 42;

    (void)state;
    for (size_t i = 0; i < ROWS(absent); i++) {
        json_ref at = absent[i];
        assert_int_equal(json_type_of(doc, at), JSON_NULL);
        assert_false(json_is(doc, at, JSON_NULL));
        assert_int_equal(json_count(doc, at), 0);
        assert_int_equal(json_first(doc, at), JSON_NONE);
        assert_int_equal(json_next(doc, at), JSON_NONE);
        assert_int_equal(json_value_of(doc, at), JSON_NONE);
        assert_int_equal(json_member(doc, at, "a"), JSON_NONE);
        assert_false(json_has_duplicate_members(doc, at));
        assert_int_equal(json_raw(doc, at).length, 0);
        assert_false(json_string_is_plain(doc, at));
        assert_false(json_string_equals(doc, at, ""));
        assert_false(json_int64(doc, at, &value));
        assert_false(json_number_is_integer(doc, at));
    }
    assert_int_equal(value, 42);
    json_doc_free(doc);
}

static void walks_visit_each_value_once_and_in_order(void **state)
{
    struct json_doc *doc = parse(" [ [1,[2]], {\"a\":[3],\"b\":{\"c\":4}}, \"s\", \"t\", 5, [] ] ");
    json_ref at = json_first(doc, 0);

    (void)state;
    assert_int_equal(json_count(doc, 0), 6);
    expect_raw(doc, at, "[1,[2]]");
    expect_raw(doc, json_next(doc, json_first(doc, at)), "[2]");
    assert_int_equal(json_next(doc, json_next(doc, json_first(doc, at))), JSON_NONE);
    at = json_next(doc, at);
    expect_raw(doc, at, "{\"a\":[3],\"b\":{\"c\":4}}");
    assert_int_equal(json_count(doc, at), 2);

    json_ref name = json_first(doc, at);
    expect_raw(doc, name, "a");
    expect_raw(doc, json_value_of(doc, name), "[3]");
    assert_int_equal(json_next(doc, json_value_of(doc, name)), JSON_NONE);
    name = json_next(doc, name);
    expect_raw(doc, name, "b");
    expect_raw(doc, json_member(doc, json_value_of(doc, name), "c"), "4");
    assert_int_equal(json_next(doc, name), JSON_NONE);

    at = json_next(doc, at);
    expect_raw(doc, at, "s");
    assert_int_equal(json_value_of(doc, at), JSON_NONE);
    assert_int_equal(json_first(doc, at), JSON_NONE);
    at = json_next(doc, at);
    expect_raw(doc, at, "t");
    at = json_next(doc, at);
    expect_raw(doc, at, "5");
    at = json_next(doc, at);
    expect_raw(doc, at, "[]");
    assert_int_equal(json_first(doc, at), JSON_NONE);
    assert_int_equal(json_next(doc, at), JSON_NONE);
    assert_int_equal(json_next(doc, 0), JSON_NONE);
    json_doc_free(doc);
}

static void members_are_found_after_unescaping_and_the_last_one_counts(void **state)
{
    struct json_doc *doc =
        parse("{\"a\":1,\"\\u0061\":2,\"\":3,\"b\\u0000c\":4,\"\\ud83d\\ude00\":5,"
              "\"\xC3\xA9\":6,\"\\u00E9\":7,\"n\\/\\\"\\n\":8,\"o\":{\"a\":9},"
              "\"ab\":10}");

    (void)state;
    expect_raw(doc, json_member(doc, 0, "a"), "2");
    expect_raw(doc, json_member(doc, 0, ""), "3");
    expect_raw(doc, json_member(doc, 0, "\xF0\x9F\x98\x80"), "5");
    expect_raw(doc, json_member(doc, 0, "\xC3\xA9"), "7");
    expect_raw(doc, json_member(doc, 0, "n/\"\n"), "8");
    expect_raw(doc, json_member(doc, json_member(doc, 0, "o"), "a"), "9");
    assert_int_equal(json_member(doc, 0, "b"), JSON_NONE); /* "b\0c" does not end at its NUL */
    assert_int_equal(json_member(doc, 0, "\\u0061"), JSON_NONE);
    assert_int_equal(json_member(doc, 0, "abc"), JSON_NONE);
    assert_int_equal(json_member(doc, json_member(doc, 0, "a"), "a"), JSON_NONE);
    json_doc_free(doc);
}

static void duplicate_members_are_seen(void **state)
{
    static const struct {
        const char *text;
        bool has_duplicate;
    } rows[] = {
        {"{}", false},
        {"{\"a\":1}", false},
        {"{\"a\":1,\"b\":1}", false},
        {"{\"a\":1,\"b\":1,\"a\":1}", true},
        {"{\"a\":1,\"\\u0061\":1}", true},
        {"{\"\":1,\"\":1}", true},
        {"{\"a\":1,\"A\":1}", false},
        {"{\"a\":1,\"a\\u0000\":1}", false},
        {"{\"\\u00e9\":1,\"\xC3\xA9\":1}", true},
        {"{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":1}", true},
        {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", false},
        {"{\"a\":{\"b\":1,\"b\":1}}", false}, /* one object at a time */
        {"[\"a\",\"a\"]", false},
        {"\"aa\"", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json_doc *doc = parse(rows[i].text);
        if (json_has_duplicate_members(doc, 0) != rows[i].has_duplicate) {
            fail_msg("%s", rows[i].text);
        }
        json_doc_free(doc);
    }
}

static void strings_unescape_and_compare(void **state)
{
    static const struct {
        const char *text;
        struct span value;
        bool is_plain;
    } rows[] = {
        {"\"\"", SPAN_LITERAL(""), true},
        {"\"plain\"", SPAN_LITERAL("plain"), true},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SPAN_LITERAL("\"\\/\b\f\n\r\t"), false},
        {"\"a\\u0041z\"", SPAN_LITERAL("aAz"), false},
        {"\"\\u007f\\u0080\"", SPAN_LITERAL("\x7F\xC2\x80"), false},
        {"\"\\u07ff\\u0800\"", SPAN_LITERAL("\xDF\xBF\xE0\xA0\x80"), false},
        {"\"\\ud7fF\\uE000\\uffff\"", SPAN_LITERAL("\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"), false},
        {"\"\\ud800\\udc00\"", SPAN_LITERAL("\xF0\x90\x80\x80"), false},
        {"\"\\uDBFF\\uDFFF!\"", SPAN_LITERAL("\xF4\x8F\xBF\xBF!"), false},
        {"\"x\\u0000y\"", SPAN_LITERAL("x\0y"), false},
        {"\"\\\\u0041\"", SPAN_LITERAL("\\u0041"), false},
        {"\"\xE2\x82\xAC\"", SPAN_LITERAL("\xE2\x82\xAC"), true},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json_doc *doc = parse(rows[i].text);
        struct span value = span_of(out, json_unescape(json_raw(doc, 0), out));
        if (!span_equals(value, rows[i].value)) {
            fail_msg("%s: wrong bytes", rows[i].text);
        }
        if (json_string_is_plain(doc, 0) != rows[i].is_plain) {
            fail_msg("%s: plain or not", rows[i].text);
        }
        bool holds_nul = memchr(rows[i].value.data, '\0', rows[i].value.length) != NULL;
        if (json_string_equals(doc, 0, rows[i].value.data) == holds_nul) {
            fail_msg("%s: equal to its value unless that holds a NUL", rows[i].text);
        }
        assert_false(json_string_equals(doc, 0, "aA"));
        json_doc_free(doc);
    }
    assert_int_equal(json_unescape(span_of(NULL, 0), out), 0);
}

struct number_row {
    const char *text;
    int64_t value; /* when it fits */
    bool fits;
    bool is_integer;
};

static const struct number_row number_rows[] = {
    {"0", 0, true, true},
    {"-0", 0, true, true},
    {"-0.0", 0, true, false},
    {"1732431600", 1732431600, true, true},
    {"1732431600.999", 1732431600, true, false},
    {"1.7e9", 1700000000, true, false},
    {"17E8", 1700000000, true, false},
    {"17e-1", 1, true, false},
    {"-17e-1", -2, true, false},
    {"-1.5", -2, true, false},
    {"-1.0", -1, true, false},
    {"-0.1", -1, true, false},
    {"0.999999999999999999999999999", 0, true, false},
    {"1e0", 1, true, false},
    {"100e-2", 1, true, false},
    {"101e-2", 1, true, false},
    {"-100e-2", -1, true, false},
    {"-101e-2", -2, true, false},
    {"0.00001e5", 1, true, false},
    {"0.00001e4", 0, true, false},
    {"12.345e2", 1234, true, false},
    {"12.345e+3", 12345, true, false},
    {"9223372036854775807", INT64_MAX, true, true},
    {"9223372036854775807.9", INT64_MAX, true, false},
    {"9223372036854775808", 0, false, true},
    {"-9223372036854775808", INT64_MIN, true, true},
    {"-9223372036854775807.5", INT64_MIN, true, false},
    {"-9223372036854775808.0", INT64_MIN, true, false},
    {"-9223372036854775808.5", 0, false, false},
    {"-9223372036854775809", 0, false, true},
    {"18446744073709551615", 0, false, true},
    {"18446744073709551616", 0, false, true},
    {"-18446744073709551615.5", 0, false, false},
    {"92233720368547758070e-1", INT64_MAX, true, false},
    {"0.9223372036854775807e19", INT64_MAX, true, false},
    {"1e18", 1000000000000000000, true, false},
    {"1e19", 0, false, false},
    {"1e400", 0, false, false},
    {"-1e400", 0, false, false},
    {"1e-400", 0, true, false},
    {"-1E-999999999999", -1, true, false},
    {"1e999999999999999999999999999999999999", 0, false, false},
    {"1e-999999999999999999999999999999999999", 0, true, false},
    {"0e999999999999999999999999999999999999", 0, true, false},
    {"-0.000e+99999999999999999999", 0, true, false},
    {"0.000e-99999999999999999999", 0, true, false},
    {"1e00000000000000000000000000000000002", 100, true, false},
    {"10000000000000000000000000000000000000000e-40", 1, true, false},
    {"\"1\"", 0, false, false},
    {"true", 0, false, false},
    {"[1]", 0, false, false},
};

static void numbers_round_towards_minus_infinity_or_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(number_rows); i++) {
        const struct number_row *row = &number_rows[i];
        struct json_doc *doc = parse(row->text);
        int64_t value = 77;
        bool fits = json_int64(doc, 0, &value);
        if (fits != row->fits || value != (fits ? row->value : 77)) {
            fail_msg("%s: %s, %lld", row->text, fits ? "fits" : "does not fit", (long long)value);
        }
        if (json_number_is_integer(doc, 0) != row->is_integer) {
            fail_msg("%s: integer or not", row->text);
        }
        json_doc_free(doc);
    }
}

/* Longer than any buffer one might be tempted to copy a number into. */
static void a_number_of_a_million_digits_costs_no_overflow(void **state)
{
    struct json_doc *doc = json_doc_new();
    char *text = malloc(LARGE_BYTES);
    int64_t value = 0;

    (void)state;
    assert_non_null(doc);
    assert_non_null(text);
    memset(text, '0', LARGE_BYTES);
    text[1] = '.';
    text[LARGE_BYTES - 1] = '1';
    assert_int_equal(json_parse(doc, span_of(text, LARGE_BYTES), 1), JSON_OK);
    assert_true(json_int64(doc, 0, &value));
    assert_int_equal(value, 0);

    memset(text, '9', LARGE_BYTES);
    assert_int_equal(json_parse(doc, span_of(text, LARGE_BYTES), 1), JSON_OK);
    assert_false(json_int64(doc, 0, &value));
    free(text);
    json_doc_free(doc);
}

static void a_document_can_be_replaced_and_a_refused_one_leaves_nothing(void **state)
{
    struct json_doc *doc = parse("[1,2,3]");

    (void)state;
    assert_int_equal(json_parse(doc, span_from_string("[1,2"), 9), JSON_CUT_OFF);
    assert_int_equal(json_count(doc, 0), 0);
    assert_int_equal(json_first(doc, 0), JSON_NONE);
    assert_int_equal(json_parse(doc, span_from_string("[[1]]"), 1), JSON_TOO_DEEP);
    assert_int_equal(json_parse(doc, span_from_string("{\"a\":1}"), 1), JSON_OK);
    expect_raw(doc, json_member(doc, 0, "a"), "1");
    json_doc_free(doc);
    json_doc_free(NULL);
}

static void append(char *text, size_t *length, const char *piece)
{
    while (*piece != '\0') {
        text[(*length)++] = *piece++;
    }
    text[*length] = '\0';
}

/* "<open><unit>,<unit>,...<close>" of LARGE_BYTES; each '#' of <unit> becomes a number. Owned. */
static char *large_text(const char *open, const char *unit, const char *close)
{
    char *text = malloc(LARGE_BYTES + 128);
    size_t length = 0;

    assert_non_null(text);
    append(text, &length, open);
    for (unsigned i = 0; length < LARGE_BYTES; i++) {
        append(text, &length, i > 0 ? "," : "");
        for (const char *c = unit; *c != '\0'; c++) {
            char piece[16] = {*c, '\0'};
            if (*c == '#') {
                snprintf(piece, sizeof(piece), "%06x", i);
            }
            append(text, &length, piece);
        }
    }
    append(text, &length, close);
    return text;
}

/* Every value is visited through the walks, as a careful but naive reader would. */
static size_t visit(const struct json_doc *doc, json_ref container)
{
    json_ref stack[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    size_t visited = 0;
    json_ref at = json_first(doc, container);

    while (at != JSON_NONE || depth > 0) {
        if (at == JSON_NONE) {
            at = json_next(doc, stack[--depth]);
            continue;
        }
        json_ref value = json_value_of(doc, at);
        json_ref inner = json_first(doc, value == JSON_NONE ? at : value);
        visited++;
        if (inner != JSON_NONE) {
            stack[depth++] = at;
            at = inner;
        } else {
            at = json_next(doc, at);
        }
    }
    return visited;
}

static void large_documents_are_read_in_linear_time(void **state)
{
    static const struct {
        const char *open;
        const char *unit;
        const char *close;
        bool has_duplicate;
    } rows[] = {
        {"[", "[]", "]", false},
        {"[", "1", "]", false},
        {"[", "{\"a\":{}}", "]", false},
        {"[[[[[[[[", "[[[]],[]]", "]]]]]]]]", false},
        {"{\"a\":{\"b\":[", "{}", "]}}", false},
        {"{", "\"#\":{}", "}", false},
        {"{", "\"\\u0061#\":1", "}", false},
        {"{", "\"\":0", "}", true},
        {"{", "\"a\":[[]]", "}", true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = large_text(rows[i].open, rows[i].unit, rows[i].close);
        clock_t start = clock();
        struct json_doc *doc = parse(text);
        size_t visited = visit(doc, 0);
        bool has_duplicate = json_has_duplicate_members(doc, 0);
        json_ref absent = json_member(doc, 0, "no such name");
        clock_t spent = clock() - start;

        assert_true(visited > LARGE_BYTES / 20);
        assert_int_equal(has_duplicate, rows[i].has_duplicate);
        assert_int_equal(absent, JSON_NONE);
        if (spent > CPU_SECONDS_MAX * CLOCKS_PER_SEC) {
            fail_msg("%s%s,...: %ld ms", rows[i].open, rows[i].unit,
                     (long)(spent / (CLOCKS_PER_SEC / 1000)));
        }
        json_doc_free(doc);
        free(text);
    }
}

/* After a large document the arena starts again, and small ones are right. */
static void a_small_document_follows_a_large_one(void **state)
{
    char *text = large_text("[", "1", "]");
    struct json_doc *doc = parse(text);

    (void)state;
    assert_true(json_count(doc, 0) > UINT16_MAX);
    assert_int_equal(json_parse(doc, span_from_string("[1,[2]]"), 2), JSON_OK);
    expect_raw(doc, json_next(doc, json_first(doc, 0)), "[2]");
    assert_int_equal(json_parse(doc, span_from_string(text), 2), JSON_OK);
    assert_int_equal(visit(doc, 0), json_count(doc, 0));
    json_doc_free(doc);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_told_apart),
        cmocka_unit_test(what_is_not_there_answers_nothing),
        cmocka_unit_test(walks_visit_each_value_once_and_in_order),
        cmocka_unit_test(members_are_found_after_unescaping_and_the_last_one_counts),
        cmocka_unit_test(duplicate_members_are_seen),
        cmocka_unit_test(strings_unescape_and_compare),
        cmocka_unit_test(numbers_round_towards_minus_infinity_or_do_not_fit),
        cmocka_unit_test(a_number_of_a_million_digits_costs_no_overflow),
        cmocka_unit_test(a_document_can_be_replaced_and_a_refused_one_leaves_nothing),
        cmocka_unit_test(large_documents_are_read_in_linear_time),
        cmocka_unit_test(a_small_document_follows_a_large_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
