/* SPDX-License-Identifier: MIT */
/*
 * head_lexer_rows.h - request heads and what must become of them.
 */
#ifndef TESTS_UNIT_HEAD_LEXER_ROWS_H
#define TESTS_UNIT_HEAD_LEXER_ROWS_H

#include "base/span.h"
#include "gateway/head_lexer.h"

/* What the rows below count with. */
static const struct head_limits limits = {
    .max_head_bytes = 600, .max_target_bytes = 64, .max_fields = 8, .max_body_bytes = 1000};

/* <taken> is what the lexer takes; <rest> follows and must stay untouched. */
struct row {
    const char *name;
    struct span taken;
    struct span rest;
    enum end_reason reason; /* END_DONE: the head is complete */
    const char *spec;
};

#define ROW(name, taken, rest, reason, spec)                                                       \
    {                                                                                              \
        name, SPAN_LITERAL(taken), SPAN_LITERAL(rest), reason, spec                                \
    }
#define GOOD(name, taken, rest, spec) ROW(name, taken, rest, END_DONE, spec)
#define BAD(name, taken, rest, spec) ROW(name, taken, rest, END_BAD_REQUEST, spec)

#define LINE "POST /chat HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define START LINE HOST

/* 16 and 64 bytes, for limits. */
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const struct row good_rows[] = {
    GOOD("the shortest head", START "\r\n", "", "RFC 9112 section 3"),
    GOOD("a body behind it", START "Content-Length: 3\r\n\r\n", "abc", "RFC 9112 section 6"),
    GOOD("a pipelined request behind it", START "\r\n", START "\r\n", "RFC 9112 section 9.3.2"),
    GOOD("one empty line in front", "\r\n" START "\r\n", "", "RFC 9112 section 2.2"),
    GOOD("any token as method", "PROP-find!#$%&'*+.^_`|~9 / HTTP/1.1\r\n" HOST "\r\n", "",
         "RFC 9110 section 9.1"),
    GOOD("a method of 65 bytes", X64 "x / HTTP/1.1\r\n" HOST "\r\n", "", "RFC 9110 section 9.1"),
    GOOD("asterisk form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "", "RFC 9112 section 3.2.4"),
    GOOD("every character of a target",
         "GET /aZ0-._~!$&'()*+,;=:@/%41%fF?q=/?:@!$&'()*+,; HTTP/1.1\r\n" HOST "\r\n", "",
         "RFC 3986 section 3.3"),
    GOOD("encoded slash and dots are the router's", "GET /a%2Fb%2e%2e HTTP/1.1\r\n" HOST "\r\n", "",
         "RFC 3986 section 2.4"),
    GOOD("double slash inside", "GET /a//b HTTP/1.1\r\n" HOST "\r\n", "", "RFC 3986 section 3.3"),
    GOOD("a target at the limit", "GET /" X16 X16 X16 "xxxxxxxxxxxxxxx HTTP/1.1\r\n" HOST "\r\n",
         "", "RFC 9110 section 15.5.15"),
    GOOD("field name in any case", LINE "hOsT: a\r\ncOnTeNt-LeNgTh: 1\r\n\r\n", "a",
         "RFC 9110 section 5.1"),
    GOOD("white space around a value", LINE "Host: \t a \t \r\n\r\n", "", "RFC 9112 section 5"),
    GOOD("no space before a value", LINE "Host:a\r\n\r\n", "", "RFC 9112 section 5"),
    GOOD("empty value", START "X-A:\r\nX-B: \r\n\r\n", "", "RFC 9110 section 5.5"),
    GOOD("obs-text in a value", START "User-Agent: caf\xc3\xa9\r\n\r\n", "",
         "RFC 9110 section 5.5"),
    GOOD("every visible byte and tab in a value",
         START "X: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\tz\r\n\r\n", "", "RFC 9110 section 5.5"),
    GOOD("host with port", LINE "Host: a.example:8080\r\n\r\n", "", "RFC 9110 section 7.2"),
    GOOD("host with empty port", LINE "Host: a:\r\n\r\n", "", "RFC 3986 section 3.2.3"),
    GOOD("IPv4 host", LINE "Host: 127.0.0.1:80\r\n\r\n", "", "RFC 3986 section 3.2.2"),
    GOOD("IPv6 host", LINE "Host: [2001:db8::1]\r\n\r\n", "", "RFC 3986 section 3.2.2"),
    GOOD("IPv6 host with port", LINE "Host: [::1]:65535\r\n\r\n", "", "RFC 3986 section 3.2.2"),
    GOOD("underscore in the host", LINE "Host: a_b\r\n\r\n", "", "RFC 3986 section 3.2.2"),
    GOOD("length zero", START "Content-Length: 0\r\n\r\n", "", "RFC 9110 section 8.6"),
    GOOD("length with zeros in front", START "Content-Length: 0001000\r\n\r\n", "",
         "RFC 9110 section 8.6"),
    GOOD("length at the limit", START "Content-Length: 1000\r\n\r\n", "", "RFC 9110 section 8.6"),
    GOOD("chunked in any case", START "Transfer-Encoding: cHuNkEd\r\n\r\n", "",
         "RFC 9112 section 7"),
    GOOD("expectation in any case", START "Expect: 100-Continue\r\n\r\n", "",
         "RFC 9110 section 10.1.1"),
    GOOD("connection twice", START "Connection: keep-alive\r\nConnection: close\r\n\r\n", "",
         "RFC 9110 section 7.6.1"),
    GOOD("GET with length zero", "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "",
         "RFC 9110 section 9.3.1"),
    GOOD("OPTIONS with a body", "OPTIONS / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n", "{}",
         "RFC 9110 section 9.3.7"),
    GOOD("user agent twice", START "User-Agent: a\r\nUser-Agent: b\r\n\r\n", "", "our choice"),
    GOOD("as many fields as allowed",
         START "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\n\r\n", "", "our bound"),
    GOOD("a name longer than any known one", START "Transfer-Encodings: gzip\r\n\r\n", "",
         "RFC 9110 section 5.1"),
};

static const struct row bad_lines[] = {
    BAD("two empty lines in front", "\r\n", "\r\n" START "\r\n", "RFC 9112 section 2.2"),
    BAD("bare LF in front", "", "\n" START "\r\n", "RFC 9112 section 2.2"),
    BAD("bare CR in front", "\r", START "\r\n", "RFC 9112 section 2.2"),
    BAD("space in front", "", " " START "\r\n", "RFC 9112 section 3"),
    BAD("NUL in front", "", "\0" START "\r\n", "RFC 9112 section 3"),
    BAD("no method", "", " / HTTP/1.1\r\n", "RFC 9112 section 3.1"),
    BAD("TLS on the plain port", "", "\x16\x03\x01\x02\x00", "RFC 9112 section 3"),
    ROW("method above the limit of the head", X64 X64 X64 X64 X64 X64 X64 X64 X64 X16 "xxxxxxxx",
        "x / HTTP/1.1\r\n", END_HEAD_TOO_LARGE, "our bound"),
    BAD("8-bit method", "P", "\xd6ST / HTTP/1.1\r\n", "RFC 9112 section 3.1"),
    BAD("tab behind the method", "POST", "\t/ HTTP/1.1\r\n", "RFC 9112 section 3"),
    BAD("two spaces behind the method", "POST ", " / HTTP/1.1\r\n", "RFC 9112 section 3"),
    BAD("request line of a method alone", "POST", "\r\n\r\n", "RFC 9112 section 3"),
    BAD("HTTP/0.9 request", "GET /", "\r\n", "RFC 9112 section 3"),
    BAD("absolute form", "GET ", "http://a/ HTTP/1.1\r\n", "RFC 9112 section 3.2.2"),
    BAD("authority form", "CONNECT ", "a:443 HTTP/1.1\r\n", "RFC 9112 section 3.2.3"),
    BAD("asterisk form with another method", "POST ", "* HTTP/1.1\r\n", "RFC 9112 section 3.2.4"),
    BAD("asterisk form with a method that begins alike", "OPTIONSX ", "* HTTP/1.1\r\n",
        "RFC 9112 section 3.2.4"),
    BAD("asterisk and more", "OPTIONS *", "/ HTTP/1.1\r\n", "RFC 9112 section 3.2.4"),
    BAD("h2 preface", "PRI ", "* HTTP/2.0\r\n\r\nSM\r\n\r\n", "RFC 9113 section 3.4"),
    BAD("relative target", "GET ", "a HTTP/1.1\r\n", "RFC 9112 section 3.2.1"),
    BAD("target of two slashes", "GET /", "/evil/p HTTP/1.1\r\n", "RFC 3986 section 4.2"),
    BAD("fragment", "GET /a", "#b HTTP/1.1\r\n", "RFC 9112 section 3.2"),
    BAD("8-bit target", "GET /", "\xc3\xa9 HTTP/1.1\r\n", "RFC 3986 section 2"),
    BAD("NUL in the target", "GET /a", "\0b HTTP/1.1\r\n", "RFC 3986 section 2"),
    BAD("tab in the target", "GET /a", "\tb HTTP/1.1\r\n", "RFC 9112 section 3"),
    BAD("bare CR in the target", "GET /a", "\rb HTTP/1.1\r\n", "RFC 9112 section 2.2"),
    BAD("backslash in the target", "GET /a", "\\b HTTP/1.1\r\n", "RFC 3986 section 2"),
    BAD("quote in the target", "GET /a", "\"b HTTP/1.1\r\n", "RFC 3986 section 2"),
    BAD("bracket in the query", "GET /a?b", "[]=1 HTTP/1.1\r\n", "RFC 3986 section 3.4"),
    BAD("percent sign alone", "GET /a%", " HTTP/1.1\r\n", "RFC 3986 section 2.1"),
    BAD("percent sign and one digit", "GET /a%4", " HTTP/1.1\r\n", "RFC 3986 section 2.1"),
    BAD("percent sign and no digits", "GET /a%", "zz HTTP/1.1\r\n", "RFC 3986 section 2.1"),
    BAD("encoded NUL", "GET /a%0", "0 HTTP/1.1\r\n", "RFC 3986 section 7.3"),
    BAD("two spaces behind the target", "GET / ", " HTTP/1.1\r\n", "RFC 9112 section 3"),
    BAD("space behind the version", "GET / HTTP/1.1", " \r\n", "RFC 9112 section 3"),
    BAD("lower-case version", "GET / http/1.1", "\r\n", "RFC 9112 section 2.3"),
    BAD("version of signs", "GET / HTTP/+1.", "+1\r\n", "RFC 9112 section 2.3"),
    BAD("version with two digits", "GET / HTTP/1.1", "0\r\n", "RFC 9112 section 2.3"),
    BAD("version without minor", "GET / HTTP/1", "\r\n", "RFC 9112 section 2.3"),
    BAD("no version", "GET / ", "\r\n", "RFC 9112 section 2.3"),
    BAD("another protocol", "GET / ICY/1.1", "\r\n", "RFC 9112 section 2.3"),
    BAD("request line with bare LF", "GET / HTTP/1.1", "\n" HOST "\r\n", "RFC 9112 section 2.2"),
    BAD("request line with CR alone", "GET / HTTP/1.1\r", HOST "\r\n", "RFC 9112 section 2.2"),
    ROW("HTTP/1.0", "GET / HTTP/1.0", "\r\n\r\n", END_HTTP_VERSION, "RFC 9110 section 15.6.6"),
    ROW("HTTP/1.9", "GET / HTTP/1.9", "\r\n", END_HTTP_VERSION, "RFC 9110 section 15.6.6"),
    ROW("HTTP/0.9 by name", "GET / HTTP/0.9", "\r\n", END_HTTP_VERSION, "RFC 9110 section 2.5"),
    ROW("target above the limit", "GET /" X16 X16 X16 "xxxxxxxxxxxxxxx", "x HTTP/1.1\r\n",
        END_TARGET_TOO_LONG, "RFC 9110 section 15.5.15"),
    ROW("escape above the limit", "GET /" X16 X16 X16 "xxxxxxxxxxxxxx%", "41 HTTP/1.1\r\n",
        END_TARGET_TOO_LONG, "RFC 9110 section 15.5.15"),
};

static const struct row bad_fields[] = {
    BAD("folded line", START "X: a\r\n", " b\r\n\r\n", "RFC 9112 section 5.2"),
    BAD("folded line by tab", START "X: a\r\n", "\tb\r\n\r\n", "RFC 9112 section 5.2"),
    BAD("space before the first field", LINE, " Host: a\r\n\r\n", "RFC 9112 section 2.2"),
    BAD("space before the colon", START "Content-Length", " : 3\r\n\r\n", "RFC 9112 section 5.1"),
    BAD("tab before the colon", START "Transfer-Encoding", "\t: chunked\r\n",
        "RFC 9112 section 5.1"),
    BAD("space in a name", START "A", " B: c\r\n", "RFC 9110 section 5.1"),
    BAD("empty name", START, ": c\r\n", "RFC 9110 section 5.1"),
    BAD("8-bit name", START "X-", "\xe9: c\r\n", "RFC 9110 section 5.1"),
    BAD("name with a slash", START "X", "/Y: c\r\n", "RFC 9110 section 5.6.2"),
    BAD("NUL at the start of a line", START, "\0X: c\r\n", "RFC 9110 section 5.5"),
    BAD("NUL in a name", START "X", "\0Y: c\r\n", "RFC 9110 section 5.1"),
    BAD("no colon", START "Xyz", "\r\n\r\n", "RFC 9112 section 5"),
    BAD("NUL in a value", START "Content-Length: 3", "\0abc\r\n", "RFC 9110 section 5.5"),
    BAD("control byte in a value", START "X: a",
        "\x0b"
        "b\r\n",
        "RFC 9110 section 5.5"),
    BAD("DEL in a value", START "X: a", "\x7f\r\n", "RFC 9110 section 5.5"),
    BAD("bare LF in a value", START "X: a", "\nY: b\r\n\r\n", "RFC 9112 section 2.2"),
    BAD("bare CR in a value", START "X: a\r", "b\r\n\r\n", "RFC 9112 section 2.2"),
    BAD("two CR at a line's end", START "X: a\r", "\r\n\r\n", "RFC 9112 section 2.2"),
    BAD("head ended by LF alone", START, "\n", "RFC 9112 section 2.2"),
    BAD("head ended by CR alone", START "\r", "X", "RFC 9112 section 2.2"),
    BAD("no Host", LINE "X: a\r\n\r\n", "", "RFC 9112 section 3.2"),
    BAD("two Hosts", START "Host: a\r", "\n\r\n", "RFC 9112 section 3.2"),
    BAD("empty Host", LINE "Host:\r", "\n\r\n", "RFC 9110 section 4.2.1"),
    BAD("Host with user information", LINE "Host: u@a\r", "\n", "RFC 9110 section 4.2.4"),
    BAD("Host with a path", LINE "Host: a/b\r", "\n", "RFC 9110 section 7.2"),
    BAD("Host with a space", LINE "Host: a b\r", "\n", "RFC 9110 section 7.2"),
    BAD("Host of 8-bit bytes", LINE "Host: \xc3\xa9\r", "\n", "RFC 3986 section 3.2.2"),
    BAD("Host with an escape", LINE "Host: a%20b\r", "\n", "our choice"),
    BAD("Host with a bad escape", LINE "Host: a%2\r", "\n", "RFC 3986 section 2.1"),
    BAD("Host with letters as port", LINE "Host: a:b\r", "\n", "RFC 3986 section 3.2.3"),
    BAD("Host with two ports", LINE "Host: a:1:2\r", "\n", "RFC 3986 section 3.2.3"),
    BAD("Host with port 65536", LINE "Host: a:65536\r", "\n", "RFC 3986 section 3.2.3"),
    BAD("Host of a port alone", LINE "Host: :80\r", "\n", "RFC 9110 section 4.2.1"),
    BAD("Host with an open bracket", LINE "Host: [::1\r", "\n", "RFC 3986 section 3.2.2"),
    BAD("Host with bad IPv6", LINE "Host: [::g]\r", "\n", "RFC 3986 section 3.2.2"),
    BAD("Host with IPv6 and letters", LINE "Host: [::1]a\r", "\n", "RFC 3986 section 3.2.2"),
    BAD("Host with a long literal", LINE "Host: [" X64 "]\r", "\n", "RFC 3986 section 3.2.2"),
    BAD("two Authorizations", START "Authorization: a\r\nAuthorization: a\r", "\n",
        "RFC 9110 section 11.6.2"),
    BAD("two Content-Types", START "Content-Type: a\r\nContent-Type: a\r", "\n",
        "RFC 9110 section 8.3"),
    BAD("two Origins", START "Origin: a\r\nOrigin: b\r", "\n", "RFC 6454 section 7.3"),
    BAD("two Expects", START "Expect: 100-continue\r\nExpect: 100-continue\r", "\n", "our choice"),
    ROW("too many fields", START "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\n",
        "H: 8\r\n", END_HEAD_TOO_LARGE, "RFC 6585 section 5"),
    ROW("other expectation", START "Expect: 200-ok\r\n\r\n", "", END_EXPECTATION,
        "RFC 9110 section 15.5.18"),
    ROW("two expectations in one field", START "Expect: 100-continue, x\r\n\r\n", "",
        END_EXPECTATION, "RFC 9110 section 10.1.1"),
};

#define BAD_LENGTH(name, value, spec) BAD(name, START "Content-Length:" value "\r", "\n\r\n", spec)
#define BAD_CODING(name, value, spec)                                                              \
    BAD(name, START "Transfer-Encoding:" value "\r", "\n\r\n", spec)

static const struct row bad_framing[] = {
    BAD("two lengths that agree", START "Content-Length: 3\r\nContent-Length: 3\r", "\n\r\n",
        "RFC 9110 section 8.6"),
    BAD("two lengths that differ", START "Content-Length: 3\r\nContent-Length: 4\r", "\n\r\n",
        "RFC 9112 section 6.3"),
    BAD_LENGTH("length list", " 3,3", "RFC 9110 section 8.6"),
    BAD_LENGTH("signed length", " +3", "RFC 9110 section 8.6"),
    BAD_LENGTH("negative length", " -1", "RFC 9110 section 8.6"),
    BAD_LENGTH("hexadecimal length", " 0x3", "RFC 9110 section 8.6"),
    BAD_LENGTH("length with a space inside", " 3 3", "RFC 9110 section 8.6"),
    BAD_LENGTH("length with a fraction", " 3.0", "RFC 9110 section 8.6"),
    BAD_LENGTH("empty length", "", "RFC 9110 section 8.6"),
    BAD_LENGTH("tab before a length", "\t3", "our choice"),
    BAD_LENGTH("tab behind a length", " 3\t", "our choice"),
    BAD_LENGTH("space and tab before a length", " \t 3", "our choice"),
    BAD_LENGTH("8-bit length", " \xd9\xa3", "RFC 9110 section 8.6"),
    BAD("vertical tab before a length", START "Content-Length: ",
        "\x0b"
        "3\r\n\r\n",
        "RFC 9110 section 5.5"),
    BAD("length and coding", START "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "",
        "RFC 9112 section 6.1"),
    BAD("coding and length", START "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "",
        "RFC 9112 section 6.1"),
    BAD("coding twice", START "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r", "\n",
        "RFC 9112 section 6.1"),
    BAD_CODING("xchunked", " xchunked", "RFC 9112 section 6.1"),
    BAD_CODING("identity", " identity", "RFC 9112 section 6.1"),
    BAD_CODING("gzip, chunked", " gzip, chunked", "RFC 9112 section 6.1"),
    BAD_CODING("chunked, identity", " chunked, identity", "RFC 9112 section 6.1"),
    BAD_CODING("chunked with a comma", " chunked,", "RFC 9110 section 5.6.1"),
    BAD_CODING("chunked with a parameter", " chunked;a=b", "RFC 9112 section 7"),
    BAD_CODING("chunked in quotes", " \"chunked\"", "RFC 9112 section 7"),
    BAD_CODING("tab before the coding", "\tchunked", "our choice"),
    BAD_CODING("tab behind the coding", " chunked\t", "our choice"),
    BAD("tab before an expectation", START "Expect:\t100-continue\r", "\n\r\n", "our choice"),
    BAD_CODING("empty coding", "", "RFC 9112 section 6.1"),
    BAD("GET with a length", "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", "",
        "RFC 9110 section 9.3.1"),
    BAD("HEAD with a length", "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", "",
        "RFC 9110 section 9.3.2"),
    BAD("HEAD with chunks", "HEAD / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "",
        "RFC 9110 section 9.3.2"),
    BAD("GET with a huge length",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", "",
        "RFC 9110 section 9.3.1"),
    ROW("length above the limit", START "Content-Length: 1001\r\nX: y\r\n\r\n", "", END_TOO_LARGE,
        "RFC 9110 section 15.5.14"),
    ROW("length of 2^64 and 3", START "Content-Length: 18446744073709551619\r\n\r\n", "",
        END_TOO_LARGE, "RFC 9110 section 8.6"),
    ROW("length of 2^63 less 1", START "Content-Length: 9223372036854775807\r\n\r\n", "",
        END_TOO_LARGE, "RFC 9110 section 8.6"),
    ROW("length too large, then an unknown expectation",
        START "Content-Length: 1001\r\nExpect: x\r\n\r\n", "", END_TOO_LARGE,
        "the first one stands"),
    BAD("length too large, then a broken line", START "Content-Length: 1001\r\nX", "\r\n",
        "framing errors come first"),
    BAD("length too large beside a coding",
        START "Content-Length: 1001\r\nTransfer-Encoding: chunked\r\n\r\n", "",
        "framing errors come first"),
};

#endif
