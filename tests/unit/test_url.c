/* SPDX-License-Identifier: MIT */
/*
 * test_url.c - addresses of upstreams, taken apart or refused.
 */
#include "upstream/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/guard_page.h"
#include "upstream/upstream.h"

struct good_row {
    const char *text;
    const char *host;
    const char *host_header;
    const char *path;
    enum url_host host_kind;
    uint16_t port;
    bool is_tls;
};

/* RFC 3986 section 3; names: RFC 1123 section 2.1. */
/* clang-format off */
static const struct good_row good[] = {
    {"https://router.example.test/v1/chat/completions", "router.example.test",
     "router.example.test", "/v1/chat/completions", URL_HOST_NAME, 443, true},
    {"http://localhost", "localhost", "localhost",
     "/", URL_HOST_NAME, 80, false},
    {"http://localhost/", "localhost", "localhost",
     "/", URL_HOST_NAME, 80, false},
    {"HTTPS://Example.TEST:443/A", "example.test", "example.test",
     "/A", URL_HOST_NAME, 443, true},
    {"https://example.test:80/", "example.test", "example.test:80",
     "/", URL_HOST_NAME, 80, true},
    {"http://127.0.0.1:8081/generate_stream", "127.0.0.1", "127.0.0.1:8081",
     "/generate_stream", URL_HOST_IPV4, 8081, false},
    {"http://[::1]:8081/x", "::1", "[::1]:8081",
     "/x", URL_HOST_IPV6, 8081, false},
    {"https://[2001:DB8::1]", "2001:db8::1", "[2001:db8::1]",
     "/", URL_HOST_IPV6, 443, true},
    {"http://sim_1:65535", "sim_1", "sim_1:65535",
     "/", URL_HOST_NAME, 65535, false},
    {"http://h:00080/", "h", "h",
     "/", URL_HOST_NAME, 80, false},
    {"http://3com.test/", "3com.test", "3com.test",
     "/", URL_HOST_NAME, 80, false},
    {"http://h/a%2Fb;c=1,2/~x/@y:z", "h", "h",
     "/a%2Fb;c=1,2/~x/@y:z", URL_HOST_NAME, 80, false},
    {"http://h//a", "h", "h",
     "//a", URL_HOST_NAME, 80, false},
};

static const char *const bad[] = {
    "", "http", "http:", "http:/", "http://", "https:///x", "ftp://h/", "//h/", "h/", " http://h/",
    "http ://h/", "http://:80/", "http://h:/", "http://h:0/", "http://h:65536/", "http://h:655350/",
    "http://h:8o/", "http://h:-1/", "http://h:+80/", "http://h: 80/", "http://h:80:80/",
    "http://user@h/", "http://user:pass@h/", "http://@h/", "http://h?x", "http://h/?x",
    "http://h/?",
    "http://h#x", "http://h/#x", "http://h/a#b?c", "http://h /", "http://h/a b", "http://h/a\tb",
    "http://h/a\r\nX: y", "http://h\r\nX: y/", "http://h/\x7f", "http://h/\xc3\xa9",
    "http://\xc3\xa9/", "http://h/a\"b", "http://h/<>", "http://h/%", "http://h/%2", "http://h/%zz",
    "http://h/a\\b", "http://h\\b/", "http://-h/", "http://h-/", "http://a..b/", "http://.a/",
    "http://a./", "http://a%41/", "http://127.1/", "http://127.0.0.256/", "http://127.0.0.01.1/",
    "http://2130706433/", "http://0x7f000001/", "http://a.0x7f/", "http://1.2.3.4.5/",
    "http://[::1/", "http://::1/", "http://[::1]x/", "http://[::1]80/", "http://[]/",
    "http://[127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::g]/",
    "http://[[::1]]/", "http://[", "http://[:", "http://[::1]:", "http://*/",
    "http://1234567890123456789012345678901234567890123456789012345678901234/",
};
/* clang-format on */

static bool fits(const struct good_row *row, const struct url *url)
{
    return url->is_tls == row->is_tls && url->host_kind == row->host_kind &&
           strcmp(url->host, row->host) == 0 && url->port == row->port &&
           strcmp(url->host_header, row->host_header) == 0 && strcmp(url->path, row->path) == 0;
}

static void each_good_address_is_taken_apart(void **state)
{
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct url url;
        const char *problem = "";
        char told[8] = "";
        if (!url_parse(good[i].text, &url, &problem) || !fits(&good[i], &url) ||
            !upstream_url_check(good[i].text, told, sizeof(told))) {
            print_error("'%s': %s\n", good[i].text, problem);
            failures++;
        }
    }

    assert_int_equal(failures, 0);
}

static void each_bad_address_is_refused_without_being_quoted(void **state)
{
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct span text = span_of(bad[i], strlen(bad[i]) + 1);
        const char *placed = guard_page_place(&guard, text).data;
        char problem[128] = "";
        if (upstream_url_check(placed, problem, sizeof(problem)) || problem[0] == '\0' ||
            strstr(problem, "pass@") != NULL) {
            print_error("'%s' was taken: %s\n", bad[i], problem);
            failures++;
        }
    }

    guard_page_free(&guard);
    assert_int_equal(failures, 0);
}

static void refused_address_leaves_the_result_alone(void **state)
{
    struct url url = {.port = 7};
    const char *problem = NULL;
    (void)state;

    assert_false(url_parse("http://h:99999/", &url, &problem));

    assert_int_equal(url.port, 7);
    assert_non_null(problem);
}

static void problem_is_cut_to_its_room(void **state)
{
    char problem[4] = {'x', 'x', 'x', 'x'};
    (void)state;

    assert_false(upstream_url_check("ftp://h/", problem, sizeof(problem)));
    assert_string_equal(problem, "the");
    assert_false(upstream_url_check(NULL, problem, 0));
    assert_string_equal(problem, "the");
}

/* RFC 1035 section 2.3.4, and our own bound for the path. */
static void host_and_path_are_bounded(void **state)
{
    char text[URL_PATH_BYTES_MAX + 64];
    char problem[128];
    (void)state;

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://h/", 9);
    text[8 + URL_PATH_BYTES_MAX] = '\0';
    assert_true(upstream_url_check(text, problem, sizeof(problem)));
    text[8 + URL_PATH_BYTES_MAX] = 'a';
    text[9 + URL_PATH_BYTES_MAX] = '\0';
    assert_false(upstream_url_check(text, problem, sizeof(problem)));

    for (size_t i = 7; i < 7 + URL_HOST_BYTES_MAX; i++) {
        text[i] = (i - 7) % 2 == 0 ? 'a' : '.';
    }
    text[7 + URL_HOST_BYTES_MAX] = '\0';
    assert_true(upstream_url_check(text, problem, sizeof(problem)));
    text[7 + URL_HOST_BYTES_MAX] = 'a';
    text[8 + URL_HOST_BYTES_MAX] = '\0';
    assert_false(upstream_url_check(text, problem, sizeof(problem)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_good_address_is_taken_apart),
        cmocka_unit_test(each_bad_address_is_refused_without_being_quoted),
        cmocka_unit_test(refused_address_leaves_the_result_alone),
        cmocka_unit_test(problem_is_cut_to_its_room),
        cmocka_unit_test(host_and_path_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
