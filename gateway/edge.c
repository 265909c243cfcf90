/* SPDX-License-Identifier: MIT */
/*
 * edge.c - accept, admit, and hand over to exchange.c.
 *
 * evhttp accepts by itself and tells nobody, but it asks for a bufferevent first.
 * That is our only word of a new connection, and it comes before evhttp has put
 * its own callbacks there; so newborn bufferevents wait, referenced, until an
 * event of the same turn adopts them.
 */
#include "gateway/edge.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/bug.h"
#include "gateway/client_tls.h"
#include "gateway/connection.h"
#include "gateway/log.h"
#include "gateway/relay.h"

/* Connections above the cap that may be open at once, just to be told so. */
#define REFUSALS_MAX 64
#define DOORS_MAX 16
#define NEWBORN_MAX 4096
/* For a connection that could not be adopted; adopted ones have our own deadlines. */
#define UNADOPTED_TIMEOUT_S 10
/* After a failed accept: wait, or a full descriptor table makes the loop spin. */
#define ACCEPT_PAUSE_MS 100

/*
 * One listening socket. Each has its own evhttp, because evhttp does not say which of
 * its sockets a connection came in by.
 */
struct door {
    struct edge *edge;                      /* borrowed */
    const struct config_listener *settings; /* borrowed */
    struct ssl_ctx_st *tls;                 /* owned; NULL: plain */
    struct evhttp *http;                    /* owned */
    struct evhttp_bound_socket *socket;     /* owned by http; NULL once closed */
};

struct newborn {
    struct bufferevent *bev; /* referenced */
    struct door *door;
};

struct edge {
    struct event_base *base;            /* borrowed */
    struct turn *turn;                  /* borrowed */
    const struct config *config;        /* borrowed */
    struct metrics_slot *metrics;       /* borrowed */
    struct exchange_set *exchanges;     /* borrowed */
    struct connection_set *connections; /* owned */
    struct event *adopt;                /* owned; runs behind the accepts of a turn */
    struct event *accept_again;         /* owned */
    struct door doors[DOORS_MAX];
    size_t door_count;
    struct newborn newborn[NEWBORN_MAX];
    size_t newborn_count;
    bool is_listening; /* until the drain */
    bool is_accepting;
};

static void set_accepting(struct edge *edge, bool accepting)
{
    edge->is_accepting = accepting;
    for (size_t i = 0; i < edge->door_count && edge->is_listening; i++) {
        struct evconnlistener *listener = evhttp_bound_socket_get_listener(edge->doors[i].socket);
        if (accepting) {
            evconnlistener_enable(listener);
        } else {
            evconnlistener_disable(listener);
        }
    }
}

static size_t connections_max(const struct edge *edge)
{
    return (size_t)edge->config->limits_connections;
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct edge *edge = arg;

    (void)fd;
    (void)what;
    if (edge->is_listening &&
        connection_set_count(edge->connections) < connections_max(edge) + REFUSALS_MAX) {
        set_accepting(edge, true);
    }
}

static void pause_accepting(struct edge *edge)
{
    struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};

    set_accepting(edge, false);
    (void)event_add(edge->accept_again, &pause);
}

/* accept() failed: most likely no descriptor is left. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct edge *edge = arg;
    struct log_line line;

    (void)listener;
    log_begin(&line, LOG_WARN, "accept_failed");
    log_int(&line, "errno", errno);
    log_int(&line, "connections", (int64_t)connection_set_count(edge->connections));
    log_end(&line);
    pause_accepting(edge);
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct door *door = arg;
    struct edge *edge = door->edge;
    struct bufferevent *bev = door->tls == NULL
                                  ? bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)
                                  : client_tls_bufferevent_new(door->tls, base);

    if (bev == NULL || edge->newborn_count == NEWBORN_MAX) {
        return bev;
    }
    bufferevent_incref(bev);
    edge->newborn[edge->newborn_count++] = (struct newborn){.bev = bev, .door = door};
    if (edge->newborn_count == 1) {
        event_active(edge->adopt, EV_TIMEOUT, 0);
    }
    if (edge->newborn_count == NEWBORN_MAX) {
        pause_accepting(edge); /* nothing may be served that was not adopted */
    }
    return bev;
}

