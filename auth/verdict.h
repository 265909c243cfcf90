/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - what a token check is asked for, and what it answers.
 *
 * The types of auth.h, apart from it so that each step of a check can speak of
 * them without knowing the whole. Callers include auth.h.
 */
#ifndef AUTH_VERDICT_H
#define AUTH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum auth_verdict {
    AUTH_OK = 0,
    AUTH_NO_CREDENTIALS, /* no Authorization field */
    AUTH_BAD_SCHEME,     /* a scheme other than Bearer, or Bearer and nothing behind it */
    AUTH_TOO_LARGE,      /* token above AUTH_TOKEN_BYTES_MAX */
    AUTH_MALFORMED,      /* not token68, not three canonical base64url segments, header not JSON */
    AUTH_BAD_ALGORITHM,  /* "alg" is anything but the string HS256 */
    AUTH_BAD_HEADER,  /* "typ", "cty", "crit", "b64", "zip", "enc", repeated members, wrong types */
    AUTH_UNKNOWN_KEY, /* "kid" names no secret of ours */
    AUTH_BAD_SIGNATURE,
    AUTH_BAD_CLAIMS,    /* claims not a JSON object, repeated members, wrong types */
    AUTH_MISSING_CLAIM, /* a required claim is absent */
    AUTH_EXPIRED,       /* "exp" is past, leeway included */
    AUTH_NOT_YET_VALID, /* "nbf" or "iat" is ahead, leeway included */
    AUTH_WRONG_ISSUER,
    AUTH_WRONG_AUDIENCE,
    AUTH_NO_MEMORY,
};

#define AUTH_TOKEN_BYTES_MAX 8192
#define AUTH_SUBJECT_BYTES_MAX 128

struct auth_identity {
    char subject[AUTH_SUBJECT_BYTES_MAX + 1]; /* "sub", printable ASCII, NUL-terminated; "" when
                                                 absent and not required */
    int64_t expires_unix_s;                   /* "exp", seconds since the epoch, UTC; INT64_MAX
                                                 when absent and not required */
};

/* What the conf file asks of a token. Strings are borrowed for the checker's life. */
struct auth_policy {
    struct span issuer;   /* empty: not checked */
    struct span audience; /* empty: not checked; else "aud" must be or contain it */
    int64_t leeway_s;     /* for exp, nbf and iat; 0 to 300 */
    bool require_exp;
    bool require_sub;
    bool require_nbf;
    bool require_iat;
};

#endif
