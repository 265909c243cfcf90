/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the secrets that tokens may be signed with.
 *
 * Several may be live at once, so that a secret can be rotated without a gap:
 * "kid" picks one; a token without "kid" is tried against each, in order.
 */
#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct auth_keys;

/* RFC 7518 section 3.2: a key as large as the hash output, or larger. */
#define AUTH_SECRET_BYTES_MIN 32
#define AUTH_KEYS_MAX 16

enum auth_keys_status {
    AUTH_KEYS_OK = 0,
    AUTH_KEYS_TOO_SHORT, /* below AUTH_SECRET_BYTES_MIN */
    AUTH_KEYS_REPEATED,  /* this kid is there already */
    AUTH_KEYS_BAD_KID,   /* longer than 128 bytes or not printable ASCII */
    AUTH_KEYS_FULL,      /* AUTH_KEYS_MAX reached */
    AUTH_KEYS_NO_MEMORY,
};

struct auth_keys *auth_keys_new(void) MUST_USE; /* NULL when memory is out */
void auth_keys_free(struct auth_keys *keys);    /* wipes; accepts NULL */

/* Add one secret; both spans are copied. An empty <kid> is a key without a name. */
enum auth_keys_status auth_keys_add(struct auth_keys *keys, struct span kid,
                                    struct span secret) MUST_USE;

size_t auth_keys_count(const struct auth_keys *keys);

/*
 * Key <index>, below the count: its name, empty when it has none, and its secret.
 * Borrowed from <keys>. For auth.c alone: nobody else needs to see a secret.
 */
struct span auth_keys_kid(const struct auth_keys *keys, size_t index);
struct span auth_keys_secret(const struct auth_keys *keys, size_t index);

#endif
