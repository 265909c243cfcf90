/* SPDX-License-Identifier: MIT */
/*
 * connection_coalesce.c - pieces that wait a moment to leave together.
 *
 * One timer serves all connections of a set: it starts with the first piece that waits,
 * and when it fires everything that waits leaves. So a piece waits for coalesce_ms at
 * most, on average for half of it, and a worker with a thousand streams still has one
 * timer and wakes up once.
 */
#include "gateway/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "gateway/connection_internal.h"

/* This much fills packets by itself. */
#define WORTH_WRITING_BYTES (4U * 1024U)

static void on_coalesced(evutil_socket_t fd, short what, void *arg)
{
    struct connection_set *set = arg;
    struct connection *connection;

    (void)fd;
    (void)what;
    while ((connection = TAILQ_FIRST(&set->patient)) != NULL) {
        connection_mark(connection);
    }
}

bool connection_coalesce_init(struct connection_set *set)
{
    TAILQ_INIT(&set->patient);
    if (set->settings.coalesce_ms > 0) {
        set->coalesced = evtimer_new(set->base, on_coalesced, set);
    }
    return set->settings.coalesce_ms == 0 || set->coalesced != NULL;
}

void connection_coalesce_fini(struct connection_set *set)
{
    if (set->coalesced != NULL) {
        event_free(set->coalesced);
    }
}

void connection_mark_soon(struct connection *connection)
{
    struct connection_set *set = connection->set;
    const struct timeval wait = {set->settings.coalesce_ms / 1000,
                                 (set->settings.coalesce_ms % 1000) * 1000};

    if (set->coalesced == NULL ||
        evbuffer_get_length(connection_output(connection)) >= WORTH_WRITING_BYTES) {
        connection_mark(connection);
        return;
    }
    if (connection->is_dirty || connection->is_patient || connection->stage == STAGE_DEAD) {
        return;
    }
    if (TAILQ_EMPTY(&set->patient) && event_add(set->coalesced, &wait) != 0) {
        connection_mark(connection);
        return;
    }
    connection->is_patient = true;
    TAILQ_INSERT_TAIL(&set->patient, connection, dirty_link);
}
