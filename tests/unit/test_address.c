/* SPDX-License-Identifier: MIT */
/*
 * test_address.c - one address has one form, and a network has exactly its members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gateway/address.h"
#include "tests/unit/guard_page.h"

struct parse_row {
    const char *text;
    const char *expected; /* rendered; NULL: refused */
};

static const struct parse_row address_rows[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"}, /* RFC 4291 section 2.5.5.2: the same client */
    {"::ffff:c000:201", "192.0.2.1"},
    {"::", "::"},
    {"::1", "::1"},
    {"", NULL},
    {"unknown", NULL},
    {"192.0.2", NULL},
    {"192.0.2.1.1", NULL},
    {"192.0.2.256", NULL},
    {"192.0.2.01", NULL}, /* octal somewhere else */
    {"0x7f.0.0.1", NULL},
    {"2130706433", NULL},
    {" 192.0.2.1", NULL},
    {"192.0.2.1 ", NULL},
    {"192.0.2.1:80", NULL},
    {"[2001:db8::1]", NULL},
    {"fe80::1%eth0", NULL},
    {"2001:db8::1::2", NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
    {"1111:2222:3333:4444:5555:6666:123.123.123.1234", NULL},
};

static const struct parse_row node_rows[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"192.0.2.1:80", "192.0.2.1"},
    {"192.0.2.1:65535", "192.0.2.1"},
    {"2001:db8::1", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:db8::1]:443", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"", NULL},
    {":", NULL},
    {"[", NULL},
    {"[]", NULL},
    {"[]:80", NULL},
    {"]", NULL},
    {"[192.0.2.1]", NULL},
    {"[2001:db8::1", NULL},
    {"[2001:db8::1]443", NULL},
    {"[2001:db8::1]:", NULL},
    {"192.0.2.1:", NULL},
    {"192.0.2.1:x", NULL},
    {"192.0.2.1:123456", NULL},
    {"192.0.2.1:-1", NULL},
    {"unknown", NULL},
    {"_hidden", NULL},
    {"\"192.0.2.1\"", NULL},
};

static int run_rows(const struct parse_row *rows, size_t count,
                    bool (*parse)(struct span, struct address *))
{
    struct guard_page guard = guard_page_new(64);
    int failures = 0;

    for (size_t i = 0; i < count; i++) {
        struct address address = {.is_known = false};
        char text[ADDRESS_TEXT_BYTES_MAX] = "";
        struct span placed = guard_page_place(&guard, span_from_string(rows[i].text));
        bool is_parsed = parse(placed, &address);

        if (is_parsed) {
            address_render(&address, text);
        }
        if (is_parsed != (rows[i].expected != NULL) ||
            (is_parsed && strcmp(text, rows[i].expected) != 0)) {
            print_error("\"%s\": got \"%s\"\n", rows[i].text, is_parsed ? text : "(refused)");
            failures++;
        }
        if (!is_parsed && address.is_known) {
            print_error("\"%s\": written although refused\n", rows[i].text);
            failures++;
        }
    }
    guard_page_free(&guard);
    return failures;
}

static void an_address_is_read_in_one_spelling_only(void **state)
{
    (void)state;
    assert_int_equal(
        run_rows(address_rows, sizeof(address_rows) / sizeof(address_rows[0]), address_parse), 0);
}

static void a_node_may_have_a_port(void **state)
{
    (void)state;
    assert_int_equal(
        run_rows(node_rows, sizeof(node_rows) / sizeof(node_rows[0]), address_parse_node), 0);
}

static void a_nul_byte_does_not_end_an_address(void **state)
{
    struct address address;

    (void)state;
    assert_false(address_parse(span_of("192.0.2.1\0x", 11), &address));
    assert_false(address_parse_node(span_of("192.0.2.1\0", 10), &address));
}

static void a_socket_address_is_taken_by_its_family(void **state)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct address address;
    char text[ADDRESS_TEXT_BYTES_MAX];

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &four.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &six.sin6_addr), 1);
    address = address_of_sockaddr((struct sockaddr *)&four);
    address_render(&address, text);
    assert_string_equal(text, "192.0.2.7");
    address = address_of_sockaddr((struct sockaddr *)&six);
    address_render(&address, text);
    assert_string_equal(text, "2001:db8::7");
    assert_false(address_of_sockaddr((struct sockaddr *)&local).is_known);
    assert_false(address_of_sockaddr(NULL).is_known);
    address = address_of_sockaddr(NULL);
    address_render(&address, text);
    assert_string_equal(text, "");
}

