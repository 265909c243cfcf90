/* SPDX-License-Identifier: MIT */
/*
 * url.c - strict parser for the addresses of upstreams.
 *
 * Strict because a typing error in a conf file should be told when it is
 * checked, not show up as a strange 404 later. Problems never quote the text: who
 * writes user:password@ into an address must not find it in a log.
 */
#include "upstream/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "upstream/upstream.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443
#define LABEL_BYTES_MAX 63 /* RFC 1035 section 2.3.4 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Consume the scheme; false when it is not one of the two. */
static bool take_scheme(struct span *rest, struct url *url)
{
    static const struct {
        struct span text;
        bool is_tls;
        uint16_t port;
    } schemes[] = {
        {SPAN_LITERAL("http://"), false, HTTP_PORT},
        {SPAN_LITERAL("https://"), true, HTTPS_PORT},
    };

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t length = schemes[i].text.length;
        if (rest->length >= length && strncasecmp(rest->data, schemes[i].text.data, length) == 0) {
            url->is_tls = schemes[i].is_tls;
            url->port = schemes[i].port;
            *rest = span_skip(*rest, length);
            return true;
        }
    }
    return false;
}

/* RFC 3986 section 3.3: segments of pchar. NULL when <path> is well formed. */
static const char *path_problem(struct span path)
{
    if (path.length > URL_PATH_BYTES_MAX) {
        return "the path is too long";
    }
    for (size_t i = 0; i < path.length; i++) {
        char c = path.data[i];
        if (c == '%') {
            if (path.length - i < 3 || !is_hex(path.data[i + 1]) || !is_hex(path.data[i + 2])) {
                return "a % in the path is not followed by two hexadecimal digits";
            }
        } else if (!is_letter(c) && !is_digit(c) && strchr("/-._~!$&'()*+,;=:@", c) == NULL) {
            return "the path has a character that must be percent-encoded";
        }
    }
    return NULL;
}

/* RFC 1123 section 2.1, and the underscore that container networks use. */
static bool is_label(struct span label)
{
    if (span_is_empty(label) || label.length > LABEL_BYTES_MAX || label.data[0] == '-' ||
        label.data[label.length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.length; i++) {
        char c = label.data[i];
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') {
            return false;
        }
    }
    return true;
}

/* True for a DNS name; <last> receives its last label. */
static bool is_name(struct span host, struct span *last)
{
    for (;;) {
        const char *dot = span_is_empty(host) ? NULL : memchr(host.data, '.', host.length);
        size_t length = dot == NULL ? host.length : (size_t)(dot - host.data);
        *last = span_of(host.data, length);
        if (!is_label(*last)) {
            return false;
        }
        if (dot == NULL) {
            return true;
        }
        host = span_skip(host, length + 1);
    }
}

/*
 * A last label that is a number makes an IPv4 address: resolvers would read
 * "127.1" or "0x7f000001" as one, which is not what was checked here.
 */
static bool is_number(struct span label)
{
    size_t digits = 0;

    if (label.length > 1 && label.data[0] == '0' &&
        (label.data[1] == 'x' || label.data[1] == 'X')) {
        return true;
    }
    while (digits < label.length && is_digit(label.data[digits])) {
        digits++;
    }
    return digits == label.length;
}

