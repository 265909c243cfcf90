/* SPDX-License-Identifier: MIT */
/*
 * failure.c - look-ups in the table of upstream failures.
 */
#include "upstream/failure.h"

#include <stddef.h>

#include "base/bug.h"

static const struct {
    const char *token;
    bool may_retry;
    enum upstream_health health;
} failures[] = {
#define X(id, token, retry, health) [id] = {token, retry, health},
    UPSTREAM_FAILURES(X)
#undef X
};

/* The row of <failure>; one that does not exist is a row that is not retried. */
static size_t row_of(enum upstream_failure failure)
{
    size_t row = (size_t)failure;
    if (BUG_IF(row >= sizeof(failures) / sizeof(failures[0]))) {
        return UPSTREAM_NONSENSE;
    }
    return row;
}

const char *upstream_failure_token(enum upstream_failure failure)
{
    return failures[row_of(failure)].token;
}

bool upstream_failure_may_retry(enum upstream_failure failure)
{
    return failures[row_of(failure)].may_retry;
}

enum upstream_health upstream_failure_health(enum upstream_failure failure)
{
    return failures[row_of(failure)].health;
}
