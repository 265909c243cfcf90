/* SPDX-License-Identifier: MIT */
/*
 * connection_held.c - a connection while a holder, not evhttp, has its callbacks.
 *
 * Why the writes go round the bufferevent: one write for each stream and turn, made
 * at the end of the turn, costs half of what evhttp's own event for each chunk does
 * (docs/libevent-notes.md, 8). EV_WRITE is enabled only while the socket is full.
 * With TLS under it the bufferevent has to write, but at that same moment (client_tls.h).
 */
#include "gateway/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/client_tls.h"
#include "gateway/connection_internal.h"

/* How long a closed connection is still read, so that no RST destroys the answer on its way. */
#define LINGER_MS 2000
#define LINGER_BYTES_MAX (1024U * 1024U)
/* Bytes that a client may send while its answer runs; more is not a client but an attack. */
#define EXCESS_BYTES_MAX (64U * 1024U)

/* -- held: our own callbacks on the bufferevent, in the order in which they may fire -- */

static void finish(struct connection *connection);

/* The client is not to send anything now: what comes is dropped, so that its end is seen. */
static void on_held_read(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    size_t length = evbuffer_get_length(input);

    (void)evbuffer_drain(input, length);
    connection->watch.has_excess = true;
    connection->excess_bytes += length;
    if (connection->stage == STAGE_HELD && connection->excess_bytes > EXCESS_BYTES_MAX) {
        bufferevent_disable(bev, EV_READ);
        connection->holder->on_gone(connection->holder_arg);
    } else if (connection->stage != STAGE_HELD && connection->excess_bytes > LINGER_BYTES_MAX) {
        connection_discard(connection);
    }
}

/* Written to the low water mark or below. */
static void on_held_write(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    size_t left = evbuffer_get_length(bufferevent_get_output(bev));

    if (left == 0) {
        bufferevent_disable(bev, EV_WRITE);
    }
    if (connection->stage == STAGE_HELD) {
        connection->holder->on_drain(connection->holder_arg, left);
    } else if (connection->stage == STAGE_FINISHING && left == 0) {
        finish(connection);
    }
}

/* The client closed, half-closed or reset; or the handshake of one that was refused is done. */
static void on_held_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        return; /* libevent writes by itself what waits for this */
    }
    if (connection->stage == STAGE_HELD) {
        connection->holder->on_gone(connection->holder_arg);
    } else {
        connection_discard(connection);
    }
}

/* Bytes were added to the output or left it. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *connection = arg;

    (void)output;
    if (info->n_deleted > 0 || info->orig_size == 0) {
        connection->progress_ms = clock_now_ms();
    }
    connection->bytes_sent += info->n_deleted;
}

void connection_hold(struct connection *connection, const struct connection_holder *holder,
                     void *holder_arg)
{
    struct bufferevent *bev = connection->bev;

    (void)BUG_IF(connection->stage != STAGE_EVHTTP);
    event_del(connection->deadline);
    connection_dequeue(connection);
    connection->stage = STAGE_HELD;
    connection->holder = holder;
    connection->holder_arg = holder_arg;
    connection->excess_bytes = 0;
    connection->bytes_sent = 0;
    connection->progress_ms = clock_now_ms();
    connection->output_watch = evbuffer_add_cb(bufferevent_get_output(bev), on_output, connection);
    bufferevent_setcb(bev, on_held_read, on_held_write, on_held_event, connection);
    bufferevent_setwatermark(bev, EV_WRITE, connection->set->settings.low_water_bytes, 0);
    /* A "100 Continue" of evhttp may still be there; it goes out with our first write. */
    bufferevent_disable(bev, EV_WRITE);
    bufferevent_enable(bev, EV_READ);
    if (evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
        connection_mark(connection);
    }
}

struct evbuffer *connection_output(struct connection *connection)
{
    return bufferevent_get_output(connection->bev);
}

void connection_mark(struct connection *connection)
{
    if (!connection->is_dirty && connection->stage != STAGE_DEAD) {
        connection_unmark(connection);
        connection->is_dirty = true;
        TAILQ_INSERT_TAIL(&connection->set->dirty, connection, dirty_link);
        turn_request(connection->set->turn);
    }
}

int64_t connection_progress_ms(const struct connection *connection)
{
    return connection->progress_ms;
}

uint64_t connection_bytes_sent(const struct connection *connection)
{
    return connection->bytes_sent;
}

bool connection_may_persist(const struct connection *connection)
{
    return connection->watch.state == WATCH_COMPLETE && !connection->watch.has_excess &&
           !connection->watch.head.head.wants_close && !connection->set->is_draining;
}

