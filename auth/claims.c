/* SPDX-License-Identifier: MIT */
/*
 * claims.c - the registered claims that decide about a request.
 *
 * Dates are whole seconds: a fraction is dropped on both sides of a comparison,
 * the clock's and the token's. So "nbf" and "iat" never refuse a token that an
 * exact clock would take, and "exp" never lets one through that it would refuse.
 */
#include "auth/claims.h"

/* Claims of large identity providers nest about five levels deep. */
#define CLAIMS_DEPTH_MAX 16

/* A claim that is a NumericDate: RFC 7519 section 2. */
struct date {
    bool is_present;
    int64_t unix_s; /* when present */
};

/* <time> plus <seconds>, which is not negative; the end of time instead of overflow. */
static int64_t later(int64_t time, int64_t seconds)
{
    return time > INT64_MAX - seconds ? INT64_MAX : time + seconds;
}

/*
 * A number that no 64 bits hold is refused whichever way it points: nobody means
 * it, and an "exp" of 1e400 would be a token that never ends.
 */
static enum auth_verdict read_date(const struct json_doc *doc, const char *name, bool is_required,
                                   struct date *date)
{
    json_ref at = json_member(doc, 0, name);

    date->is_present = at != JSON_NONE;
    if (!date->is_present) {
        return is_required ? AUTH_MISSING_CLAIM : AUTH_OK;
    }
    return json_int64(doc, at, &date->unix_s) ? AUTH_OK : AUTH_BAD_CLAIMS;
}

/* "exp", RFC 7519 section 4.1.4: the current time must be before it. */
static enum auth_verdict check_expiry(const struct json_doc *doc, const struct auth_policy *policy,
                                      int64_t now_unix_s, struct auth_identity *identity)
{
    struct date exp = {0};
    enum auth_verdict verdict = read_date(doc, "exp", policy->require_exp, &exp);

    if (verdict != AUTH_OK) {
        return verdict;
    }
    if (!exp.is_present) {
        return AUTH_OK;
    }
    identity->expires_unix_s = exp.unix_s;
    return now_unix_s < later(exp.unix_s, policy->leeway_s) ? AUTH_OK : AUTH_EXPIRED;
}

/* "nbf", RFC 7519 section 4.1.5, and "iat", section 4.1.6: not ahead of us. */
static enum auth_verdict check_start(const struct json_doc *doc, const struct auth_policy *policy,
                                     int64_t now_unix_s)
{
    const int64_t latest = later(now_unix_s, policy->leeway_s);
    struct date nbf = {0};
    struct date iat = {0};
    enum auth_verdict verdict = read_date(doc, "nbf", policy->require_nbf, &nbf);

    if (verdict != AUTH_OK) {
        return verdict;
    }
    verdict = read_date(doc, "iat", policy->require_iat, &iat);
    if (verdict != AUTH_OK) {
        return verdict;
    }
    if ((nbf.is_present && nbf.unix_s > latest) || (iat.is_present && iat.unix_s > latest)) {
        return AUTH_NOT_YET_VALID;
    }
    return AUTH_OK;
}

/* "iss", RFC 7519 section 4.1.1, compared as it is: RFC 8725 section 3.8. */
static enum auth_verdict check_issuer(struct scratch *scratch, const struct auth_policy *policy)
{
    json_ref at = json_member(scratch->doc, 0, "iss");
    struct span issuer = {NULL, 0};

    if (at == JSON_NONE) {
        return span_is_empty(policy->issuer) ? AUTH_OK : AUTH_MISSING_CLAIM;
    }
    if (!scratch_string(scratch, at, &issuer)) {
        return AUTH_BAD_CLAIMS;
    }
    if (!span_is_empty(policy->issuer) && !span_equals(issuer, policy->issuer)) {
        return AUTH_WRONG_ISSUER;
    }
    return AUTH_OK;
}

