/* SPDX-License-Identifier: MIT */
/*
 * test_jws.c - the form of a token and what its header may say.
 *
 * Every header here is rightly signed with HMAC-SHA256 by a secret of ours: only
 * what it says can get it refused.
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

struct header_row {
    const char *name;
    struct span header;
    enum auth_verdict verdict;
    const char *spec;
};

#define ROW(name, header, verdict, spec)                                                           \
    {                                                                                              \
        name, SPAN_LITERAL(header), verdict, spec                                                  \
    }
#define ALG(name, value)                                                                           \
    ROW(name, "{\"alg\":" value "}", AUTH_BAD_ALGORITHM, "RFC 8725 section 3.1")
#define WITH(name, member, verdict, spec) ROW(name, "{\"alg\":\"HS256\"," member "}", verdict, spec)

static const struct header_row header_rows[] = {
    ROW("alg alone", "{\"alg\":\"HS256\"}", AUTH_OK, "RFC 7515 section 4.1.1"),
    ROW("white space", " {\r\n \"alg\" : \"HS256\" }\n", AUTH_OK, "RFC 7515 appendix A.1.1"),
    ROW("alg by escapes", "{\"\\u0061lg\":\"H\\u0053256\"}", AUTH_OK, "RFC 8259 section 8.3"),

    ROW("no alg", "{}", AUTH_BAD_ALGORITHM, "RFC 7515 section 4.1.1"),
    ROW("alg in the wrong case", "{\"ALG\":\"HS256\"}", AUTH_BAD_ALGORITHM,
        "RFC 7515 section 4.1.1"),
    ROW("alg inside another object", "{\"x\":{\"alg\":\"HS256\"}}", AUTH_BAD_ALGORITHM,
        "RFC 7515 section 4.1.1"),
    ALG("none", "\"none\""),
    ALG("None", "\"None\""),
    ALG("NONE", "\"NONE\""),
    ALG("nOnE", "\"nOnE\""),
    ALG("none by escapes", "\"n\\u006fne\""),
    ALG("none with a space", "\"none \""),
    ALG("empty", "\"\""),
    ALG("public key confusion RS256", "\"RS256\""),
    ALG("public key confusion ES256", "\"ES256\""),
    ALG("public key confusion EdDSA", "\"EdDSA\""),
    ALG("PS256", "\"PS256\""),
    ALG("the longer HS384", "\"HS384\""),
    ALG("the longer HS512", "\"HS512\""),
    ALG("truncated HS256/64", "\"HS256/64\""),
    ALG("lower case", "\"hs256\""),
    ALG("space behind", "\"HS256 \""),
    ALG("space in front", "\" HS256\""),
    ALG("NUL behind", "\"HS256\\u0000\""),
    ALG("prefix", "\"HS25\""),
    ALG("digits that look alike", "\"HS\\uff12\\uff15\\uff16\""),
    ALG("null", "null"),
    ALG("number", "256"),
    ALG("true", "true"),
    ALG("array", "[\"HS256\"]"),
    ALG("object", "{\"HS256\":1}"),

    WITH("typ JWT", "\"typ\":\"JWT\"", AUTH_OK, "RFC 7519 section 5.1"),
    WITH("typ jwt", "\"typ\":\"jwt\"", AUTH_OK, "RFC 7519 section 5.1"),
    WITH("typ at+jwt", "\"typ\":\"at+jwt\"", AUTH_OK, "RFC 9068 section 2.1"),
    WITH("typ AT+JWT", "\"typ\":\"AT+JWT\"", AUTH_OK, "RFC 9068 section 2.1"),
    WITH("typ by escapes", "\"typ\":\"at\\u002bjwt\"", AUTH_OK, "RFC 9068 section 2.1"),
    WITH("typ JOSE", "\"typ\":\"JOSE\"", AUTH_BAD_HEADER, "RFC 8725 section 3.11"),
    WITH("typ logout+jwt", "\"typ\":\"logout+jwt\"", AUTH_BAD_HEADER, "RFC 8725 section 3.11"),
    WITH("typ dpop+jwt", "\"typ\":\"dpop+jwt\"", AUTH_BAD_HEADER, "RFC 8725 section 3.11"),
    WITH("typ application/jwt", "\"typ\":\"application/jwt\"", AUTH_BAD_HEADER,
         "RFC 8725 section 3.11"),
    WITH("typ empty", "\"typ\":\"\"", AUTH_BAD_HEADER, "RFC 8725 section 3.11"),
    WITH("typ null", "\"typ\":null", AUTH_BAD_HEADER, "RFC 7515 section 4.1.9"),
    WITH("typ array", "\"typ\":[\"JWT\"]", AUTH_BAD_HEADER, "RFC 7515 section 4.1.9"),

    WITH("crit", "\"crit\":[\"exp\"],\"exp\":1", AUTH_BAD_HEADER, "RFC 7515 section 4.1.11"),
    WITH("crit empty", "\"crit\":[]", AUTH_BAD_HEADER, "RFC 7515 section 4.1.11"),
    WITH("crit null", "\"crit\":null", AUTH_BAD_HEADER, "RFC 7515 section 4.1.11"),
    WITH("crit by escapes", "\"cr\\u0069t\":[\"x\"]", AUTH_BAD_HEADER, "RFC 7515 section 4.1.11"),
    WITH("b64 false", "\"b64\":false", AUTH_BAD_HEADER, "RFC 7797 section 3"),
    WITH("b64 true", "\"b64\":true", AUTH_BAD_HEADER, "RFC 7797 section 3"),
    WITH("zip", "\"zip\":\"DEF\"", AUTH_BAD_HEADER, "RFC 7516 section 4.1.3"),

    WITH("jku, jwk, x5u, x5c are never looked at",
         "\"jku\":\"https://attacker.example/\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},"
         "\"x5u\":1,\"x5c\":null",
         AUTH_OK, "RFC 8725 section 3.10"),
    WITH("cty JWT", "\"cty\":\"JWT\"", AUTH_BAD_HEADER, "RFC 7519 section 5.2"),
    WITH("cty jwt", "\"cty\":\"jwt\"", AUTH_BAD_HEADER, "RFC 7519 section 5.2"),
    WITH("cty application/jwt", "\"cty\":\"application/jwt\"", AUTH_BAD_HEADER,
         "RFC 7515 section 4.1.10"),
    WITH("cty null", "\"cty\":null", AUTH_BAD_HEADER, "RFC 7515 section 4.1.10"),
    WITH("cty of something else", "\"cty\":\"json\"", AUTH_OK, "RFC 7515 section 4.1.10"),
    WITH("enc", "\"enc\":\"A128GCM\"", AUTH_BAD_HEADER, "RFC 7516 section 9"),
    WITH("a private name", "\"http://example.com/\":[1,{}]", AUTH_OK, "RFC 7515 section 4.3"),

    WITH("alg twice, none at the end", "\"x\":1,\"alg\":\"none\"", AUTH_BAD_HEADER,
         "RFC 7515 section 4"),
    ROW("alg twice, none in front", "{\"alg\":\"none\",\"alg\":\"HS256\"}", AUTH_BAD_HEADER,
        "RFC 7515 section 4"),
    ROW("alg twice by escapes", "{\"alg\":\"HS256\",\"al\\u0067\":\"HS256\"}", AUTH_BAD_HEADER,
        "RFC 7515 section 4"),
    WITH("kid twice", "\"kid\":\"a\",\"kid\":\"a\"", AUTH_BAD_HEADER, "RFC 7515 section 4"),
    WITH("an unknown name twice", "\"x\":1,\"x\":1", AUTH_BAD_HEADER, "RFC 7515 section 4"),
    WITH("the empty name twice", "\"\":1,\"\":1", AUTH_BAD_HEADER, "RFC 7515 section 4"),

    ROW("empty text", "", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("an array", "[{\"alg\":\"HS256\"}]", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("a string", "\"HS256\"", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("null", "null", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("cut off", "{\"alg\":\"HS256\"", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("bytes behind", "{\"alg\":\"HS256\"}{}", AUTH_MALFORMED, "RFC 7515 section 5.2"),
    ROW("NUL behind", "{\"alg\":\"HS256\"}\0", AUTH_MALFORMED, "RFC 8259 section 2"),
    ROW("comma behind", "{\"alg\":\"HS256\",}", AUTH_MALFORMED, "RFC 8259 section 4"),
    ROW("single quotes", "{'alg':'HS256'}", AUTH_MALFORMED, "RFC 8259 section 7"),
    ROW("no quotes", "{alg:HS256}", AUTH_MALFORMED, "RFC 8259 section 7"),
    ROW("byte order mark", "\xef\xbb\xbf{\"alg\":\"HS256\"}", AUTH_MALFORMED,
        "RFC 8259 section 8.1"),
    ROW("overlong UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xc0\x80\"}", AUTH_MALFORMED,
        "RFC 3629 section 3"),
    ROW("half a surrogate", "{\"alg\":\"HS256\",\"x\":\"\\ud800\"}", AUTH_MALFORMED,
        "RFC 8259 section 8.2"),
    ROW("UTF-16", "{\0\"\0a\0l\0g\0\"\0:\0\"\0H\0S\0\"\0}\0", AUTH_MALFORMED,
        "RFC 8259 section 8.1"),
};

static enum auth_verdict check_header(struct auth_checker *checker, struct span header)
{
    const struct span claims = SPAN_LITERAL(CLAIMS_PLAIN);
    char *value = maker_bearer(SECRET_ONE, header, claims);
    struct auth_identity identity;
    enum auth_verdict verdict = maker_check(checker, span_from_string(value), NOW_PLAIN, &identity);

    free(value);
    return verdict;
}

static void a_header_may_name_our_algorithm_and_nothing_else(void **state)
{
    struct maker_checker maker;
    int failures = 0;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    for (size_t i = 0; i < sizeof header_rows / sizeof header_rows[0]; i++) {
        const struct header_row *row = &header_rows[i];

        if (!maker_expect(row->name, row->spec, row->verdict,
                          check_header(maker.checker, row->header))) {
            failures++;
        }
    }
    assert_int_equal(failures, 0);
    maker_checker_fini(&maker);
}

/* {"alg":"HS256","x":[[...]]} with <depth> arrays, or {..., "m0":0,"m1":0,...}. */
static enum auth_verdict check_grown_header(struct auth_checker *checker, size_t depth,
                                            size_t members)
{
    char text[4096] = "{\"alg\":\"HS256\"";

    for (size_t i = 0; i < members; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ",\"m%zu\":0", i);
    }
    if (depth > 0) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ",\"x\":");
        memset(text + strlen(text), '[', depth);
        memset(text + strlen(text), ']', depth);
    }
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    return check_header(checker, span_from_string(text));
}