/* Copy the host in lower case, without <skip> bytes at each end. */
static void copy_host(struct span host, size_t skip, struct url *url)
{
    size_t length = host.length - 2 * skip;

    for (size_t i = 0; i < length; i++) {
        char c = host.data[skip + i];
        url->host[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    url->host[length] = '\0';
}

/* NULL when <host> is good and copied. */
static const char *take_host(struct span host, struct url *url)
{
    struct in_addr address4;
    struct in6_addr address6;
    struct span last;

    if (span_is_empty(host)) {
        return "the host is missing";
    }
    if (host.length > URL_HOST_BYTES_MAX) {
        return "the host is too long";
    }
    if (host.data[0] == '[') {
        copy_host(host, 1, url);
        url->host_kind = URL_HOST_IPV6;
        return inet_pton(AF_INET6, url->host, &address6) == 1 ? NULL : "bad IPv6 address";
    }
    if (!is_name(host, &last)) {
        return "the host is not a valid name";
    }
    copy_host(host, 0, url);
    url->host_kind = is_number(last) ? URL_HOST_IPV4 : URL_HOST_NAME;
    if (url->host_kind == URL_HOST_IPV4 && inet_pton(AF_INET, url->host, &address4) != 1) {
        return "bad IPv4 address";
    }
    return NULL;
}

/* NULL when <text> is a port. */
static const char *take_port(struct span text, struct url *url)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (i == sizeof("65535") - 1 || !is_digit(text.data[i])) {
            return "the port is not a number from 1 to 65535";
        }
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX) {
        return "the port is not a number from 1 to 65535";
    }
    url->port = (uint16_t)port;
    return NULL;
}

/* host [ ":" port ], the host in brackets when it is IPv6. */
static const char *take_authority(struct span authority, struct url *url)
{
    struct span host = authority;
    const char *problem = NULL;

    if (!span_is_empty(authority) && memchr(authority.data, '@', authority.length) != NULL) {
        return "user and password do not belong into the address";
    }
    if (span_starts_with(authority, "[")) {
        const char *bracket = memchr(authority.data, ']', authority.length);
        if (bracket == NULL) {
            return "bad IPv6 address";
        }
        host.length = (size_t)(bracket - authority.data) + 1;
    } else {
        const char *colon =
            span_is_empty(authority) ? NULL : memchr(authority.data, ':', authority.length);
        host.length = colon == NULL ? authority.length : (size_t)(colon - authority.data);
    }
    problem = take_host(host, url);
    struct span port = span_skip(authority, host.length);
    if (problem != NULL || span_is_empty(port)) {
        return problem;
    }
    return port.data[0] == ':' ? take_port(span_skip(port, 1), url) : "bad IPv6 address";
}

static void write_host_header(struct url *url)
{
    bool is_bracketed = url->host_kind == URL_HOST_IPV6;
    bool is_usual = url->port == (url->is_tls ? HTTPS_PORT : HTTP_PORT);
    char port[sizeof(":65535")] = "";

    if (!is_usual) {
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)url->port); /* always fits */
    }
    (void)snprintf(url->host_header, sizeof(url->host_header), "%s%s%s%s", is_bracketed ? "[" : "",
                   url->host, is_bracketed ? "]" : "", port); /* always fits */
}

bool url_parse(const char *text, struct url *url, const char **problem)
{
    struct span rest = span_from_string(text);
    struct url parsed = {.path = "/"};

    if (!take_scheme(&rest, &parsed)) {
        *problem = "the address must begin with http:// or https://";
        return false;
    }
    size_t authority_length = strcspn(rest.data, "/?#");
    struct span authority = span_of(rest.data, authority_length);
    struct span path = span_skip(rest, authority_length);
    if (strpbrk(path.data, "?") != NULL || strpbrk(path.data, "#") != NULL) {
        *problem = "a query or fragment does not belong into the address";
        return false;
    }
    if (!span_is_empty(path)) {
        parsed.path = path.data;
    }
    const char *found = take_authority(authority, &parsed);
    if (found == NULL) {
        found = path_problem(path);
    }
    if (found != NULL) {
        *problem = found;
        return false;
    }
    write_host_header(&parsed);
    *url = parsed;
    return true;
}

bool upstream_url_check(const char *url, char *problem, size_t problem_size)
{
    struct url parsed;
    const char *sentence = NULL;

    if (url == NULL) {
        sentence = "the address is missing";
    } else if (url_parse(url, &parsed, &sentence)) {
        return true;
    }
    if (problem_size > 0) {
        size_t length = strlen(sentence);
        length = length < problem_size ? length : problem_size - 1;
        memcpy(problem, sentence, length);
        problem[length] = '\0';
    }
    return false;
}

uint16_t upstream_url_port(const char *url)
{
    struct url parts;
    const char *problem = NULL;

    return url_parse(url, &parts, &problem) ? parts.port : 0;
}
