/* SPDX-License-Identifier: MIT */
/*
 * test_proxy_protocol.c - exactly the headers of proxy-protocol.txt, at any cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/proxy_protocol.h"
#include "tests/unit/guard_page.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x34\x00\x50" /* 192.0.2.1 to .2 */
#define TCP6                                                                                       \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x34\x00\x50"
#define TLV "\x04\x00\x05\0\0\0\0\0" /* PP2_TYPE_NOOP */
#define A36 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A216 A36 A36 A36 A36 A36 A36
/* "PROXY UNKNOWN " and 91 bytes: 107 with CR LF */
#define A91 A36 A36 "aaaaaaaaaaaaaaaaaaa"

struct row {
    const char *what;
    struct span bytes;
    const char *client; /* "": good, but of no client */
};

#define ROW(what, text, client)                                                                    \
    {                                                                                              \
        what, SPAN_LITERAL(text), client                                                           \
    }

static const struct row good[] = {
    ROW("TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 4660 80\r\n", "192.0.2.1"),
    ROW("TCP4, widest", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        "255.255.255.255"),
    ROW("ports of zero", "PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n", "192.0.2.1"),
    ROW("TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4660 80\r\n", "2001:db8::1"),
    ROW("TCP6, widest",
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ROW("TCP6 with mapped addresses", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n",
        "192.0.2.1"),
    ROW("UNKNOWN", "PROXY UNKNOWN\r\n", ""),
    ROW("UNKNOWN with anything", "PROXY UNKNOWN ffff::1 what ever \t\x01\r\n", ""),
    ROW("UNKNOWN of 107 bytes", "PROXY UNKNOWN " A91 "\r\n", ""),
    ROW("v2 TCP4", SIG "\x21\x11\x00\x0c" TCP4, "192.0.2.1"),
    ROW("v2 TCP6", SIG "\x21\x21\x00\x24" TCP6, "2001:db8::1"),
    ROW("v2 TCP4 with an extension", SIG "\x21\x11\x00\x14" TCP4 TLV, "192.0.2.1"),
    ROW("v2 TCP6 with an extension", SIG "\x21\x21\x00\x2c" TCP6 TLV, "2001:db8::1"),
    ROW("v2 LOCAL", SIG "\x20\x00\x00\x00", ""),
    ROW("v2 LOCAL with addresses", SIG "\x20\x11\x00\x0c" TCP4, ""),
    ROW("v2 LOCAL of any family",
        SIG "\x20\xff\x00\x03"
            "abc",
        ""),
    ROW("v2 UNSPEC", SIG "\x21\x00\x00\x00", ""),
    ROW("v2 UNSPEC with bytes", SIG "\x21\x00\x00\x08" TLV, ""),
    ROW("v2 UDP over IPv4", SIG "\x21\x12\x00\x0c" TCP4, ""),
    ROW("v2 UNIX stream", SIG "\x21\x31\x00\xd8" A216, ""),
};

static const struct row bad[] = {
    ROW("HTTP", "POST / HTTP/1.1\r\n", NULL),
    ROW("TLS", "\x16\x03\x01\x02\x00\x01", NULL),
    ROW("a NUL", "\0", NULL),
    ROW("an empty line", "\r\n\r\nGET", NULL),
    ROW("lower case", "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("a space in front", " PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("a tab", "PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("two spaces", "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("two spaces later", "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", NULL),
    ROW("a space at the end", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", NULL),
    ROW("a word more", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", NULL),
    ROW("a word fewer", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", NULL),
    ROW("no address", "PROXY TCP4\r\n", NULL),
    ROW("nothing", "PROXY \r\n", NULL),
    ROW("UDP4", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("IPv6 as TCP4", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", NULL),
    ROW("IPv4 as TCP6", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
    ROW("a bad target", "PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n", NULL),
    ROW("octal", "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", NULL),
    ROW("a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", NULL),
    ROW("a port too large", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", NULL),
    ROW("a port with a zero", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", NULL),
    ROW("a port of six digits", "PROXY TCP4 192.0.2.1 192.0.2.2 1 100000\r\n", NULL),
    ROW("a signed port", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", NULL),
    ROW("a NUL in an address", "PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n", NULL),
    ROW("LF alone", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", NULL),
    ROW("CR alone", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX", NULL),
    ROW("CR in the middle", "PROXY UNKNOWN \rabc\r\n", NULL),
    ROW("LF in UNKNOWN", "PROXY UNKNOWN a\nb\r\n", NULL),
    ROW("UNKNOWN glued", "PROXY UNKNOWNX\r\n", NULL),
    ROW("108 bytes", "PROXY UNKNOWN " A91 "a\r\n", NULL),
    ROW("no end in sight", "PROXY UNKNOWN " A216, NULL),
    ROW("v2 version 1", SIG "\x11\x11\x00\x0c" TCP4, NULL),
    ROW("v2 version 3", SIG "\x31\x11\x00\x0c" TCP4, NULL),
    ROW("v2 command 2", SIG "\x22\x11\x00\x0c" TCP4, NULL),
    ROW("v2 too short for IPv4", SIG "\x21\x11\x00\x0b" TCP4, NULL),
    ROW("v2 too short for IPv6", SIG "\x21\x21\x00\x23" TCP6, NULL),
    ROW("v2 too short for UNIX", SIG "\x21\x31\x00\xd7" A216, NULL),
    ROW("v2 family 4", SIG "\x21\x41\x00\x0c" TCP4, NULL),
    ROW("v2 protocol 3", SIG "\x21\x13\x00\x0c" TCP4, NULL),
    ROW("v2 family without protocol", SIG "\x21\x10\x00\x0c" TCP4, NULL),
    ROW("v2 protocol without family", SIG "\x21\x01\x00\x0c" TCP4, NULL),
    ROW("v2 longer than the bound", SIG "\x21\x11\x0f\xf1" TCP4, NULL),
    ROW("v2 of 64 KiB", SIG "\x20\x00\xff\xff", NULL),
    ROW("v2 signature spoilt at the end", "\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x0c" TCP4, NULL),
};

static struct guard_page wall;

static enum proxy_header_status parse(struct span bytes, struct proxy_header *header)
{
    const char *problem = NULL;
    enum proxy_header_status status =
        proxy_header_parse(guard_page_place(&wall, bytes), header, &problem);

    assert_true((status == PROXY_HEADER_REFUSED) == (problem != NULL));
    return status;
}

/* The same bytes with a request behind them. */
static struct span with_more(struct span bytes)
{
    static char room[PROXY_HEADER_BYTES_MAX + 16];

    memcpy(room, bytes.data, bytes.length);
    memcpy(room + bytes.length, "\r\nPROXY \0", 9);
    return span_of(room, bytes.length + 9);
}

static void check_good(const struct row *row)
{
    struct proxy_header header = {.length = 0};
    char client[ADDRESS_TEXT_BYTES_MAX];

    for (size_t length = 0; length < row->bytes.length; length++) {
        if (parse(span_of(row->bytes.data, length), &header) != PROXY_HEADER_MORE) {
            fail_msg("%s: the first %zu bytes are not a good beginning", row->what, length);
        }
    }
    for (int round = 0; round < 2; round++) {
        struct span bytes = round == 0 ? row->bytes : with_more(row->bytes);
        header = (struct proxy_header){.length = 0};
        if (parse(bytes, &header) != PROXY_HEADER_OK || header.length != row->bytes.length) {
            fail_msg("%s: not taken, or %zu bytes of it", row->what, header.length);
        }
        address_render(&header.client, client);
        if (strcmp(client, row->client) != 0) {
            fail_msg("%s: client %s", row->what, client);
        }
    }
}

static void good_headers_are_taken_at_any_cut_and_no_byte_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        check_good(&good[i]);
    }
}

static void bad_headers_are_refused_and_never_taken_on_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct proxy_header header = {.length = 0};
        bool was_refused = false;

        for (size_t length = 0; length <= bad[i].bytes.length; length++) {
            enum proxy_header_status status = parse(span_of(bad[i].bytes.data, length), &header);
            if (status == PROXY_HEADER_OK) {
                fail_msg("%s: taken after %zu bytes", bad[i].what, length);
            }
            if (was_refused && status != PROXY_HEADER_REFUSED) {
                fail_msg("%s: refused, and then not", bad[i].what);
            }
            was_refused = status == PROXY_HEADER_REFUSED;
        }
        if (!was_refused) {
            fail_msg("%s: not refused", bad[i].what);
        }
        assert_int_equal(header.length, 0); /* written only on success */
    }
}

static void the_longest_header_is_taken_and_nothing_longer_is_waited_for(void **state)
{
    static char bytes[PROXY_HEADER_BYTES_MAX];
    static const char begin[] = SIG "\x21\x11\x0f\xf0" TCP4;
    struct proxy_header header;

    (void)state;
    memcpy(bytes, begin, sizeof(begin) - 1);
    assert_int_equal(parse(span_of(bytes, sizeof(bytes) - 1), &header), PROXY_HEADER_MORE);
    assert_int_equal(parse(span_of(bytes, sizeof(bytes)), &header), PROXY_HEADER_OK);
    assert_int_equal(header.length, sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers_are_taken_at_any_cut_and_no_byte_more),
        cmocka_unit_test(bad_headers_are_refused_and_never_taken_on_the_way),
        cmocka_unit_test(the_longest_header_is_taken_and_nothing_longer_is_waited_for),
    };
    int status;

    wall = guard_page_new(PROXY_HEADER_BYTES_MAX + 16);
    status = cmocka_run_group_tests(tests, NULL, NULL);
    guard_page_free(&wall);
    return status;
}