void connection_release(struct connection *connection, struct evhttp_request *request,
                        enum connection_release how)
{
    connection->holder = NULL;
    connection->holder_arg = NULL;
    connection->user = NULL;
    if (how == CONNECTION_ABORT) {
        connection_reset(connection);
        return;
    }
    connection->stage = STAGE_FINISHING;
    connection->request = request;
    connection->how = request == NULL && how == CONNECTION_KEEP ? CONNECTION_CLOSE : how;
    bufferevent_setwatermark(connection->bev, EV_WRITE, 0, 0);
    if (evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0) {
        /* The client may have it all by now: what it sends next is no excess but a request. */
        bufferevent_disable(connection->bev, EV_READ);
    }
    connection_arm(connection, connection->set->settings.write_timeout_ms);
    connection_mark(connection);
}

/* Everything is written: hand the socket back to evhttp for the next request. */
static void give_back(struct connection *connection)
{
    struct evhttp_request *request = connection->request;

    (void)evbuffer_remove_cb_entry(bufferevent_get_output(connection->bev),
                                   connection->output_watch);
    connection->output_watch = NULL;
    connection->request = NULL;
    connection->stage = STAGE_EVHTTP;
    connection->was_used = true;
    connection->is_announced = false;
    watch_reset(&connection->watch);
    connection_end_request(connection);
    connection_enqueue(connection, &connection->set->headless);
    connection_arm(connection, connection->set->settings.keepalive_timeout_ms);
    /* evhttp would end an answer to a chunked request with a last chunk of its own. */
    request->chunked = 0;
    /* Completes at once, as the output is empty; may close the connection: last. */
    evhttp_send_reply_end(request);
}

static void linger(struct connection *connection)
{
    connection->stage = STAGE_LINGERING;
    connection->excess_bytes = 0;
    if (connection->is_tls && connection->how != CONNECTION_CUT) {
        client_tls_say_end(connection->bev);
    }
    (void)shutdown(connection->fd, SHUT_WR);
    bufferevent_enable(connection->bev, EV_READ);
    connection_enqueue(connection, &connection->set->lingering);
    connection_arm(connection, LINGER_MS);
}

static void finish(struct connection *connection)
{
    bool is_clean = evbuffer_get_length(bufferevent_get_input(connection->bev)) == 0;

    event_del(connection->deadline);
    if (connection->how == CONNECTION_KEEP && is_clean && connection_may_persist(connection)) {
        give_back(connection);
    } else {
        linger(connection);
    }
}

static void write_failed(struct connection *connection)
{
    if (connection->stage == STAGE_HELD) {
        connection->holder->on_gone(connection->holder_arg);
    } else {
        connection_discard(connection);
    }
}

/* False when the connection has ended over it. */
static bool write_plainly(struct connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);

    (void)evbuffer_unfreeze(output, 1);
    int written = evbuffer_write(output, connection->fd);
    int error = errno;
    (void)evbuffer_freeze(output, 1);
    if (written < 0 && error != EAGAIN && error != EINTR) {
        write_failed(connection);
        return false;
    }
    if (evbuffer_get_length(output) > 0) {
        bufferevent_enable(connection->bev, EV_WRITE);
    }
    return true;
}

/* One write for this turn; what does not go waits for EV_WRITE. */
static void write_once(struct connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);

    if ((bufferevent_get_enabled(connection->bev) & EV_WRITE) != 0) {
        return; /* the socket is full: the bufferevent writes when it can */
    }
    if (evbuffer_get_length(output) > 0 && connection->is_tls) {
        client_tls_write(connection->bev); /* calls on_held_write() itself */
        return;
    }
    if (evbuffer_get_length(output) > 0 && !write_plainly(connection)) {
        return;
    }
    size_t left = evbuffer_get_length(output);
    if (left <= connection->set->settings.low_water_bytes && connection->stage == STAGE_HELD) {
        connection->holder->on_drain(connection->holder_arg, left);
    } else if (left == 0 && connection->stage == STAGE_FINISHING) {
        finish(connection);
    }
}

void connection_set_flush(void *arg)
{
    struct connection_set *set = arg;
    struct connection *connection;
    uint64_t pieces = 0;

    while ((connection = TAILQ_FIRST(&set->dirty)) != NULL) {
        connection_unmark(connection);
        pieces += connection->stage == STAGE_HELD ? 1 : 0;
        write_once(connection);
    }
    if (pieces > 0) {
        int64_t us = clock_now_us() - turn_requested_us(set->turn);
        metrics_note_residence(set->settings.metrics, us > 0 ? (uint64_t)us : 0, pieces);
    }
}
