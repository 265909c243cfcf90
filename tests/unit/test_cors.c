/* SPDX-License-Identifier: MIT */
/*
 * test_cors.c - what pages of other origins are told (WHATWG Fetch, section 3.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/cors.h"
#include "gateway/cors_origin.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* RFC 6454 section 6.1: an origin as a browser writes it. */
static void origins_of_the_conf_are_what_browsers_send(void **state)
{
    static const char *const good[] = {
        "*",
        "https://chat.example.org",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
    };
    static const char *const bad[] = {
        "",
        "null",
        "chat.example.org",
        "https://",
        "https://chat.example.org/",
        "https://chat.example.org/path",
        "https://Chat.example.org",
        "HTTPS://chat.example.org",
        "https://chat.example.org:",
        "https://chat.example.org:99999",
        "https://*.example.org",
        "https://a b",
        "https://a\r\nb",
        "https://user@host",
        "://host",
        "9http://host",
        "**",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        if (!cors_origin_is_valid(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
    for (size_t i = 0; i < ROWS(bad); i++) {
        if (cors_origin_is_valid(bad[i])) {
            fail_msg("let through: %s", bad[i]);
        }
    }
}

static char one_origin[] = "https://a.example";
static char star[] = "*";
static char *only_one[] = {one_origin};
static char *any[] = {star};

static const char *answer(char **origins, enum head_method method, const char *origin,
                          const char *wanted_method, const char *wanted_fields)
{
    static char lines[CORS_BYTES_MAX + 1];
    const struct config config = {.cors_origins = origins,
                                  .cors_origin_count = origins == NULL ? 0 : 1,
                                  .cors_max_age_ms = 600000};
    const struct request_head head = {
        .method = method,
        .origin = span_from_string(origin),
        .requested_method = span_from_string(wanted_method),
        .requested_fields = span_from_string(wanted_fields),
    };
    struct cors cors;

    cors_judge(&config, &head, &cors);
    lines[cors_render(&cors, "POST, OPTIONS", lines)] = '\0';
    return lines;
}

static void nothing_is_said_where_no_origin_is_allowed(void **state)
{
    (void)state;
    assert_string_equal(answer(NULL, METHOD_POST, "https://a.example", NULL, NULL), "");
    assert_string_equal(answer(NULL, METHOD_OPTIONS, "https://a.example", "POST", NULL), "");
}

static void an_allowed_origin_is_named_and_another_is_not(void **state)
{
    static const char *const others[] = {
        "null",
        "https://a.example.org",
        "https://a.exampl",
        "http://a.example",
        "https://A.example",
        "https://a.example:443",
        "https://a.example https://b.example",
        "*",
    };
    const char *lines = answer(only_one, METHOD_POST, "https://a.example", NULL, NULL);

    (void)state;
    assert_non_null(strstr(lines, "Vary: Origin\r\n"));
    assert_non_null(strstr(lines, "Access-Control-Allow-Origin: https://a.example\r\n"));
    assert_non_null(strstr(lines, "Access-Control-Expose-Headers: X-Request-Id, "));
    assert_null(strstr(lines, "Credentials"));
    assert_null(strstr(lines, "Allow-Methods"));
    assert_string_equal(answer(only_one, METHOD_POST, "", NULL, NULL), "Vary: Origin\r\n");
    for (size_t i = 0; i < ROWS(others); i++) {
        assert_string_equal(answer(only_one, METHOD_POST, others[i], NULL, NULL),
                            "Vary: Origin\r\n");
    }
}

static void any_origin_is_a_star_that_does_not_vary(void **state)
{
    const char *lines = answer(any, METHOD_POST, "null", NULL, NULL);

    (void)state;
    assert_non_null(strstr(lines, "Access-Control-Allow-Origin: *\r\n"));
    assert_null(strstr(lines, "Vary"));
    assert_null(strstr(lines, "Credentials"));
}

static void a_preflight_is_told_methods_fields_and_for_how_long(void **state)
{
    const char *lines = answer(only_one, METHOD_OPTIONS, "https://a.example", "POST",
                               "authorization,content-type, x-stainless-os");

    (void)state;
    assert_non_null(strstr(lines, "Access-Control-Allow-Methods: POST, OPTIONS\r\n"));
    assert_non_null(strstr(lines, "Access-Control-Allow-Headers: authorization,content-type, "
                                  "x-stainless-os\r\n"));
    assert_non_null(strstr(lines, "Access-Control-Max-Age: 600\r\n"));
    assert_non_null(strstr(lines, "Vary: Origin, Access-Control-Request-Method, "
                                  "Access-Control-Request-Headers\r\n"));
    /* OPTIONS that asks for no method is no preflight, nor is one of an origin not allowed. */
    assert_null(
        strstr(answer(only_one, METHOD_OPTIONS, "https://a.example", NULL, NULL), "Max-Age"));
    assert_string_equal(answer(only_one, METHOD_OPTIONS, "https://b.example", "POST", "a"),
                        "Vary: Origin\r\n");
}

static void field_names_that_are_none_are_not_reflected(void **state)
{
    static char long_list[CORS_REQUEST_FIELDS_BYTES_MAX + 2];
    const char *const lists[] = {"", NULL, "a:b", "a\tb", "a\xC3\xA9", "\"a\"", "a;b", long_list};

    (void)state;
    memset(long_list, 'a', sizeof(long_list) - 1);
    for (size_t i = 0; i < ROWS(lists); i++) {
        assert_non_null(
            strstr(answer(only_one, METHOD_OPTIONS, "https://a.example", "POST", lists[i]),
                   "Access-Control-Allow-Headers: authorization, content-type\r\n"));
    }
    long_list[CORS_REQUEST_FIELDS_BYTES_MAX] = '\0';
    assert_non_null(strstr(answer(only_one, METHOD_OPTIONS, "https://a.example", "POST", long_list),
                           long_list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_of_the_conf_are_what_browsers_send),
        cmocka_unit_test(nothing_is_said_where_no_origin_is_allowed),
        cmocka_unit_test(an_allowed_origin_is_named_and_another_is_not),
        cmocka_unit_test(any_origin_is_a_star_that_does_not_vary),
        cmocka_unit_test(a_preflight_is_told_methods_fields_and_for_how_long),
        cmocka_unit_test(field_names_that_are_none_are_not_reflected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
