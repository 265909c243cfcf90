/* SPDX-License-Identifier: MIT */
/*
 * tls_tickets.h - the keys that session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1).
 *
 * A client that comes back shows a ticket and is spared the costly half of the
 * handshake. It may come back to any worker, so the supervisor makes the keys before it
 * forks; and after a reload, so the keys before the newest ones are still accepted.
 *
 * Whoever gets hold of a key can open what was sent under its tickets with TLS 1.2, so
 * keys grow old: every half day each process makes the next ones out of them, the same in
 * all processes, by a hash that nobody turns round.
 */
#ifndef GATEWAY_TLS_TICKETS_H
#define GATEWAY_TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_KEY_BYTES 32
#define TLS_TICKET_KEY_AGE_MS (INT64_C(12) * 60 * 60 * 1000)

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME_BYTES]; /* public: stands in front of each ticket */
    unsigned char cipher_key[TLS_TICKET_KEY_BYTES];
    unsigned char mac_key[TLS_TICKET_KEY_BYTES];
};

struct tls_tickets {
    struct tls_ticket_key newest; /* seals and opens */
    struct tls_ticket_key former; /* opens only */
    bool has_former;
    int64_t since_ms; /* monotonic; when the newest became that */
};

/* Make the first keys. False when the system has no random bytes. */
bool tls_tickets_init(struct tls_tickets *tickets) MUST_USE;

/* <next> gets new keys, with those of <now> as its former ones. False as above. */
bool tls_tickets_rotate(struct tls_tickets *next, struct tls_tickets *now) MUST_USE;

/*
 * What time asks for; done by itself before each use. Every copy comes to the same keys.
 * False when hashing fails (memory is out): nothing has changed then.
 */
bool tls_tickets_grow_old(struct tls_tickets *tickets, int64_t now_ms);

void tls_tickets_fini(struct tls_tickets *tickets); /* wipes */

/* Make <context> use them; borrowed for its life. */
bool tls_tickets_use(struct ssl_ctx_st *context, struct tls_tickets *tickets) MUST_USE;

#endif
