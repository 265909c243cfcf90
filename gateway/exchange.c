/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - one client request and the upstream call that answers it.
 *
 * A state is a place where we wait; work between two waits is straight-line.
 *
 *   exchange_start()  judge the head: method, token, query, path, room
 *        |
 *   AWAIT_BODY --whole request--> AWAIT_ANSWER --first text--> RELAYING --end--> FLUSHING
 *        |                             |                client slow |  ^ caught up   |
 *        |                             |                            v  |             | all
 *        |                             |                           PAUSED --end----->| written
 *        |                             `--first text--> COLLECTING --end, all at once->|
 *        |                             |                              |              |
 *        |-- a page of our own: all of it is written at once ------------ FLUSHING ->|
 *        `-- refused, deadline, client gone, upstream failed, draining --> ENDED <---'
 *                                                                (freed by the reaper)
 * Invariants
 *   1. In ENDED no callback can follow a pointer into freed memory: the timer is
 *      deleted, the upstream cancelled, the connection released, all before return.
 *   2. The upstream is read in AWAIT_ANSWER, RELAYING and COLLECTING only.
 *   3. No byte has been sent in AWAIT_BODY, AWAIT_ANSWER and COLLECTING: whatever fails
 *      there gets a true status. Afterwards a failure is a cut, or the format's own words.
 *   4. A call that may reach exchange_end() is the last thing its caller does.
 *
 * Clocks: the body's, the client's (write_timeout) and the total one are kept here,
 * by one timer that looks at times instead of being moved for every token
 * (exchange_clock.c). The upstream's three (connect, first token, idle) are kept by
 * upstream/call_clock.c.
 */
#include "gateway/exchange.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/exchange_internal.h"
#include "gateway/log.h"
#include "gateway/page_reply.h"
#include "gateway/reply.h"

/* -- callbacks, in the order in which they may fire -- */
static void on_client_drain(void *arg, size_t bytes_left);
static void on_client_gone(void *arg);
static void on_upstream_delta(void *arg, const struct upstream_delta *delta);
static void on_upstream_end(void *arg, const struct upstream_end *end);
static void on_deadline(evutil_socket_t fd, short what, void *arg);

static const struct connection_holder client_events = {
    .on_drain = on_client_drain,
    .on_gone = on_client_gone,
};

static const struct upstream_events upstream_events = {
    .on_delta = on_upstream_delta,
    .on_end = on_upstream_end,
};

static void exchange_end(struct exchange *ex, enum end_reason reason);

/* NULL when the callback comes for an exchange that has ended. */
static struct exchange *awake(void *arg)
{
    struct exchange *ex = arg;

    if (BUG_IF(ex->magic != EXCHANGE_MAGIC)) {
        return NULL;
    }
    return ex->state == EX_ENDED ? NULL : ex;
}

/* -- states -- */

static bool may_enter(enum exchange_state from, enum exchange_state to)
{
    switch (to) {
    case EX_AWAIT_BODY:
        return false;
    case EX_AWAIT_ANSWER:
        return from == EX_AWAIT_BODY || from == EX_AWAIT_ANSWER || from == EX_COLLECTING;
    case EX_COLLECTING:
        return from == EX_AWAIT_ANSWER;
    case EX_RELAYING:
        return from == EX_AWAIT_ANSWER || from == EX_PAUSED;
    case EX_PAUSED:
        return from == EX_RELAYING;
    case EX_FLUSHING:
        return from != EX_FLUSHING && from != EX_ENDED;
    case EX_ENDED:
        return from != EX_ENDED;
    }
    return false;
}

/* limits.waiting counts the exchanges in AWAIT_ANSWER, whatever they leave it for. */
static void count_wait(struct exchange *ex, enum exchange_state next)
{
    bool was_waiting = ex->state == EX_AWAIT_ANSWER;
    bool will_wait = next == EX_AWAIT_ANSWER;

    if (!was_waiting && will_wait) {
        admission_begin_wait(ex->set->admission);
        metrics_add(&ex->set->services.metrics->waiting, 1);
    } else if (was_waiting && !will_wait) {
        admission_end_wait(ex->set->admission);
        metrics_subtract(&ex->set->services.metrics->waiting, 1);
    }
}

static void exchange_enter(struct exchange *ex, enum exchange_state state)
{
    (void)BUG_IF(!may_enter(ex->state, state));
    if (log_is_enabled(LOG_DEBUG)) {
        struct log_line line;
        log_begin(&line, LOG_DEBUG, "state");
        log_string(&line, "id", ex->request_id);
        log_string(&line, "from", exchange_state_name(ex->state));
        log_string(&line, "to", exchange_state_name(state));
        log_end(&line);
    }
    count_wait(ex, state);
    exchange_count_state(ex, state);
    ex->state = state;
    if (state != EX_ENDED) {
        exchange_arm_deadline(ex);
    }
}

