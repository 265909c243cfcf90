/* SPDX-License-Identifier: MIT */
/*
 * connection_queue.c - which connections make room when there is none.
 *
 * A connection that owes us a request costs whoever opened it nothing, so at the cap it
 * is such a one that goes and not the newcomer, who may be honest: first those that only
 * wait for the other side to close, then those that have been without a whole request
 * head for the longest. A connection that is being served never goes.
 */
#include "gateway/connection.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "gateway/connection_internal.h"
#include "gateway/log.h"

/* Long enough for the last answer to arrive, or for a head to come from far away. */
#define LINGERING_AGE_MS 100
#define HEADLESS_AGE_MS 500
/* Victims looked at for one newcomer; those with a request on its way are passed over. */
#define TRIES_MAX 8

void connection_enqueue(struct connection *connection, struct connection_list *queue)
{
    connection_dequeue(connection);
    connection->queue = queue;
    connection->queued_ms = clock_now_ms();
    TAILQ_INSERT_TAIL(queue, connection, queue_link);
    metrics_add(&connection->set->settings.metrics->connections_owing, 1);
}

void connection_dequeue(struct connection *connection)
{
    if (connection->queue != NULL) {
        TAILQ_REMOVE(connection->queue, connection, queue_link);
        connection->queue = NULL;
        metrics_subtract(&connection->set->settings.metrics->connections_owing, 1);
    }
}

bool connection_has_unread(const struct connection *connection)
{
    char byte;

    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The first of <queue> when it has been there for <age_ms>, else NULL. */
static struct connection *oldest(const struct connection_list *queue, int64_t age_ms)
{
    struct connection *connection = TAILQ_FIRST(queue);

    if (connection == NULL || clock_now_ms() - connection->queued_ms < age_ms) {
        return NULL;
    }
    return connection;
}

static void evict(struct connection *connection)
{
    struct log_line line;

    metrics_add(&connection->set->settings.metrics->connections_evicted, 1);
    log_begin(&line, LOG_WARN, "connection_evicted");
    log_string(&line, "peer", connection->client_text);
    log_int(&line, "age_ms", clock_now_ms() - connection->queued_ms);
    log_int(&line, "connections", (int64_t)connection->set->live_count);
    log_end(&line);
    if (connection->was_used) {
        connection_leave(connection);
    } else {
        connection_discard(connection);
    }
}

static bool make_room_once(struct connection_set *set)
{
    struct connection *victim = oldest(&set->lingering, LINGERING_AGE_MS);

    if (victim != NULL) {
        connection_discard(victim);
        return true;
    }
    for (int i = 0; i < TRIES_MAX; i++) {
        victim = oldest(&set->headless, HEADLESS_AGE_MS);
        if (victim == NULL) {
            return false;
        }
        if (victim->watch.state != WATCH_QUIET || !connection_has_unread(victim)) {
            evict(victim);
            return true;
        }
        connection_enqueue(victim, &set->headless);
    }
    return false;
}

bool connection_set_make_room(struct connection_set *set, size_t most)
{
    while (set->live_count > most) {
        if (!make_room_once(set)) {
            return false;
        }
    }
    return true;
}
