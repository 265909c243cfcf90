/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c - in order, each once, past open circuits.
 */
#include "gateway/dispatch.h"

#define MS_PER_S 1000

/* What outranks what when several upstreams have failed; the last of equals is told. */
enum weight {
    WEIGHT_NOTHING = 0, /* no call has ended */
    WEIGHT_UNKNOWN,     /* this upstream does not have the model; another might */
    WEIGHT_NOT_ASKED,   /* its circuit is open */
    WEIGHT_FAILED,
};

static enum weight weight_of(enum upstream_failure failure)
{
    switch (failure) {
    case UPSTREAM_OK:
        return WEIGHT_NOTHING;
    case UPSTREAM_MODEL_UNKNOWN:
    case UPSTREAM_MODEL_RETIRED:
        return WEIGHT_UNKNOWN;
    case UPSTREAM_CIRCUIT_OPEN:
        return WEIGHT_NOT_ASKED;
    case UPSTREAM_RESOLVE:
    case UPSTREAM_CONNECT:
    case UPSTREAM_CONNECT_TIMEOUT:
    case UPSTREAM_TLS:
    case UPSTREAM_FULL:
    case UPSTREAM_FIRST_TIMEOUT:
    case UPSTREAM_IDLE_TIMEOUT:
    case UPSTREAM_RATE_LIMITED:
    case UPSTREAM_QUOTA:
    case UPSTREAM_STATUS:
    case UPSTREAM_BUSY:
    case UPSTREAM_ERROR_EVENT:
    case UPSTREAM_TRUNCATED:
    case UPSTREAM_NONSENSE:
    case UPSTREAM_NO_MEMORY:
        break;
    }
    return WEIGHT_FAILED;
}

void dispatch_init(struct dispatch *dispatch, struct upstream_origin *const *origins, size_t count)
{
    *dispatch = (struct dispatch){
        .origins = origins,
        .count = count,
        .end = {.retry_after_s = -1, .usage = {-1, -1}},
    };
}

bool dispatch_may_go_on(const struct dispatch *dispatch)
{
    return dispatch->next < dispatch->count;
}

/* An upstream is passed over for <wait_ms> more; less than 0: as long as its probe takes. */
static void pass_over(struct dispatch *dispatch, int64_t wait_ms)
{
    struct upstream_end *end = &dispatch->end;
    int64_t wait_s = wait_ms < 0 ? 1 : (wait_ms + MS_PER_S - 1) / MS_PER_S;

    if (weight_of(end->failure) > WEIGHT_NOT_ASKED) {
        return;
    }
    if (end->failure != UPSTREAM_CIRCUIT_OPEN || wait_s < end->retry_after_s) {
        end->retry_after_s = wait_s; /* the first of them to be asked again */
    }
    end->failure = UPSTREAM_CIRCUIT_OPEN;
}

struct upstream_origin *dispatch_pick(struct dispatch *dispatch)
{
    while (dispatch->next < dispatch->count) {
        size_t index = dispatch->next++;
        struct upstream_origin *origin = dispatch->origins[index];
        int64_t wait_ms = upstream_origin_wait_ms(origin);

        if (dispatch->needs_chat && upstream_origin_dialect(origin) != UPSTREAM_DIALECT_CHAT) {
            continue;
        }

        if (wait_ms == 0) {
            dispatch->current = index;
            dispatch->has_picked = true;
            return origin;
        }
        pass_over(dispatch, wait_ms);
    }
    return NULL;
}

void dispatch_take_end(struct dispatch *dispatch, const struct upstream_end *end)
{
    unsigned attempts = dispatch->end.attempts + end->attempts;

    if (end->failure == UPSTREAM_OK ||
        weight_of(end->failure) >= weight_of(dispatch->end.failure)) {
        dispatch->end = *end;
    }
    dispatch->end.attempts = attempts;
    dispatch->end.error = span_of(NULL, 0); /* it is the call's, and goes with it */
}