/* One "aud", string or element. Sets <is_found>, never clears it. */
static bool read_audience(struct scratch *scratch, json_ref at, struct span wanted, bool *is_found)
{
    struct span audience = {NULL, 0};

    if (!scratch_string(scratch, at, &audience)) {
        return false;
    }
    *is_found = *is_found || span_equals(audience, wanted);
    return true;
}

/* "aud", RFC 7519 section 4.1.3: a string or an array of strings, one of them ours. */
static enum auth_verdict check_audience(struct scratch *scratch, const struct auth_policy *policy)
{
    const struct json_doc *doc = scratch->doc;
    json_ref at = json_member(doc, 0, "aud");
    bool is_found = false;

    if (at == JSON_NONE) {
        return span_is_empty(policy->audience) ? AUTH_OK : AUTH_MISSING_CLAIM;
    }
    if (json_is(doc, at, JSON_ARRAY)) {
        for (json_ref i = json_first(doc, at); i != JSON_NONE; i = json_next(doc, i)) {
            if (!read_audience(scratch, i, policy->audience, &is_found)) {
                return AUTH_BAD_CLAIMS;
            }
        }
    } else if (!read_audience(scratch, at, policy->audience, &is_found)) {
        return AUTH_BAD_CLAIMS;
    }
    return span_is_empty(policy->audience) || is_found ? AUTH_OK : AUTH_WRONG_AUDIENCE;
}

/* It names someone in logs and counters: visible, short, and not blank. */
static bool subject_is_fit(struct span subject)
{
    bool is_blank = true;

    if (subject.length > AUTH_SUBJECT_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < subject.length; i++) {
        if (subject.data[i] < ' ' || subject.data[i] > '~') {
            return false;
        }
        is_blank = is_blank && subject.data[i] == ' ';
    }
    return !is_blank;
}

/* "sub", RFC 7519 section 4.1.2. */
static enum auth_verdict check_subject(struct scratch *scratch, const struct auth_policy *policy,
                                       struct auth_identity *identity)
{
    json_ref at = json_member(scratch->doc, 0, "sub");
    struct span subject = {NULL, 0};

    if (at == JSON_NONE) {
        return policy->require_sub ? AUTH_MISSING_CLAIM : AUTH_OK;
    }
    if (!scratch_string(scratch, at, &subject) || !subject_is_fit(subject)) {
        return AUTH_BAD_CLAIMS;
    }
    memcpy(identity->subject, subject.data, subject.length);
    identity->subject[subject.length] = '\0';
    return AUTH_OK;
}

/* RFC 7519 section 4: an object, its names unique. */
static enum auth_verdict parse(struct json_doc *doc, struct span text)
{
    enum json_problem problem = json_parse(doc, text, CLAIMS_DEPTH_MAX);

    if (problem == JSON_NO_MEMORY) {
        return AUTH_NO_MEMORY;
    }
    if (problem != JSON_OK || !json_is(doc, 0, JSON_OBJECT) || json_has_duplicate_members(doc, 0)) {
        return AUTH_BAD_CLAIMS;
    }
    return AUTH_OK;
}

enum auth_verdict claims_check(struct scratch *scratch, struct span text,
                               const struct auth_policy *policy, int64_t now_unix_s,
                               struct auth_identity *identity)
{
    struct auth_identity found = {.subject = "", .expires_unix_s = INT64_MAX};
    enum auth_verdict verdict = parse(scratch->doc, text);

    if (verdict == AUTH_OK) {
        verdict = check_expiry(scratch->doc, policy, now_unix_s, &found);
    }
    if (verdict == AUTH_OK) {
        verdict = check_start(scratch->doc, policy, now_unix_s);
    }
    if (verdict == AUTH_OK) {
        verdict = check_issuer(scratch, policy);
    }
    if (verdict == AUTH_OK) {
        verdict = check_audience(scratch, policy);
    }
    if (verdict == AUTH_OK) {
        verdict = check_subject(scratch, policy, &found);
    }
    if (verdict == AUTH_OK) {
        *identity = found;
    }
    return verdict;
}
