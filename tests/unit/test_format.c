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

static const struct format_stream fresh = {
    .id = SPAN_LITERAL("0123"),
    .model = SPAN_LITERAL("acme/chatty:fast"),
    .created_unix_s = 1700000000,
};

#define MADE                                                                                       \
    "data: {\"id\":\"chatcmpl-0123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
    "\"model\":\"acme/chatty:fast\",\"choices\":["

static size_t render(const struct format *format, struct span text, char *out)
{
    const struct upstream_delta delta = {.text = text};
    struct format_stream stream = {.id = SPAN_LITERAL("x")};
    size_t bound = format->delta_bound(&stream, &delta);
    size_t length = bound == 0 ? 0 : format->delta(&stream, &delta, out);

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

static size_t write(const struct format *format, struct format_stream *stream,
                    const struct upstream_delta *delta, char *out)
{
    size_t bound = format->delta_bound(stream, delta);
    size_t length = bound == 0 ? 0 : format->delta(stream, delta, out);

    assert_true(length <= bound);
    return length;
}

static void reasoning_is_shown_where_it_is_wanted(void **state)
{
    const struct upstream_delta deltas[] = {
        {.reasoning = SPAN_LITERAL("h\"m"), .data = SPAN_LITERAL("{}")},
        {.reasoning = SPAN_LITERAL("m")},
        {.text = SPAN_LITERAL("a")},
        {.text = SPAN_LITERAL("b")},
        {.reasoning = SPAN_LITERAL("again"), .text = SPAN_LITERAL("c")},
    };
    static const struct {
        const struct format *format;
        bool shows_reasoning;
        const char *written;
    } wanted[] = {
        {&format_text, false, "abc"},
        {&format_text, true, "<think>\nh\"mm\n</think>\n\nab<think>\nagain\n</think>\n\nc"},
        {&format_data, false, "0:\"a\"\n0:\"b\"\n0:\"c\"\n"},
        {&format_data, true, "g:\"h\\\"m\"\ng:\"m\"\n0:\"a\"\n0:\"b\"\ng:\"again\"\n0:\"c\"\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct format_stream stream = fresh;
        char out[512];
        size_t length = 0;
        stream.shows_reasoning = wanted[i].shows_reasoning;
        for (size_t j = 0; j < sizeof(deltas) / sizeof(deltas[0]); j++) {
            length += write(wanted[i].format, &stream, &deltas[j], out + length);
        }
        out[length] = '\0';
        assert_string_equal(out, wanted[i].written);
    }
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
    struct format_stream stream = fresh;

    (void)state;
    assert_true(span_equals_string(span_of(out, format_data.finish(&stream, &end, out)),
                                   "d:{\"finishReason\":\"length\",\"usage\":{\"promptTokens\":12,"
                                   "\"completionTokens\":34}}\n"));
    end.finish = UPSTREAM_FINISH_NONE;
    end.usage = (struct upstream_usage){-1, -1};
    assert_true(span_equals_string(span_of(out, format_data.finish(&stream, &end, out)),
                                   "d:{\"finishReason\":\"unknown\",\"usage\":{\"promptTokens\":"
                                   "null,\"completionTokens\":null}}\n"));
}

static void data_has_words_for_a_failure(void **state)
{
    const struct format_failure failure = {.token = "draining", .event = SPAN_LITERAL("{}")};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_true(span_equals_string(span_of(out, format_data.failure(&stream, &failure, out)),
                                   "3:\"The answer is not whole (draining).\"\n"));
}

/* -- openai -- */

static size_t relay_chunk(struct format_stream *stream, struct span data, char *out)
{
    const struct upstream_delta delta = {
        .data = data, .text = SPAN_LITERAL("not looked at"), .is_chunk = true};
    size_t bound = format_openai.delta_bound(stream, &delta);
    size_t length = format_openai.delta(stream, &delta, out);

    assert_int_equal(length, bound); /* what is passed on is reserved to the byte */
    return length;
}

static void openai_passes_chunks_on_byte_for_byte(void **state)
{
    static const char *const chunks[][2] = {
        {"{\"choices\":[]}", "data: {\"choices\":[]}\n\n"},
        {" {\"choices\" : [] , \"seed\":18446744073709551615} ",
         "data:  {\"choices\" : [] , \"seed\":18446744073709551615} \n\n"},
        {"{\"choices\":[{\"delta\":{\"content\":\"\\u0000\\ud83d\\ude42\xe2\x80\xa8\"}}]}",
         "data: "
         "{\"choices\":[{\"delta\":{\"content\":\"\\u0000\\ud83d\\ude42\xe2\x80\xa8\"}}]}\n\n"},
        {"{\n\"choices\":\n\n[]}\n", "data: {\ndata: \"choices\":\ndata: \ndata: []}\ndata: \n\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        struct format_stream stream = fresh;
        struct upstream_end end = {.finish = UPSTREAM_FINISH_STOP, .usage = {1, 2}};
        char out[FORMAT_TAIL_BYTES_MAX];
        size_t length = relay_chunk(&stream, span_from_string(chunks[i][0]), out);
        assert_true(span_equals_string(span_of(out, length), chunks[i][1]));
        length = format_openai.finish(&stream, &end, out);
        assert_true(span_equals_string(span_of(out, length), "data: [DONE]\n\n"));
    }
}

static void openai_makes_chunks_for_a_provider_that_has_none(void **state)
{
    const struct upstream_delta deltas[] = {
        {.text = SPAN_LITERAL("a\"\n\x01\xf0\x9f\x99\x82"), .data = SPAN_LITERAL("{}")},
        {.reasoning = SPAN_LITERAL("hm")},
        {.reasoning = SPAN_LITERAL("r"), .text = SPAN_LITERAL("t")},
    };
    static const char *const made[] = {
        MADE "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
             "\"a\\\"\\n\\u0001\xf0\x9f\x99\x82\"},\"finish_reason\":null}]}\n\n",
        MADE "{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"},\"finish_reason\":null}]}\n\n",
        MADE "{\"index\":0,\"delta\":{\"reasoning_content\":\"r\",\"content\":\"t\"},"
             "\"finish_reason\":null}]}\n\n",
    };
    static const char end_made[] =
        MADE "{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n" MADE
             "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n"
             "data: [DONE]\n\n";
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_LENGTH, .usage = {3, 4}};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++) {
        size_t bound = format_openai.delta_bound(&stream, &deltas[i]);
        size_t length = format_openai.delta(&stream, &deltas[i], out);
        assert_true(length <= bound);
        assert_true(span_equals_string(span_of(out, length), made[i]));
    }
    assert_true(
        span_equals_string(span_of(out, format_openai.finish(&stream, &end, out)), end_made));
}