/* -- birth -- */

void exchange_start(struct exchange_set *set, struct connection *connection, bool body_is_complete)
{
    const struct request_head *head = connection_head(connection);
    struct exchange *ex = exchange_new(set, connection, on_deadline);

    if (ex == NULL) {
        connection_release(connection, NULL, CONNECTION_ABORT);
        return;
    }
    exchange_arm_deadline(ex);
    ex->refusal = exchange_judge(ex, head);
    if (ex->refusal == END_PAGE) {
        return; /* a request without a body: exchange_on_request() follows */
    }
    if (ex->refusal != END_DONE && (!body_is_complete || head->method != METHOD_POST)) {
        /* A stranger's body is not read: the answer goes out now, then the connection closes. */
        exchange_end(ex, ex->refusal);
    }
}

/* True for refusals that came at the end of a head that is lawful otherwise. */
static bool has_whole_head(enum end_reason reason)
{
    return reason == END_TOO_LARGE || reason == END_EXPECTATION;
}

void exchange_refuse(struct exchange_set *set, struct connection *connection,
                     enum end_reason reason, const char *problem)
{
    struct exchange *ex = exchange_new(set, connection, on_deadline);

    if (ex == NULL) {
        connection_release(connection, NULL, CONNECTION_ABORT);
        return;
    }
    if (has_whole_head(reason)) {
        /* The body's size is the last thing to be judged: a stranger learns 401, not 413. */
        enum end_reason verdict = exchange_judge(ex, connection_head(connection));
        reason = verdict == END_DONE || verdict == END_PAGE ? reason : verdict;
    } else {
        judge_manner(set->services.config, connection_head(connection), &ex->judged);
    }
    if (ex->record.problem == NULL) {
        ex->record.problem = problem;
    }
    exchange_end(ex, reason);
}

void exchange_on_bad_body(struct exchange *ex, enum end_reason reason, const char *problem)
{
    ex->record.problem = problem;
    exchange_end(ex, reason);
}

void exchange_on_client_lost(struct exchange *ex)
{
    ex->is_lost = true;
    exchange_end(ex, END_CLIENT_GONE);
}

/* -- the request is whole -- */

static void take_client(struct exchange *ex, struct evhttp_request *request)
{
    client_leg_take(&ex->client, ex->connection, request, &client_events, ex);
    ex->is_taken = true;
}

static void stop_pause(struct exchange *ex)
{
    if (ex->state == EX_PAUSED) {
        relay_note_resume(&ex->relay, clock_now_ms());
    }
}

/* All is in the output; wait until the client has it, then end as <outcome> says. */
static void flush_rest(struct exchange *ex, enum end_reason outcome)
{
    stop_pause(ex);
    ex->answer_is_whole = true;
    ex->outcome = outcome;
    exchange_enter(ex, EX_FLUSHING);
}

/* What needs no upstream; the exchange ends when the client has it. */
static void answer_at_once(struct exchange *ex)
{
    if (!exchange_send_models(ex)) {
        exchange_end(ex, END_NO_MEMORY);
        return;
    }
    flush_rest(ex, END_DONE);
}

/* No place is taken for it: it waits for nobody but its reader, and has no memory of its own. */
static void send_page(struct exchange *ex)
{
    ex->record.status = page_reply_send(&ex->client, &page_playground, ex->request_id);
    ex->head_sent = true;
    if (ex->record.status == 0) {
        exchange_end(ex, END_NO_MEMORY);
        return;
    }
    flush_rest(ex, END_PAGE);
}

void exchange_on_request(struct exchange *ex, struct evhttp_request *request)
{
    take_client(ex, request);
    if (ex->refusal == END_PAGE) {
        send_page(ex);
        return;
    }
    if (ex->refusal == END_DONE && route_is_read(ex->judged.route.id)) {
        answer_at_once(ex);
        return;
    }
    if (ex->refusal == END_DONE && !admission_may_wait(ex->set->admission)) {
        ex->record.problem = "limits.waiting reached";
        ex->refusal = END_GATEWAY_FULL;
    }
    if (ex->refusal == END_DONE) {
        ex->refusal = exchange_open_upstream(ex, &upstream_events);
    }
    if (ex->refusal != END_DONE) {
        exchange_end(ex, ex->refusal);
        return;
    }
    exchange_enter(ex, EX_AWAIT_ANSWER);
}

/* -- the answer -- */

/* Of all upstreams; it grows whenever an answer begins anew. */
static unsigned attempts_so_far(const struct exchange *ex)
{
    return ex->dispatch.end.attempts + (ex->upstream == NULL ? 0 : upstream_attempts(ex->upstream));
}

