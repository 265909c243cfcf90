/* SPDX-License-Identifier: MIT */
/*
 * auth.h - decide whether a request may use the gateway.
 *
 * Pure at request time: no I/O, no clock, no logging, no memory kept after
 * return. The cheapest check comes first, and claims are parsed only after the
 * signature holds, so a stranger never reaches the claims parser.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdint.h>

#include "auth/keys.h"
#include "auth/verdict.h"
#include "base/attrs.h"
#include "base/span.h"

/* Holds the keys, the policy and reusable scratch memory. One per event loop. */
struct auth_checker;

/* <keys> is borrowed and must outlive the checker. NULL when memory is out. */
struct auth_checker *auth_checker_new(const struct auth_keys *keys,
                                      const struct auth_policy *policy) MUST_USE;
void auth_checker_free(struct auth_checker *checker); /* accepts NULL */

/*
 * Verify one Authorization field value.
 *
 * value       without the field name; any bytes; data NULL when the field is absent. Borrowed.
 * now_unix_s  wall clock, seconds since the epoch, UTC.
 * identity    written only on AUTH_OK.
 *
 * Callers answer every refusal with the same 401 body.
 * RFC 6750 section 2.1, RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725 section 3.1.
 */
enum auth_verdict auth_check(struct auth_checker *checker, struct span value, int64_t now_unix_s,
                             struct auth_identity *identity) MUST_USE;

/* A stable lower-case token for logs, such as "expired". Static text. */
const char *auth_verdict_token(enum auth_verdict verdict);

#endif
