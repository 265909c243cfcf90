/* SPDX-License-Identifier: MIT */
/*
 * test_claims.c - what the claims of a rightly signed token decide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/token_maker.h"

/* The policies that rows are checked under. */
enum policy_choice {
    STRICT = 0, /* "exp" and "sub" wanted, no leeway */
    LEEWAY,     /* the same, 30 seconds */
    ALL_DATES,  /* "nbf" and "iat" wanted too */
    NOTHING,    /* nothing wanted */
    ISSUER,     /* "iss" must be https://issuer.example/ */
    AUDIENCE,   /* "aud" must be or hold "tidegate" */
};

#define POLICY_COUNT (AUDIENCE + 1)

static struct auth_policy policy_of(enum policy_choice choice)
{
    struct auth_policy policy = maker_policy();

    if (choice == LEEWAY) {
        policy.leeway_s = 30;
    } else if (choice == ALL_DATES) {
        policy.require_nbf = true;
        policy.require_iat = true;
    } else if (choice == NOTHING) {
        policy.require_exp = false;
        policy.require_sub = false;
    } else if (choice == ISSUER) {
        policy.issuer = span_from_string("https://issuer.example/");
    } else if (choice == AUDIENCE) {
        policy.audience = span_from_string("tidegate");
    }
    return policy;
}

struct row {
    const char *name;
    const char *spec;
    struct span claims;
    int64_t now_unix_s;
    enum policy_choice policy;
    enum auth_verdict verdict;
};

#define ROW(name, policy, claims, now, verdict, spec)                                              \
    {                                                                                              \
        name, spec, SPAN_LITERAL(claims), now, policy, verdict                                     \
    }
/* A row of one "exp", one "nbf", one "sub", ... beside good other claims, at 1000. */
#define EXP(value, policy, now, verdict)                                                           \
    ROW("exp " value, policy, "{\"sub\":\"ada\",\"exp\":" value "}", now, verdict,                 \
        "RFC 7519 section 4.1.4")
#define NBF(value, policy, now, verdict)                                                           \
    ROW("nbf " value, policy, "{\"sub\":\"ada\",\"exp\":9e9,\"nbf\":" value "}", now, verdict,     \
        "RFC 7519 section 4.1.5")
#define IAT(value, policy, now, verdict)                                                           \
    ROW("iat " value, policy, "{\"sub\":\"ada\",\"exp\":9e9,\"iat\":" value "}", now, verdict,     \
        "RFC 7519 section 4.1.6")
#define SUB(value, verdict)                                                                        \
    ROW("sub " value, STRICT, "{\"exp\":2000,\"sub\":" value "}", 1000, verdict,                   \
        "RFC 7519 section 4.1.2")
#define ISS(value, policy, verdict)                                                                \
    ROW("iss " value, policy, "{\"sub\":\"ada\",\"exp\":2000,\"iss\":" value "}", 1000, verdict,   \
        "RFC 7519 section 4.1.1")
#define AUD(value, policy, verdict)                                                                \
    ROW("aud " value, policy, "{\"sub\":\"ada\",\"exp\":2000,\"aud\":" value "}", 1000, verdict,   \
        "RFC 7519 section 4.1.3")
#define FORM(name, text, verdict, spec) ROW(name, STRICT, text, 1000, verdict, spec)

