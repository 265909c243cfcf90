/* SPDX-License-Identifier: MIT */
/*
 * connection_proxy.c - the PROXY protocol header, taken from the socket before all else.
 *
 * The header is read by an event of its own while the bufferevent's are off, so that
 * neither TLS nor evhttp nor the lexer ever sees a byte of it, and not one byte behind it
 * is taken from them: what has come is looked at first and then taken as far as it
 * belongs to the header. The head's clock runs already.
 */
#include "gateway/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>

#include "gateway/connection_internal.h"
#include "gateway/log.h"
#include "gateway/proxy_protocol.h"

struct proxy_wait {
    struct event *readable; /* owned */
    size_t length;          /* taken from the socket */
    char bytes[PROXY_HEADER_BYTES_MAX];
};

/* libevent offers no call that stops a handshake of TLS, but its events are public. */
static void stop_reading(struct bufferevent *bev)
{
    (void)event_del(&bev->ev_read);
    (void)event_del(&bev->ev_write);
}

static void start_reading(struct bufferevent *bev)
{
    (void)event_add(&bev->ev_read, NULL);
}

void connection_proxy_free(struct connection *connection)
{
    if (connection->proxy_wait != NULL) {
        event_free(connection->proxy_wait->readable);
        free(connection->proxy_wait);
        connection->proxy_wait = NULL;
    }
}

static void refuse(struct connection *connection, const char *problem)
{
    struct log_line line;

    metrics_add(&connection->set->settings.metrics->proxy_headers_refused, 1);
    log_begin(&line, LOG_WARN, "proxy_header_refused");
    log_string(&line, "peer", connection->client_text);
    log_string(&line, "problem", problem);
    log_end(&line);
    connection_discard(connection); /* whoever it is does not speak HTTP with us yet */
}

/* The rest of the connection is the client's. */
static void finish(struct connection *connection, const struct proxy_header *header)
{
    struct connection_set *set = connection->set;

    connection_proxy_free(connection);
    connection->stage = STAGE_EVHTTP;
    if (header->client.is_known) {
        connection->carrier = connection->peer;
        connection_name_peer(connection, &header->client);
    } else {
        /* Whoever it is, a header of his own must not name him: nobody has looked at it. */
        connection->is_proxy = false;
    }
    start_reading(connection->bev);
    if (!connection->is_proxy) {
        connection_charge(connection);
    }
    set->settings.events->on_named(set->settings.events_arg, connection);
}

/* <count> bytes that have been looked at; false when the connection is lost. */
static bool take(struct connection *connection, size_t count)
{
    struct proxy_wait *wait = connection->proxy_wait;
    ssize_t got = recv(connection->fd, wait->bytes + wait->length, count, MSG_DONTWAIT);

    wait->length += got > 0 ? (size_t)got : 0;
    return got == (ssize_t)count;
}

static void on_bytes(struct connection *connection, size_t count)
{
    struct proxy_wait *wait = connection->proxy_wait;
    struct proxy_header header;
    const char *problem = NULL;

    switch (proxy_header_parse(span_of(wait->bytes, wait->length + count), &header, &problem)) {
    case PROXY_HEADER_MORE:
        if (!take(connection, count)) {
            connection_discard(connection);
        }
        break;
    case PROXY_HEADER_OK:
        if (take(connection, header.length - wait->length)) {
            finish(connection, &header);
        } else {
            connection_discard(connection);
        }
        break;
    case PROXY_HEADER_REFUSED:
        refuse(connection, problem);
        break;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    struct proxy_wait *wait = connection->proxy_wait;
    ssize_t got = recv(fd, wait->bytes + wait->length, sizeof(wait->bytes) - wait->length,
                       MSG_PEEK | MSG_DONTWAIT);

    (void)what;
    if (got > 0) {
        on_bytes(connection, (size_t)got);
    } else if (got == 0 && wait->length > 0) {
        refuse(connection, "closed in the middle of the header");
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        connection_discard(connection); /* a balancer that looks whether the port is open */
    }
}

void connection_proxy_late(struct connection *connection)
{
    if (connection->proxy_wait->length > 0) {
        refuse(connection, "not complete in time");
    } else {
        connection_discard(connection);
    }
}

bool connection_proxy_expect(struct connection *connection)
{
    struct connection_set *set = connection->set;
    struct proxy_wait *wait = calloc(1, sizeof(*wait));

    if (wait == NULL) {
        return false;
    }
    wait->readable =
        event_new(set->base, connection->fd, EV_READ | EV_PERSIST, on_readable, connection);
    if (wait->readable == NULL) {
        free(wait);
        return false;
    }
    connection->proxy_wait = wait;
    connection->stage = STAGE_PROXY;
    stop_reading(connection->bev);
    (void)event_add(wait->readable, NULL);
    return true;
}

bool connection_turn_away_stranger(struct connection *connection)
{
    if (connection->stage != STAGE_PROXY || connection->set->settings.trusted_count == 0 ||
        connection->is_proxy) {
        return false;
    }
    refuse(connection, "the peer is not in trusted_proxies");
    return true;
}
