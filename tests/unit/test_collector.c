/* SPDX-License-Identifier: MIT */
/*
 * test_collector.c - what an answer becomes that is gathered, and that its bytes are bounded.
 *
 * Whatever events come, what is rendered is JSON: the pieces are joined as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/collector.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BEFORE                                                                                     \
    "{\"id\":\"chatcmpl-r1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"a/b\","
#define CHOICE(message, finish)                                                                    \
    BEFORE "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," message                \
           "},\"logprobs\":null,\"finish_reason\":\"" finish "\"}]"

static const struct format_stream stream = {
    .id = SPAN_LITERAL("r1"), .model = SPAN_LITERAL("a/b"), .created_unix_s = 7};

static struct json_doc *doc;
static struct json_doc *checker;

static enum collector_status add(struct collector *collector, const char *text, const char *chunk)
{
    const struct upstream_delta delta = {
        .text = span_from_string(text),
        .data = span_from_string(chunk),
        .is_chunk = chunk != NULL,
    };

    return collector_add(collector, &delta);
}

/* clang-format off */
static const struct row {
    const char *name;
    const char *text;      /* of the one delta */
    const char *chunks[3]; /* events, the first one with the text */
    enum upstream_finish finish;
    const char *expected;
} rows[] = {
    {"text alone", "a\"\n", {NULL}, UPSTREAM_FINISH_STOP, CHOICE("\"content\":\"a\\\"\\n\"", "stop") "}"},
    {"nothing at all", "", {NULL}, UPSTREAM_FINISH_NONE, CHOICE("\"content\":\"\"", "stop") "}"},
    {"cut by the limit", "a", {NULL}, UPSTREAM_FINISH_LENGTH, CHOICE("\"content\":\"a\"", "length") "}"},
    {"filtered", "a", {NULL}, UPSTREAM_FINISH_CONTENT_FILTER, CHOICE("\"content\":\"a\"", "content_filter") "}"},
    {"an odd finish", "a", {"{\"choices\":[{\"finish_reason\":\"odd\"}]}"}, UPSTREAM_FINISH_OTHER, CHOICE("\"content\":\"a\"", "odd") "}"},
    {"an odd finish that no chunk names", "a", {NULL}, UPSTREAM_FINISH_OTHER, CHOICE("\"content\":\"a\"", "stop") "}"},
    {"marks of a wrong type are not taken", "a", {"{\"id\":1,\"model\":null,\"created\":\"x\",\"system_fingerprint\":{},\"choices\":[]}"},
     UPSTREAM_FINISH_STOP, CHOICE("\"content\":\"a\"", "stop") "}"},
    {"choices that are none", "a", {"{\"choices\":7}", "{\"choices\":[null]}", "{\"choices\":[{\"delta\":[]}]}"},
     UPSTREAM_FINISH_STOP, CHOICE("\"content\":\"a\"", "stop") "}"},
    {"the last usage counts", "a", {"{\"usage\":{\"x\":1}}", "{\"usage\":null}", "{\"usage\":{\"y\":[2]}}"},
     UPSTREAM_FINISH_STOP, CHOICE("\"content\":\"a\"", "stop") ",\"usage\":{\"y\":[2]}}"},
    {"a tool call in pieces", "", {
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":9,\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":9,\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":\"1}\"}}]}}]}"},
     UPSTREAM_FINISH_NONE,
     CHOICE("\"content\":null,\"tool_calls\":[{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]", "tool_calls") "}"},
    {"one call where a list belongs", "", {"{\"choices\":[{\"delta\":{\"tool_calls\":{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}}]}"},
     UPSTREAM_FINISH_TOOL_CALLS,
     CHOICE("\"content\":null,\"tool_calls\":[{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]", "tool_calls") "}"},
    {"a call of a custom tool", "", {
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"i\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}]}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"y\"}}]}}]}"},
     UPSTREAM_FINISH_TOOL_CALLS,
     CHOICE("\"content\":null,\"tool_calls\":[{\"id\":\"i\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"xy\"}}]", "tool_calls") "}"},
    {"calls that are none", "a", {"{\"choices\":[{\"delta\":{\"tool_calls\":[1,null,[]]}}]}"}, UPSTREAM_FINISH_STOP, CHOICE("\"content\":\"a\"", "stop") "}"},
};
/* clang-format on */

