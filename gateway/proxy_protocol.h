/* SPDX-License-Identifier: MIT */
/*
 * proxy_protocol.h - the header by which a load balancer names the client. Pure.
 *
 * Versions 1 (a line of text) and 2 (binary), as in HAProxy's proxy-protocol.txt, which
 * is what every balancer follows. Nothing is guessed: what is not exactly such a header
 * is refused, for it would be a client that names itself.
 */
#ifndef GATEWAY_PROXY_PROTOCOL_H
#define GATEWAY_PROXY_PROTOCOL_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/address.h"

/* Version 1 has at most 107 bytes; version 2 may carry 64 KiB of extensions, which nobody does. */
#define PROXY_HEADER_BYTES_MAX 4096

enum proxy_header_status {
    PROXY_HEADER_OK = 0,
    PROXY_HEADER_MORE, /* a good beginning */
    PROXY_HEADER_REFUSED,
};

struct proxy_header {
    size_t length;         /* bytes of the header; what follows is the client's */
    struct address client; /* unknown: the balancer speaks for itself, or of no TCP client */
};

/*
 * Look at all bytes that have come so far. <header> is written on PROXY_HEADER_OK,
 * <problem> (static text) on PROXY_HEADER_REFUSED. Never asks for more than
 * PROXY_HEADER_BYTES_MAX bytes in all.
 */
enum proxy_header_status proxy_header_parse(struct span bytes, struct proxy_header *header,
                                            const char **problem) MUST_USE;

#endif