static const struct row rows[] = {
    /*
     * The edge is the very second: the current time must be before "exp". Any JSON
     * number is a NumericDate, with fraction and exponent: RFC 7519 section 2.
     */
    EXP("1000", STRICT, 999, AUTH_OK),
    EXP("1000", STRICT, 1000, AUTH_EXPIRED),
    EXP("1000", STRICT, 1001, AUTH_EXPIRED),
    EXP("1000", LEEWAY, 1029, AUTH_OK),
    EXP("1000", LEEWAY, 1030, AUTH_EXPIRED),
    EXP("1001.5", STRICT, 1000, AUTH_OK),
    EXP("1001.5", STRICT, 1001, AUTH_EXPIRED),
    EXP("1000.0", STRICT, 999, AUTH_OK),
    EXP("1000.0", STRICT, 1000, AUTH_EXPIRED),
    EXP("1e3", STRICT, 999, AUTH_OK),
    EXP("1e3", STRICT, 1000, AUTH_EXPIRED),
    EXP("10000000E-4", STRICT, 999, AUTH_OK),
    EXP("10000000E-4", STRICT, 1000, AUTH_EXPIRED),
    EXP("1.5", STRICT, 0, AUTH_OK),
    EXP("1.5", STRICT, 1, AUTH_EXPIRED),
    EXP("0", STRICT, 1000, AUTH_EXPIRED),
    EXP("-0", STRICT, 1000, AUTH_EXPIRED),
    EXP("-1", STRICT, 1000, AUTH_EXPIRED),
    EXP("-1", LEEWAY, 1000, AUTH_EXPIRED),
    EXP("-0.5", STRICT, 0, AUTH_EXPIRED),
    EXP("1e-400", STRICT, 1000, AUTH_EXPIRED),
    EXP("2147483648", STRICT, 1000, AUTH_OK),
    EXP("4294967295", STRICT, 4294967296, AUTH_EXPIRED),
    EXP("9007199254740993", STRICT, 9007199254740992, AUTH_OK),
    EXP("9007199254740993", STRICT, 9007199254740993, AUTH_EXPIRED),
    EXP("9223372036854775807", STRICT, 1000, AUTH_OK),
    EXP("9223372036854775807", LEEWAY, 1000, AUTH_OK),
    EXP("9223372036854775808", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("18446744073709551616", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("-9223372036854775808", LEEWAY, 1000, AUTH_EXPIRED),
    EXP("-9223372036854775809", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("1e400", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("-1e400", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("1e99999999999999999999", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("1e-99999999999999999999", STRICT, 1000, AUTH_EXPIRED),
    EXP("\"2000\"", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("\"\"", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("null", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("null", NOTHING, 1000, AUTH_BAD_CLAIMS),
    EXP("true", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("[2000]", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("{}", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("02000", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("+2000", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("2000.", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("0x7d0", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("Infinity", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("NaN", STRICT, 1000, AUTH_BAD_CLAIMS),
    EXP("1000", NOTHING, 1000, AUTH_EXPIRED),

    NBF("1000", STRICT, 999, AUTH_NOT_YET_VALID),
    NBF("1000", STRICT, 1000, AUTH_OK),
    NBF("1000", LEEWAY, 969, AUTH_NOT_YET_VALID),
    NBF("1000", LEEWAY, 970, AUTH_OK),
    NBF("1000.7", STRICT, 1000, AUTH_OK),
    NBF("1001.0", STRICT, 1000, AUTH_NOT_YET_VALID),
    NBF("-1", STRICT, 1000, AUTH_OK),
    NBF("9223372036854775807", LEEWAY, 1000, AUTH_NOT_YET_VALID),
    NBF("9223372036854775808", STRICT, 1000, AUTH_BAD_CLAIMS),
    NBF("-1e400", STRICT, 1000, AUTH_BAD_CLAIMS),
    NBF("\"1\"", STRICT, 1000, AUTH_BAD_CLAIMS),
    NBF("null", STRICT, 1000, AUTH_BAD_CLAIMS),
    NBF("1", ALL_DATES, 1000, AUTH_MISSING_CLAIM),

    IAT("1000", STRICT, 999, AUTH_NOT_YET_VALID),
    IAT("1000", STRICT, 1000, AUTH_OK),
    IAT("1000", LEEWAY, 969, AUTH_NOT_YET_VALID),
    IAT("1000", LEEWAY, 970, AUTH_OK),
    IAT("1000.999", STRICT, 1000, AUTH_OK),
    IAT("1e400", STRICT, 1000, AUTH_BAD_CLAIMS),
    IAT("\"1\"", STRICT, 1000, AUTH_BAD_CLAIMS),
    IAT("1", ALL_DATES, 1000, AUTH_MISSING_CLAIM),
    ROW("all dates there", ALL_DATES, "{\"sub\":\"ada\",\"exp\":2000,\"nbf\":1,\"iat\":1}", 1000,
        AUTH_OK, "RFC 7519 section 4.1"),

    ROW("no exp", STRICT, "{\"sub\":\"ada\"}", 1000, AUTH_MISSING_CLAIM, "RFC 7519 section 4.1.4"),
    ROW("no exp wanted", NOTHING, "{\"sub\":\"ada\"}", 1000, AUTH_OK, "RFC 7519 section 4.1.4"),
    ROW("exp in the wrong case", STRICT, "{\"sub\":\"ada\",\"EXP\":2000}", 1000, AUTH_MISSING_CLAIM,
        "RFC 7519 section 10.1.1"),
    ROW("exp one level down", STRICT, "{\"sub\":\"ada\",\"x\":{\"exp\":2000}}", 1000,
        AUTH_MISSING_CLAIM, "RFC 7519 section 4"),
    ROW("exp by escapes", STRICT, "{\"sub\":\"ada\",\"e\\u0078p\":1000}", 1000, AUTH_EXPIRED,
        "RFC 8259 section 8.3"),
    ROW("no sub", STRICT, "{\"exp\":2000}", 1000, AUTH_MISSING_CLAIM, "RFC 7519 section 4.1.2"),
    ROW("no claim at all", NOTHING, "{}", 1000, AUTH_OK, "RFC 7519 section 4"),
    ROW("the clock at its last second", LEEWAY, "{\"sub\":\"ada\",\"exp\":9223372036854775807}",
        INT64_MAX, AUTH_EXPIRED, "RFC 7519 section 4.1.4"),
    ROW("the clock at its first second", LEEWAY, "{\"sub\":\"ada\",\"exp\":1,\"nbf\":0}", INT64_MIN,
        AUTH_NOT_YET_VALID, "RFC 7519 section 4.1.5"),

    SUB("\"a\"", AUTH_OK),
    SUB("\"Ada Lovelace\"", AUTH_OK),
    SUB("\"auth0|5f7c8ec7c33c6c004bbafe82\"", AUTH_OK),
    SUB("\"\\u0061da\"", AUTH_OK),
    SUB("\"!~\"", AUTH_OK),
    SUB("\"\"", AUTH_BAD_CLAIMS),
    SUB("\" \"", AUTH_BAD_CLAIMS),
    SUB("\"   \"", AUTH_BAD_CLAIMS),
    SUB("\"\\u0020\"", AUTH_BAD_CLAIMS),
    SUB("\"a\\nev=exchange\"", AUTH_BAD_CLAIMS),
    SUB("\"a\\u0000\"", AUTH_BAD_CLAIMS),
    SUB("\"\\u007f\"", AUTH_BAD_CLAIMS),
    SUB("\"\\t\"", AUTH_BAD_CLAIMS),
    SUB("\"J\xc3\xb6rg\"", AUTH_BAD_CLAIMS),
    SUB("42", AUTH_BAD_CLAIMS),
    SUB("null", AUTH_BAD_CLAIMS),
    SUB("[\"ada\"]", AUTH_BAD_CLAIMS),
    SUB("{}", AUTH_BAD_CLAIMS),

    ISS("\"https://issuer.example/\"", ISSUER, AUTH_OK),
    ISS("\"https:\\/\\/issuer.example\\/\"", ISSUER, AUTH_OK),
    ISS("\"https://issuer.example\"", ISSUER, AUTH_WRONG_ISSUER),
    ISS("\"https://ISSUER.example/\"", ISSUER, AUTH_WRONG_ISSUER),
    ISS("\"https://issuer.example/\\u0000\"", ISSUER, AUTH_WRONG_ISSUER),
    ISS("\"https://issuer.example/x\"", ISSUER, AUTH_WRONG_ISSUER),
    ISS("\"\"", ISSUER, AUTH_WRONG_ISSUER),
    ISS("[\"https://issuer.example/\"]", ISSUER, AUTH_BAD_CLAIMS),
    ISS("null", ISSUER, AUTH_BAD_CLAIMS),
    ISS("1", STRICT, AUTH_BAD_CLAIMS),
    ISS("\"anyone\"", STRICT, AUTH_OK),
    ROW("no iss", ISSUER, "{\"sub\":\"ada\",\"exp\":2000}", 1000, AUTH_MISSING_CLAIM,
        "RFC 8725 section 3.8"),

    AUD("\"tidegate\"", AUDIENCE, AUTH_OK),
    AUD("\"tide\\u0067ate\"", AUDIENCE, AUTH_OK),
    AUD("[\"tidegate\"]", AUDIENCE, AUTH_OK),
    AUD("[\"other\",\"tidegate\"]", AUDIENCE, AUTH_OK),
    AUD("[\"tidegate\",\"other\"]", AUDIENCE, AUTH_OK),
    AUD("\"other\"", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("\"Tidegate\"", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("\"tidegate2\"", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("\"other tidegate\"", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("\"tidegate\\u0000\"", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("[]", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("[\"a\",\"b\"]", AUDIENCE, AUTH_WRONG_AUDIENCE),
    AUD("[\"tidegate\",1]", AUDIENCE, AUTH_BAD_CLAIMS),
    AUD("[[\"tidegate\"]]", AUDIENCE, AUTH_BAD_CLAIMS),
    AUD("{\"tidegate\":1}", AUDIENCE, AUTH_BAD_CLAIMS),
    AUD("null", AUDIENCE, AUTH_BAD_CLAIMS),
    AUD("7", STRICT, AUTH_BAD_CLAIMS),
    AUD("[]", STRICT, AUTH_OK),
    AUD("\"anyone\"", STRICT, AUTH_OK),
    ROW("no aud", AUDIENCE, "{\"sub\":\"ada\",\"exp\":2000}", 1000, AUTH_MISSING_CLAIM,
        "RFC 8725 section 3.9"),

    FORM("white space", " { \"sub\" : \"ada\" ,\r\n\t\"exp\" : 2000 } ", AUTH_OK,
         "RFC 7519 section 4"),
    FORM("other claims of any type",
         "{\"a\":[1,{}],\"sub\":\"ada\",\"exp\":2000,\"\xc3\xa9\":null}", AUTH_OK,
         "RFC 7519 section 4"),
    FORM("empty text", "", AUTH_BAD_CLAIMS, "RFC 7519 section 7.2"),
    FORM("an array", "[{\"sub\":\"ada\",\"exp\":2000}]", AUTH_BAD_CLAIMS, "RFC 7519 section 7.2"),
    FORM("a string", "\"ada\"", AUTH_BAD_CLAIMS, "RFC 7519 section 7.2"),
    FORM("null", "null", AUTH_BAD_CLAIMS, "RFC 7519 section 7.2"),
    FORM("a nested token", "eyJhbGciOiJIUzI1NiJ9.e30.AA", AUTH_BAD_CLAIMS, "RFC 7519 section 5.2"),
    FORM("bytes behind", "{\"sub\":\"ada\",\"exp\":2000}x", AUTH_BAD_CLAIMS,
         "RFC 7519 section 7.2"),
    FORM("exp twice", "{\"sub\":\"ada\",\"exp\":1,\"exp\":2000}", AUTH_BAD_CLAIMS,
         "RFC 7519 section 4"),
    FORM("exp twice by escapes", "{\"sub\":\"ada\",\"exp\":1,\"ex\\u0070\":2000}", AUTH_BAD_CLAIMS,
         "RFC 7519 section 4"),
    FORM("sub twice", "{\"sub\":\"ada\",\"exp\":2000,\"sub\":\"root\"}", AUTH_BAD_CLAIMS,
         "RFC 7519 section 4"),
    FORM("bad UTF-8", "{\"sub\":\"ada\",\"exp\":2000,\"x\":\"\xff\"}", AUTH_BAD_CLAIMS,
         "RFC 3629 section 3"),
    FORM("nested 16 deep", "{\"sub\":\"ada\",\"exp\":2000,\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
         AUTH_OK, "RFC 8259 section 9"),
    FORM("nested 17 deep", "{\"sub\":\"ada\",\"exp\":2000,\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
         AUTH_BAD_CLAIMS, "RFC 8259 section 9"),
};

static struct maker_checker makers[POLICY_COUNT];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        maker_checker_init(&makers[i], policy_of((enum policy_choice)i));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        maker_checker_fini(&makers[i]);
    }
    return 0;
}

static enum auth_verdict check_claims(enum policy_choice policy, struct span claims, int64_t now,
                                      struct auth_identity *identity)
{
    const struct span header = SPAN_LITERAL(HEADER_PLAIN);
    char *value = maker_bearer(SECRET_ONE, header, claims);
    enum auth_verdict verdict =
        maker_check(makers[policy].checker, span_from_string(value), now, identity);

    free(value);
    return verdict;
}

static void each_claim_decides_as_its_rfc_says(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct auth_identity identity;
        enum auth_verdict verdict =
            check_claims(row->policy, row->claims, row->now_unix_s, &identity);

        if (!maker_expect(row->name, row->spec, row->verdict, verdict)) {
            (void)fprintf(stderr, "    row %zu, now %lld\n", i, (long long)row->now_unix_s);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* design section 7: 1 to 128 bytes, counted after unescaping. */
static void a_subject_is_at_most_128_bytes_long(void **state)
{
    (void)state;
    for (size_t length = 1; length <= AUTH_SUBJECT_BYTES_MAX + 2; length++) {
        char claims[2048] = "{\"exp\":2000,\"sub\":\"";
        struct auth_identity identity;
        enum auth_verdict verdict;

        for (size_t i = 0; i < length; i++) {
            (void)snprintf(claims + strlen(claims), sizeof claims - strlen(claims), "%s",
                           i % 2 == 0 ? "\\u0061" : "b");
        }
        (void)snprintf(claims + strlen(claims), sizeof claims - strlen(claims), "\"}");
        verdict = check_claims(STRICT, span_from_string(claims), 1000, &identity);
        if (length > AUTH_SUBJECT_BYTES_MAX) {
            assert_int_equal(verdict, AUTH_BAD_CLAIMS);
        } else {
            assert_int_equal(verdict, AUTH_OK);
            assert_int_equal(strlen(identity.subject), length);
            assert_memory_equal(identity.subject, "abab", length < 4 ? length : 4);
        }
    }
}

static void the_identity_says_who_and_until_when(void **state)
{
    const struct span both = SPAN_LITERAL("{\"sub\":\"\\\"ada\\\"\",\"exp\":2000.9}");
    const struct span neither = SPAN_LITERAL("{}");
    struct auth_identity identity;

    (void)state;
    assert_int_equal(check_claims(STRICT, both, 1000, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "\"ada\"");
    assert_true(identity.expires_unix_s == 2000);

    assert_int_equal(check_claims(NOTHING, neither, 1000, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "");
    assert_true(identity.expires_unix_s == INT64_MAX);
}

static void a_refused_token_leaves_the_identity_alone(void **state)
{
    int refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct auth_identity identity;
        struct auth_identity before;

        memset(&identity, 0x5a, sizeof identity);
        before = identity;
        if (check_claims(rows[i].policy, rows[i].claims, rows[i].now_unix_s, &identity) !=
            AUTH_OK) {
            assert_memory_equal(&identity, &before, sizeof identity);
            refused++;
        }
    }
    assert_true(refused > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_claim_decides_as_its_rfc_says),
        cmocka_unit_test(a_subject_is_at_most_128_bytes_long),
        cmocka_unit_test(the_identity_says_who_and_until_when),
        cmocka_unit_test(a_refused_token_leaves_the_identity_alone),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
