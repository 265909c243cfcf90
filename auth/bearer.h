/* SPDX-License-Identifier: MIT */
/*
 * bearer.h - take the token out of an Authorization field value.
 */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include "auth/verdict.h"
#include "base/attrs.h"
#include "base/span.h"

/*
 * credentials = "Bearer" 1*SP token68, the scheme's name in any case.
 *
 * value  as for auth_check(): data NULL when there is no field; white space at its
 *        ends is no part of a field value (RFC 9110 section 5.5) and is ignored.
 * token  borrowed from <value>; written only on AUTH_OK, then 1 to
 *        AUTH_TOKEN_BYTES_MAX bytes.
 *
 * Else AUTH_NO_CREDENTIALS, AUTH_BAD_SCHEME when no Bearer token was sent, AUTH_MALFORMED
 * when what follows the scheme is no token, or AUTH_TOO_LARGE.
 * RFC 6750 section 2.1, RFC 9110 sections 11.1, 11.2 and 11.4.
 */
enum auth_verdict bearer_parse(struct span value, struct span *token) MUST_USE;

#endif
