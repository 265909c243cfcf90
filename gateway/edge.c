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
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/client_tls.h"
#include "gateway/connection.h"
#include "gateway/file_limit.h"
#include "gateway/log.h"
#include "gateway/relay.h"

/* Connections above the cap that may be open at once, just to be told so. */
#define REFUSALS_MAX 64
/*
 * Connections accepted in one turn of the loop. libevent's own loop accepts until the queue
 * is empty, so a storm of connects would hold up every running stream.
 */
#define NEWBORN_MAX 32
/* For a connection that could not be adopted; adopted ones have our own deadlines. */
#define UNADOPTED_TIMEOUT_S 10
/* After a failed accept: wait, or a full descriptor table makes the loop spin. */
#define ACCEPT_PAUSE_MS 100
/* While accepting fails: how often that is said. Without a failure for so long it is over. */
#define ACCEPT_COMPLAINT_MS 10000
#define ACCEPT_CALM_MS 1000

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
    LIST_ENTRY(edge) link;
    struct event_base *base;            /* borrowed */
    struct turn *turn;                  /* borrowed */
    const struct config *config;        /* borrowed */
    struct metrics_slot *metrics;       /* borrowed */
    struct exchange_set *exchanges;     /* borrowed */
    struct connection_set *connections; /* owned */
    struct event *adopt;                /* owned; runs behind the accepts of a turn */
    struct event *accept_again;         /* owned */
    struct door **doors;                /* owned, each on its own: callbacks hold its address */
    size_t door_count;
    struct newborn newborn[NEWBORN_MAX];
    size_t newborn_count;
    size_t connections_max;
    uint64_t accept_failures; /* since accepting began to fail; 0: it does not */
    int64_t failing_since_ms; /* when there are failures */
    int64_t failed_ms;        /* the last of them */
    int64_t complained_ms;    /* of them */
    bool is_listening;        /* until the drain */
    bool is_closing;          /* accepts no more, for good */
};

/*
 * libevent calls the error callback of a listening socket with the argument of its accept
 * callback, which is evhttp's own: the only way back to the door is to look for it.
 */
static LIST_HEAD(edge_list, edge) edges = LIST_HEAD_INITIALIZER(edges);

static struct edge *edge_of_listener(const struct evconnlistener *listener)
{
    struct edge *edge;

    LIST_FOREACH(edge, &edges, link)
    {
        /* cppcheck-suppress uninitvar ; it does not see through LIST_FOREACH */
        for (size_t i = 0; i < edge->door_count; i++) {
            struct evhttp_bound_socket *socket = edge->doors[i]->socket;
            if (socket != NULL && evhttp_bound_socket_get_listener(socket) == listener) {
                return edge;
            }
        }
    }
    return NULL;
}

static void set_accepting(struct edge *edge, bool accepting)
{
    if (accepting && edge->is_closing) {
        return;
    }
    for (size_t i = 0; i < edge->door_count && edge->is_listening; i++) {
        struct evconnlistener *listener = evhttp_bound_socket_get_listener(edge->doors[i]->socket);
        if (accepting) {
            (void)evconnlistener_enable(listener);
        } else {
            (void)evconnlistener_disable(listener);
        }
    }
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    set_accepting(arg, true);
}

static void log_accept_failure(struct edge *edge, int problem)
{
    struct log_line line;

    log_begin(&line, LOG_WARN, "accept_failed");
    log_string(&line, "problem", strerror(problem));
    log_int(&line, "failures", (int64_t)edge->accept_failures);
    log_int(&line, "connections", (int64_t)connection_set_count(edge->connections));
    log_end(&line);
}

/* accept() failed: most likely no descriptor is left. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct edge *edge = edge_of_listener(listener);
    struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
    int problem = errno;
    int64_t now_ms = clock_now_ms();

    (void)arg;
    if (edge == NULL) {
        (void)BUG_IF(true);
        return;
    }
    metrics_add(&edge->metrics->accept_failures, 1);
    if (edge->accept_failures++ == 0) {
        edge->failing_since_ms = now_ms;
    }
    edge->failed_ms = now_ms;
    if (edge->accept_failures == 1 || now_ms - edge->complained_ms >= ACCEPT_COMPLAINT_MS) {
        edge->complained_ms = now_ms;
        log_accept_failure(edge, problem);
    }
    set_accepting(edge, false);
    (void)event_add(edge->accept_again, &pause);
}

static void note_accept_success(struct edge *edge)
{
    struct log_line line;

    /* Now and then one gets in: nothing is better before they all do. */
    if (edge->accept_failures == 0 || clock_now_ms() - edge->failed_ms < ACCEPT_CALM_MS) {
        return;
    }
    log_begin(&line, LOG_WARN, "accept_recovered");
    log_int(&line, "failures", (int64_t)edge->accept_failures);
    log_int(&line, "after_ms", edge->failed_ms - edge->failing_since_ms);
    log_end(&line);
    edge->accept_failures = 0;
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
        set_accepting(edge, false); /* until on_adopt(); nothing is served that was not adopted */
    }
    return bev;
}

