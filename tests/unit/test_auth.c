/* SPDX-License-Identifier: MIT */
/*
 * test_auth.c - whole tokens against a set of keys, and tokens of our own making.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/base64url.h"
#include "auth/mint.h"
#include "tests/unit/token_maker.h"

/* RFC 7515 appendix A.1.1: the key "k" and the token. */
#define A1_KEY                                                                                     \
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define A1_TOKEN                                                                                   \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"                                                     \
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"                            \
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"                                                               \
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define A1_EXP 1300819380

static const struct span a1_value = SPAN_LITERAL("Bearer " A1_TOKEN);
static const struct span plain_header = SPAN_LITERAL(HEADER_PLAIN);
static const struct span plain_claims = SPAN_LITERAL(CLAIMS_PLAIN);

/* A checker for the key of appendix A.1; its claims have no "sub". */
static void a1_init(struct maker_checker *maker)
{
    const struct span text = SPAN_LITERAL(A1_KEY);
    uint8_t key[BASE64URL_DECODED_BYTES(sizeof A1_KEY)];
    size_t length = 0;

    assert_true(base64url_decode(text, key, &length));
    assert_int_equal(length, 64);
    maker->policy = maker_policy();
    maker->policy.require_sub = false;
    maker->keys = auth_keys_new();
    assert_non_null(maker->keys);
    assert_int_equal(
        auth_keys_add(maker->keys, span_of(NULL, 0), span_of((const char *)key, length)),
        AUTH_KEYS_OK);
    maker->checker = auth_checker_new(maker->keys, &maker->policy);
    assert_non_null(maker->checker);
}

