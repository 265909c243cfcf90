/* SPDX-License-Identifier: MIT */
/*
 * mint.h - make an HS256 token, for development and tests.
 *
 * The gateway itself never signs anything; `tidegate token` does, with the same
 * secret files, so that a first request needs no other tool.
 */
#ifndef AUTH_MINT_H
#define AUTH_MINT_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

struct mint_claims {
    struct span subject;    /* "sub"; empty: left out */
    struct span issuer;     /* "iss"; empty: left out */
    struct span audience;   /* "aud"; empty: left out */
    int64_t issued_unix_s;  /* "iat" */
    int64_t expires_unix_s; /* "exp" */
};

/*
 * Returns a NUL-terminated compact token, to be freed by the caller, or NULL
 * when memory is out or a text holds bytes that are not printable ASCII.
 * <kid> may be empty. RFC 7515 section 3.1.
 */
char *mint_token(struct span secret, struct span kid, const struct mint_claims *claims) MUST_USE;

#endif
