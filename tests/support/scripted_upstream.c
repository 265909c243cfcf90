/* SPDX-License-Identifier: MIT */
/*
 * scripted_upstream.c - a raw peer on the test's own event loop.
 *
 * Each accepted connection is a bufferevent that walks its script: step() goes on
 * until a step has to wait, and the callbacks call it again.
 */
#include "tests/support/scripted_upstream.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define SCRIPTS_MAX 16
#define REQUEST_BYTES_MAX (64 * 1024)
/* Kept in the output while flooding: more than one write, and little memory. */
#define FLOOD_QUEUE_BYTES (256 * 1024)

struct peer_connection {
    TAILQ_ENTRY(peer_connection) link;
    struct scripted_upstream *peer;
    struct bufferevent *bev;
    struct event *timer;
    const struct peer_step *step;
    bool is_waiting; /* for the timer, or for a release */
    bool is_closing; /* when the output has drained */
};

TAILQ_HEAD(peer_list, peer_connection);

struct scripted_upstream {
    struct event_base *base;
    struct evconnlistener *listener;
    SSL_CTX *server; /* borrowed; NULL: plain */
    const struct peer_step *scripts[SCRIPTS_MAX];
    unsigned script_count;
    struct peer_list connections;
    struct peer_report totals;
    uint16_t port;
    char request[REQUEST_BYTES_MAX + 1];
    char sni[256];
};

static void walk(struct peer_connection *connection);

static void must(bool is_ok, const char *what)
{
    if (!is_ok) {
        (void)fprintf(stderr, "scripted upstream: %s failed\n", what);
        abort();
    }
}

