/* SPDX-License-Identifier: MIT */
/*
 * fuzz_jwt.c - any bytes as an Authorization value, and signed ones behind the MAC.
 *
 * Reaches bearer.c, base64url.c, jws.c, claims.c and base/json*.c. The first byte of
 * an input says what the rest is, so that the corpus stays readable:
 *   A  the whole field value
 *   H  a JOSE header, which gets good claims and a right MAC
 *   C  claims, which get a good header and a right MAC
 * Whatever comes, the verdict is one of the enum, the identity is touched only on
 * AUTH_OK and then fit to be logged, and a second look gives the same verdict.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/base64url.h"
#include "auth/hs256.h"
#include "tests/fuzz/fuzz_target.h"

static const char secret[] = "only a secret for fuzzing, of 32 bytes or more";
static const char good_header[] = "{\"alg\":\"HS256\"}";
static const char good_claims[] = "{\"sub\":\"ada\",\"exp\":2000}";
#define NOW 1000

static struct auth_checker *checker;
static struct hs256 *signer;

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void set_up(void)
{
    static const struct auth_policy policy = {
        .issuer = {NULL, 0}, .leeway_s = 30, .require_exp = true, .require_sub = true};
    static struct auth_keys *keys;
    const struct span key = {secret, sizeof secret - 1};

    if (checker != NULL) {
        return;
    }
    keys = auth_keys_new();
    require(keys != NULL);
    require(auth_keys_add(keys, span_from_string("k"), key) == AUTH_KEYS_OK);
    checker = auth_checker_new(keys, &policy);
    signer = hs256_new(key);
    require(checker != NULL && signer != NULL);
}

/* Twice, and by the rules of auth.h. <value> is of exactly its size. */
static void check(struct span value)
{
    struct auth_identity identity;
    enum auth_verdict verdict = AUTH_OK;

    memset(&identity, 0x5a, sizeof identity);
    verdict = auth_check(checker, value, NOW, &identity);
    require(strcmp(auth_verdict_token(verdict), "unknown") != 0);
    if (verdict == AUTH_OK) {
        size_t length = strlen(identity.subject);

        require(length >= 1 && length <= AUTH_SUBJECT_BYTES_MAX);
        for (size_t i = 0; i < length; i++) {
            require(identity.subject[i] >= ' ' && identity.subject[i] <= '~');
        }
        require(identity.expires_unix_s > NOW - 30);
    } else {
        for (size_t i = 0; i < sizeof identity.subject; i++) {
            require(identity.subject[i] == 0x5a);
        }
        require(identity.expires_unix_s == 0x5a5a5a5a5a5a5a5a);
    }
    require(auth_check(checker, value, NOW, &identity) == verdict);
}

static void check_signed(struct span header, struct span claims)
{
    const struct span prefix = SPAN_LITERAL("Bearer ");
    size_t room =
        BASE64URL_ENCODED_BYTES(header.length) + BASE64URL_ENCODED_BYTES(claims.length) + 64;
    char *value = malloc(room);
    char *token = value + prefix.length;
    char *end = token;
    char *exact = NULL;
    uint8_t mac[HS256_MAC_BYTES];

    require(value != NULL);
    memcpy(value, prefix.data, prefix.length);
    end += base64url_encode(header, end);
    *end++ = '.';
    end += base64url_encode(claims, end);
    require(hs256_sign(signer, span_of(token, (size_t)(end - token)), mac));
    *end++ = '.';
    end += base64url_encode(span_of((const char *)mac, sizeof mac), end);
    exact = realloc(value, (size_t)(end - value));
    require(exact != NULL);
    check(span_of(exact, (size_t)(end - value)));
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest;

    set_up();
    if (size == 0) {
        return 0;
    }
    rest = span_of((const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'A':
        check(rest);
        break;
    case 'H':
        check_signed(rest, span_from_string(good_claims));
        break;
    case 'C':
        check_signed(span_from_string(good_header), rest);
        break;
    default:
        break;
    }
    return 0;
}
