/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the list of secrets, wiped when it goes.
 *
 * Filled once when the conf file is read and never changed afterwards: workers
 * get it by fork and only look at it.
 */
#include "auth/keys.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/secret.h"

/* Enough for a thumbprint of RFC 7638 or a file name; it ends up in messages. */
#define KID_BYTES_MAX 128

struct key {
    char kid[KID_BYTES_MAX];
    size_t kid_length; /* 0: the key has no name */
    struct secret secret;
};

struct auth_keys {
    struct key keys[AUTH_KEYS_MAX];
    size_t count;
};

struct auth_keys *auth_keys_new(void)
{
    return calloc(1, sizeof(struct auth_keys));
}

void auth_keys_free(struct auth_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        secret_fini(&keys->keys[i].secret);
    }
    free(keys);
}

static bool kid_is_fit(struct span kid)
{
    if (kid.length > KID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < kid.length; i++) {
        if (kid.data[i] < ' ' || kid.data[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Several keys may go without a name; two may not share one. */
static bool kid_is_taken(const struct auth_keys *keys, struct span kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!span_is_empty(kid) && span_equals(auth_keys_kid(keys, i), kid)) {
            return true;
        }
    }
    return false;
}

enum auth_keys_status auth_keys_add(struct auth_keys *keys, struct span kid, struct span secret)
{
    struct key *key = NULL;

    if (secret.length < AUTH_SECRET_BYTES_MIN) {
        return AUTH_KEYS_TOO_SHORT;
    }
    if (!kid_is_fit(kid)) {
        return AUTH_KEYS_BAD_KID;
    }
    if (kid_is_taken(keys, kid)) {
        return AUTH_KEYS_REPEATED;
    }
    if (keys->count == AUTH_KEYS_MAX) {
        return AUTH_KEYS_FULL;
    }
    key = &keys->keys[keys->count];
    if (!secret_copy(secret, &key->secret)) {
        return AUTH_KEYS_NO_MEMORY;
    }
    if (!span_is_empty(kid)) {
        memcpy(key->kid, kid.data, kid.length);
    }
    key->kid_length = kid.length;
    keys->count++;
    return AUTH_KEYS_OK;
}

size_t auth_keys_count(const struct auth_keys *keys)
{
    return keys->count;
}

struct span auth_keys_kid(const struct auth_keys *keys, size_t index)
{
    if (BUG_IF(index >= keys->count)) {
        return span_of(NULL, 0);
    }
    return span_of(keys->keys[index].kid, keys->keys[index].kid_length);
}

struct span auth_keys_secret(const struct auth_keys *keys, size_t index)
{
    if (BUG_IF(index >= keys->count)) {
        return span_of(NULL, 0);
    }
    return secret_span(&keys->keys[index].secret);
}
