/* SPDX-License-Identifier: MIT */
/*
 * call_body.c - the bytes of a body: at most so many of them in each turn of the loop.
 *
 * evhttp reads 4 KiB in a turn but hands out whole chunks, so a peer that sends large
 * ones could make one turn as long as it likes, while all other streams wait; and what
 * comes in one chunk would pass a closed valve. What is above the budget, or comes while
 * the owner has paused, is held here, and the socket is not read until it is gone:
 *
 *   call_on_body --budget--> call_take_body        (most of the time all there is)
 *        `------ the rest -> held --budget a turn--> call_take_body --empty--> read on
 *
 * The end of the body, and a cut, wait behind what is held.
 */
#include "upstream/call.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include "upstream/pool.h"
#include "upstream/upstream_internal.h"

bool call_holds_body(const struct upstream *call)
{
    return call->held != NULL && evbuffer_get_length(call->held) > 0;
}

static void wait_for_turn(struct upstream *call)
{
    struct upstream_context *context = call->origin->context;
    const struct timeval at_once = {0, 0};

    if (!call->is_in_line && !call->is_still) {
        call->is_in_line = true;
        TAILQ_INSERT_TAIL(&context->line, call, line_link);
        (void)event_add(context->next_turn, &at_once);
    }
}

void call_leave_line(struct upstream *call)
{
    if (call->is_in_line) {
        call->is_in_line = false;
        TAILQ_REMOVE(&call->origin->context->line, call, line_link);
    }
}

void call_forget_body(struct upstream *call)
{
    call_leave_line(call);
    call->held_end = CALL_BODY_OPEN;
    if (call->held != NULL) {
        evbuffer_free(call->held);
        call->held = NULL;
    }
}

/* Look at one turn's bytes of <body>. False: the call is over, or begins anew. */
static bool take_turn(struct upstream *call, struct evbuffer *body)
{
    size_t left = TURN_BYTES_MAX;
    struct evbuffer_iovec piece;

    while (left > 0 && !call->is_still && evbuffer_peek(body, -1, NULL, &piece, 1) > 0 &&
           piece.iov_len > 0) {
        size_t length = piece.iov_len < left ? piece.iov_len : left;
        if (!call_take_body(call, span_of(piece.iov_base, length))) {
            return false;
        }
        (void)evbuffer_drain(body, length);
        left -= length;
    }
    return true;
}

/* What was to be held is, or there was no memory for it. */
static void after_hold(struct upstream *call, bool is_held)
{
    if (!is_held) {
        call_drop_connection(call);
        call_attempt_failed(call, UPSTREAM_NO_MEMORY);
        return;
    }
    connection_pause(call->connection);
    wait_for_turn(call);
}

static bool make_held(struct upstream *call)
{
    if (call->held == NULL) {
        call->held = evbuffer_new();
    }
    return call->held != NULL;
}

void call_on_body(struct upstream *call, struct evbuffer *body)
{
    if (!call_holds_body(call) && !take_turn(call, body)) {
        return;
    }
    if (evbuffer_get_length(body) > 0) {
        after_hold(call, make_held(call) && evbuffer_add_buffer(call->held, body) == 0);
    }
}

void call_on_bytes(struct upstream *call, struct span bytes)
{
    if (!call_holds_body(call) && !call->is_still) {
        (void)call_take_body(call, bytes); /* false: there is no more to be done here */
        return;
    }
    after_hold(call, make_held(call) && evbuffer_add(call->held, bytes.data, bytes.length) == 0);
}

/* All that was held has been looked at. */
static void read_on(struct upstream *call)
{
    enum call_body_end how = call->held_end;

    call_forget_body(call);
    switch (how) {
    case CALL_BODY_OPEN:
        connection_resume(call->connection);
        break;
    case CALL_BODY_ENDED:
        call_on_body_end(call);
        break;
    case CALL_BODY_LOST:
        call_on_lost(call, call->held_loss, NULL);
        break;
    }
}

void call_go_on(struct upstream *call)
{
    /* The pause may have come with the last of what was held: its end is still to be told. */
    if (!call_holds_body(call) && call->held_end == CALL_BODY_OPEN) {
        connection_resume(call->connection);
    } else {
        wait_for_turn(call);
    }
}

/* Its turn has come. */
static void serve(struct upstream *call)
{
    if (!take_turn(call, call->held) || call->is_still) {
        return;
    }
    if (call_holds_body(call)) {
        wait_for_turn(call);
    } else {
        read_on(call);
    }
}

void call_on_next_turn(int fd, short what, void *arg)
{
    struct upstream_context *context = arg;
    struct upstream *call;
    size_t count = 0;

    (void)fd;
    (void)what;
    TAILQ_FOREACH(call, &context->line, line_link)
    {
        count++;
    }
    /* Those that get in line again wait for the next turn. */
    for (; count > 0 && (call = TAILQ_FIRST(&context->line)) != NULL; count--) {
        call_leave_line(call);
        serve(call);
    }
}
