/* SPDX-License-Identifier: MIT */
/*
 * jws.c - the compact serialization and the JOSE header.
 *
 * The header says how its own token is to be checked, which is why it is not
 * believed: it may name the one algorithm that we use and one of the keys that we
 * hold, and nothing else. "jku", "jwk", "x5u" and the like are never looked at
 * (RFC 8725 section 3.10); what would change the meaning of the bytes ("crit",
 * "b64", "zip", "enc", a "cty" of JWT) is refused.
 */
#include "auth/jws.h"

#include "auth/base64url.h"

/* The deepest registered header parameter is "jwk" with "oth": three levels. */
#define HEADER_DEPTH_MAX 8

/*
 * RFC 7515 section 4.1 registers 11 parameters. Looking for repeated names sorts
 * them all, which is not done for a stranger's hundreds.
 */
#define HEADER_MEMBERS_MAX 32

struct segments {
    struct span header, claims, mac; /* as they came; borrowed */
};

/* Exactly two dots: RFC 7515 section 7.1. */
static bool split(struct span token, struct segments *segments)
{
    const char *end = token.data + token.length;
    const char *first = memchr(token.data, '.', token.length);
    const char *second = NULL;

    if (first == NULL) {
        return false;
    }
    second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL) {
        return false;
    }
    segments->header = span_of(token.data, (size_t)(first - token.data));
    segments->claims = span_of(first + 1, (size_t)(second - first - 1));
    segments->mac = span_of(second + 1, (size_t)(end - second - 1));
    return true;
}

/* Decode <segment> behind the <used> bytes of the scratch memory. */
static bool decode(struct scratch *scratch, size_t *used, struct span segment, struct span *bytes)
{
    uint8_t *out = scratch->decoded + *used;
    size_t length = 0;

    if (!base64url_decode(segment, out, &length)) {
        return false;
    }
    *bytes = span_of((const char *)out, length);
    *used += length;
    return true;
}

/* RFC 7519 section 5.1, RFC 9068 section 2.1, RFC 8725 section 3.11. */
static bool typ_is_ours(struct scratch *scratch, json_ref typ)
{
    struct span text = {NULL, 0};

    if (typ == JSON_NONE) {
        return true;
    }
    return scratch_string(scratch, typ, &text) &&
           (span_equals_ignore_case(text, "JWT") || span_equals_ignore_case(text, "at+jwt"));
}

/* RFC 7519 section 5.2: the claims of a nested token are another token. */
static bool is_nested(struct scratch *scratch, json_ref cty)
{
    struct span text = {NULL, 0};

    return cty != JSON_NONE &&
           (!scratch_string(scratch, cty, &text) || span_equals_ignore_case(text, "JWT") ||
            span_equals_ignore_case(text, "application/jwt"));
}

/* The parameters that make a token mean something else than we would read. */
static bool changes_meaning(const struct json_doc *doc)
{
    return json_member(doc, 0, "crit") != JSON_NONE || /* RFC 7515 section 4.1.11 */
           json_member(doc, 0, "b64") != JSON_NONE ||  /* RFC 7797 section 3 */
           json_member(doc, 0, "zip") != JSON_NONE ||  /* RFC 7516 section 4.1.3 */
           json_member(doc, 0, "enc") != JSON_NONE;    /* RFC 7516 section 9 */
}

/* Writes has_kid and kid. */
static enum auth_verdict check_header(struct scratch *scratch, struct span header, struct jws *jws)
{
    const struct json_doc *doc = scratch->doc;
    enum json_problem problem = json_parse(scratch->doc, header, HEADER_DEPTH_MAX);
    json_ref kid = JSON_NONE;

    if (problem == JSON_NO_MEMORY) {
        return AUTH_NO_MEMORY;
    }
    if (problem != JSON_OK || !json_is(doc, 0, JSON_OBJECT)) {
        return AUTH_MALFORMED;
    }
    if (json_count(doc, 0) > HEADER_MEMBERS_MAX || json_has_duplicate_members(doc, 0)) {
        return AUTH_BAD_HEADER; /* RFC 7515 section 4: names are unique */
    }
    if (!json_string_equals(doc, json_member(doc, 0, "alg"), "HS256")) {
        return AUTH_BAD_ALGORITHM; /* RFC 7515 section 4.1.1: case matters */
    }
    if (!typ_is_ours(scratch, json_member(doc, 0, "typ")) ||
        is_nested(scratch, json_member(doc, 0, "cty")) || changes_meaning(doc)) {
        return AUTH_BAD_HEADER;
    }
    kid = json_member(doc, 0, "kid");
    jws->has_kid = kid != JSON_NONE;
    if (jws->has_kid && !scratch_string(scratch, kid, &jws->kid)) {
        return AUTH_BAD_HEADER; /* RFC 7515 section 4.1.4: a string */
    }
    return AUTH_OK;
}

enum auth_verdict jws_parse(struct scratch *scratch, struct span token, struct jws *jws)
{
    struct segments segments;
    struct span header = {NULL, 0};
    struct jws parsed = {0};
    size_t used = 0;
    enum auth_verdict verdict = AUTH_OK;

    if (token.length > AUTH_TOKEN_BYTES_MAX || !split(token, &segments)) {
        return AUTH_MALFORMED;
    }
    if (!decode(scratch, &used, segments.header, &header) ||
        !decode(scratch, &used, segments.claims, &parsed.claims) ||
        !decode(scratch, &used, segments.mac, &parsed.mac)) {
        return AUTH_MALFORMED;
    }
    verdict = check_header(scratch, header, &parsed);
    if (verdict != AUTH_OK) {
        return verdict;
    }
    parsed.signing_input = span_of(token.data, segments.header.length + 1 + segments.claims.length);
    *jws = parsed;
    return AUTH_OK;
}