static void openai_ends_an_empty_made_answer_with_a_role_and_a_reason(void **state)
{
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_NONE, .usage = {-1, -1}};
    const struct upstream_delta nothing = {.data = SPAN_LITERAL("{}")};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_int_equal(format_openai.delta_bound(&stream, &nothing), 0);
    assert_true(
        span_equals_string(span_of(out, format_openai.finish(&stream, &end, out)),
                           MADE "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                                "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
}

static void openai_hides_usage_from_those_who_did_not_ask(void **state)
{
    const struct upstream_delta usage = {.data = SPAN_LITERAL("{\"choices\":[],\"usage\":{}}"),
                                         .is_chunk = true,
                                         .is_usage_only = true};
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_STOP, .usage = {3, INT64_MAX}};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_true(format_openai.delta_bound(&stream, &usage) > 0);
    out[format_openai.finish(&stream, &end, out)] = '\0';
    assert_non_null(strstr(out, "\"total_tokens\":9223372036854775807}"));
    stream.hides_usage = true;
    assert_int_equal(format_openai.delta_bound(&stream, &usage), 0);
    out[format_openai.finish(&stream, &end, out)] = '\0';
    assert_null(strstr(out, "usage"));
}

static void openai_reports_a_failure_and_does_not_say_done(void **state)
{
    static const struct {
        struct format_failure failure;
        const char *written;
    } rows_of_failures[] = {
        {{.token = "upstream_truncated"},
         "data: {\"error\":{\"message\":\"The answer is not whole (upstream_truncated).\","
         "\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_truncated\"}}\n\n"},
        {{.token = "upstream_error_event", .event = SPAN_LITERAL("{\"error\": \"overloaded\"}")},
         "data: {\"error\": \"overloaded\"}\n\n"},
        {{.token = "draining", .event = SPAN_LITERAL("{\n\"error\":1}")},
         "data: {\"error\":{\"message\":\"The answer is not whole (draining).\","
         "\"type\":\"server_error\",\"param\":null,\"code\":\"draining\"}}\n\n"},
    };
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows_of_failures) / sizeof(rows_of_failures[0]); i++) {
        size_t length = format_openai.failure(&stream, &rows_of_failures[i].failure, out);
        assert_true(span_equals_string(span_of(out, length), rows_of_failures[i].written));
    }
}