/* RFC 7515 section 4.1 knows 11 parameters, "jwk" being the deepest. */
static void a_header_is_bounded_in_depth_and_members(void **state)
{
    struct maker_checker maker;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    assert_int_equal(check_grown_header(maker.checker, 3, 0), AUTH_OK);
    assert_int_equal(check_grown_header(maker.checker, 7, 0), AUTH_OK);
    assert_int_equal(check_grown_header(maker.checker, 8, 0), AUTH_MALFORMED);
    assert_int_equal(check_grown_header(maker.checker, 1500, 0), AUTH_MALFORMED);
    assert_int_equal(check_grown_header(maker.checker, 0, 31), AUTH_OK);
    assert_int_equal(check_grown_header(maker.checker, 0, 32), AUTH_BAD_HEADER);
    assert_int_equal(check_grown_header(maker.checker, 0, 300), AUTH_BAD_HEADER);
    maker_checker_fini(&maker);
}

struct shape_row {
    const char *name;
    const char *shape; /* $H, $P and $S stand for the three segments of a good token */
    enum auth_verdict verdict;
    const char *spec;
};

/* {"alg":"none"} in base64url. */
#define NONE "eyJhbGciOiJub25lIn0"

static const struct shape_row shape_rows[] = {
    {"good", "$H.$P.$S", AUTH_OK, "RFC 7515 section 7.1"},
    {"header alone", "$H", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"two segments", "$H.$P", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"four segments", "$H.$P.$S.$S", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"five segments, as encrypted tokens have", "$H.$P.$S.$S.$S", AUTH_MALFORMED,
     "RFC 7516 section 7.1"},
    {"dot behind", "$H.$P.$S.", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"dot in front", ".$H.$P.$S", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"two dots between", "$H..$P.$S", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"dots alone", "..", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"one dot", ".", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"no header", ".$P.$S", AUTH_MALFORMED, "RFC 7515 section 7.1"},
    {"no claims", "$H..$S", AUTH_BAD_SIGNATURE, "RFC 7515 section 5.2"},
    {"claims and header exchanged", "$P.$H.$S", AUTH_BAD_ALGORITHM, "RFC 7515 section 5.2"},
    {"empty MAC", "$H.$P.", AUTH_BAD_SIGNATURE, "RFC 7518 section 3.2"},
    {"unsecured, empty MAC", NONE ".$P.", AUTH_BAD_ALGORITHM, "RFC 7518 section 3.6"},
    {"unsecured, a MAC of ours", NONE ".$P.$S", AUTH_BAD_ALGORITHM, "RFC 8725 section 2.1"},
    {"MAC of one byte", "$H.$P.AA", AUTH_BAD_SIGNATURE, "RFC 7518 section 3.2"},
    {"MAC of zeros", "$H.$P.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", AUTH_BAD_SIGNATURE,
     "RFC 7518 section 3.2"},
    {"MAC of 31 bytes", "$H.$P.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", AUTH_BAD_SIGNATURE,
     "RFC 7518 section 3.2"},
    {"MAC and two characters more", "$H.$P.$SAA", AUTH_MALFORMED, "RFC 7515 appendix C"},
    {"MAC twice", "$H.$P.$S$S", AUTH_MALFORMED, "RFC 4648 section 3.5"},
    {"MAC of 64 bytes",
     "$H.$P."
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     AUTH_BAD_SIGNATURE, "RFC 7518 section 3.2"},
    {"padding behind the MAC", "$H.$P.$S=", AUTH_MALFORMED, "RFC 7515 section 2"},
    {"header in plain base64", "$H+/.$P.$S", AUTH_MALFORMED, "RFC 7515 section 2"},
    {"tilde, which Bearer allows", "$H.$P~~~~.$S", AUTH_MALFORMED, "RFC 7515 section 2"},
    {"lone last character", "$H.$P.$SAAAAAA", AUTH_MALFORMED, "RFC 7515 appendix C"},
};

