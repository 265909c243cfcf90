/* SPDX-License-Identifier: MIT */
/*
 * tls_tickets.h - the keys that session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1).
 *
 * A client that comes back shows a ticket and is spared the costly half of the
 * handshake. It may come back to any worker, so the supervisor makes the keys before it
 * forks; and after a reload, so the keys before the newest ones are still accepted.
 */
#ifndef GATEWAY_TLS_TICKETS_H
#define GATEWAY_TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_KEY_BYTES 32

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME_BYTES]; /* public: stands in front of each ticket */
    unsigned char cipher_key[TLS_TICKET_KEY_BYTES];
    unsigned char mac_key[TLS_TICKET_KEY_BYTES];
};

struct tls_tickets {
    struct tls_ticket_key newest; /* seals and opens */
    struct tls_ticket_key former; /* opens only */
    bool has_former;
};

/* Make the first keys. False when the system has no random bytes. */
bool tls_tickets_init(struct tls_tickets *tickets) MUST_USE;

/* <next> gets new keys, with those of <now> as its former ones. False as above. */
bool tls_tickets_rotate(struct tls_tickets *next, const struct tls_tickets *now) MUST_USE;

void tls_tickets_fini(struct tls_tickets *tickets); /* wipes */

/* Make <context> use them; borrowed for its life. */
bool tls_tickets_use(struct ssl_ctx_st *context, const struct tls_tickets *tickets) MUST_USE;

#endif
