/* SPDX-License-Identifier: MIT */
/*
 * call_clock.c - the deadlines of one call, and its one timer.
 *
 * Each state waits until one moment. The timer is not moved when that moment is put
 * off, which every token does: it fires too early, looks, and sets itself again.
 */
#include "upstream/call.h"

#include <event2/event.h>

#include "base/clock.h"
#include "upstream/upstream_internal.h"

/*
 * Comments and empty events are signs of life, as thinking takes time; but a peer that
 * sends nothing else for this many idle timeouts is not thinking.
 */
#define IDLE_STRETCH 10

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t idle_deadline(const struct upstream *call)
{
    int64_t idle_ms = call->origin->settings.idle_timeout_ms;

    return sooner(call->last_activity_ms + idle_ms, call->last_text_ms + IDLE_STRETCH * idle_ms);
}

int64_t call_deadline_ms(const struct upstream *call)
{
    int64_t deadline = 0;

    switch (call->state) {
    case CALL_RESOLVING:
    case CALL_OPENING:
        deadline =
            call->state == CALL_OPENING ? call->address_deadline_ms : call->connect_deadline_ms;
        if (call->first_deadline_ms != 0 && call->first_deadline_ms < deadline) {
            deadline = call->first_deadline_ms;
        }
        break;
    case CALL_AWAITING:
        deadline = call->first_deadline_ms;
        break;
    case CALL_STREAMING:
        deadline = idle_deadline(call);
        break;
    case CALL_BACKOFF:
        deadline = call->backoff_until_ms;
        break;
    case CALL_VERDICT:
    case CALL_ENDED:
        break;
    }
    return deadline;
}

void call_arm(struct upstream *call)
{
    int64_t deadline = call_deadline_ms(call);
    int64_t now = clock_now_ms();
    int64_t delay = deadline > now ? deadline - now : 0;
    struct timeval timeout = {.tv_sec = delay / 1000, .tv_usec = (delay % 1000) * 1000};

    if (evtimer_pending(call->timer, NULL) != 0 && call->timer_due_ms <= deadline) {
        return;
    }
    call->timer_due_ms = deadline;
    (void)event_add(call->timer, &timeout);
}

void call_move_clocks(struct upstream *call)
{
    int64_t now = clock_now_ms();
    int64_t still_ms = now - call->still_since_ms;

    call->first_deadline_ms += still_ms;
    /* No later than now: it may have spoken after the pause began. */
    call->last_activity_ms = sooner(call->last_activity_ms + still_ms, now);
    call->last_text_ms = sooner(call->last_text_ms + still_ms, now);
    call_arm(call);
}
