/* SPDX-License-Identifier: MIT */
/*
 * url.h - the address of an upstream, taken apart.
 *
 * The subset of RFC 3986 that a conf file needs: http:// or https://, a host, an
 * optional port, a path. User info, query and fragment are refused, as they
 * would be secrets or lost. Pure.
 */
#ifndef UPSTREAM_URL_H
#define UPSTREAM_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

#define URL_HOST_BYTES_MAX 253  /* RFC 1035 section 2.3.4, without the root's dot */
#define URL_PATH_BYTES_MAX 2048 /* ours */

enum url_host {
    URL_HOST_NAME = 0, /* to be resolved, checked and sent as SNI */
    URL_HOST_IPV4,
    URL_HOST_IPV6,
};

struct url {
    bool is_tls;
    enum url_host host_kind;
    char host[URL_HOST_BYTES_MAX + 1]; /* lower case, IPv6 without brackets */
    uint16_t port;
    char host_header[URL_HOST_BYTES_MAX + sizeof("[]:65535")]; /* RFC 9110 section 7.2 */
    const char *path; /* begins with "/"; borrowed from the text, or static */
};

/*
 * Take <text> apart; it must outlive <url>. On failure <url> is not written and
 * <problem> receives a static sentence, in which no byte of <text> occurs.
 */
bool url_parse(const char *text, struct url *url, const char **problem) MUST_USE;

#endif