static bool send_head(struct exchange *ex)
{
    if (!exchange_send_stream_head(ex) || !relay_begin(&ex->relay, &ex->client)) {
        return false;
    }
    upstream_commit(ex->upstream);
    return true;
}

static void pause_upstream(struct exchange *ex)
{
    upstream_pause(ex->upstream);
    client_leg_push(&ex->client); /* nothing comes that would be worth waiting for */
    relay_note_pause(&ex->relay, clock_now_ms());
    exchange_count_relay(ex);
    exchange_enter(ex, EX_PAUSED);
}

/* False when the answer begins with this delta. It may have ended the exchange. */
static bool is_kept(struct exchange *ex, const struct upstream_delta *delta)
{
    relay_note_attempt(&ex->relay, attempts_so_far(ex));
    if (relay_shows(&ex->relay, delta)) {
        return false;
    }
    switch (relay_keep(&ex->relay, delta)) {
    case RELAY_OK:
        return true;
    case RELAY_FULL:
        return false;
    case RELAY_NO_MEMORY:
        exchange_end(ex, END_NO_MEMORY);
        return true;
    }
    return true;
}

/* The client wants the answer in one piece. */
static void collect(struct exchange *ex, const struct upstream_delta *delta)
{
    enum collector_status status = exchange_collect(ex, delta, attempts_so_far(ex));

    if (status != COLLECTOR_OK) {
        ex->record.problem = status == COLLECTOR_FULL ? "limits.max_collected reached" : NULL;
        exchange_end(ex, status == COLLECTOR_FULL ? END_ANSWER_TOO_LARGE : END_NO_MEMORY);
        return;
    }
    if (ex->state == EX_AWAIT_ANSWER && ex->relay.deltas > 0) {
        exchange_enter(ex, EX_COLLECTING);
    }
}

static void on_upstream_delta(void *arg, const struct upstream_delta *delta)
{
    struct exchange *ex = awake(arg);
    enum relay_status status;

    if (ex != NULL && ex->collector != NULL) {
        collect(ex, delta);
        return;
    }
    if (ex == NULL || (!ex->head_sent && is_kept(ex, delta))) {
        return;
    }
    if (ex->state == EX_AWAIT_ANSWER) {
        if (!send_head(ex)) {
            exchange_end(ex, END_NO_MEMORY);
            return;
        }
        exchange_enter(ex, EX_RELAYING);
        client_leg_forget_request(&ex->client);
    }
    status = relay_deliver(&ex->relay, &ex->client, delta);
    exchange_count_relay(ex);
    switch (status) {
    case RELAY_OK:
        break;
    case RELAY_FULL:
        if (ex->state == EX_RELAYING) {
            pause_upstream(ex);
        }
        break;
    case RELAY_NO_MEMORY:
        exchange_end(ex, END_NO_MEMORY);
        break;
    }
}

/*
 * The answer cannot go on. What the client is told depends on what it has seen. <event>:
 * the provider's own words, if any.
 */
static void fail_answer(struct exchange *ex, enum end_reason reason, struct span event)
{
    const struct format_failure failure = {
        .token = end_reason_token(reason),
        .event = event,
    };

    if (ex->head_sent && relay_fail(&ex->relay, &ex->client, &failure)) {
        upstream_cancel(ex->upstream);
        ex->upstream = NULL;
        flush_rest(ex, reason);
        return;
    }
    exchange_end(ex, reason);
}

static void finish_collected(struct exchange *ex)
{
    ex->record.answered_ms = clock_now_ms() - ex->started_ms;
    if (!exchange_send_collected(ex)) {
        exchange_end(ex, END_NO_MEMORY);
        return;
    }
    collector_free(ex->collector); /* a slow reader shall not hold the answer twice */
    ex->collector = NULL;
    flush_rest(ex, END_DONE);
}

static void finish_answer(struct exchange *ex)
{
    if (ex->collector != NULL) {
        finish_collected(ex);
        return;
    }
    if (!ex->head_sent) {
        relay_note_attempt(&ex->relay, attempts_so_far(ex));
    }
    /* An answer without text is an answer: its head has been waiting for this moment. */
    if ((!ex->head_sent && !send_head(ex)) ||
        !relay_finish(&ex->relay, &ex->client, &ex->dispatch.end)) {
        exchange_end(ex, END_NO_MEMORY);
        return;
    }
    ex->record.answered_ms = clock_now_ms() - ex->started_ms;
    flush_rest(ex, END_DONE);
}

