/* SPDX-License-Identifier: MIT */
/*
 * address.h - Internet addresses and networks, IPv4 and IPv6 in one form. Pure.
 *
 * An IPv4 address is kept as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that
 * "::ffff:192.0.2.1" and "192.0.2.1" are one client and one rule for networks, keys
 * and comparisons does for both.
 */
#ifndef GATEWAY_ADDRESS_H
#define GATEWAY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

#define ADDRESS_BYTES 16
#define ADDRESS_TEXT_BYTES_MAX 46                            /* INET6_ADDRSTRLEN, with the NUL */
#define NETWORK_TEXT_BYTES_MAX (ADDRESS_TEXT_BYTES_MAX + 12) /* "/" and any unsigned */

struct sockaddr;

struct address {
    uint8_t bytes[ADDRESS_BYTES];
    bool is_known; /* false: all else is without meaning */
};

/* A block of addresses. */
struct network {
    struct address base;
    unsigned prefix; /* leading bits that count, 0 to 128; for IPv4 96 more than written */
    char text[NETWORK_TEXT_BYTES_MAX]; /* "10.0.0.0/8", NUL-terminated */
};

/* Unknown unless the family is IPv4 or IPv6. <from> may be NULL. */
struct address address_of_sockaddr(const struct sockaddr *from);

/* <bytes>: 4 or 16 of them, in network order. */
struct address address_of_bytes(const uint8_t *bytes, size_t length);

/* Exactly one address, no port, no zone: "192.0.2.1", "2001:db8::1". */
bool address_parse(struct span text, struct address *address) MUST_USE;

/* The same, or one with a port as some proxies write it: "192.0.2.1:80", "[2001:db8::1]:80". */
bool address_parse_node(struct span text, struct address *address) MUST_USE;

/* IPv4 without the mapping. "" for an unknown address. */
void address_render(const struct address *address, char text[ADDRESS_TEXT_BYTES_MAX]);

bool address_equal(const struct address *a, const struct address *b);

/*
 * What counts as one client: an IPv4 address itself, an IPv6 address's /64, since whoever
 * has one address of it has them all (RFC 6177 section 2).
 */
struct address address_client_key(const struct address *address);

enum network_verdict {
    NETWORK_OK = 0,
    NETWORK_MALFORMED,
    NETWORK_BAD_PREFIX, /* not a number in range */
    NETWORK_HOST_BITS,  /* bits behind the prefix are set: most likely not what was meant */
};

/* "ADDRESS/BITS", or one address alone. <network> is written on NETWORK_OK only. */
enum network_verdict network_parse(struct span text, struct network *network) MUST_USE;

bool network_has(const struct network *network, const struct address *address);

/* True when one of <count> networks has it. */
bool networks_have(const struct network *networks, size_t count, const struct address *address);

#endif