static void drop(struct peer_connection *connection, bool with_reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    evutil_socket_t fd = bufferevent_getfd(connection->bev);

    TAILQ_REMOVE(&connection->peer->connections, connection, link);
    connection->peer->totals.open--;
    if (with_reset && fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    event_free(connection->timer);
    bufferevent_free(connection->bev);
    free(connection);
}

/* Length of the whole request at the front of the input; 0 when it is not whole yet. */
static size_t whole_request(struct evbuffer *input)
{
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    size_t head_length;
    size_t length;
    char head[8192];
    const char *field;

    if (end.pos < 0) {
        return 0;
    }
    head_length = (size_t)end.pos + 4;
    must(head_length < sizeof(head), "a request head below 8 KiB");
    must(evbuffer_copyout(input, head, head_length) == (ev_ssize_t)head_length, "copy");
    head[head_length] = '\0';
    field = strcasestr(head, "\r\nContent-Length:");
    length = head_length + (field == NULL ? 0 : strtoul(field + 17, NULL, 10));
    return evbuffer_get_length(input) >= length ? length : 0;
}

static bool take_request(struct peer_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    struct scripted_upstream *peer = connection->peer;
    size_t length = whole_request(input);
    size_t kept = length < REQUEST_BYTES_MAX ? length : REQUEST_BYTES_MAX;

    if (length == 0) {
        return false;
    }
    must(evbuffer_remove(input, peer->request, kept) == (int)kept, "remove");
    peer->request[kept] = '\0';
    (void)evbuffer_drain(input, length - kept);
    peer->totals.requests++;
    return true;
}

static void flood(struct peer_connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    const struct peer_step *step = connection->step;

    while (evbuffer_get_length(output) < FLOOD_QUEUE_BYTES) {
        must(bufferevent_write(connection->bev, step->bytes, step->length) == 0, "write");
        connection->peer->totals.flooded += step->length;
    }
}

static void start_wait(struct peer_connection *connection, int ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    connection->is_waiting = true;
    if (ms > 0) {
        must(event_add(connection->timer, &delay) == 0, "timer");
    }
}

/* Close when all that was sent is out; a reset throws it away. */
static void close_after_output(struct peer_connection *connection)
{
    connection->is_closing = true;
    if (evbuffer_get_length(bufferevent_get_output(connection->bev)) > 0) {
        return;
    }
    if (connection->step->action == PEER_GOODBYE && connection->peer->server != NULL) {
        (void)SSL_shutdown(bufferevent_openssl_get_ssl(connection->bev));
    }
    drop(connection, connection->step->action == PEER_RESET);
}

/* Do one step; false when it has to wait (or the connection is gone). */
static bool step_is_done(struct peer_connection *connection)
{
    const struct peer_step *step = connection->step;

    switch (step->action) {
    case PEER_EXPECT:
        return take_request(connection);
    case PEER_SEND:
        must(bufferevent_write(connection->bev, step->bytes, step->length) == 0, "write");
        return true;
    case PEER_WAIT:
        start_wait(connection, step->ms);
        return false;
    case PEER_HOLD:
        start_wait(connection, 0);
        return false;
    case PEER_FLOOD:
        flood(connection);
        return false;
    case PEER_RESET:
    case PEER_CLOSE:
    case PEER_GOODBYE:
        close_after_output(connection);
        return false;
    case PEER_END:
        return false;
    }
    return false;
}

static void walk(struct peer_connection *connection)
{
    while (!connection->is_waiting && step_is_done(connection)) {
        connection->step++;
    }
}

static void go_on(struct peer_connection *connection)
{
    connection->is_waiting = false;
    connection->step++;
    walk(connection);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    walk(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct peer_connection *connection = arg;

    (void)bev;
    if (connection->is_closing || connection->step->action == PEER_FLOOD) {
        walk(connection);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct peer_connection *connection = arg;
    struct scripted_upstream *peer = connection->peer;

    if ((what & BEV_EVENT_CONNECTED) != 0) {
        SSL *ssl = bufferevent_openssl_get_ssl(bev);
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

        peer->totals.handshakes++;
        peer->totals.resumed += SSL_session_reused(ssl) == 1 ? 1 : 0;
        (void)snprintf(peer->sni, sizeof(peer->sni), "%s", name == NULL ? "" : name);
        walk(connection);
        return;
    }
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        drop(connection, false);
    }
}

static struct bufferevent *bufferevent_for(struct scripted_upstream *peer, evutil_socket_t fd)
{
    if (peer->server == NULL) {
        return bufferevent_socket_new(peer->base, fd, BEV_OPT_CLOSE_ON_FREE);
    }
    return bufferevent_openssl_socket_new(peer->base, fd, SSL_new(peer->server),
                                          BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int from_length, void *arg)
{
    struct scripted_upstream *peer = arg;
    struct peer_connection *connection = calloc(1, sizeof(*connection));
    unsigned script = peer->totals.accepted;

    (void)listener;
    (void)from;
    (void)from_length;
    must(connection != NULL && peer->script_count > 0, "a script");
    if (script >= peer->script_count) {
        script = peer->script_count - 1;
    }
    connection->peer = peer;
    connection->step = peer->scripts[script];
    connection->bev = bufferevent_for(peer, fd);
    connection->timer = evtimer_new(peer->base, on_timer, connection);
    must(connection->bev != NULL && connection->timer != NULL, "bufferevent");
    TAILQ_INSERT_TAIL(&peer->connections, connection, link);
    peer->totals.accepted++;
    peer->totals.open++;
    bufferevent_setcb(connection->bev, on_read, on_write, on_event, connection);
    must(bufferevent_enable(connection->bev, EV_READ | EV_WRITE) == 0, "enable");
    if (peer->server == NULL) {
        walk(connection);
    }
}

struct scripted_upstream *scripted_upstream_new(struct event_base *base,
                                                const struct test_certificate *certificate)
{
    struct scripted_upstream *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);

    must(peer != NULL, "calloc");
    peer->base = base;
    peer->server = certificate == NULL ? NULL : test_certificate_server(certificate);
    TAILQ_INIT(&peer->connections);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->listener =
        evconnlistener_new_bind(base, on_accept, peer, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                                16, (struct sockaddr *)(void *)&address, sizeof(address));
    must(peer->listener != NULL, "listen");
    must(getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)(void *)&address,
                     &length) == 0,
         "getsockname");
    peer->port = ntohs(address.sin_port);
    return peer;
}

void scripted_upstream_free(struct scripted_upstream *peer)
{
    struct peer_connection *connection;

    while ((connection = TAILQ_FIRST(&peer->connections)) != NULL) {
        drop(connection, false);
    }
    evconnlistener_free(peer->listener);
    free(peer);
}

void scripted_upstream_play(struct scripted_upstream *peer, const struct peer_step *steps)
{
    must(peer->script_count < SCRIPTS_MAX, "room for a script");
    peer->scripts[peer->script_count++] = steps;
}

void scripted_upstream_release(struct scripted_upstream *peer)
{
    struct peer_connection *connection = TAILQ_FIRST(&peer->connections);

    while (connection != NULL) {
        struct peer_connection *next = TAILQ_NEXT(connection, link);

        if (connection->is_waiting && connection->step->action == PEER_HOLD) {
            go_on(connection);
        }
        connection = next;
    }
}

void scripted_upstream_stop_accepting(struct scripted_upstream *peer)
{
    (void)evconnlistener_disable(peer->listener);
}

uint16_t scripted_upstream_port(const struct scripted_upstream *peer)
{
    return peer->port;
}

void scripted_upstream_report(const struct scripted_upstream *peer, struct peer_report *report)
{
    const struct peer_connection *connection;

    *report = peer->totals;
    report->request = peer->request;
    report->sni = peer->sni;
    TAILQ_FOREACH(connection, &peer->connections, link)
    {
        report->unsent += evbuffer_get_length(bufferevent_get_output(connection->bev));
    }
}