/* While the client has seen nothing, the next upstream of the conf file may do better. */
static bool try_next_upstream(struct exchange *ex)
{
    if (ex->head_sent || !dispatch_may_go_on(&ex->dispatch) ||
        exchange_open_upstream(ex, &upstream_events) != END_DONE) {
        return false;
    }
    if (ex->state == EX_COLLECTING) { /* all that was gathered is void */
        ex->relay.deltas = 0;
        ex->first_text_ms = -1;
        exchange_enter(ex, EX_AWAIT_ANSWER);
    }
    return true;
}

static void on_upstream_end(void *arg, const struct upstream_end *end)
{
    struct exchange *ex = awake(arg);

    if (ex == NULL) {
        return;
    }
    dispatch_take_end(&ex->dispatch, end);
    upstream_cancel(ex->upstream);
    ex->upstream = NULL;
    if (end->failure == UPSTREAM_OK) {
        finish_answer(ex);
    } else if (!try_next_upstream(ex)) {
        fail_answer(ex, end_reason_of_upstream(ex->dispatch.end.failure), end->error);
    }
}

/* -- the client -- */

static void on_client_drain(void *arg, size_t bytes_left)
{
    struct exchange *ex = awake(arg);

    if (ex == NULL) {
        return;
    }
    if (ex->state == EX_PAUSED) {
        stop_pause(ex);
        exchange_enter(ex, EX_RELAYING);
        upstream_resume(ex->upstream);
    } else if (ex->state == EX_FLUSHING && bytes_left == 0) {
        exchange_end(ex, ex->outcome);
    }
}

static void on_client_gone(void *arg)
{
    struct exchange *ex = awake(arg);

    if (ex != NULL) {
        exchange_end(ex, END_CLIENT_GONE);
    }
}

static void send_heartbeat(struct exchange *ex)
{
    if (!relay_beat(&ex->relay, &ex->client)) {
        exchange_end(ex, END_NO_MEMORY);
        return;
    }
    exchange_arm_deadline(ex);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *ex = awake(arg);
    int64_t now_ms = clock_now_ms();

    (void)fd;
    (void)what;
    if (ex == NULL) {
        return;
    }
    if (exchange_next_deadline_ms(ex, now_ms) > now_ms) {
        exchange_arm_deadline(ex); /* there was progress since the timer was set */
        return;
    }
    if (exchange_owes_heartbeat(ex, now_ms)) {
        send_heartbeat(ex);
        return;
    }
    int64_t total_ms = ex->set->services.config->stream_total_timeout_ms;
    if (total_ms > 0 && now_ms >= ex->started_ms + total_ms && ex->state != EX_FLUSHING) {
        fail_answer(ex, END_TOTAL_TIMEOUT, span_of(NULL, 0));
    } else if (total_ms > 0 && now_ms >= ex->started_ms + total_ms) {
        exchange_end(ex, END_TOTAL_TIMEOUT);
    } else if (ex->state == EX_AWAIT_BODY) {
        ex->record.problem = "request body not complete in time";
        exchange_end(ex, END_BODY_TIMEOUT);
    } else {
        exchange_end(ex, END_CLIENT_STALLED);
    }
}

/* -- the end -- */

/* Answer, end or cut: what the client is still owed, by what it has seen. */
static void settle_client(struct exchange *ex, enum end_reason reason)
{
    if (ex->is_lost) {
        return;
    }
    if (!ex->is_taken) {
        take_client(ex, NULL);
    }
    if (end_reason_status(reason) != 0 && !ex->head_sent) {
        ex->answer_is_whole = exchange_send_error(ex, reason);
    }
    ex->record.bytes_out = connection_bytes_sent(ex->connection) + client_leg_backlog(&ex->client);
    if (reason == END_CLIENT_GONE || reason == END_CLIENT_STALLED) {
        ex->record.bytes_out = connection_bytes_sent(ex->connection);
        client_leg_abort(&ex->client);
    } else if (ex->answer_is_whole) {
        client_leg_finish(&ex->client);
    } else {
        client_leg_cut(&ex->client);
    }
}

static void exchange_end(struct exchange *ex, enum end_reason reason)
{
    enum exchange_state at = ex->state; /* logged: where it ended matters as much as why */

    if (BUG_IF(at == EX_ENDED)) {
        return;
    }
    stop_pause(ex);
    exchange_enter(ex, EX_ENDED);
    event_del(ex->deadline);
    exchange_complete_record(ex, at, reason);
    upstream_cancel(ex->upstream);
    ex->upstream = NULL;
    settle_client(ex, reason);
    exchange_bury(ex);
}

void exchange_fail(struct exchange *ex, enum end_reason reason)
{
    if (ex->state == EX_FLUSHING) {
        exchange_end(ex, reason);
    } else {
        fail_answer(ex, reason, span_of(NULL, 0));
    }
}
