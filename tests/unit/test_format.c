/* SPDX-License-Identifier: MIT */
/*
 * test_format.c - how deltas, ends and failures look in each format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "gateway/format.h"

static size_t render(const struct format *format, struct span text, char *out)
{
    const struct upstream_delta delta = {.text = text};
    size_t bound = format->delta_bound(&delta);
    size_t length = bound == 0 ? 0 : format->delta(&delta, out);

    assert_true(length <= bound);
    return length;
}

struct row {
    const char *text;
    const char *data; /* in format data */
};

static const struct row rows[] = {
    {"Hello", "0:\"Hello\"\n"},
    {"a \"b\" \\ c", "0:\"a \\\"b\\\" \\\\ c\"\n"},
    {"\n\r\t", "0:\"\\n\\r\\t\"\n"},
    {"\x01\x1f", "0:\"\\u0001\\u001f\"\n"},
    {"\x7f", "0:\"\x7f\"\n"},
    {"\xc3\xa9\xf0\x9f\x99\x82", "0:\"\xc3\xa9\xf0\x9f\x99\x82\"\n"},
    {"a\xc2\x85z", "0:\"a\\u0085z\"\n"},
    {"\xe2\x80\xa8\xe2\x80\xa9", "0:\"\\u2028\\u2029\"\n"},
    {"\xe2\x80\x99", "0:\"\xe2\x80\x99\"\n"}, /* a neighbour that is not escaped */
    {"\xc2\xa0", "0:\"\xc2\xa0\"\n"},
    {"", ""},
};

static void text_is_the_text_and_nothing_else(void **state)
{
    char out[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span text = span_from_string(rows[i].text);
        size_t length = render(&format_text, text, out);
        assert_true(span_equals(span_of(out, length), text));
    }
    assert_null(format_text.failure); /* no words: the body is cut */
    assert_null(format_text.finish);
}

static void data_is_one_line_of_json_for_each_delta(void **state)
{
    char out[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = render(&format_data, span_from_string(rows[i].text), out);
        if (!span_equals_string(span_of(out, length), rows[i].data)) {
            fail_msg("row %zu: '%.*s', not '%s'", i, (int)length, out, rows[i].data);
        }
    }
}

static void reasoning_alone_shows_nothing(void **state)
{
    const struct upstream_delta delta = {.reasoning = SPAN_LITERAL("hm"),
                                         .data = SPAN_LITERAL("{}")};

    (void)state;
    assert_int_equal(format_text.delta_bound(&delta), 0);
    assert_int_equal(format_data.delta_bound(&delta), 0);
}

/* Any UTF-8 comes back unchanged from a JSON reader, whatever its characters. */
static void random_text_survives_data(void **state)
{
    static const char *const pieces[] = {"a",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\x02",
                                         "\xc2\x85",
                                         "\xe2\x80\xa8",
                                         "\xe2\x82\xac",
                                         "\xc3\xbf",
                                         "/",
                                         "\xf0\x9f\x8c\x8a"};
    struct json_doc *doc = json_doc_new();
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char text[256] = "";
        char out[2048];
        char back[2048];
        size_t length = 0;
        for (int i = 0; i < round % 40; i++) {
            const char *piece = pieces[(seed = seed * 1103515245U + 12345U) / 65536U %
                                       (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        size_t written = render(&format_data, span_of(text, length), out);
        if (length == 0) {
            assert_int_equal(written, 0);
            continue;
        }
        assert_memory_equal(out, "0:", 2);
        assert_int_equal(out[written - 1], '\n');
        assert_int_equal(json_parse(doc, span_of(out + 2, written - 3), 4), JSON_OK);
        size_t count = json_unescape(json_raw(doc, 0), back);
        assert_int_equal(count, length);
        assert_memory_equal(back, text, length);
        assert_null(memchr(out, '\n', written - 1)); /* one line */
    }
    json_doc_free(doc);
}

static void data_ends_with_the_finish_and_the_usage(void **state)
{
    struct upstream_end end = {.finish = UPSTREAM_FINISH_LENGTH, .usage = {12, 34}};
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_true(span_equals_string(span_of(out, format_data.finish(&end, out)),
                                   "d:{\"finishReason\":\"length\",\"usage\":{\"promptTokens\":12,"
                                   "\"completionTokens\":34}}\n"));
    end.finish = UPSTREAM_FINISH_NONE;
    end.usage = (struct upstream_usage){-1, -1};
    assert_true(span_equals_string(span_of(out, format_data.finish(&end, out)),
                                   "d:{\"finishReason\":\"unknown\",\"usage\":{\"promptTokens\":"
                                   "null,\"completionTokens\":null}}\n"));
}

static void data_has_words_for_a_failure(void **state)
{
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_true(
        span_equals_string(span_of(out, format_data.failure("it broke", out)), "3:\"it broke\"\n"));
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(format_find(span_from_string("text")), &format_text);
    assert_ptr_equal(format_find(span_from_string("data")), &format_data);
    assert_null(format_find(span_from_string("TEXT")));
    assert_null(format_find(span_from_string("")));
    assert_non_null(strstr(format_names(), "data"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_text_and_nothing_else),
        cmocka_unit_test(data_is_one_line_of_json_for_each_delta),
        cmocka_unit_test(reasoning_alone_shows_nothing),
        cmocka_unit_test(random_text_survives_data),
        cmocka_unit_test(data_ends_with_the_finish_and_the_usage),
        cmocka_unit_test(data_has_words_for_a_failure),
        cmocka_unit_test(formats_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