/* Refusing is a courtesy with a bound: a flood of connections is not answered one by one. */
static void refuse(struct edge *edge, struct connection *connection, enum end_reason reason,
                   const char *problem)
{
    metrics_add(&edge->metrics->connections_refused, 1);
    if (connection_set_refused(edge->connections) < REFUSALS_MAX &&
        !connection_is_unnamed(connection)) {
        connection_refuse(connection, reason, problem);
    } else {
        log_event(LOG_WARN, "connection_turned_away", "problem", problem);
        connection_turn_away(connection);
    }
}

/* False when its address is at its cap: then it has been refused. */
static bool admit_address(struct edge *edge, struct connection *connection)
{
    const char *problem = NULL;
    enum end_reason verdict = connection_verdict(connection, &problem);

    if (verdict == END_DONE) {
        return true;
    }
    refuse(edge, connection, verdict, problem);
    return false;
}

static void admit(struct edge *edge, struct connection *connection)
{
    if (connection_turn_away_stranger(connection)) {
        return;
    }
    if (admit_address(edge, connection) &&
        !connection_set_make_room(edge->connections, edge->connections_max)) {
        refuse(edge, connection, END_GATEWAY_FULL, "limits.connections reached");
    }
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
    if (!connection_adopt(edge->connections, bev, newborn->door->settings->proxy_protocol)) {
        evhttp_connection_free(evcon);
        return;
    }
    admit(edge, connection_of_fd(edge->connections, fd));
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
    note_accept_success(edge);
    if (count == NEWBORN_MAX) {
        set_accepting(edge, true); /* the rest of the queue, in the next turn */
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

static void on_named(void *arg, struct connection *connection)
{
    (void)admit_address(arg, connection);
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
}

static const struct connection_events connection_events = {
    .on_head = on_head,
    .on_refused = on_refused,
    .on_named = on_named,
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
        .coalesce_ms = config->stream_coalesce_ms,
        .per_address_max = (size_t)config->limits_connections_per_address,
        .trusted = config->trusted_proxies,
        .trusted_count = config->trusted_proxy_count,
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
    LIST_INSERT_HEAD(&edges, edge, link);
    edge->base = base;
    edge->turn = turn;
    edge->config = config;
    edge->metrics = metrics;
    edge->exchanges = exchanges;
    edge->is_listening = true;
    edge->connections_max = file_limit_connections(config);
    metrics_store(&metrics->connections_max, edge->connections_max);
    if (!make_parts(edge)) {
        edge_free(edge);
        return NULL;
    }
    return edge;
}

static void door_free(struct door *door)
{
    if (door->http != NULL) {
        evhttp_free(door->http);
    }
    client_tls_context_free(door->tls);
    free(door);
}

static void stop_listening(struct edge *edge)
{
    for (size_t i = 0; i < edge->door_count && edge->is_listening; i++) {
        evhttp_del_accept_socket(edge->doors[i]->http, edge->doors[i]->socket);
        edge->doors[i]->socket = NULL;
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
        door_free(edge->doors[i]);
    }
    free(edge->doors);
    if (edge->adopt != NULL) {
        event_free(edge->adopt);
    }
    if (edge->accept_again != NULL) {
        event_free(edge->accept_again);
    }
    LIST_REMOVE(edge, link);
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
                         struct tls_tickets *tickets)
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

/* For one more door. */
static bool make_room(struct edge *edge)
{
    struct door **grown = realloc(edge->doors, (edge->door_count + 1) * sizeof(struct door *));

    if (grown == NULL) {
        return false;
    }
    edge->doors = grown;
    return true;
}

bool edge_listen(struct edge *edge, int fd, const struct config_listener *settings,
                 struct tls_tickets *tickets)
{
    struct door *door = make_room(edge) ? calloc(1, sizeof(*door)) : NULL;

    if (door == NULL) {
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
        door_free(door);
        return false;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(door->socket), on_accept_error);
    edge->doors[edge->door_count++] = door;
    return true;
}

void edge_stop_accepting(struct edge *edge)
{
    edge->is_closing = true;
    set_accepting(edge, false);
    event_del(edge->accept_again);
}

void edge_drain(struct edge *edge)
{
    stop_listening(edge);
    connection_set_drain(edge->connections);
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
