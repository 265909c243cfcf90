/* SPDX-License-Identifier: MIT */
/*
 * call_open.c - how an attempt of a call comes to a connection: room, name, address.
 *
 * A host has several addresses so that one may be dead. While nothing has been sent, the
 * next one is tried within the same attempt: to the circuit, the budget and the client
 * nothing has failed yet.
 */
#include "base/clock.h"
#include "upstream/call.h"
#include "upstream/pool.h"
#include "upstream/request.h"
#include "upstream/upstream_internal.h"

void call_send_on(struct upstream *call, struct connection *connection)
{
    bool is_open;

    if (connection == NULL || !request_send(connection, call)) {
        call_fail_later(call, UPSTREAM_NO_MEMORY);
        return;
    }
    if (call->state == CALL_VERDICT) {
        return; /* refused at once, see call_on_lost() */
    }
    is_open = connection->state == CONNECTION_BUSY;
    call_enter(call, is_open ? CALL_AWAITING : CALL_OPENING);
}

/*
 * Connect to the address whose turn it is. One that is silent gets half of the time that
 * is left while there is another one to be tried.
 */
static void open_address(struct upstream *call)
{
    int64_t now = clock_now_ms();

    call->state = CALL_RESOLVING; /* not VERDICT any more, which call_send_on() looks at */
    call->addresses_tried++;
    call->address_deadline_ms = call->connect_deadline_ms;
    if (call->addresses_tried < resolver_count(call->origin->resolver)) {
        call->address_deadline_ms = now + (call->connect_deadline_ms - now) / 2;
    }
    call_send_on(call, pool_open(call->origin));
}

bool call_try_next_address(struct upstream *call, enum upstream_failure failure)
{
    bool is_connect = failure == UPSTREAM_CONNECT || failure == UPSTREAM_CONNECT_TIMEOUT;

    if (!is_connect || !call->pass.is_held || clock_now_ms() >= call->connect_deadline_ms ||
        call->addresses_tried >= resolver_count(call->origin->resolver) ||
        !pool_has_room(call->origin)) {
        return false;
    }
    open_address(call);
    return true;
}

void call_on_resolved(struct resolve_waiter *waiter, bool has_addresses)
{
    struct upstream *call = waiter->owner;

    if (!has_addresses) {
        call_attempt_failed(call, UPSTREAM_RESOLVE);
    } else if (!pool_has_room(call->origin)) {
        call_attempt_failed(call, UPSTREAM_FULL);
    } else {
        open_address(call);
    }
}

void call_open(struct upstream *call)
{
    struct resolver *resolver = call->origin->resolver;

    if (!pool_has_room(call->origin)) {
        call_fail_later(call, UPSTREAM_FULL);
        return;
    }
    switch (resolver_check(resolver)) {
    case RESOLVE_READY:
        open_address(call);
        break;
    case RESOLVE_PENDING:
        resolver_wait(resolver, &call->waiter);
        call_enter(call, CALL_RESOLVING);
        break;
    case RESOLVE_FAILED:
        call_fail_later(call, UPSTREAM_RESOLVE);
        break;
    }
}

void call_blame_address(struct upstream *call)
{
    if (call->connection != NULL && call->answer.kind == ANSWER_NO_HEAD) {
        resolver_report_bad(call->origin->resolver, call->connection->address);
    }
}