static void adopt_one(struct edge *edge, const struct newborn *newborn)
{
    struct bufferevent *bev = newborn->bev;
    bufferevent_data_cb read_cb;
    bufferevent_data_cb write_cb;
    bufferevent_event_cb event_cb;
    void *evcon = NULL;
    evutil_socket_t fd = bufferevent_getfd(bev);

    bufferevent_getcb(bev, &read_cb, &write_cb, &event_cb, &evcon);
    if (evcon == NULL) {
        return; /* evhttp had no memory for it and has let it go already */
    }
    if (!connection_adopt(edge->connections, bev)) {
        evhttp_connection_free(evcon);
        return;
    }
    if (connection_set_count(edge->connections) > connections_max(edge)) {
        struct connection *connection = connection_of_fd(edge->connections, fd);
        metrics_add(&edge->metrics->connections_refused, 1);
        connection_refuse(connection, END_GATEWAY_FULL, "limits.connections reached");
    }
    if (connection_set_count(edge->connections) >= connections_max(edge) + REFUSALS_MAX &&
        edge->is_accepting) {
        set_accepting(edge, false); /* until on_count_change() */
    }
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct edge *edge = arg;
    size_t count = edge->newborn_count;

    (void)fd;
    (void)what;
    edge->newborn_count = 0;
    for (size_t i = 0; i < count; i++) {
        adopt_one(edge, &edge->newborn[i]);
        (void)bufferevent_decref(edge->newborn[i].bev);
    }
}

/* -- events of a connection, in the order in which they may come -- */

static void on_head(void *arg, struct connection *connection, bool body_is_complete)
{
    struct edge *edge = arg;

    exchange_start(edge->exchanges, connection, body_is_complete);
}

static void on_refused(void *arg, struct connection *connection, enum end_reason reason,
                       const char *problem)
{
    struct edge *edge = arg;
    struct exchange *exchange = connection_user(connection);

    if (exchange != NULL) {
        exchange_on_bad_body(exchange, reason, problem);
    } else {
        exchange_refuse(edge->exchanges, connection, reason, problem);
    }
}

static void on_closed(void *arg, struct connection *connection)
{
    (void)arg;
    exchange_on_client_lost(connection_user(connection));
}

static void on_count_change(void *arg)
{
    struct edge *edge = arg;

    turn_request(edge->turn); /* a drain may be waiting for the last connection */
    if (!edge->is_accepting && edge->is_listening &&
        !event_pending(edge->accept_again, EV_TIMEOUT, NULL)) {
        on_accept_again(-1, 0, edge);
    }
}

static const struct connection_events connection_events = {
    .on_head = on_head,
    .on_refused = on_refused,
    .on_closed = on_closed,
    .on_count_change = on_count_change,
};

/* evhttp hands a whole request out; read exchange.c from exchange_start() first. */
static void on_request(struct evhttp_request *request, void *arg)
{
    struct edge *edge = arg;
    struct connection *connection = connection_of_request(edge->connections, request);
    struct exchange *exchange = connection == NULL ? NULL : connection_user(connection);

    if (exchange == NULL) {
        /* Never adopted: there was no memory for our bufferevent, so evhttp made its own. */
        evhttp_connection_free(evhttp_request_get_connection(request));
        return;
    }
    exchange_on_request(exchange, request);
}

static bool make_parts(struct edge *edge)
{
    const struct config *config = edge->config;
    const struct connection_settings settings = {
        .head_limits =
            {
                .max_head_bytes = config->limits_max_head_bytes,
                .max_target_bytes = config->limits_max_head_bytes / 2,
                .max_fields = 100,
                .max_body_bytes = config->limits_max_body_bytes,
            },
        .head_timeout_ms = config->limits_head_timeout_ms,
        .keepalive_timeout_ms = config->limits_keepalive_timeout_ms,
        .write_timeout_ms = config->stream_write_timeout_ms,
        .low_water_bytes = relay_low_water(config->stream_buffer_bytes),
        .events = &connection_events,
        .events_arg = edge,
        .metrics = edge->metrics,
    };

    edge->adopt = event_new(edge->base, -1, 0, on_adopt, edge);
    edge->accept_again = evtimer_new(edge->base, on_accept_again, edge);
    edge->connections = connection_set_new(edge->base, edge->turn, &settings);
    return edge->adopt != NULL && edge->accept_again != NULL && edge->connections != NULL;
}

