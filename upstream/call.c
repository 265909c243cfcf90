/* SPDX-License-Identifier: MIT */
/*
 * call.c - one call: its states, its clocks, its retries, its one end.
 *
 *   upstream_start
 *        |                     ,------------------- BACKOFF <----------------.
 *        v                     v                                             |
 *    RESOLVING --> OPENING --> AWAITING --first delta--> STREAMING           | may be
 *        |            |           |                          |               | retried
 *        `------------+-----------+------ failure -----------+---------------'
 *                                                            |
 *                                              on_end --> ENDED (upstream_cancel,
 *                                                         from any state)
 *   VERDICT stands for "a failure is known but we are inside the owner's call, or
 *   inside evhttp's": the timer tells it a moment later.
 *
 * Invariants
 *   1. In ENDED nothing fires and no connection points here.
 *   2. One timer; it is armed in every state but ENDED, except while the clocks
 *      stand still, and is moved by itself rather than by each token.
 *   3. A function that may reach on_end does so as its last act.
 */
#include "upstream/call.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "upstream/pool.h"
#include "upstream/request.h"
#include "upstream/request_body.h"
#include "upstream/upstream_internal.h"

static void attempt(struct upstream *call);

void call_enter(struct upstream *call, enum call_state state)
{
    call->state = state;
    if (state == CALL_AWAITING) {
        call->awaiting_since_ms = clock_now_ms();
    }
    if (state == CALL_AWAITING && call->first_deadline_ms == 0) {
        call->first_deadline_ms = clock_now_ms() + call->origin->settings.first_token_timeout_ms;
    }
    call_arm(call);
}

/* Leave every place where something could still fire for this call. */
static void silence(struct upstream *call)
{
    call->state = CALL_ENDED;
    call_leave_line(call); /* what is held stays: we may be inside a delta that lies in it */
    (void)event_del(call->timer);
    resolver_stop_waiting(call->origin->resolver, &call->waiter);
}

void call_drop_connection(struct upstream *call)
{
    if (call->connection != NULL) {
        connection_kill(call->connection);
        call->connection = NULL;
    }
    call->is_still = false;
}

static void leave_circuit(struct upstream *call, enum upstream_failure failure)
{
    origin_leave(call->origin, &call->pass, answer_health(&call->answer, failure), failure,
                 call->answer.retry_after_s);
}

#define SECRET_BYTES_MIN 8 /* a shorter token keeps no secret, and may be any word */

/* A character written as an escape where it need not be could hide our token. */
static bool has_odd_escape(struct span text)
{
    for (size_t i = 1; i < text.length; i++) {
        if (text.data[i - 1] == '\\' && (text.data[i] == 'u' || text.data[i] == '/')) {
            return true;
        }
    }
    return false;
}

/* The provider's own error event, unless it repeats, or may repeat, the token that we sent. */
static struct span error_to_show(const struct upstream *call)
{
    struct span error = answer_error_event(&call->answer);
    struct span token = origin_token(call->origin);

    if (token.length >= SECRET_BYTES_MIN && has_odd_escape(error)) {
        return span_of(NULL, 0);
    }
    for (size_t i = 0; token.length >= SECRET_BYTES_MIN && i + token.length <= error.length; i++) {
        if (memcmp(error.data + i, token.data, token.length) == 0) {
            return span_of(NULL, 0);
        }
    }
    return error;
}

static void end(struct upstream *call, enum upstream_failure failure)
{
    struct upstream_end end = {
        .failure = answer_verdict(&call->answer, failure),
        .status = call->answer.status,
        .retry_after_s = call->answer.retry_after_s,
        .finish = call->answer.finish,
        .usage = call->answer.usage,
        .attempts = call->attempts,
        .problem = call->answer.problem,
        .error = error_to_show(call),
    };

    leave_circuit(call, failure);
    silence(call);
    call->events->on_end(call->owner, &end);
}

