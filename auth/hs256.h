/* SPDX-License-Identifier: MIT */
/*
 * hs256.h - HMAC-SHA256 with a key that is set up once and used many times.
 *
 * RFC 7518 section 3.2.
 */
#ifndef AUTH_HS256_H
#define AUTH_HS256_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

#define HS256_MAC_BYTES 32

/* One key and its context. Belongs to one event loop; never shared. */
struct hs256;

/* <secret> is not kept, only what OpenSSL derives of it. NULL: it is empty, or no memory. */
struct hs256 *hs256_new(struct span secret) MUST_USE;
void hs256_free(struct hs256 *key); /* wipes; accepts NULL */

/* False when OpenSSL fails, which means that memory is out. */
bool hs256_sign(struct hs256 *key, struct span input, uint8_t mac[HS256_MAC_BYTES]) MUST_USE;

enum hs256_result {
    HS256_MATCH = 0,
    HS256_MISMATCH,
    HS256_FAILED, /* OpenSSL failed: memory is out */
};

/*
 * Is <mac> the MAC of <input>? Any length of <mac> may be asked about; only one of
 * exactly HS256_MAC_BYTES can match, and how long the comparison takes says
 * nothing about where they differ. RFC 7515 section 5.2 step 8, RFC 7518 section 3.2.
 */
enum hs256_result hs256_verify(struct hs256 *key, struct span input, struct span mac) MUST_USE;

#endif
