/* SPDX-License-Identifier: MIT */
/*
 * test_reply.c - the exact bytes of local answers and of the stream's head.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/format.h"
#include "gateway/reply.h"

/* 1994-11-06 08:49:37 UTC, the date of RFC 9110 section 5.6.7. */
#define RFC_DATE_UNIX_MS INT64_C(784111777000)

static struct reply_error error_of(enum end_reason reason)
{
    return (struct reply_error){
        .reason = reason,
        .request_id = "00000000ffffffff",
        .is_persistent = true,
        .has_body = true,
        .retry_after_s = -1,
    };
}

static const char *render(const struct reply_error *error)
{
    static char bytes[REPLY_BYTES_MAX + 1];
    size_t length = reply_error_render(error, bytes);

    bytes[length] = '\0';
    return bytes;
}

static void unauthorized_answer_is_exact(void **state)
{
    struct reply_error error = error_of(END_UNAUTHORIZED);

    (void)state;
    assert_string_equal(render(&error),
                        "HTTP/1.1 401 Unauthorized\r\n"
                        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "Content-Type: application/json\r\n"
                        "Content-Length: 58\r\n"
                        "Cache-Control: no-store\r\n"
                        "X-Request-Id: 00000000ffffffff\r\n"
                        "X-Tidegate-Reason: unauthorized\r\n"
                        "WWW-Authenticate: Bearer\r\n"
                        "\r\n"
                        "{\n  \"statusCode\": 401,\n  \"statusMessage\": \"Unauthorized\"\n}");
}

static void a_token_that_was_sent_is_called_invalid(void **state)
{
    struct reply_error error = error_of(END_UNAUTHORIZED);

    (void)state;
    error.sent_token = true;
    assert_non_null(strstr(render(&error), "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
}

struct row {
    const char *name;
    enum end_reason reason;
    bool as_gateway;
    int64_t retry_after_s;
    const char *expected; /* somewhere in the answer */
};

static const struct row rows[] = {
    {"method", END_METHOD_NOT_ALLOWED, false, -1, "Allow: POST, OPTIONS\r\n"},
    {"method phrase", END_METHOD_NOT_ALLOWED, false, -1,
     "{\n  \"statusCode\": 405,\n  \"statusMessage\": \"HTTP method is not allowed.\"\n}"},
    {"chat_id", END_BAD_REQUEST, false, -1,
     "{\n  \"statusCode\": 400,\n  \"statusMessage\": \"Bad Request.\"\n}"},
    {"model", END_MODEL_UNKNOWN, false, -1,
     "{\n  \"statusCode\": 400,\n  \"statusMessage\": \"Invalid model name or publisher\"\n}"},
    {"retired", END_MODEL_RETIRED, false, -1,
     "{\n  \"statusCode\": 400,\n  \"statusMessage\": \"Service not available anymore.\"\n}"},
    {"body", END_BAD_BODY, false, -1,
     "{\n  \"statusCode\": 400,\n"
     "  \"statusMessage\": \"Bad Request. Invalid body(message | messages).\"\n}"},
    {"media type", END_MEDIA_TYPE, false, -1, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {"too large", END_TOO_LARGE, false, -1, "HTTP/1.1 413 Content Too Large\r\n"},
    {"not found", END_NOT_FOUND, false, -1, "HTTP/1.1 404 Not Found\r\n"},
    {"full", END_GATEWAY_FULL, false, -1, "Retry-After: 5\r\n"},
    {"rate limit of the provider", END_UPSTREAM_RATE_LIMITED, false, 17, "Retry-After: 17\r\n"},
    {"absurd wait", END_UPSTREAM_RATE_LIMITED, false, 99999999, "Retry-After: 3600\r\n"},
    {"documented 500", END_UPSTREAM_CONNECT, false, -1,
     "{\n  \"statusCode\": 500,\n  \"statusMessage\": \"Internal Server Error\"\n}"},
    {"documented 500 names its reason", END_UPSTREAM_TIMEOUT_FIRST, false, -1,
     "X-Tidegate-Reason: upstream_timeout_first\r\n"},
    {"documented 500 of a 503 with a time", END_UPSTREAM_CIRCUIT_OPEN, false, 4,
     "Retry-After: 4\r\n"},
    {"documented 500 of a 503 without one", END_UPSTREAM_BUSY, false, -1,
     "X-Tidegate-Reason: upstream_busy\r\n\r\n"},
    {"gateway 503 with a time", END_UPSTREAM_CIRCUIT_OPEN, true, 4, "Retry-After: 4\r\n"},
    {"gateway 502", END_UPSTREAM_CONNECT, true, -1, "HTTP/1.1 502 Bad Gateway\r\n"},
    {"gateway 503", END_UPSTREAM_BUSY, true, -1, "HTTP/1.1 503 Service Unavailable\r\n"},
    {"gateway 504", END_UPSTREAM_TIMEOUT_FIRST, true, -1, "HTTP/1.1 504 Gateway Timeout\r\n"},
};

static void each_reason_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply_error error = error_of(rows[i].reason);
        error.upstream_as_gateway = rows[i].as_gateway;
        error.retry_after_s = rows[i].retry_after_s;
        if (strstr(render(&error), rows[i].expected) == NULL) {
            fail_msg("row '%s': not in\n%s", rows[i].name, render(&error));
        }
    }
}

static void content_length_is_that_of_the_body(void **state)
{
    (void)state;
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        struct reply_error error = error_of((enum end_reason)reason);
        if (end_reason_status(error.reason) == 204) {
            assert_null(strstr(render(&error), "Content-Length"));
            continue;
        }
        const char *text = render(&error);
        const char *body = strstr(text, "\r\n\r\n") + 4;
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "\r\nContent-Length: %zu\r\n", strlen(body));
        assert_non_null(strstr(text, expected));
    }
}

