/* SPDX-License-Identifier: MIT */
/*
 * jws.h - a token in compact form, taken apart, and its header judged.
 *
 * Everything here runs on bytes that nobody has vouched for yet.
 */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include <stdbool.h>

#include "auth/scratch.h"
#include "auth/verdict.h"
#include "base/attrs.h"
#include "base/span.h"

struct jws {
    struct span signing_input; /* header "." claims, as they came; borrowed from the token */
    struct span claims;        /* decoded, not parsed; borrowed from the scratch memory */
    struct span mac;           /* decoded, of any length; borrowed from the scratch memory */
    bool has_kid;
    struct span kid; /* when has_kid; lives until the scratch document is parsed anew */
};

/*
 * Split and decode <token>, at most AUTH_TOKEN_BYTES_MAX bytes, and check its
 * header. <jws> is written only on AUTH_OK, which says nothing about the MAC yet.
 *
 * Else AUTH_MALFORMED, AUTH_BAD_ALGORITHM, AUTH_BAD_HEADER or AUTH_NO_MEMORY.
 * RFC 7515 sections 4, 5.2 and 7.1, RFC 8725 sections 2.1, 3.1 and 3.11.
 */
enum auth_verdict jws_parse(struct scratch *scratch, struct span token, struct jws *jws) MUST_USE;

#endif
