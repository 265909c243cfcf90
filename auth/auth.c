/* SPDX-License-Identifier: MIT */
/*
 * auth.c - one token check, cheapest question first.
 *
 *   bearer_parse -> jws_parse -> find the key -> MAC -> claims_check
 *
 * Up to the MAC everything is a stranger's bytes. Past it, the claims come from
 * someone who knows a secret of ours, and are still checked in full.
 */
#include "auth/auth.h"

#include <stdlib.h>

#include "auth/bearer.h"
#include "auth/claims.h"
#include "auth/hs256.h"
#include "auth/jws.h"
#include "auth/scratch.h"

struct auth_checker {
    const struct auth_keys *keys;      /* borrowed */
    struct auth_policy policy;         /* its strings are borrowed */
    struct hs256 *macs[AUTH_KEYS_MAX]; /* owned; one for each key, in the order of <keys> */
    struct scratch scratch;
};

struct auth_checker *auth_checker_new(const struct auth_keys *keys,
                                      const struct auth_policy *policy)
{
    struct auth_checker *checker = calloc(1, sizeof *checker);

    if (checker == NULL) {
        return NULL;
    }
    checker->keys = keys;
    checker->policy = *policy;
    if (!scratch_init(&checker->scratch)) {
        goto failed;
    }
    for (size_t i = 0; i < auth_keys_count(keys); i++) {
        checker->macs[i] = hs256_new(auth_keys_secret(keys, i));
        if (checker->macs[i] == NULL) {
            goto failed;
        }
    }
    return checker;

failed:
    auth_checker_free(checker);
    return NULL;
}

void auth_checker_free(struct auth_checker *checker)
{
    if (checker == NULL) {
        return;
    }
    for (size_t i = 0; i < AUTH_KEYS_MAX; i++) {
        hs256_free(checker->macs[i]);
    }
    scratch_fini(&checker->scratch);
    free(checker);
}

static enum auth_verdict verify_with(struct hs256 *mac, const struct jws *jws)
{
    switch (hs256_verify(mac, jws->signing_input, jws->mac)) {
    case HS256_MATCH:
        return AUTH_OK;
    case HS256_MISMATCH:
        return AUTH_BAD_SIGNATURE;
    case HS256_FAILED:
        break;
    }
    return AUTH_NO_MEMORY;
}

/* The key that "kid" names, and no other: RFC 7515 section 4.1.4. */
static enum auth_verdict verify_named(const struct auth_checker *checker, const struct jws *jws)
{
    for (size_t i = 0; i < auth_keys_count(checker->keys); i++) {
        struct span kid = auth_keys_kid(checker->keys, i);

        if (!span_is_empty(kid) && span_equals(kid, jws->kid)) {
            return verify_with(checker->macs[i], jws);
        }
    }
    return AUTH_UNKNOWN_KEY;
}

/* No "kid": each key in turn, as RFC 7515 section 5.2 step 8 allows. */
static enum auth_verdict verify_with_any(const struct auth_checker *checker, const struct jws *jws)
{
    enum auth_verdict verdict = AUTH_BAD_SIGNATURE;

    for (size_t i = 0; i < auth_keys_count(checker->keys); i++) {
        verdict = verify_with(checker->macs[i], jws);
        if (verdict != AUTH_BAD_SIGNATURE) {
            break;
        }
    }
    return verdict;
}

enum auth_verdict auth_check(struct auth_checker *checker, struct span value, int64_t now_unix_s,
                             struct auth_identity *identity)
{
    struct span token = {NULL, 0};
    struct jws jws;
    enum auth_verdict verdict = bearer_parse(value, &token);

    if (verdict != AUTH_OK) {
        return verdict;
    }
    verdict = jws_parse(&checker->scratch, token, &jws);
    if (verdict != AUTH_OK) {
        return verdict;
    }
    verdict = jws.has_kid ? verify_named(checker, &jws) : verify_with_any(checker, &jws);
    if (verdict != AUTH_OK) {
        return verdict;
    }
    return claims_check(&checker->scratch, jws.claims, &checker->policy, now_unix_s, identity);
}

const char *auth_verdict_token(enum auth_verdict verdict)
{
    switch (verdict) {
    case AUTH_OK:
        return "ok";
    case AUTH_NO_CREDENTIALS:
        return "no_credentials";
    case AUTH_BAD_SCHEME:
        return "bad_scheme";
    case AUTH_TOO_LARGE:
        return "too_large";
    case AUTH_MALFORMED:
        return "malformed";
    case AUTH_BAD_ALGORITHM:
        return "bad_algorithm";
    case AUTH_BAD_HEADER:
        return "bad_header";
    case AUTH_UNKNOWN_KEY:
        return "unknown_key";
    case AUTH_BAD_SIGNATURE:
        return "bad_signature";
    case AUTH_BAD_CLAIMS:
        return "bad_claims";
    case AUTH_MISSING_CLAIM:
        return "missing_claim";
    case AUTH_EXPIRED:
        return "expired";
    case AUTH_NOT_YET_VALID:
        return "not_yet_valid";
    case AUTH_WRONG_ISSUER:
        return "wrong_issuer";
    case AUTH_WRONG_AUDIENCE:
        return "wrong_audience";
    case AUTH_NO_MEMORY:
        return "no_memory";
    }
    return "unknown"; /* not a verdict: only a caller's bug leads here */
}
