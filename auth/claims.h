/* SPDX-License-Identifier: MIT */
/*
 * claims.h - judge the claims of a token whose MAC already held.
 */
#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include <stdint.h>

#include "auth/scratch.h"
#include "auth/verdict.h"
#include "base/attrs.h"
#include "base/span.h"

/*
 * Parse and check the claims set in <text>.
 *
 * text        decoded, any bytes. Borrowed until the scratch document is parsed anew.
 * now_unix_s  as for auth_check().
 * identity    written only on AUTH_OK.
 *
 * Whatever claim is present must have its registered type, asked for or not: an
 * issuer that gets one wrong is not to be trusted with the others.
 * RFC 7519 sections 4.1 and 7.2, RFC 8725 sections 3.8 and 3.9.
 */
enum auth_verdict claims_check(struct scratch *scratch, struct span text,
                               const struct auth_policy *policy, int64_t now_unix_s,
                               struct auth_identity *identity) MUST_USE;

#endif