void call_fail_later(struct upstream *call, enum upstream_failure failure)
{
    call->verdict = failure;
    call_enter(call, CALL_VERDICT);
}

void call_attempt_failed(struct upstream *call, enum upstream_failure failure)
{
    leave_circuit(call, failure);
    call_forget_body(call);
    if (call_may_try_again(call, failure, &call->backoff_until_ms)) {
        call->retries++;
        call->verdict = failure;
        call_enter(call, CALL_BACKOFF);
        return;
    }
    end(call, failure);
}

/* The circuit is open: the last attempt's failure stands, or there was none. */
static void refuse(struct upstream *call)
{
    int64_t wait_ms = upstream_origin_wait_ms(call->origin);

    if (call->attempts > 0) {
        call_fail_later(call, call->verdict);
        return;
    }
    call->answer.retry_after_s = wait_ms < 0 ? 1 : (wait_ms + 999) / 1000;
    call_fail_later(call, UPSTREAM_CIRCUIT_OPEN);
}

/* Begin an attempt. Fires nothing: whatever fails here is told by the timer. */
static void attempt(struct upstream *call)
{
    struct connection *connection = NULL;

    /* Held already: the repeat after a dead kept connection is the same attempt to the circuit. */
    if (!call->pass.is_held && !origin_enter(call->origin, &call->pass)) {
        refuse(call);
        return;
    }
    call->attempts++;
    call->addresses_tried = 0;
    call->state = CALL_RESOLVING;
    call->connect_deadline_ms = clock_now_ms() + call->origin->settings.connect_timeout_ms;
    answer_reset(&call->answer);
    if (!call->has_met_dead && !call->pass.is_probe) {
        connection = pool_lend(call->origin);
    }
    if (connection != NULL) {
        call_send_on(call, connection);
    } else {
        call_open(call);
    }
}

