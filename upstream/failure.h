/* SPDX-License-Identifier: MIT */
/*
 * failure.h - the table of ways in which an upstream call can fail.
 *
 * One row: id, token for logs, whether the same request may be sent again while
 * nothing has been delivered. Statuses and error texts are sorted into rows by
 * upstream/classify.c. UPSTREAM_QUOTA is a rate limit that a repeat cannot lift: an
 * empty account, or an anonymous allowance that is used up.
 */
#ifndef UPSTREAM_FAILURE_H
#define UPSTREAM_FAILURE_H

#include <stdbool.h>

/* clang-format off */
/*    id                         token               may be retried */
#define UPSTREAM_FAILURES(X)                                          \
    X(UPSTREAM_OK,               "ok",               false)           \
    X(UPSTREAM_RESOLVE,          "resolve",          true)            \
    X(UPSTREAM_CONNECT,          "connect",          true)            \
    X(UPSTREAM_CONNECT_TIMEOUT,  "connect_timeout",  false)           \
    X(UPSTREAM_TLS,              "tls",              false)           \
    X(UPSTREAM_FULL,             "full",             false)           \
    X(UPSTREAM_FIRST_TIMEOUT,    "first_timeout",    false)           \
    X(UPSTREAM_IDLE_TIMEOUT,     "idle_timeout",     false)           \
    X(UPSTREAM_MODEL_UNKNOWN,    "model_unknown",    false)           \
    X(UPSTREAM_MODEL_RETIRED,    "model_retired",    false)           \
    X(UPSTREAM_RATE_LIMITED,     "rate_limited",     true)            \
    X(UPSTREAM_QUOTA,            "quota",            false)           \
    X(UPSTREAM_STATUS,           "status",           false)           \
    X(UPSTREAM_BUSY,             "busy",             true)            \
    X(UPSTREAM_ERROR_EVENT,      "error_event",      false)           \
    X(UPSTREAM_TRUNCATED,        "truncated",        false)           \
    X(UPSTREAM_NONSENSE,         "nonsense",         false)           \
    X(UPSTREAM_NO_MEMORY,        "no_memory",        false)
/* clang-format on */

enum upstream_failure {
#define X(id, token, retry) id,
    UPSTREAM_FAILURES(X)
#undef X
};

/* Stable lower-case token for logs. Static text. */
const char *upstream_failure_token(enum upstream_failure failure);

/* Whether another attempt may help; only ever used before the first delta. */
bool upstream_failure_may_retry(enum upstream_failure failure);

#endif
