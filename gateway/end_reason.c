/* SPDX-License-Identifier: MIT */
/*
 * end_reason.c - the columns of the table, and where upstream failures end.
 */
#include "gateway/end_reason.h"

#include <stddef.h>

#include "base/bug.h"

struct end_row {
    const char *token;
    int status;
    const char *message;
    const char *fault;
};

static const struct end_row rows[] = {
#define X(id, token, status, message, fault) [id] = {token, status, message, fault},
    END_REASONS(X)
#undef X
};

static const struct end_row *row_of(enum end_reason reason)
{
    size_t index = (size_t)reason;

    if (BUG_IF(index >= sizeof(rows) / sizeof(rows[0]))) {
        index = END_NO_MEMORY;
    }
    return &rows[index];
}

const char *end_reason_token(enum end_reason reason)
{
    return row_of(reason)->token;
}

const char *end_reason_fault(enum end_reason reason)
{
    return row_of(reason)->fault;
}

int end_reason_status(enum end_reason reason)
{
    return row_of(reason)->status;
}

const char *end_reason_message(enum end_reason reason)
{
    return row_of(reason)->message;
}

bool end_reason_is_upstream_failure(enum end_reason reason)
{
    /* What the provider says of the request or of its limits keeps its own status. */
    return reason == END_UPSTREAM_CONNECT || reason == END_UPSTREAM_TLS ||
           reason == END_UPSTREAM_TIMEOUT_FIRST || reason == END_UPSTREAM_TIMEOUT_IDLE ||
           reason == END_UPSTREAM_STATUS || reason == END_UPSTREAM_BUSY ||
           reason == END_UPSTREAM_ERROR_EVENT || reason == END_UPSTREAM_TRUNCATED ||
           reason == END_UPSTREAM_NONSENSE || reason == END_UPSTREAM_CIRCUIT_OPEN;
}

enum end_reason end_reason_of_upstream(enum upstream_failure failure)
{
    switch (failure) {
    case UPSTREAM_OK:
        return END_DONE;
    case UPSTREAM_RESOLVE:
    case UPSTREAM_CONNECT:
    case UPSTREAM_CONNECT_TIMEOUT:
        return END_UPSTREAM_CONNECT;
    case UPSTREAM_TLS:
        return END_UPSTREAM_TLS;
    case UPSTREAM_FULL:
        return END_GATEWAY_FULL;
    case UPSTREAM_FIRST_TIMEOUT:
        return END_UPSTREAM_TIMEOUT_FIRST;
    case UPSTREAM_IDLE_TIMEOUT:
        return END_UPSTREAM_TIMEOUT_IDLE;
    case UPSTREAM_MODEL_UNKNOWN:
        return END_UPSTREAM_MODEL_UNKNOWN;
    case UPSTREAM_MODEL_RETIRED:
        return END_UPSTREAM_MODEL_RETIRED;
    case UPSTREAM_RATE_LIMITED:
    case UPSTREAM_QUOTA:
        return END_UPSTREAM_RATE_LIMITED;
    case UPSTREAM_STATUS:
        return END_UPSTREAM_STATUS;
    case UPSTREAM_BUSY:
        return END_UPSTREAM_BUSY;
    case UPSTREAM_ERROR_EVENT:
        return END_UPSTREAM_ERROR_EVENT;
    case UPSTREAM_TRUNCATED:
        return END_UPSTREAM_TRUNCATED;
    case UPSTREAM_NONSENSE:
        return END_UPSTREAM_NONSENSE;
    case UPSTREAM_NO_MEMORY:
        return END_NO_MEMORY;
    case UPSTREAM_CIRCUIT_OPEN:
        return END_UPSTREAM_CIRCUIT_OPEN;
    }
    return END_NO_MEMORY;
}
