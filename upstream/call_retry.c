/* SPDX-License-Identifier: MIT */
/*
 * call_retry.c - whether a failed attempt of a call is followed by another, and when.
 *
 * All must agree: nothing has been delivered, the row of the failure, the conf file's
 * count, what the upstream asked for, the call's own clock, the circuit, and last, as
 * asking costs, the budget.
 */
#include <event2/util.h>

#include "base/clock.h"
#include "upstream/call.h"
#include "upstream/upstream_internal.h"

#define BACKOFF_FIRST_MS 250
#define BACKOFF_DOUBLINGS_MAX 5
/* A provider that wants us to stay away longer is told to the client instead. */
#define RETRY_AFTER_MAX_S 2

/* With dice, so that those who failed together do not come back together. */
static int64_t backoff_ms(const struct upstream *call)
{
    unsigned doublings =
        call->retries < BACKOFF_DOUBLINGS_MAX ? call->retries : BACKOFF_DOUBLINGS_MAX;
    int64_t longest = (int64_t)BACKOFF_FIRST_MS << doublings;
    int64_t asked = call->answer.retry_after_s * 1000;
    uint16_t dice;
    int64_t delay;

    evutil_secure_rng_get_bytes(&dice, sizeof(dice));
    delay = longest / 2 + dice % (longest / 2);
    return delay > asked ? delay : asked;
}

static bool may_retry(const struct upstream *call, enum upstream_failure failure)
{
    return !call->is_committed && call->retries < call->origin->settings.retries &&
           upstream_failure_may_retry(failure) && call->answer.retry_after_s <= RETRY_AFTER_MAX_S &&
           upstream_origin_wait_ms(call->origin) == 0;
}

bool call_may_try_again(struct upstream *call, enum upstream_failure failure, int64_t *at_ms)
{
    int64_t limit_ms = call->first_deadline_ms;
    int64_t again_ms;

    if (!may_retry(call, failure)) {
        return false;
    }
    again_ms = clock_now_ms() + backoff_ms(call);
    if (limit_ms == 0) {
        limit_ms = call->started_ms + call->origin->settings.first_token_timeout_ms;
    }
    if (again_ms >= limit_ms || !origin_spend_retry(call->origin)) {
        return false;
    }
    *at_ms = again_ms;
    return true;
}
