/* SPDX-License-Identifier: MIT */
/*
 * test_forwarded.c - the rightmost address that is not a proxy of ours is the client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/forwarded.h"
#include "tests/unit/guard_page.h"

/* The peer is 10.0.0.1; trusted are 10.0.0.0/8 and fd00::/8. */
struct row {
    const char *what;
    const char *lines[3]; /* NULL behind the last */
    const char *client;
};

static const struct row rows[] = {
    {"no field", {NULL}, "10.0.0.1"},
    {"one address", {"192.0.2.1"}, "192.0.2.1"},
    {"a stranger's claim to the left", {"203.0.113.66, 192.0.2.1"}, "192.0.2.1"},
    {"two of our proxies", {"192.0.2.1, 10.1.1.1"}, "192.0.2.1"},
    {"a claim, the client, our proxy", {"10.9.9.9, 192.0.2.1, 10.1.1.1"}, "192.0.2.1"},
    {"a proxy that adds lines", {"203.0.113.66", "192.0.2.1", "10.1.1.1"}, "192.0.2.1"},
    {"the last line wins", {"203.0.113.66", "192.0.2.1"}, "192.0.2.1"},
    {"only our own", {"10.2.2.2, 10.1.1.1"}, "10.2.2.2"},
    {"no spaces", {"203.0.113.66,192.0.2.1"}, "192.0.2.1"},
    {"tabs and spaces", {" \t192.0.2.1\t "}, "192.0.2.1"},
    {"a port", {"192.0.2.1:4711"}, "192.0.2.1"},
    {"IPv6", {"2001:db8::1"}, "2001:db8::1"},
    {"IPv6 with brackets and port", {"[2001:db8::1]:443, fd00::1"}, "2001:db8::1"},
    {"a mapped address of ours", {"192.0.2.1, ::ffff:10.1.1.1"}, "192.0.2.1"},
    /* RFC 9110 section 5.6.1 */
    {"empty elements", {", 192.0.2.1, ,10.1.1.1,,"}, "192.0.2.1"},
    {"nothing but commas", {",,,"}, "10.0.0.1"},
    {"an empty line", {""}, "10.0.0.1"},
    {"an empty last line", {"192.0.2.1", ""}, "192.0.2.1"},
    {"garbage", {"unknown"}, "10.0.0.1"},
    {"garbage to the left is never reached", {"<script>, 192.0.2.1"}, "192.0.2.1"},
    {"garbage behind our proxy ends the search", {"192.0.2.1, unknown, 10.1.1.1"}, "10.1.1.1"},
    {"garbage at the right end", {"192.0.2.1, _x"}, "10.0.0.1"},
    {"a quoted string", {"\"192.0.2.1\""}, "10.0.0.1"},
    {"bytes above ASCII", {"\xff\xfe, 10.1.1.1"}, "10.1.1.1"},
};

static struct forwarded lines_of(const struct row *row, const struct guard_page *guards)
{
    struct forwarded forwarded = {.count = 0};

    for (size_t i = 0; i < 3 && row->lines[i] != NULL; i++) {
        forwarded.lines[forwarded.count++] =
            guard_page_place(&guards[i], span_from_string(row->lines[i]));
    }
    return forwarded;
}

static void the_rightmost_stranger_is_the_client(void **state)
{
    struct guard_page guards[3] = {guard_page_new(256), guard_page_new(256), guard_page_new(256)};
    struct network trusted[2];
    struct address peer;

    (void)state;
    assert_int_equal(network_parse(span_from_string("10.0.0.0/8"), &trusted[0]), NETWORK_OK);
    assert_int_equal(network_parse(span_from_string("fd00::/8"), &trusted[1]), NETWORK_OK);
    assert_true(address_parse(span_from_string("10.0.0.1"), &peer));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct forwarded forwarded = lines_of(&rows[i], guards);
        struct address client = forwarded_client(&forwarded, &peer, trusted, 2);
        char text[ADDRESS_TEXT_BYTES_MAX];

        address_render(&client, text);
        if (strcmp(text, rows[i].client) != 0) {
            fail_msg("%s: %s, not %s", rows[i].what, text, rows[i].client);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        guard_page_free(&guards[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rightmost_stranger_is_the_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