static void events_become_one_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collector *collector = collector_new(65536, doc);
        const struct upstream_end end = {.finish = rows[i].finish, .usage = {-1, -1}};
        struct span answer;
        assert_non_null(collector);
        assert_int_equal(add(collector, rows[i].text, rows[i].chunks[0]), COLLECTOR_OK);
        for (size_t j = 1; j < 3 && rows[i].chunks[j] != NULL; j++) {
            assert_int_equal(add(collector, "", rows[i].chunks[j]), COLLECTOR_OK);
        }
        assert_true(collector_render(collector, &stream, &end, &answer));
        if (!span_equals_string(answer, rows[i].expected) ||
            json_parse(checker, answer, JSON_DEPTH_MAX) != JSON_OK) {
            fail_msg("%s: %.*s", rows[i].name, (int)answer.length, answer.data);
        }
        collector_free(collector);
    }
}

static void usage_that_no_chunk_tells_is_that_of_the_end(void **state)
{
    struct collector *collector = collector_new(1024, doc);
    const struct upstream_end end = {.finish = UPSTREAM_FINISH_STOP, .usage = {3, INT64_MAX}};
    struct span answer;

    (void)state;
    assert_int_equal(add(collector, "a", NULL), COLLECTOR_OK);
    assert_true(collector_render(collector, &stream, &end, &answer));
    assert_true(span_equals_string(
        answer, CHOICE("\"content\":\"a\"", "stop") ",\"usage\":{\"prompt_tokens\":3,"
                                                    "\"completion_tokens\":9223372036854775807,"
                                                    "\"total_tokens\":9223372036854775807}}"));
    collector_free(collector);
}

static void the_bytes_are_bounded_whatever_they_are_of(void **state)
{
    static const char *const chunks[] = {
        "{\"choices\":[{\"delta\":{\"refusal\":\"xxxxxxxx\"}}]}",
        "{\"choices\":[{\"logprobs\":{\"content\":[{},{},{},{}]}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
        "\"xxxxxxxx\"}}]}}]}",
        "{\"choices\":[{\"delta\":{\"function_call\":{\"arguments\":\"xxxxxxxx\"}}}]}",
        NULL,
    };

    (void)state;
    for (size_t i = 0; i < ROWS(chunks); i++) {
        struct collector *collector = collector_new(1000, doc);
        enum collector_status status = COLLECTOR_OK;
        for (size_t j = 0; j < 1000 && status == COLLECTOR_OK; j++) {
            status = add(collector, chunks[i] == NULL ? "xxxxxxxx" : "", chunks[i]);
            assert_true(collector_bytes(collector) <= 1000);
        }
        assert_int_equal(status, COLLECTOR_FULL);
        assert_int_equal(add(collector, "", NULL), COLLECTOR_FULL); /* and it stays so */
        collector_reset(collector);
        assert_int_equal(add(collector, "a", NULL), COLLECTOR_OK);
        assert_int_equal(collector_bytes(collector), 1);
        collector_free(collector);
    }
}

/* A provider that repeats its usage with every chunk does not fill the room with it. */
static void what_is_replaced_gives_its_room_back(void **state)
{
    struct collector *collector = collector_new(100, doc);

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(add(collector, "", "{\"id\":\"i\",\"usage\":{\"prompt_tokens\":1}}"),
                         COLLECTOR_OK);
    }
    assert_int_equal(collector_bytes(collector), sizeof("\"i\"{\"prompt_tokens\":1}") - 1);
    collector_free(collector);
    collector_free(NULL);
}

static int make_docs(void **state)
{
    (void)state;
    doc = json_doc_new();
    checker = json_doc_new();
    return doc == NULL || checker == NULL ? -1 : 0;
}

static int free_docs(void **state)
{
    (void)state;
    json_doc_free(doc);
    json_doc_free(checker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_become_one_object),
        cmocka_unit_test(usage_that_no_chunk_tells_is_that_of_the_end),
        cmocka_unit_test(the_bytes_are_bounded_whatever_they_are_of),
        cmocka_unit_test(what_is_replaced_gives_its_room_back),
    };

    return cmocka_run_group_tests(tests, make_docs, free_docs);
}