static void head_request_gets_no_body_but_its_length(void **state)
{
    struct reply_error error = error_of(END_METHOD_NOT_ALLOWED);
    const char *text;

    (void)state;
    error.has_body = false;
    text = render(&error);
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    assert_null(strstr(text, "Content-Length: 0"));
}

static void stream_head_is_exact(void **state)
{
    char bytes[REPLY_BYTES_MAX + 1];
    const struct reply_head head = {.request_id = "00000000ffffffff", .is_persistent = true};
    size_t length = reply_stream_head_render(&format_text, &head, bytes);

    (void)state;
    bytes[length] = '\0';
    assert_string_equal(bytes, "HTTP/1.1 200 OK\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Type: text/event-stream; charset=utf-8\r\n"
                               "Transfer-Encoding: chunked\r\n"
                               "Cache-Control: no-cache, no-transform\r\n"
                               "X-Accel-Buffering: no\r\n"
                               "X-Request-Id: 00000000ffffffff\r\n"
                               "\r\n");
}

static void a_connection_that_closes_says_so(void **state)
{
    char bytes[REPLY_BYTES_MAX + 1];
    struct reply_error error = error_of(END_NOT_FOUND);
    const struct reply_head head = {.request_id = "x", .is_persistent = false};
    size_t length = reply_stream_head_render(&format_text, &head, bytes);

    (void)state;
    bytes[length] = '\0';
    assert_non_null(strstr(bytes, "\r\nConnection: close\r\n\r\n"));
    error.is_persistent = false;
    assert_non_null(strstr(render(&error), "\r\nConnection: close\r\n\r\n"));
}

static int stop_the_clock(void **state)
{
    (void)state;
    clock_set_for_test(1000, RFC_DATE_UNIX_MS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unauthorized_answer_is_exact),
        cmocka_unit_test(a_token_that_was_sent_is_called_invalid),
        cmocka_unit_test(each_reason_has_its_answer),
        cmocka_unit_test(content_length_is_that_of_the_body),
        cmocka_unit_test(head_request_gets_no_body_but_its_length),
        cmocka_unit_test(stream_head_is_exact),
        cmocka_unit_test(a_connection_that_closes_says_so),
    };

    return cmocka_run_group_tests(tests, stop_the_clock, NULL);
}
