/* SPDX-License-Identifier: MIT */
/*
 * body_reader.c - reads a chunked answer past evhttp; see body_reader.h.
 *
 * Invariants
 *   1. While is_direct, evhttp's reading is off (plain) or its callbacks are away (TLS), and
 *      what it takes for the body is empty: it waits for the first chunk.
 *   2. The reader is level-triggered, so it is off whenever nobody reads.
 *   3. After a piece of data has been handed over the connection may be DEAD: nothing but
 *      its state is looked at then.
 */
#include "upstream/body_reader.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "upstream/call.h"
#include "upstream/pool.h"
#include "upstream/upstream_internal.h"

static bool is_in_use(const struct connection *connection)
{
    return connection->state == CONNECTION_BUSY || connection->state == CONNECTION_DRAINING;
}

static void lose(struct connection *connection, enum call_loss loss, const char *problem)
{
    struct upstream *call = connection->call;

    connection_kill(connection);
    if (call != NULL) {
        call_on_lost(call, loss, problem);
    }
}

/* -- what was read -- */

static void hand_over(struct connection *connection, struct span data)
{
    connection->body_bytes += data.length;
    if (connection->body_bytes > connection->origin->settings.max_answer_bytes) {
        lose(connection, CALL_LOST_NONSENSE, "body above max_answer");
    } else if (connection->state == CONNECTION_BUSY) {
        call_on_bytes(connection->call, data);
    }
}

/*
 * evhttp's own callbacks again, and a last chunk for it: it ends the request. Never while
 * evhttp is on the stack; when it has no memory to see the end, we do.
 */
static void finish(struct connection *connection)
{
    static const char last_chunk[] = "0\r\n\r\n";
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    const struct connection_callbacks *saved = &connection->saved;
    bool is_added;

    if (connection->is_tls) {
        bufferevent_setcb(connection->bev, saved->on_read, saved->on_write, saved->on_event,
                          saved->arg);
    }
    if (!connection->is_tls) {
        (void)evbuffer_unfreeze(input, 0);
    }
    is_added = evbuffer_add(input, last_chunk, sizeof(last_chunk) - 1) == 0;
    if (!connection->is_tls) { /* libevent itself leaves that of TLS open */
        (void)evbuffer_freeze(input, 0);
    }
    connection->is_direct = false;
    connection->is_finishing = true; /* until on_http_done(), which may lend it again at once */
    if (is_added) {
        saved->on_read(connection->bev, saved->arg);
    }
    if (connection->is_finishing) {
        lose(connection, CALL_LOST_NO_MEMORY, NULL);
    }
}

/* Walk <bytes>, which have just been read. */
static void take(struct connection *connection, struct span bytes)
{
    struct framing *framing = &connection->framing;
    struct span data;

    connection->bytes_in += bytes.length;
    while (framing_next(framing, &bytes, &data)) {
        hand_over(connection, data);
        if (!is_in_use(connection)) {
            return;
        }
    }
    if (framing->problem != NULL) {
        connection_give_up(connection);
    } else if (connection->state == CONNECTION_DRAINING) {
        connection_check_drain(connection);
    }
}

/* False when there will be no more of it. */
static bool goes_on(const struct connection *connection)
{
    return is_in_use(connection) && connection->framing.problem == NULL &&
           !framing_is_over(&connection->framing);
}

static void finish_if_over(struct connection *connection)
{
    if (is_in_use(connection) && framing_is_over(&connection->framing)) {
        finish(connection);
    }
}

/* -- plain: an event of our own on the socket -- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    char *bytes = connection->context->read_bytes;
    ssize_t length;

    (void)what;
    if (!connection->is_direct) {
        if ((bufferevent_get_enabled(connection->bev) & EV_READ) == 0) {
            (void)event_del(connection->reader); /* or it would fire for ever */
        }
        return;
    }
    if (connection->is_early) {
        connection->is_early = false; /* evhttp has read all there was in this very turn */
        connection_forget_fields(connection);
        finish_if_over(connection);
        return;
    }
    length = recv(fd, bytes, TURN_BYTES_MAX, 0);
    if (length > 0) {
        take(connection, span_of(bytes, (size_t)length));
        finish_if_over(connection);
    } else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(connection, CALL_LOST_CUT, NULL);
    }
}

/* -- TLS: callbacks of our own on the bufferevent -- */

static void take_input(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    struct evbuffer_iovec piece;

    while (goes_on(connection) && evbuffer_peek(input, -1, NULL, &piece, 1) > 0 &&
           piece.iov_len > 0) {
        take(connection, span_of(piece.iov_base, piece.iov_len));
        (void)evbuffer_drain(input, piece.iov_len);
    }
    if (framing_is_over(&connection->framing) && evbuffer_get_length(input) > 0) {
        connection->framing.has_excess = true;
        (void)evbuffer_drain(input, evbuffer_get_length(input));
    }
}

static void on_tls_read(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    if (connection->is_early) {
        connection->is_early = false;
        connection_forget_fields(connection);
    }
    if (is_in_use(connection)) {
        take_input(connection);
        finish_if_over(connection);
    }
}

static void on_tls_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    if (is_in_use(connection) && (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        lose(connection, CALL_LOST_CUT, NULL);
    }
}

/* -- the way in and out -- */

void body_reader_init(struct connection *connection)
{
    if (connection->is_tls) {
        return;
    }
    connection->reader = event_new(connection->context->base, bufferevent_getfd(connection->bev),
                                   EV_READ | EV_PERSIST, on_readable, connection);
    if (connection->reader != NULL) {
        (void)event_add(connection->reader, NULL); /* body_reader_start() does it again */
    }
}

void body_reader_start(struct connection *connection)
{
    struct connection_callbacks *saved = &connection->saved;

    if (!connection->is_tls &&
        (connection->reader == NULL || event_add(connection->reader, NULL) != 0)) {
        return;
    }
    connection->is_direct = true;
    bufferevent_getcb(connection->bev, &saved->on_read, &saved->on_write, &saved->on_event,
                      &saved->arg);
    if (connection->is_tls) {
        bufferevent_setcb(connection->bev, on_tls_read, NULL, on_tls_event, connection);
    } else {
        (void)bufferevent_disable(connection->bev, EV_READ);
    }
}

bool body_reader_take_early(struct connection *connection)
{
    if (!connection->is_direct) {
        return true;
    }
    take_input(connection);
    if (!is_in_use(connection) || connection->framing.problem != NULL) {
        return false;
    }
    connection->is_early = true;
    if (!framing_is_over(&connection->framing)) {
        return true; /* in most turns the reader fires anyway, behind evhttp's own event */
    }
    if (connection->is_tls) {
        bufferevent_trigger(connection->bev, EV_READ,
                            BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    } else {
        event_active(connection->reader, EV_READ, 0);
    }
    return true;
}
