/* SPDX-License-Identifier: MIT */
/*
 * exchange_clock.c - when something of an exchange is due, and its one timer.
 *
 * The timer is not moved when its moment is put off, which every token does: it fires
 * too early, exchange.c looks, and it is set again.
 */
#include "gateway/exchange_internal.h"

#include <event2/event.h>

#include "base/clock.h"

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* When the client has been given up if it takes no byte until then. */
static int64_t stall_deadline_ms(const struct exchange *ex, int64_t now_ms)
{
    int64_t since_ms =
        client_leg_backlog(&ex->client) > 0 ? connection_progress_ms(ex->connection) : now_ms;

    return since_ms + ex->set->services.config->stream_write_timeout_ms;
}

/*
 * When the client is due a heartbeat; INT64_MAX: never. Not while something waits for it:
 * then it is the one that is quiet, and heartbeats would only pile up before it. And only
 * in an answer that has begun, as a heartbeat before would be the 200 that is held back.
 */
static int64_t heartbeat_due_ms(const struct exchange *ex, int64_t now_ms)
{
    int64_t heartbeat_ms = ex->set->services.config->stream_heartbeat_ms;

    if (heartbeat_ms == 0 || ex->state != EX_RELAYING || !relay_has_heartbeat(&ex->relay)) {
        return INT64_MAX; /* before RELAYING the leg may have no connection to ask */
    }
    bool is_quiet = client_leg_backlog(&ex->client) == 0;
    return (is_quiet ? connection_progress_ms(ex->connection) : now_ms) + heartbeat_ms;
}

bool exchange_owes_heartbeat(const struct exchange *ex, int64_t now_ms)
{
    return heartbeat_due_ms(ex, now_ms) <= now_ms;
}

int64_t exchange_next_deadline_ms(const struct exchange *ex, int64_t now_ms)
{
    const struct config *config = ex->set->services.config;
    int64_t at_ms = INT64_MAX;

    if (config->stream_total_timeout_ms > 0) {
        at_ms = ex->started_ms + config->stream_total_timeout_ms;
    }
    switch (ex->state) {
    case EX_AWAIT_BODY:
        return sooner(at_ms, ex->started_ms + config->limits_body_timeout_ms);
    case EX_RELAYING:
        at_ms = sooner(at_ms, heartbeat_due_ms(ex, now_ms));
        return sooner(at_ms, stall_deadline_ms(ex, now_ms));
    case EX_PAUSED:
    case EX_FLUSHING:
        return sooner(at_ms, stall_deadline_ms(ex, now_ms));
    case EX_AWAIT_ANSWER:
    case EX_COLLECTING:
    case EX_ENDED:
        break;
    }
    return at_ms;
}

void exchange_arm_deadline(struct exchange *ex)
{
    int64_t now_ms = clock_now_ms();
    int64_t at_ms = exchange_next_deadline_ms(ex, now_ms);
    int64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 0;

    if (at_ms == INT64_MAX) {
        event_del(ex->deadline);
        return;
    }
    struct timeval left = {left_ms / 1000, (left_ms % 1000) * 1000};
    (void)event_add(ex->deadline, &left);
}
