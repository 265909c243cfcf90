/* SPDX-License-Identifier: MIT */
/*
 * hs256.c - one OpenSSL MAC context for each key, rewound rather than rebuilt.
 *
 * Setting up HMAC hashes two padded key blocks, which costs more than a typical
 * token does. EVP_MAC_init() without a key rewinds the context to the state just
 * after them, and drops whatever an unfinished computation left behind.
 */
#include "auth/hs256.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct hs256 {
    EVP_MAC_CTX *context; /* owned; OpenSSL wipes the key when it is freed */
};

/* A context with the digest chosen and the key set, or NULL. */
static EVP_MAC_CTX *new_context(struct span secret)
{
    char digest[] = "SHA256"; /* OSSL_PARAM wants it writable and does not write */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac); /* the context holds it */
    if (context == NULL) {
        return NULL;
    }
    if (EVP_MAC_init(context, (const unsigned char *)secret.data, secret.length, params) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

struct hs256 *hs256_new(struct span secret)
{
    struct hs256 *key = NULL;

    if (span_is_empty(secret)) {
        return NULL; /* OpenSSL would take it for "keep the key you have" */
    }
    key = calloc(1, sizeof *key);
    if (key == NULL) {
        return NULL;
    }
    key->context = new_context(secret);
    if (key->context == NULL) {
        ERR_clear_error(); /* nobody's TLS call may find our error in the queue */
        free(key);
        return NULL;
    }
    return key;
}

void hs256_free(struct hs256 *key)
{
    if (key == NULL) {
        return;
    }
    EVP_MAC_CTX_free(key->context);
    free(key);
}

bool hs256_sign(struct hs256 *key, struct span input, uint8_t mac[HS256_MAC_BYTES])
{
    size_t length = 0;

    if (EVP_MAC_init(key->context, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(key->context, (const unsigned char *)input.data, input.length) != 1 ||
        EVP_MAC_final(key->context, mac, &length, HS256_MAC_BYTES) != 1 ||
        length != HS256_MAC_BYTES) {
        ERR_clear_error();
        return false;
    }
    return true;
}

enum hs256_result hs256_verify(struct hs256 *key, struct span input, struct span mac)
{
    uint8_t expected[HS256_MAC_BYTES];
    bool is_match = false;

    if (mac.length != HS256_MAC_BYTES) {
        return HS256_MISMATCH;
    }
    if (!hs256_sign(key, input, expected)) {
        return HS256_FAILED;
    }
    is_match = CRYPTO_memcmp(expected, mac.data, HS256_MAC_BYTES) == 0;
    OPENSSL_cleanse(expected, sizeof expected); /* the right MAC of a forged token */
    return is_match ? HS256_MATCH : HS256_MISMATCH;
}
