/* SPDX-License-Identifier: MIT */
/*
 * test_classify.c - providers' error answers, Retry-After, and the failure table.
 */
#include "upstream/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/guard_page.h"

struct answer_row {
    const char *name;
    const char *body;
    int status;
    enum upstream_failure expected;
};

/* hf-wire 1.5, "before the stream", row by row. */
/* clang-format off */
static const struct answer_row answers[] = {
    {"400 no enabled provider",
     "{\"error\":{\"message\":\"The requested model 'a/b' is not supported by any provider "
     "you have enabled.\",\"type\":\"invalid_request_error\",\"param\":\"model\","
     "\"code\":\"model_not_supported\"}}", 400, UPSTREAM_MODEL_UNKNOWN},
    {"400 model_not_found", "{\"error\":{\"message\":\"x\",\"code\":\"model_not_found\"}}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"400 by its message alone",
     "{\"error\":{\"message\":\"model a/b is not supported by any provider\"}}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"400 one provider", "{\"error\":\"Model not supported by provider hf-inference\"}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"400 needs a plan", "{\"error\":\"Model requires a Pro subscription; see the pricing\"}",
     400, UPSTREAM_STATUS},
    {"400 bad token",
     "{\"error\":\"Authorization header is correct, but the token seems invalid\"}",
     400, UPSTREAM_STATUS},
    {"400 array", "{\"error\":[\"Error in `stream`: no\"]}", 400, UPSTREAM_STATUS},
    {"400 array that names the model", "{\"error\":[\"Model not supported by provider x\"]}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"400 warnings", "{\"error\":\"x\",\"warnings\":[\"y\"]}", 400, UPSTREAM_STATUS},
    {"400 empty", "", 400, UPSTREAM_STATUS},
    {"401 words", "{\"error\":\"Invalid username or password.\"}", 401, UPSTREAM_STATUS},
    {"401 empty", "", 401, UPSTREAM_STATUS},
    {"401 is no passing trouble", "{\"error\":\"rate limit reached for bad tokens\"}",
     401, UPSTREAM_STATUS},
    {"402 credits", "{\"error\":\"You have depleted your monthly included credits.\"}",
     402, UPSTREAM_STATUS},
    {"402 quota", "{\"error\":{\"code\":\"insufficient_quota\"}}", 402, UPSTREAM_STATUS},
    {"403 permission", "{\"error\":\"This authentication method does not have sufficient "
     "permissions to call Inference Providers\"}", 403, UPSTREAM_STATUS},
    {"403 too large",
     "{\"error\":\"The model a/b is too large to be loaded automatically (54GB > 10GB).\"}",
     403, UPSTREAM_STATUS},
    {"404 words", "{\"error\":\"Model a/b does not exist\"}", 404, UPSTREAM_MODEL_UNKNOWN},
    {"404 not found", "{\"error\":\"Not Found: Model not found\"}", 404, UPSTREAM_MODEL_UNKNOWN},
    {"404 HTML", "<html><body>Not Found</body></html>", 404, UPSTREAM_MODEL_UNKNOWN},
    {"404 plain", "Not Found", 404, UPSTREAM_MODEL_UNKNOWN},
    {"410 old address", "https://example.test is no longer supported.",
     410, UPSTREAM_MODEL_RETIRED},
    {"410 deprecated", "{\"error\":\"The requested model is deprecated and no longer "
     "supported by provider x\"}", 410, UPSTREAM_MODEL_RETIRED},
    {"400 deprecated", "{\"error\":\"The requested model is deprecated and no longer "
     "supported by provider x\"}", 400, UPSTREAM_MODEL_RETIRED},
    {"400 decommissioned", "{\"error\":{\"message\":\"The model `a-b` has been decommissioned and is "
     "no longer supported.\",\"type\":\"invalid_request_error\",\"code\":\"model_decommissioned\"}}",
     400, UPSTREAM_MODEL_RETIRED},
    {"400 not available", "{\"id\":\"q\",\"error\":{\"message\":\"Unable to access model a/b.\","
     "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"model_not_available\"}}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"400 not found in words", "{\"code\":400,\"reason\":\"x\",\"message\":\"Model not found, "
     "inaccessible, and/or not deployed\"}", 400, UPSTREAM_MODEL_UNKNOWN},
    {"413 plain", "length limit exceeded", 413, UPSTREAM_STATUS},
    {"415 plain", "Expected request with `Content-Type: application/json`", 415, UPSTREAM_STATUS},
    {"422 validation",
     "{\"error\":\"Input validation error: x\",\"error_type\":\"validation\"}", 422,
     UPSTREAM_STATUS},
    {"422 template", "{\"error\":\"Template error: x\",\"error_type\":\"template_error\"}",
     422, UPSTREAM_STATUS},
    {"422 plain", "Failed to deserialize the JSON body into the target type: x",
     422, UPSTREAM_STATUS},
    {"422 FastAPI", "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}",
     422, UPSTREAM_STATUS},
    {"422 FastAPI that names the model", "{\"detail\":[{\"msg\":\"model_not_found\"}]}",
     422, UPSTREAM_MODEL_UNKNOWN},
    {"422 detail", "{\"detail\":\"bad\"}", 422, UPSTREAM_STATUS},
    {"424 generation", "{\"error\":\"Request failed during generation: x\","
     "\"error_type\":\"generation\"}", 424, UPSTREAM_BUSY},
    {"424 empty", "", 424, UPSTREAM_BUSY},
    {"408", "", 408, UPSTREAM_BUSY},
    {"409", "", 409, UPSTREAM_STATUS},
    {"429 log in", "{\"error\":\"Please log in or use a HF access token\"}", 429, UPSTREAM_QUOTA},
    {"429 rate limit", "{\"error\":\"Rate limit reached. You reached free usage limit\"}",
     429, UPSTREAM_RATE_LIMITED},
    {"429 overloaded", "{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}",
     429, UPSTREAM_RATE_LIMITED},
    {"429 quota by code", "{\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}",
     429, UPSTREAM_QUOTA},
    {"429 quota by type", "{\"error\":{\"message\":\"x\",\"type\":\"insufficient_quota\"}}",
     429, UPSTREAM_QUOTA},
    {"429 empty", "", 429, UPSTREAM_RATE_LIMITED},
    {"500 words", "{\"error\":\"unknown error\",\"warnings\":[]}", 500, UPSTREAM_BUSY},
    {"500 plain", "Internal Error", 500, UPSTREAM_BUSY},
    {"501", "", 501, UPSTREAM_STATUS},
    {"502 HTML", "<TITLE>ERROR: The request could not be satisfied</TITLE>", 502, UPSTREAM_BUSY},
    {"503 overloaded", "{\"error\":\"overloaded\"}", 503, UPSTREAM_BUSY},
    {"503 loading", "{\"error\":\"Model a/b is currently loading\",\"estimated_time\":20.0}",
     503, UPSTREAM_BUSY},
    {"504 HTML", "<html>", 504, UPSTREAM_BUSY},
    {"too busy, whatever the status",
     "{\"error\":\"Model too busy, unable to get response in less than 60 second(s)\"}",
     400, UPSTREAM_BUSY},

    /* Shapes that providers send through the router. */
    {"object error", "{\"object\":\"error\",\"message\":\"model_not_found\"}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"id and error", "{\"id\":\"1\",\"error\":{\"message\":\"x\"}}", 503, UPSTREAM_BUSY},
    {"message and request id", "{\"message\":\"bad\",\"request_id\":\"1\"}", 400, UPSTREAM_STATUS},
    {"problem+json", "{\"type\":\"about:blank\",\"title\":\"model_not_supported\"}",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"an array of errors", "[{\"error\":{\"code\":\"model_not_found\"}}]",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"a bare string", "\"Model not supported by provider x\"", 400, UPSTREAM_MODEL_UNKNOWN},
    {"cut JSON is searched as text", "{\"error\":{\"code\":\"model_not_supported\",\"mess",
     400, UPSTREAM_MODEL_UNKNOWN},
    {"JSON of no shape", "{\"a\":1}", 400, UPSTREAM_STATUS},
    {"an empty array", "[]", 400, UPSTREAM_STATUS},

    /* Not errors by status, and yet no stream. */
    {"200 error", "{\"error\":\"Input validation error: x\"}", 200, UPSTREAM_STATUS},
    {"200 overloaded", "{\"error\":\"Model is overloaded\"}", 200, UPSTREAM_BUSY},
    {"200 error with a code", "{\"error\":{\"message\":\"x\",\"code\":429}}",
     200, UPSTREAM_RATE_LIMITED},
    {"200 HTML", "<html>Sign in</html>", 200, UPSTREAM_NONSENSE},
    {"200 answer in one piece", "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}",
     200, UPSTREAM_NONSENSE},
    {"200 error null", "{\"error\":null}", 200, UPSTREAM_NONSENSE},
    {"204", "", 204, UPSTREAM_NONSENSE},
    {"302", "", 302, UPSTREAM_STATUS},
    {"101", "", 101, UPSTREAM_STATUS},
};
/* clang-format on */

static void each_error_answer_is_sorted_as_its_row_says(void **state)
{
    struct json_doc *doc = json_doc_new();
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    assert_non_null(doc);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct span body = guard_page_place(&guard, span_from_string(answers[i].body));
        enum upstream_failure got = classify_answer(doc, answers[i].status, body);
        if (got != answers[i].expected) {
            print_error("row '%s': %s, expected %s\n", answers[i].name, upstream_failure_token(got),
                        upstream_failure_token(answers[i].expected));
            failures++;
        }
    }

    guard_page_free(&guard);
    json_doc_free(doc);
    assert_int_equal(failures, 0);
}

static void every_prefix_of_every_answer_is_read_within_its_bounds(void **state)
{
    struct json_doc *doc = json_doc_new();
    struct guard_page guard = guard_page_new(4096);
    (void)state;

    assert_non_null(doc);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct span body = span_from_string(answers[i].body);
        for (size_t length = 0; length < body.length; length++) {
            struct span cut = guard_page_place(&guard, span_of(body.data, length));
            assert_int_not_equal(classify_answer(doc, answers[i].status, cut), UPSTREAM_OK);
        }
    }
    guard_page_free(&guard);
    json_doc_free(doc);
}

struct retry_row {
    const char *name;
    const char *value;
    long expected;
};

/* RFC 9110 section 10.2.3; "now" is 1994-11-06 08:49:00 UTC. */
#define NOW_UNIX_S 784111740
static const struct retry_row retries[] = {
    {"seconds", "120", 120},
    {"none", "0", 0},
    {"spaces around", " 7 ", 7},
    {"leading zeros", "007", 7},
    {"more than a year", "99999999999999999999999999", 31536000},
    {"a fraction", "1.5", -1},
    {"a sign", "-1", -1},
    {"plus", "+1", -1},
    {"a unit", "2s", -1},
    {"empty", "", -1},
    {"a word", "soon", -1},
    {"IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 37},
    {"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 37},
    {"asctime", "Sun Nov  6 08:49:37 1994", 37},
    {"the next day", "Mon, 07 Nov 1994 08:49:00 GMT", 86400},
    {"over a leap day", "Fri, 01 Mar 1996 08:49:00 GMT", 31536000},
    {"the past", "Sun, 06 Nov 1994 08:48:00 GMT", 0},
    {"far past", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"two digits of the last century", "Sunday, 06-Nov-77 08:49:37 GMT", 0},
    {"another zone", "Sun, 06 Nov 1994 08:49:37 CET", -1},
    {"no such month", "Sun, 06 Nix 1994 08:49:37 GMT", -1},
    {"no such hour", "Sun, 06 Nov 1994 24:49:37 GMT", -1},
    {"no such day", "Sun, 32 Nov 1994 08:49:37 GMT", -1},
    {"cut", "Sun, 06 Nov 1994 08:49:37", -1},
    {"more", "Sun, 06 Nov 1994 08:49:37 GMT+1", -1},
};

static void retry_after_is_seconds_or_any_of_the_three_dates(void **state)
{
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(retries) / sizeof(retries[0]); i++) {
        struct span value = guard_page_place(&guard, span_from_string(retries[i].value));
        long got = classify_retry_after(value, NOW_UNIX_S);
        if (got != retries[i].expected) {
            print_error("row '%s': %ld, expected %ld\n", retries[i].name, got, retries[i].expected);
            failures++;
        }
    }

    guard_page_free(&guard);
    assert_int_equal(failures, 0);
}

static const struct retry_row limits[] = {
    {"nothing left", "\"api\";r=0;t=55", 55},
    {"something left", "\"api\";r=3;t=55", -1},
    {"spaces", " \"api\" ; r=0 ; t=55 ", 55},
    {"the longest of those used up", "\"a\";r=0;t=5, \"b\";r=0;t=9,\"c\";r=1;t=99", 9},
    {"other order, other parameters", "\"api\";t=7;pk=:x:;r=0", 7},
    {"no time", "\"api\";r=0", -1},
    {"no count", "\"api\";t=5", -1},
    {"empty values", "\"api\";r=;t=", -1},
    {"words", "\"api\";r=none;t=soon", -1},
    {"a fraction", "\"api\";r=0;t=1.5", -1},
    {"beyond a year", "\"api\";r=0;t=99999999999999999999", 31536000},
    {"empty", "", -1},
    {"marks alone", ";;=,;=", -1},
};

static void rate_limit_says_when_what_is_used_up_is_renewed(void **state)
{
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct span value = guard_page_place(&guard, span_from_string(limits[i].value));
        long got = classify_rate_limit(value);
        if (got != limits[i].expected) {
            print_error("row '%s': %ld, expected %ld\n", limits[i].name, got, limits[i].expected);
            failures++;
        }
    }

    guard_page_free(&guard);
    assert_int_equal(failures, 0);
}

/* RFC 9110 section 5.6.7: two digits more than 50 years ahead are of the past. */
static void two_digit_year_is_taken_in_the_current_century(void **state)
{
    (void)state;
    /* 2026-01-01 00:00:00 UTC */
    assert_int_equal(
        classify_retry_after(span_from_string("Thursday, 01-Jan-26 00:01:00 GMT"), 1767225600), 60);
    assert_int_equal(
        classify_retry_after(span_from_string("Friday, 01-Jan-77 00:01:00 GMT"), 1767225600), 0);
}

static void each_failure_has_a_token_of_its_own(void **state)
{
    static const enum upstream_failure all[] = {
#define X(id, token, retry, health) id,
        UPSTREAM_FAILURES(X)
#undef X
    };
    const size_t count = sizeof(all) / sizeof(all[0]);
    (void)state;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_string_not_equal(upstream_failure_token(all[i]), upstream_failure_token(all[j]));
        }
    }
}

static void only_passing_failures_may_be_retried(void **state)
{
    (void)state;
    assert_true(upstream_failure_may_retry(UPSTREAM_BUSY));
    assert_true(upstream_failure_may_retry(UPSTREAM_RATE_LIMITED));
    assert_true(upstream_failure_may_retry(UPSTREAM_CONNECT));
    assert_false(upstream_failure_may_retry(UPSTREAM_OK));
    assert_false(upstream_failure_may_retry(UPSTREAM_QUOTA));
    assert_false(upstream_failure_may_retry(UPSTREAM_STATUS));
    assert_false(upstream_failure_may_retry(UPSTREAM_MODEL_UNKNOWN));
    assert_false(upstream_failure_may_retry(UPSTREAM_TRUNCATED));
}

/* What one client's request brings about must not close the door on the others. */
static void only_what_the_upstream_fails_to_do_counts_against_it(void **state)
{
    (void)state;
    assert_int_equal(upstream_failure_health(UPSTREAM_CONNECT), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_TLS), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_FIRST_TIMEOUT), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_BUSY), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_NONSENSE), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_TRUNCATED), UPSTREAM_SICK);
    assert_int_equal(upstream_failure_health(UPSTREAM_OK), UPSTREAM_ALIVE);
    assert_int_equal(upstream_failure_health(UPSTREAM_STATUS), UPSTREAM_ALIVE);
    assert_int_equal(upstream_failure_health(UPSTREAM_MODEL_UNKNOWN), UPSTREAM_ALIVE);
    assert_int_equal(upstream_failure_health(UPSTREAM_RATE_LIMITED), UPSTREAM_ALIVE);
    assert_int_equal(upstream_failure_health(UPSTREAM_ERROR_EVENT), UPSTREAM_ALIVE);
    assert_int_equal(upstream_failure_health(UPSTREAM_FULL), UPSTREAM_UNTOLD);
    assert_int_equal(upstream_failure_health(UPSTREAM_NO_MEMORY), UPSTREAM_UNTOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_answer_is_sorted_as_its_row_says),
        cmocka_unit_test(every_prefix_of_every_answer_is_read_within_its_bounds),
        cmocka_unit_test(retry_after_is_seconds_or_any_of_the_three_dates),
        cmocka_unit_test(rate_limit_says_when_what_is_used_up_is_renewed),
        cmocka_unit_test(two_digit_year_is_taken_in_the_current_century),
        cmocka_unit_test(each_failure_has_a_token_of_its_own),
        cmocka_unit_test(only_passing_failures_may_be_retried),
        cmocka_unit_test(only_what_the_upstream_fails_to_do_counts_against_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