/* "Bearer " and the shape, with the segments of the token <good> put in; to be freed. */
static char *fill_shape(const char *shape, const char *good)
{
    const char *claims = strchr(good, '.') + 1;
    const char *mac = strchr(claims, '.') + 1;
    char *value = calloc(1, 4096);
    char *end = value;

    assert_non_null(value);
    end += snprintf(end, 4096, "Bearer ");
    for (; *shape != '\0'; shape++) {
        if (*shape != '$') {
            *end++ = *shape;
            continue;
        }
        shape++;
        if (*shape == 'H') {
            end += snprintf(end, 1024, "%.*s", (int)(claims - good - 1), good);
        } else if (*shape == 'P') {
            end += snprintf(end, 1024, "%.*s", (int)(mac - claims - 1), claims);
        } else {
            end += snprintf(end, 1024, "%s", mac);
        }
    }
    return value;
}

static void only_three_canonical_segments_make_a_token(void **state)
{
    const struct span header = SPAN_LITERAL(HEADER_PLAIN);
    const struct span claims = SPAN_LITERAL(CLAIMS_PLAIN);
    struct maker_checker maker;
    int failures = 0;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    for (size_t i = 0; i < sizeof shape_rows / sizeof shape_rows[0]; i++) {
        const struct shape_row *row = &shape_rows[i];
        char *good = maker_bearer(SECRET_ONE, header, claims);
        char *value = fill_shape(row->shape, good + strlen("Bearer "));
        struct auth_identity identity;

        if (!maker_expect(
                row->name, row->spec, row->verdict,
                maker_check(maker.checker, span_from_string(value), NOW_PLAIN, &identity))) {
            failures++;
        }
        free(good);
        free(value);
    }
    assert_int_equal(failures, 0);
    maker_checker_fini(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_may_name_our_algorithm_and_nothing_else),
        cmocka_unit_test(a_header_is_bounded_in_depth_and_members),
        cmocka_unit_test(only_three_canonical_segments_make_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