struct network_row {
    const char *text;
    enum network_verdict verdict;
    const char *rendered; /* NULL: not looked at */
    const char *member;   /* NULL: none to look for */
    const char *stranger;
};

static const struct network_row network_rows[] = {
    {"10.0.0.0/8", NETWORK_OK, "10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
    {"192.0.2.1", NETWORK_OK, "192.0.2.1/32", "192.0.2.1", "192.0.2.2"},
    {"192.0.2.0/25", NETWORK_OK, "192.0.2.0/25", "192.0.2.127", "192.0.2.128"},
    {"192.0.2.128/25", NETWORK_OK, "192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
    {"0.0.0.0/0", NETWORK_OK, "0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
    {"::/0", NETWORK_OK, "::/0", "2001:db8::1", NULL},
    {"2001:db8::/32", NETWORK_OK, "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
    {"fd00::/8", NETWORK_OK, "fd00::/8", "fdff::1", "fc00::1"},
    {"2001:db8::1", NETWORK_OK, "2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
    {"::ffff:10.0.0.0/8", NETWORK_OK, "10.0.0.0/8", "10.1.2.3", "11.0.0.1"},
    {"10.0.0.1/8", NETWORK_HOST_BITS, NULL, NULL, NULL},
    {"2001:db8::1/64", NETWORK_HOST_BITS, NULL, NULL, NULL},
    {"10.0.0.0/33", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"2001:db8::/129", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"10.0.0.0/", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"10.0.0.0/08", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"10.0.0.0/-1", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"10.0.0.0/8/8", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"10.0.0.0/4294967304", NETWORK_BAD_PREFIX, NULL, NULL, NULL},
    {"", NETWORK_MALFORMED, NULL, NULL, NULL},
    {"/8", NETWORK_MALFORMED, NULL, NULL, NULL},
    {"10/8", NETWORK_MALFORMED, NULL, NULL, NULL},
    {"localhost", NETWORK_MALFORMED, NULL, NULL, NULL},
    {"10.0.0.0 /8", NETWORK_MALFORMED, NULL, NULL, NULL},
};

static bool has(const struct network *network, const char *text)
{
    struct address address;

    assert_true(address_parse(span_from_string(text), &address));
    return network_has(network, &address);
}

static void a_network_has_exactly_its_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(network_rows) / sizeof(network_rows[0]); i++) {
        const struct network_row *row = &network_rows[i];
        struct network network;
        enum network_verdict verdict = network_parse(span_from_string(row->text), &network);

        if (verdict != row->verdict) {
            fail_msg("\"%s\": verdict %d", row->text, (int)verdict);
        }
        if (verdict != NETWORK_OK) {
            continue;
        }
        assert_string_equal(network.text, row->rendered);
        if (!has(&network, row->member) ||
            (row->stranger != NULL && has(&network, row->stranger))) {
            fail_msg("\"%s\": wrong members", row->text);
        }
    }
}

static void an_unknown_address_is_in_no_network(void **state)
{
    struct network all;
    struct address unknown = {.is_known = false};

    (void)state;
    assert_int_equal(network_parse(span_from_string("::/0"), &all), NETWORK_OK);
    assert_false(network_has(&all, &unknown));
    assert_false(address_equal(&unknown, &unknown));
    assert_false(networks_have(NULL, 0, &all.base));
}

static bool share_a_key(const char *a, const char *b)
{
    struct address one;
    struct address other;

    assert_true(address_parse(span_from_string(a), &one));
    assert_true(address_parse(span_from_string(b), &other));
    one = address_client_key(&one);
    other = address_client_key(&other);
    return address_equal(&one, &other);
}

/* RFC 6177 section 2: a site has a /64 at the least. */
static void an_ipv6_client_is_a_slash_64(void **state)
{
    (void)state;
    assert_true(share_a_key("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
    assert_false(share_a_key("2001:db8:0:1::1", "2001:db8:0:2::1"));
    assert_false(share_a_key("192.0.2.1", "192.0.2.2"));
    assert_true(share_a_key("192.0.2.1", "::ffff:192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_in_one_spelling_only),
        cmocka_unit_test(a_node_may_have_a_port),
        cmocka_unit_test(a_nul_byte_does_not_end_an_address),
        cmocka_unit_test(a_socket_address_is_taken_by_its_family),
        cmocka_unit_test(a_network_has_exactly_its_members),
        cmocka_unit_test(an_unknown_address_is_in_no_network),
        cmocka_unit_test(an_ipv6_client_is_a_slash_64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