/* -- ui -- */

#define UI(json) "data: " json "\n\n"
#define UI_BEGIN UI("{\"type\":\"start\"}") UI("{\"type\":\"start-step\"}")
#define UI_END UI("{\"type\":\"finish-step\"}") UI("{\"type\":\"finish\"}") UI("[DONE]")

static void ui_opens_and_closes_each_part(void **state)
{
    const struct upstream_delta deltas[] = {
        {.reasoning = SPAN_LITERAL("hm")},
        {.reasoning = SPAN_LITERAL("\n")},
        {.text = SPAN_LITERAL("a\"\x01\xe2\x80\xa8\xf0\x9f\x99\x82")},
        {.text = SPAN_LITERAL("b")},
        {.reasoning = SPAN_LITERAL("r"), .text = SPAN_LITERAL("c")},
    };
    static const char written[] = UI_BEGIN UI("{\"type\":\"reasoning-start\",\"id\":\"0\"}")
        UI("{\"type\":\"reasoning-delta\",\"id\":\"0\",\"delta\":\"hm\"}")
            UI("{\"type\":\"reasoning-delta\",\"id\":\"0\",\"delta\":\"\\n\"}")
                UI("{\"type\":\"reasoning-end\",\"id\":\"0\"}")
                    UI("{\"type\":\"text-start\",\"id\":\"1\"}") UI(
                        "{\"type\":\"text-delta\",\"id\":\"1\",\"delta\":"
                        "\"a\\\"\\u0001\\u2028\xf0\x9f\x99\x82\"}")
                        UI("{\"type\":\"text-delta\",\"id\":\"1\",\"delta\":\"b\"}")
                            UI("{\"type\":\"text-end\",\"id\":\"1\"}")
                                UI("{\"type\":\"reasoning-start\",\"id\":\"2\"}") UI(
                                    "{\"type\":\"reasoning-delta\",\"id\":\"2\",\"delta\":\"r\"}")
                                    UI("{\"type\":\"reasoning-end\",\"id\":\"2\"}") UI(
                                        "{\"type\":\"text-start\",\"id\":\"3\"}")
                                        UI("{\"type\":\"text-delta\",\"id\":\"3\",\"delta\":\"c\"}")
                                            UI("{\"type\":\"text-end\",\"id\":\"3\"}") UI_END;
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_STOP, .usage = {1, 2}};
    struct format_stream stream = fresh;
    char out[4096];
    size_t length = 0;

    (void)state;
    stream.shows_reasoning = true;
    for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++) {
        length += write(&format_ui, &stream, &deltas[i], out + length);
    }
    length += format_ui.finish(&stream, &end, out + length);
    out[length] = '\0';
    assert_string_equal(out, written);
}

