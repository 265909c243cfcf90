/* SPDX-License-Identifier: MIT */
/*
 * test_no_memory.c - the request path's parsers when memory runs out.
 *
 * The files under test are included, so that their allocations can be counted
 * and any one of them made to fail. Each case is repeated with the first, the
 * second, ... allocation failing until it gets through; a leak or a use of what
 * is not there is the sanitizers' find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static long allocations_until_failure; /* 1: the next one fails; 0 or less: none does */

static bool fails_now(void);

static void *failing_malloc(size_t size)
{
    return fails_now() ? NULL : malloc(size);
}

static void *failing_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : calloc(count, size);
}

static void *failing_reallocarray(void *old, size_t count, size_t size)
{
    return fails_now() ? NULL : reallocarray(old, count, size);
}

#define malloc failing_malloc
#define calloc failing_calloc
#define reallocarray failing_reallocarray
#include "base/json.c"
#include "base/secret.c"
#include "gateway/chat_request.c"
#undef malloc
#undef calloc
#undef reallocarray

enum {
    SWEEP_MAX = 100,
    MESSAGES_MAX = 200,
    NAMES = 100
};

static bool fails_now(void)
{
    return allocations_until_failure > 0 && --allocations_until_failure == 0;
}

/* More parts, messages and tokens than the parser starts with, so that everything grows. */
static const char *large_body(void)
{
    static char body[32768];
    size_t length = (size_t)snprintf(body, sizeof(body), "{\"messages\":[");

    for (int i = 0; i < MESSAGES_MAX; i++) {
        length += (size_t)snprintf(body + length, sizeof(body) - length,
                                   "%s{\"role\":\"user\",\"parts\":[{\"type\":\"text\","
                                   "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}",
                                   i > 0 ? "," : "");
    }
    snprintf(body + length, sizeof(body) - length, "]}");
    return body;
}

/* A small body, then a large one, with one parser. True when memory was enough for all. */
static bool parse_two_bodies(void)
{
    struct span small = span_from_string("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
    struct chat_request_parser *parser = chat_request_parser_new();
    struct chat_request request = {NULL, 77};
    const char *problem = NULL;
    enum chat_request_status status;

    if (parser == NULL) {
        return false;
    }
    status = chat_request_parse(parser, small, MESSAGES_MAX, &request, &problem);
    if (status == CHAT_REQUEST_OK) {
        status = chat_request_parse(parser, span_from_string(large_body()), MESSAGES_MAX, &request,
                                    &problem);
    }
    if (status != CHAT_REQUEST_OK) {
        assert_int_equal(status, CHAT_REQUEST_NO_MEMORY);
        assert_string_equal(problem, "out of memory");
        /* The parser is as good as new once there is memory again. */
        assert_int_equal(chat_request_parse(parser, small, MESSAGES_MAX, &request, NULL),
                         CHAT_REQUEST_OK);
        assert_int_equal(request.message_count, 1);
    }
    chat_request_parser_free(parser);
    return status == CHAT_REQUEST_OK;
}

static void any_failing_allocation_refuses_one_body_and_harms_nothing(void **state)
{
    long nth = 0;
    bool is_enough = false;

    (void)state;
    while (!is_enough && nth < SWEEP_MAX) {
        allocations_until_failure = ++nth;
        is_enough = parse_two_bodies();
    }
    /* The parser, the document, two arenas of two arrays, and the growing lists. */
    assert_in_range(nth, 10, SWEEP_MAX - 1);
    allocations_until_failure = 0;
}

/* The one answer without a way to say "no memory": it must be the safe one. */
static void members_that_cannot_be_compared_count_as_repeated(void **state)
{
    struct json_doc *doc = json_doc_new();
    char text[NAMES * 12] = "{";
    size_t length = 1;

    (void)state;
    assert_non_null(doc);
    for (int i = 0; i < NAMES; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s\"%d\":0",
                                   i > 0 ? "," : "", i);
    }
    text[length++] = '}';
    assert_int_equal(json_parse(doc, span_of(text, length), 1), JSON_OK);

    assert_false(json_has_duplicate_members(doc, 0));
    allocations_until_failure = 1;
    assert_true(json_has_duplicate_members(doc, 0));
    allocations_until_failure = 0;
    json_doc_free(doc);
}

static void a_secret_without_memory_is_refused(void **state)
{
    struct secret secret = {NULL, 77};

    (void)state;
    assert_int_equal(setenv("TIDEGATE_TEST_SECRET", "abc", 1), 0);
    allocations_until_failure = 1;
    assert_int_equal(secret_load("env:TIDEGATE_TEST_SECRET", &secret), SECRET_NO_MEMORY);
    allocations_until_failure = 1;
    assert_false(secret_copy(span_from_string("abc"), &secret));
    assert_null(secret.bytes);
    assert_int_equal(secret.length, 77);
    allocations_until_failure = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failing_allocation_refuses_one_body_and_harms_nothing),
        cmocka_unit_test(members_that_cannot_be_compared_count_as_repeated),
        cmocka_unit_test(a_secret_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