struct edge *edge_new(struct event_base *base, struct turn *turn, const struct config *config,
                      struct metrics_slot *metrics, struct exchange_set *exchanges)
{
    struct edge *edge = calloc(1, sizeof(*edge));

    if (edge == NULL) {
        return NULL;
    }
    edge->base = base;
    edge->turn = turn;
    edge->config = config;
    edge->metrics = metrics;
    edge->exchanges = exchanges;
    edge->is_listening = true;
    edge->is_accepting = true;
    if (!make_parts(edge)) {
        edge_free(edge);
        return NULL;
    }
    return edge;
}

static void door_close(struct door *door)
{
    if (door->http != NULL) {
        evhttp_free(door->http);
    }
    client_tls_context_free(door->tls);
}

static void stop_listening(struct edge *edge)
{
    for (size_t i = 0; i < edge->door_count && edge->is_listening; i++) {
        evhttp_del_accept_socket(edge->doors[i].http, edge->doors[i].socket);
        edge->doors[i].socket = NULL;
    }
    edge->is_listening = false;
}

void edge_free(struct edge *edge)
{
    if (edge == NULL) {
        return;
    }
    stop_listening(edge);
    for (size_t i = 0; i < edge->newborn_count; i++) {
        (void)bufferevent_decref(edge->newborn[i].bev);
    }
    connection_set_free(edge->connections);
    for (size_t i = 0; i < edge->door_count; i++) {
        door_close(&edge->doors[i]);
    }
    if (edge->adopt != NULL) {
        event_free(edge->adopt);
    }
    if (edge->accept_again != NULL) {
        event_free(edge->accept_again);
    }
    free(edge);
}

static struct evhttp *door_http_new(const struct config *config, struct door *door)
{
    struct evhttp *http = evhttp_new(door->edge->base);

    if (http == NULL) {
        return NULL;
    }
    /* The lexer has the tighter limits and answers first; these are the second line. */
    evhttp_set_max_headers_size(http, (ev_ssize_t)config->limits_max_head_bytes + 4);
    evhttp_set_max_body_size(http, (ev_ssize_t)config->limits_max_body_bytes);
    evhttp_set_timeout(http, UNADOPTED_TIMEOUT_S);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_POST | EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_bevcb(http, on_accept, door);
    evhttp_set_gencb(http, on_request, door->edge);
    return http;
}

/* True at once for a plain one. */
static bool door_set_tls(struct door *door, const struct config_listener *settings,
                         const struct tls_tickets *tickets)
{
    const struct tls_identity identity = {
        .certificate = secret_span(&settings->tls_certificate_pem),
        .key = secret_span(&settings->tls_key_pem),
    };
    const char *problem = NULL;

    if (identity.certificate.length == 0) {
        return true;
    }
    door->tls = client_tls_context_new(&identity, tickets, &problem);
    if (door->tls == NULL) {
        log_event(LOG_ERROR, "tls_failed", "problem", problem);
    }
    return door->tls != NULL;
}

bool edge_listen(struct edge *edge, int fd, const struct config_listener *settings,
                 const struct tls_tickets *tickets)
{
    struct door *door = &edge->doors[edge->door_count];

    if (edge->door_count == DOORS_MAX) {
        return false;
    }
    *door = (struct door){.edge = edge, .settings = settings};
    if (door_set_tls(door, settings, tickets)) {
        door->http = door_http_new(edge->config, door);
    }
    if (door->http != NULL) {
        door->socket = evhttp_accept_socket_with_handle(door->http, fd);
    }
    if (door->socket == NULL) {
        door_close(door);
        return false;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(door->socket), on_accept_error);
    edge->door_count++;
    return true;
}

void edge_drain(struct edge *edge)
{
    stop_listening(edge);
    event_del(edge->accept_again);
    connection_set_drain(edge->connections);
}

void edge_close_rest(struct edge *edge)
{
    connection_set_close_rest(edge->connections);
}

size_t edge_connection_count(const struct edge *edge)
{
    return connection_set_count(edge->connections);
}

void edge_flush(void *arg)
{
    struct edge *edge = arg;

    connection_set_flush(edge->connections);
}

void edge_reap(void *arg)
{
    struct edge *edge = arg;

    connection_set_reap(edge->connections);
}