static void the_token_of_rfc_7515_appendix_a_1_verifies_at_its_own_time(void **state)
{
    struct maker_checker maker;
    struct auth_identity identity;

    (void)state;
    a1_init(&maker);
    assert_int_equal(maker_check(maker.checker, a1_value, A1_EXP - 1, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "");
    assert_true(identity.expires_unix_s == A1_EXP);
    assert_int_equal(maker_check(maker.checker, a1_value, A1_EXP, &identity), AUTH_EXPIRED);
    maker_checker_fini(&maker);
}

/* Any other character of the alphabet, or a dot, anywhere: never accepted. */
static void a_token_with_one_character_changed_is_refused(void **state)
{
    static const char others[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    char value[sizeof "Bearer " A1_TOKEN];
    struct maker_checker maker;
    struct auth_identity identity;

    (void)state;
    a1_init(&maker);
    memcpy(value, a1_value.data, sizeof value);
    for (size_t i = strlen("Bearer "); i < a1_value.length; i++) {
        for (size_t k = 0; k < sizeof others - 1; k++) {
            if (others[k] == a1_value.data[i]) {
                continue;
            }
            value[i] = others[k];
            assert_int_not_equal(
                auth_check(maker.checker, span_from_string(value), A1_EXP - 1, &identity), AUTH_OK);
        }
        value[i] = a1_value.data[i];
    }
    assert_int_equal(auth_check(maker.checker, span_from_string(value), A1_EXP - 1, &identity),
                     AUTH_OK);
    maker_checker_fini(&maker);
}

static void every_prefix_of_a_token_is_refused(void **state)
{
    struct maker_checker maker;
    struct auth_identity identity;

    (void)state;
    a1_init(&maker);
    for (size_t length = 0; length < a1_value.length; length++) {
        assert_int_not_equal(
            maker_check(maker.checker, span_of(a1_value.data, length), A1_EXP - 1, &identity),
            AUTH_OK);
    }
    maker_checker_fini(&maker);
}

struct key_row {
    const char *name;
    const char *secret; /* what the token is signed with */
    const char *header;
    enum auth_verdict verdict;
    const char *spec;
};

#define KID(value) "{\"alg\":\"HS256\",\"kid\":" value "}"

/* Against three keys: "old" is SECRET_ONE, "new" is SECRET_TWO, one more has no name. */
static const struct key_row key_rows[] = {
    {"the first by name", SECRET_ONE, KID("\"old\""), AUTH_OK, "RFC 7515 section 4.1.4"},
    {"the second by name", SECRET_TWO, KID("\"new\""), AUTH_OK, "RFC 7515 section 4.1.4"},
    {"the name by escapes", SECRET_TWO, KID("\"n\\u0065w\""), AUTH_OK, "RFC 7515 section 4.1.4"},
    {"no name, first key", SECRET_ONE, "{\"alg\":\"HS256\"}", AUTH_OK, "RFC 7515 section 5.2"},
    {"no name, second key", SECRET_TWO, "{\"alg\":\"HS256\"}", AUTH_OK, "RFC 7515 section 5.2"},
    {"no name, nameless key", "a secret without any name, of some length", "{\"alg\":\"HS256\"}",
     AUTH_OK, "RFC 7515 section 5.2"},
    {"no name, foreign key", SECRET_FOREIGN, "{\"alg\":\"HS256\"}", AUTH_BAD_SIGNATURE,
     "RFC 7515 section 5.2"},
    {"a name with another key's MAC", SECRET_ONE, KID("\"new\""), AUTH_BAD_SIGNATURE,
     "RFC 7515 section 4.1.4"},
    {"a name with a foreign MAC", SECRET_FOREIGN, KID("\"old\""), AUTH_BAD_SIGNATURE,
     "RFC 7515 section 4.1.4"},
    {"unknown name", SECRET_ONE, KID("\"older\""), AUTH_UNKNOWN_KEY, "RFC 7515 section 4.1.4"},
    {"name in the wrong case", SECRET_ONE, KID("\"OLD\""), AUTH_UNKNOWN_KEY,
     "RFC 7515 section 4.1.4"},
    {"part of a name", SECRET_ONE, KID("\"ol\""), AUTH_UNKNOWN_KEY, "RFC 7515 section 4.1.4"},
    {"a name and a NUL", SECRET_ONE, KID("\"old\\u0000\""), AUTH_UNKNOWN_KEY,
     "RFC 7515 section 4.1.4"},
    {"a path", SECRET_ONE, KID("\"../../dev/null\""), AUTH_UNKNOWN_KEY, "RFC 8725 section 3.10"},
    {"empty name", SECRET_ONE, KID("\"\""), AUTH_UNKNOWN_KEY, "RFC 7515 section 4.1.4"},
    {"empty name for the nameless key", "a secret without any name, of some length", KID("\"\""),
     AUTH_UNKNOWN_KEY, "RFC 7515 section 4.1.4"},
    {"number", SECRET_ONE, KID("1"), AUTH_BAD_HEADER, "RFC 7515 section 4.1.4"},
    {"null", SECRET_ONE, KID("null"), AUTH_BAD_HEADER, "RFC 7515 section 4.1.4"},
    {"array", SECRET_ONE, KID("[\"old\"]"), AUTH_BAD_HEADER, "RFC 7515 section 4.1.4"},
};

static void rotation_init(struct maker_checker *maker)
{
    maker->policy = maker_policy();
    maker->keys = auth_keys_new();
    assert_non_null(maker->keys);
    maker_add_key(maker->keys, "old", SECRET_ONE);
    maker_add_key(maker->keys, "new", SECRET_TWO);
    maker_add_key(maker->keys, "", "a secret without any name, of some length");
    maker->checker = auth_checker_new(maker->keys, &maker->policy);
    assert_non_null(maker->checker);
}

/* Twice over the rows: a refused token must not disturb the next one's key context. */
static void kid_picks_the_key_and_without_it_each_is_tried(void **state)
{
    struct maker_checker maker;
    int failures = 0;

    (void)state;
    rotation_init(&maker);
    for (size_t i = 0; i < 2 * sizeof key_rows / sizeof key_rows[0]; i++) {
        const struct key_row *row = &key_rows[i % (sizeof key_rows / sizeof key_rows[0])];
        char *value = maker_bearer(row->secret, span_from_string(row->header), plain_claims);
        struct auth_identity identity;

        if (!maker_expect(
                row->name, row->spec, row->verdict,
                maker_check(maker.checker, span_from_string(value), NOW_PLAIN, &identity))) {
            failures++;
        }
        free(value);
    }
    assert_int_equal(failures, 0);
    maker_checker_fini(&maker);
}

/* RFC 8725 section 3.1 and design section 7: claims of a stranger are never parsed. */
static void a_bad_mac_is_reported_before_any_bad_claim(void **state)
{
    static const char *const claims[] = {"", "not JSON", "{\"exp\":1}", "{\"exp\":\"x\"}", "[[[["};
    struct maker_checker maker;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        char *value = maker_bearer(SECRET_FOREIGN, plain_header, span_from_string(claims[i]));
        struct auth_identity identity;

        assert_int_equal(maker_check(maker.checker, span_from_string(value), NOW_PLAIN, &identity),
                         AUTH_BAD_SIGNATURE);
        free(value);
    }
    maker_checker_fini(&maker);
}

/* design section 7: a token of 8 KiB is read, one byte more is not even looked at. */
static void the_bound_of_8_kib_is_exact(void **state)
{
    struct maker_checker maker;
    bool seen_largest = false;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    for (size_t filler = 6040; filler < 6090; filler++) {
        char claims[6200] = "{\"sub\":\"ada\",\"exp\":2000,\"x\":\"";
        struct auth_identity identity;
        enum auth_verdict verdict;
        size_t length;
        char *value;

        length = strlen(claims);
        memset(claims + length, 'a', filler);
        memcpy(claims + length + filler, "\"}", 3);
        value = maker_bearer(SECRET_ONE, plain_header, span_from_string(claims));
        length = strlen(value) - strlen("Bearer ");
        verdict = maker_check(maker.checker, span_from_string(value), NOW_PLAIN, &identity);
        assert_int_equal(verdict, length > AUTH_TOKEN_BYTES_MAX ? AUTH_TOO_LARGE : AUTH_OK);
        seen_largest = seen_largest || length == AUTH_TOKEN_BYTES_MAX;
        free(value);
    }
    assert_true(seen_largest);
    maker_checker_fini(&maker);
}

static void a_checker_with_no_key_refuses_everything(void **state)
{
    struct maker_checker maker = {.policy = maker_policy()};
    struct auth_identity identity;
    char *value = maker_bearer(SECRET_ONE, plain_header, plain_claims);

    (void)state;
    maker.keys = auth_keys_new();
    assert_non_null(maker.keys);
    maker.checker = auth_checker_new(maker.keys, &maker.policy);
    assert_non_null(maker.checker);
    assert_int_equal(maker_check(maker.checker, span_from_string(value), NOW_PLAIN, &identity),
                     AUTH_BAD_SIGNATURE);
    assert_int_equal(auth_check(maker.checker, span_of(NULL, 0), NOW_PLAIN, &identity),
                     AUTH_NO_CREDENTIALS);
    free(value);
    maker_checker_fini(&maker);
}

static void a_key_is_added_only_when_it_is_fit(void **state)
{
    struct auth_keys *keys = auth_keys_new();
    const struct span secret = SPAN_LITERAL(SECRET_ONE);
    char long_kid[130];

    (void)state;
    assert_non_null(keys);
    memset(long_kid, 'k', sizeof long_kid);
    /* RFC 7518 section 3.2: as many bits as the hash has, or more */
    assert_int_equal(auth_keys_add(keys, span_from_string("a"), span_of(secret.data, 0)),
                     AUTH_KEYS_TOO_SHORT);
    assert_int_equal(auth_keys_add(keys, span_from_string("a"), span_of(secret.data, 31)),
                     AUTH_KEYS_TOO_SHORT);
    assert_int_equal(auth_keys_add(keys, span_of(long_kid, 129), secret), AUTH_KEYS_BAD_KID);
    assert_int_equal(auth_keys_add(keys, span_from_string("a\n"), secret), AUTH_KEYS_BAD_KID);
    assert_int_equal(auth_keys_add(keys, span_from_string("\xc3\xa9"), secret), AUTH_KEYS_BAD_KID);
    assert_int_equal(auth_keys_count(keys), 0);

    assert_int_equal(auth_keys_add(keys, span_from_string("a"), span_of(secret.data, 32)),
                     AUTH_KEYS_OK);
    assert_int_equal(auth_keys_add(keys, span_from_string("a"), secret), AUTH_KEYS_REPEATED);
    assert_int_equal(auth_keys_add(keys, span_of(long_kid, 128), secret), AUTH_KEYS_OK);
    while (auth_keys_count(keys) < AUTH_KEYS_MAX) {
        assert_int_equal(auth_keys_add(keys, span_of(NULL, 0), secret), AUTH_KEYS_OK);
    }
    assert_int_equal(auth_keys_add(keys, span_of(NULL, 0), secret), AUTH_KEYS_FULL);
    assert_int_equal(auth_keys_count(keys), AUTH_KEYS_MAX);
    auth_keys_free(keys);
    auth_keys_free(NULL);
}

/* RFC 7515 section 5.1: what we mint must pass our own check with everything asked for. */
static void a_minted_token_verifies(void **state)
{
    const struct span secret = SPAN_LITERAL(SECRET_TWO);
    const struct mint_claims claims = {
        .subject = span_from_string("a \"quoted\" \\ subject"),
        .issuer = span_from_string("https://issuer.example/"),
        .audience = span_from_string("tide\"gate"),
        .issued_unix_s = 1000,
        .expires_unix_s = 2000,
    };
    struct maker_checker maker;
    struct auth_identity identity;
    char value[1024];
    char *token = mint_token(secret, span_from_string("new"), &claims);

    (void)state;
    assert_non_null(token);
    rotation_init(&maker);
    auth_checker_free(maker.checker);
    maker.policy.require_iat = true;
    maker.policy.issuer = claims.issuer;
    maker.policy.audience = claims.audience;
    maker.checker = auth_checker_new(maker.keys, &maker.policy);
    assert_non_null(maker.checker);
    (void)snprintf(value, sizeof value, "Bearer %s", token);

    assert_int_equal(maker_check(maker.checker, span_from_string(value), 1000, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "a \"quoted\" \\ subject");
    assert_true(identity.expires_unix_s == 2000);
    assert_int_equal(maker_check(maker.checker, span_from_string(value), 999, &identity),
                     AUTH_NOT_YET_VALID);
    assert_int_equal(maker_check(maker.checker, span_from_string(value), 2000, &identity),
                     AUTH_EXPIRED);
    free(token);
    maker_checker_fini(&maker);
}

/* The longest escapes that can be: the computed room must hold them. */
static void texts_of_nothing_but_quotes_are_minted_whole(void **state)
{
    char quotes[AUTH_SUBJECT_BYTES_MAX];
    const struct span text = {quotes, sizeof quotes};
    const struct mint_claims claims = {text, text, text, INT64_MIN, INT64_MAX};
    struct maker_checker maker;
    struct auth_identity identity;
    char value[4096];
    char *token = NULL;

    (void)state;
    memset(quotes, '"', sizeof quotes);
    token = mint_token(span_from_string(SECRET_ONE), span_of(NULL, 0), &claims);
    assert_non_null(token);
    (void)snprintf(value, sizeof value, "Bearer %s", token);
    maker_checker_init(&maker, maker_policy());
    assert_int_equal(maker_check(maker.checker, span_from_string(value), 1000, &identity), AUTH_OK);
    assert_int_equal(strlen(identity.subject), sizeof quotes);
    free(token);
    maker_checker_fini(&maker);
}

static void nothing_is_minted_of_texts_that_are_not_printable(void **state)
{
    const struct span secret = SPAN_LITERAL(SECRET_ONE);
    const struct span good = SPAN_LITERAL("good");
    const struct span bad = SPAN_LITERAL("a\nb");
    const struct mint_claims bad_claims[] = {
        {.subject = bad}, {.issuer = bad}, {.audience = bad}, {.subject = good}};

    (void)state;
    assert_null(mint_token(secret, good, &bad_claims[0]));
    assert_null(mint_token(secret, good, &bad_claims[1]));
    assert_null(mint_token(secret, good, &bad_claims[2]));
    assert_null(mint_token(secret, bad, &bad_claims[3]));
    assert_null(mint_token(span_of(NULL, 0), good, &bad_claims[3]));
}

static void every_verdict_has_its_own_token(void **state)
{
    (void)state;
    for (int i = AUTH_OK; i <= AUTH_NO_MEMORY; i++) {
        const char *token = auth_verdict_token((enum auth_verdict)i);

        assert_string_not_equal(token, "unknown");
        assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyz_"), strlen(token));
        for (int k = AUTH_OK; k < i; k++) {
            assert_string_not_equal(token, auth_verdict_token((enum auth_verdict)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_of_rfc_7515_appendix_a_1_verifies_at_its_own_time),
        cmocka_unit_test(a_token_with_one_character_changed_is_refused),
        cmocka_unit_test(every_prefix_of_a_token_is_refused),
        cmocka_unit_test(kid_picks_the_key_and_without_it_each_is_tried),
        cmocka_unit_test(a_bad_mac_is_reported_before_any_bad_claim),
        cmocka_unit_test(the_bound_of_8_kib_is_exact),
        cmocka_unit_test(a_checker_with_no_key_refuses_everything),
        cmocka_unit_test(a_key_is_added_only_when_it_is_fit),
        cmocka_unit_test(a_minted_token_verifies),
        cmocka_unit_test(texts_of_nothing_but_quotes_are_minted_whole),
        cmocka_unit_test(nothing_is_minted_of_texts_that_are_not_printable),
        cmocka_unit_test(every_verdict_has_its_own_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
