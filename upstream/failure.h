/* SPDX-License-Identifier: MIT */
/*
 * failure.h - the table of ways in which an upstream call can fail.
 *
 * One row: id, token for logs, whether the same request may be sent again while
 * nothing has been delivered, and what the failure says of the upstream's health (see
 * circuit.h). Statuses and error texts are sorted into rows by upstream/classify.c.
 *
 * UPSTREAM_QUOTA is a rate limit that a repeat cannot lift: an empty account, or an
 * anonymous allowance that is used up. UPSTREAM_STATUS is a firm refusal (credentials,
 * credits, a request that is not liked): whoever refuses is alive, and what one client
 * asks for must not close the door on the others. The same holds for
 * UPSTREAM_ERROR_EVENT, as that is how some servers say that a prompt is too long.
 */
#ifndef UPSTREAM_FAILURE_H
#define UPSTREAM_FAILURE_H

#include <stdbool.h>

/* clang-format off */
/*    id                         token               retried  health */
#define UPSTREAM_FAILURES(X)                                                  \
    X(UPSTREAM_OK,               "ok",               false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_RESOLVE,          "resolve",          true,   UPSTREAM_SICK)   \
    X(UPSTREAM_CONNECT,          "connect",          true,   UPSTREAM_SICK)   \
    X(UPSTREAM_CONNECT_TIMEOUT,  "connect_timeout",  false,  UPSTREAM_SICK)   \
    X(UPSTREAM_TLS,              "tls",              false,  UPSTREAM_SICK)   \
    X(UPSTREAM_FULL,             "full",             false,  UPSTREAM_UNTOLD) \
    X(UPSTREAM_FIRST_TIMEOUT,    "first_timeout",    false,  UPSTREAM_SICK)   \
    X(UPSTREAM_IDLE_TIMEOUT,     "idle_timeout",     false,  UPSTREAM_SICK)   \
    X(UPSTREAM_MODEL_UNKNOWN,    "model_unknown",    false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_MODEL_RETIRED,    "model_retired",    false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_RATE_LIMITED,     "rate_limited",     true,   UPSTREAM_ALIVE)  \
    X(UPSTREAM_QUOTA,            "quota",            false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_STATUS,           "status",           false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_BUSY,             "busy",             true,   UPSTREAM_SICK)   \
    X(UPSTREAM_ERROR_EVENT,      "error_event",      false,  UPSTREAM_ALIVE)  \
    X(UPSTREAM_TRUNCATED,        "truncated",        false,  UPSTREAM_SICK)   \
    X(UPSTREAM_NONSENSE,         "nonsense",         false,  UPSTREAM_SICK)   \
    X(UPSTREAM_NO_MEMORY,        "no_memory",        false,  UPSTREAM_UNTOLD) \
    X(UPSTREAM_CIRCUIT_OPEN,     "circuit_open",     false,  UPSTREAM_UNTOLD)
/* clang-format on */

/* What the end of an attempt says of the upstream. */
enum upstream_health {
    UPSTREAM_ALIVE = 0, /* it answered sanely, if only by a refusal */
    UPSTREAM_SICK,      /* it did not do its work */
    UPSTREAM_UNTOLD,    /* nothing: the cause lies with us */
};

enum upstream_failure {
#define X(id, token, retry, health) id,
    UPSTREAM_FAILURES(X)
#undef X
};

/* Stable lower-case token for logs. Static text. */
const char *upstream_failure_token(enum upstream_failure failure);

/* Whether another attempt may help; only ever used before the first delta. */
bool upstream_failure_may_retry(enum upstream_failure failure);

enum upstream_health upstream_failure_health(enum upstream_failure failure);

#endif