static void on_clock(struct upstream *call)
{
    enum upstream_failure failure = UPSTREAM_CONNECT_TIMEOUT;

    switch (call->state) {
    case CALL_RESOLVING:
    case CALL_OPENING:
        resolver_stop_waiting(call->origin->resolver, &call->waiter);
        call_blame_address(call);
        if (call->first_deadline_ms != 0 && call->first_deadline_ms <= clock_now_ms()) {
            failure = UPSTREAM_FIRST_TIMEOUT;
        }
        break;
    case CALL_AWAITING:
        call_blame_address(call);
        failure = UPSTREAM_FIRST_TIMEOUT;
        break;
    case CALL_STREAMING:
        failure = UPSTREAM_IDLE_TIMEOUT;
        break;
    case CALL_BACKOFF:
        attempt(call);
        return;
    case CALL_VERDICT:
        failure = call->verdict;
        break;
    case CALL_ENDED:
        return;
    }
    call_drop_connection(call);
    if (!call_try_next_address(call, failure)) {
        call_attempt_failed(call, failure);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *call = arg;

    (void)fd;
    (void)what;
    if (call->is_still) {
        return; /* upstream_resume() arms it again */
    }
    if (call_deadline_ms(call) > clock_now_ms()) {
        call_arm(call);
        return;
    }
    on_clock(call);
}

/* The owner does not want to read: what upstream then fails to say is no failure. */
static void stand_still(struct upstream *call)
{
    if (call->connection != NULL) {
        connection_pause(call->connection);
    }
    call_leave_line(call);
    call->is_still = true;
    call->still_since_ms = clock_now_ms();
}

void call_on_opened(struct upstream *call)
{
    call_enter(call, CALL_AWAITING);
}

bool call_on_head(struct upstream *call, const struct answer_head *head)
{
    if (answer_take_head(&call->answer, head) != ANSWER_MORE) {
        return false; /* call_on_lost() follows */
    }
    if (call->is_paused) {
        stand_still(call);
    }
    return true;
}

/* What is kept for another attempt. */
static void free_what_is_sent(struct upstream *call)
{
    free(call->body);
    free(call->request_id);
    free(call->traceparent);
    free(call->tracestate);
    call->body = NULL;
    call->request_id = NULL;
    call->traceparent = NULL;
    call->tracestate = NULL;
}

void upstream_commit(struct upstream *call)
{
    if (call != NULL) {
        call->is_committed = true;
        free_what_is_sent(call);
    }
}

static bool on_answer_delta(void *owner, const struct upstream_delta *delta)
{
    struct upstream *call = owner;

    call->last_activity_ms = clock_now_ms();
    if (!span_is_empty(delta->text) || !span_is_empty(delta->reasoning) || delta->has_tool_call) {
        call->last_text_ms = call->last_activity_ms;
        if (call->state == CALL_AWAITING) {
            upstream_commit(call);
            origin_note_text(call->origin, &call->pass);
            call_enter(call, CALL_STREAMING);
        }
    }
    call->events->on_delta(call->owner, delta);
    return call->state != CALL_ENDED;
}

static void on_answer_comment(void *owner)
{
    struct upstream *call = owner;

    call->last_activity_ms = clock_now_ms();
}

static const struct answer_events answer_events = {
    .on_delta = on_answer_delta,
    .on_comment = on_answer_comment,
};

bool call_take_body(struct upstream *call, struct span bytes)
{
    switch (answer_take_body(&call->answer, bytes)) {
    case ANSWER_MORE:
        return true;
    case ANSWER_DONE:
        if (call->connection != NULL) {
            connection_drain(call->connection);
            call->connection = NULL;
        }
        end(call, UPSTREAM_OK);
        return false;
    case ANSWER_FAILED:
        call_drop_connection(call);
        call_attempt_failed(call, call->answer.failure);
        return false;
    case ANSWER_STOPPED:
        return false;
    }
    return false;
}

void call_on_body_end(struct upstream *call)
{
    enum answer_step step;

    call->connection = NULL;
    if (call_holds_body(call)) {
        call->held_end = CALL_BODY_ENDED;
        return;
    }
    call->is_still = false;
    step = answer_take_end(&call->answer);
    if (step == ANSWER_DONE) {
        end(call, UPSTREAM_OK);
    } else if (step == ANSWER_FAILED) {
        call_attempt_failed(call, call->answer.failure);
    }
}

void call_on_lost(struct upstream *call, enum call_loss loss, const char *problem)
{
    if (problem != NULL) {
        call->answer.problem = problem;
    }
    if (loss != CALL_LOST_DEAD && loss != CALL_LOST_NO_MEMORY) {
        call_blame_address(call);
    }
    call->connection = NULL;
    if (call_holds_body(call)) {
        call->held_end = CALL_BODY_LOST;
        call->held_loss = loss;
        return;
    }
    call->is_still = false;
    switch (loss) {
    case CALL_LOST_OPENING:
        /* May come from inside request_send(), so it is told by the timer. */
        call_fail_later(call, UPSTREAM_CONNECT);
        break;
    case CALL_LOST_TLS:
        call_fail_later(call, UPSTREAM_TLS);
        break;
    case CALL_LOST_DEAD:
        if (!call->has_met_dead) {
            call->has_met_dead = true;
            attempt(call);
            return;
        }
        call_attempt_failed(call, UPSTREAM_TRUNCATED);
        break;
    case CALL_LOST_CUT:
        call_attempt_failed(call, answer_why_cut(&call->answer));
        break;
    case CALL_LOST_NONSENSE:
        call_attempt_failed(call, UPSTREAM_NONSENSE);
        break;
    case CALL_LOST_NO_MEMORY:
        call_attempt_failed(call, UPSTREAM_NO_MEMORY);
        break;
    }
}

void call_on_broken(struct upstream *call, const char *problem)
{
    if (call->state != CALL_VERDICT && call->state != CALL_ENDED) {
        call->answer.problem = problem;
        call_fail_later(call, problem == NULL ? UPSTREAM_NO_MEMORY : UPSTREAM_NONSENSE);
    }
}

void call_free(struct upstream *call)
{
    if (call->timer != NULL) {
        event_free(call->timer);
    }
    if (call->held != NULL) {
        evbuffer_free(call->held);
    }
    answer_fini(&call->answer);
    free_what_is_sent(call);
    free(call);
}

/* A copy; NULL of what is empty. False: no memory. */
static bool keep_text(struct span text, char **kept)
{
    *kept = NULL;
    if (span_is_empty(text)) {
        return true;
    }
    *kept = malloc(text.length + 1);
    if (*kept == NULL) {
        return false;
    }
    memcpy(*kept, text.data, text.length);
    (*kept)[text.length] = '\0';
    return true;
}

/* Everything that is needed to die is allocated here. */
static bool fill(struct upstream *call, const struct upstream_call *wanted)
{
    struct upstream_origin *origin = call->origin;

    call->answer.dialect = origin->dialect;
    call->answer.scratch = origin->context->scratch;
    call->answer.doc = origin->context->doc;
    call->answer.events = &answer_events;
    call->answer.owner = call;
    call->timer = evtimer_new(origin->context->base, on_timer, call);
    call->body = request_body_render(&origin->settings, wanted, &call->body_length);
    return answer_init(&call->answer, origin->settings.max_event_bytes) && call->timer != NULL &&
           call->body != NULL && keep_text(wanted->request_id, &call->request_id) &&
           keep_text(wanted->traceparent, &call->traceparent) &&
           keep_text(wanted->tracestate, &call->tracestate);
}

struct upstream *upstream_start(struct upstream_origin *origin, const struct upstream_call *wanted)
{
    struct upstream *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    call->origin = origin;
    call->events = wanted->events;
    call->owner = wanted->owner;
    call->waiter.on_resolved = call_on_resolved;
    call->waiter.owner = call;
    call->started_ms = clock_now_ms();
    if (!fill(call, wanted)) {
        call_free(call);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&origin->calls, call, link);
    origin->call_count++;
    retry_budget_earn(&origin->budget);
    attempt(call);
    return call;
}

void upstream_pause(struct upstream *call)
{
    if (call->is_paused || call->state == CALL_ENDED) {
        return;
    }
    call->is_paused = true;
    if (call_holds_body(call) || (call->connection != NULL && call->connection->is_head_in)) {
        stand_still(call);
    }
}

unsigned upstream_attempts(const struct upstream *call)
{
    return call->attempts;
}

void upstream_resume(struct upstream *call)
{
    if (!call->is_paused || call->state == CALL_ENDED) {
        return;
    }
    call->is_paused = false;
    if (call->is_still) {
        call->is_still = false;
        call_move_clocks(call);
        call_go_on(call);
    }
}

/* How long the upstream has let us wait for its first word without any sign of life. */
static int64_t silence_ms(const struct upstream *call)
{
    int64_t since_ms = call->awaiting_since_ms > call->last_activity_ms ? call->awaiting_since_ms
                                                                        : call->last_activity_ms;

    return call->state == CALL_AWAITING && !call->is_still ? clock_now_ms() - since_ms : 0;
}

void upstream_cancel(struct upstream *call)
{
    struct upstream_origin *origin;

    if (call == NULL || BUG_IF(call->is_cancelled)) {
        return;
    }
    origin = call->origin;
    if (call->state != CALL_ENDED) {
        int64_t silent_ms = silence_ms(call);
        call_drop_connection(call);
        silence(call);
        origin_give_up(origin, &call->pass, silent_ms);
    }
    call->is_cancelled = true;
    TAILQ_REMOVE(&origin->calls, call, link);
    origin->call_count--;
    TAILQ_INSERT_TAIL(&origin->context->dead_calls, call, link);
    context_need_flush(origin->context);
}
