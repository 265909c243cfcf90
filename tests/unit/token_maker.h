/* SPDX-License-Identifier: MIT */
/*
 * token_maker.h - signed tokens of any content, for the tests of auth/.
 *
 * Made with OpenSSL's one-shot HMAC() and its base64, not with our own code, so
 * that a mistake in ours cannot cancel itself out.
 */
#ifndef TESTS_UNIT_TOKEN_MAKER_H
#define TESTS_UNIT_TOKEN_MAKER_H

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/span.h"

#define SECRET_ONE "the first secret is 32 bytes or more"
#define SECRET_TWO "another secret for the new key, also long"
#define SECRET_FOREIGN "a secret that the gateway never heard of"
#define HEADER_PLAIN "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS_PLAIN "{\"sub\":\"ada\",\"exp\":2000}"
#define NOW_PLAIN 1000

/* base64url of <length> bytes; to be freed. */
static inline char *maker_encode(const void *bytes, size_t length)
{
    char *text = malloc(length / 3 * 4 + 5);

    assert(text != NULL);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '=') {
            *c = '\0';
            break;
        }
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    }
    return text;
}

/* base64url of the MAC of <input>; to be freed. */
static inline char *maker_sign(const char *secret, const char *input)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)input, strlen(input),
         mac, &length);
    assert(length == 32);
    return maker_encode(mac, length);
}

/* "Bearer " and a token that is rightly signed, whatever is in it; to be freed. */
static inline char *maker_bearer(const char *secret, struct span header, struct span claims)
{
    char *first = maker_encode(header.data, header.length);
    char *second = maker_encode(claims.data, claims.length);
    size_t room = strlen(first) + strlen(second) + 64;
    char *value = malloc(room);
    char *mac = NULL;

    assert(value != NULL);
    (void)snprintf(value, room, "Bearer %s.%s", first, second);
    mac = maker_sign(secret, value + strlen("Bearer "));
    (void)snprintf(value + strlen(value), room - strlen(value), ".%s", mac);
    free(first);
    free(second);
    free(mac);
    return value;
}

/* Keys, policy and checker together. */
struct maker_checker {
    struct auth_keys *keys;
    struct auth_policy policy;
    struct auth_checker *checker;
};

static inline void maker_add_key(struct auth_keys *keys, const char *kid, const char *secret)
{
    enum auth_keys_status status =
        auth_keys_add(keys, span_from_string(kid), span_from_string(secret));

    assert(status == AUTH_KEYS_OK);
    (void)status;
}

/* A checker for SECRET_ONE without a name, which asks for "exp" and "sub". */
static inline void maker_checker_init(struct maker_checker *maker, struct auth_policy policy)
{
    maker->keys = auth_keys_new();
    assert(maker->keys != NULL);
    maker_add_key(maker->keys, "", SECRET_ONE);
    maker->policy = policy;
    maker->checker = auth_checker_new(maker->keys, &maker->policy);
    assert(maker->checker != NULL);
}

static inline void maker_checker_fini(struct maker_checker *maker)
{
    auth_checker_free(maker->checker);
    auth_keys_free(maker->keys);
}

static inline struct auth_policy maker_policy(void)
{
    struct auth_policy policy = {.require_exp = true, .require_sub = true};

    return policy;
}

/* Check a value that stands in memory of exactly its size, so that reading on is seen. */
static inline enum auth_verdict maker_check(struct auth_checker *checker, struct span value,
                                            int64_t now_unix_s, struct auth_identity *identity)
{
    char *copy = malloc(value.length + (value.length == 0 ? 1 : 0));
    enum auth_verdict verdict = AUTH_OK;

    assert(copy != NULL);
    if (value.length > 0) {
        memcpy(copy, value.data, value.length);
    }
    verdict = auth_check(checker, span_of(copy, value.length), now_unix_s, identity);
    free(copy);
    return verdict;
}

/* True when they agree; else says which row does not. */
static inline bool maker_expect(const char *row, const char *spec, enum auth_verdict expected,
                                enum auth_verdict actual)
{
    if (expected != actual) {
        (void)fprintf(stderr, "row failed: %s (%s): expected %s, got %s\n", row, spec,
                      auth_verdict_token(expected), auth_verdict_token(actual));
    }
    return expected == actual;
}

#endif