static void ui_without_reasoning_and_without_anything(void **state)
{
    const struct upstream_delta reasoning = {.reasoning = SPAN_LITERAL("hm")};
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_NONE, .usage = {-1, -1}};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    assert_int_equal(write(&format_ui, &stream, &reasoning, out), 0);
    assert_true(
        span_equals_string(span_of(out, format_ui.finish(&stream, &end, out)), UI_BEGIN UI_END));
}

static void ui_reports_a_failure_as_an_error_part(void **state)
{
    static const char error[] =
        UI("{\"type\":\"error\",\"errorText\":\"The answer is not whole (draining).\"}")
            UI("[DONE]");
    const struct upstream_delta text = {.text = SPAN_LITERAL("a")};
    const struct format_failure failure = {.token = "draining", .event = SPAN_LITERAL("{}")};
    struct format_stream stream = fresh;
    char out[FORMAT_TAIL_BYTES_MAX];

    (void)state;
    (void)write(&format_ui, &stream, &text, out);
    assert_true(span_equals_string(span_of(out, format_ui.failure(&stream, &failure, out)), error));
}

/* -- all of them -- */

/* A piece of any size and content fits into what was reserved for it, and not much more is. */
static void a_large_delta_fits_its_bound(void **state)
{
    static const char *const pieces[] = {"a", "\x01", "\"", "\xe2\x80\xa8", "\xf0\x9f\x8c\x8a"};
    static const struct format *const escaping[] = {&format_data, &format_ui, &format_openai};
    char *text = malloc(1 << 20);
    char *out = malloc(8 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        size_t unit = strlen(pieces[i]);
        size_t length = 0;
        while (length + unit <= (size_t)1 << 20) {
            memcpy(text + length, pieces[i], unit);
            length += unit;
        }
        for (size_t j = 0; j < sizeof(escaping) / sizeof(escaping[0]); j++) {
            const struct upstream_delta delta = {.text = span_of(text, length)};
            struct format_stream stream = fresh;
            size_t bound = escaping[j]->delta_bound(&stream, &delta);
            size_t written = write(escaping[j], &stream, &delta, out);
            assert_true(written > length && bound < 4 * written);
        }
    }
    free(text);
    free(out);
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(format_find(span_from_string("text")), &format_text);
    assert_ptr_equal(format_find(span_from_string("data")), &format_data);
    assert_ptr_equal(format_find(span_from_string("ui")), &format_ui);
    assert_ptr_equal(format_find(span_from_string("openai")), &format_openai);
    assert_null(format_find(span_from_string("TEXT")));
    assert_null(format_find(span_from_string("")));
    assert_non_null(strstr(format_names(), "data"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_text_and_nothing_else),
        cmocka_unit_test(data_is_one_line_of_json_for_each_delta),
        cmocka_unit_test(reasoning_is_shown_where_it_is_wanted),
        cmocka_unit_test(random_text_survives_data),
        cmocka_unit_test(data_ends_with_the_finish_and_the_usage),
        cmocka_unit_test(data_has_words_for_a_failure),
        cmocka_unit_test(openai_passes_chunks_on_byte_for_byte),
        cmocka_unit_test(openai_makes_chunks_for_a_provider_that_has_none),
        cmocka_unit_test(openai_ends_an_empty_made_answer_with_a_role_and_a_reason),
        cmocka_unit_test(openai_hides_usage_from_those_who_did_not_ask),
        cmocka_unit_test(openai_reports_a_failure_and_does_not_say_done),
        cmocka_unit_test(ui_opens_and_closes_each_part),
        cmocka_unit_test(ui_without_reasoning_and_without_anything),
        cmocka_unit_test(ui_reports_a_failure_as_an_error_part),
        cmocka_unit_test(a_large_delta_fits_its_bound),
        cmocka_unit_test(formats_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
