/* SPDX-License-Identifier: MIT */
/*
 * connection.c - see connection.h for the drawing.
 *
 * Why the lexer sits in a callback on the input buffer: it runs inside the read,
 * before the bufferevent calls evhttp, so swapping the callbacks there keeps the
 * refused bytes away from evhttp for good (docs/libevent-notes.md, 1 and 2).
 */
#include "gateway/connection.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/client_tls.h"
#include "gateway/connection_internal.h"
#include "gateway/tally.h"

/* At a drain: how long a connection that has never sent a byte may still do so. */
#define DRAIN_GRACE_MS 1000

void connection_arm(struct connection *connection, int64_t timeout_ms)
{
    struct timeval length = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    const struct timeval *common = event_base_init_common_timeout(connection->set->base, &length);

    (void)event_add(connection->deadline, common == NULL ? &length : common);
}

/* From here on evhttp is not called for this connection until it is given back. */
static void silence(struct connection *connection)
{
    bufferevent_setcb(connection->bev, NULL, NULL, NULL, NULL);
}

void connection_unmark(struct connection *connection)
{
    if (connection->is_dirty) {
        TAILQ_REMOVE(&connection->set->dirty, connection, dirty_link);
        connection->is_dirty = false;
    } else if (connection->is_patient) {
        TAILQ_REMOVE(&connection->set->patient, connection, dirty_link);
        connection->is_patient = false;
    }
}

void connection_discard(struct connection *connection)
{
    struct connection_set *set = connection->set;

    if (connection->stage == STAGE_DEAD) {
        return;
    }
    connection->stage = STAGE_DEAD;
    silence(connection);
    bufferevent_disable(connection->bev, EV_READ | EV_WRITE);
    event_del(connection->deadline);
    connection_proxy_free(connection);
    connection_unmark(connection);
    connection_dequeue(connection);
    TAILQ_REMOVE(&set->all, connection, link);
    set->live_count--;
    TAILQ_INSERT_TAIL(&set->dead, connection, link);
    turn_request(set->turn);
}

void connection_leave(struct connection *connection)
{
    if (connection->is_tls && connection->stage != STAGE_DEAD) {
        client_tls_say_end(connection->bev);
    }
    connection_discard(connection);
}

/* An abrupt close frees the kernel's buffers at once and cannot look like a good end. */
void connection_reset(struct connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    connection_discard(connection);
}

/* Take it off every list and out of every callback, and forget it. */
static void dispose(struct connection *connection)
{
    struct connection_set *set = connection->set;

    if (connection->is_tls && !connection->is_tls_noted) {
        client_tls_note_close(connection->bev, set->settings.metrics, connection->client_text,
                              connection->stage == STAGE_DEAD);
    }
    connection_unmark(connection);
    connection_dequeue(connection);
    connection_uncharge(connection);
    connection_proxy_free(connection);
    set->refused_count -= connection->is_refused ? 1 : 0;
    if (set->by_fd[connection->fd] == connection) {
        set->by_fd[connection->fd] = NULL;
    }
    (void)evbuffer_remove_cb_entry(bufferevent_get_input(connection->bev), connection->input_watch);
    if (connection->output_watch != NULL) {
        (void)evbuffer_remove_cb_entry(bufferevent_get_output(connection->bev),
                                       connection->output_watch);
    }
    event_free(connection->deadline);
    watch_fini(&connection->watch);
    free(connection);
    set->count--;
    metrics_subtract(&set->settings.metrics->connections, 1);
    set->settings.events->on_count_change(set->settings.events_arg);
}

/* evhttp closes a connection that it owns: the client left, or its timeout struck. */
static void on_evhttp_close(struct evhttp_connection *evcon, void *arg)
{
    struct connection *connection = arg;
    struct connection_set *set = connection->set;

    (void)evcon;
    if (connection->user != NULL) {
        set->settings.events->on_closed(set->settings.events_arg, connection);
    }
    TAILQ_REMOVE(&set->all, connection, link);
    set->live_count--;
    dispose(connection);
}

static void refuse(struct connection *connection, enum end_reason reason, const char *problem)
{
    struct connection_set *set = connection->set;

    silence(connection);
    event_del(connection->deadline);
    connection_dequeue(connection);
    connection_name_client(connection);
    set->settings.events->on_refused(set->settings.events_arg, connection, reason, problem);
}

/*
 * evhttp parses line by line: of a head that comes in pieces it would judge the first
 * line before we have seen the rest, and answer by itself, in HTML. So it is told of
 * bytes only when the head is whole and lawful.
 */
static void hold_back(struct connection *connection)
{
    bufferevent_data_cb read_cb;
    bufferevent_data_cb write_cb;
    bufferevent_event_cb event_cb;
    void *evcon;

    bufferevent_getcb(connection->bev, &read_cb, &write_cb, &event_cb, &evcon);
    if (read_cb != NULL) {
        connection->evhttp_read = read_cb;
        bufferevent_setcb(connection->bev, NULL, write_cb, event_cb, evcon);
    }
}

static void let_pass(struct connection *connection)
{
    bufferevent_data_cb read_cb;
    bufferevent_data_cb write_cb;
    bufferevent_event_cb event_cb;
    void *evcon;

    if (connection->evhttp_read != NULL) {
        bufferevent_getcb(connection->bev, &read_cb, &write_cb, &event_cb, &evcon);
        bufferevent_setcb(connection->bev, connection->evhttp_read, write_cb, event_cb, evcon);
        connection->evhttp_read = NULL;
    }
}

/* The head is whole and lawful; once for each request. */
static void announce(struct connection *connection, bool body_is_complete)
{
    struct connection_set *set = connection->set;

    if (connection->is_announced) {
        return;
    }
    connection->is_announced = true;
    event_del(connection->deadline);
    connection_dequeue(connection);
    connection_name_client(connection);
    if (connection->is_proxy) {
        connection_charge(connection);
    }
    set->settings.events->on_head(set->settings.events_arg, connection, body_is_complete);
}

/*
 * A body is judged after its head, even when both came in one read: what a client is told
 * must not depend on how its bytes were cut.
 */
static void refuse_watched(struct connection *connection)
{
    const struct watch *watch = &connection->watch;

    if (watch->has_whole_head) {
        announce(connection, false);
    }
    if (connection->stage == STAGE_EVHTTP) {
        refuse(connection, watch->refusal, watch->problem);
    }
}

/* Every byte from the client passes here before evhttp sees it. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *connection = arg;
    struct watch *watch = &connection->watch;
    struct connection_set *set = connection->set;

    if (info->n_added == 0 || connection->stage != STAGE_EVHTTP) {
        return;
    }
    if (connection->is_tls && !connection->is_tls_noted) {
        connection->is_tls_noted = true;
        client_tls_note_open(connection->bev, set->settings.metrics);
    }
    if (watch->state == WATCH_QUIET && connection->was_used) {
        connection_arm(connection, set->settings.head_timeout_ms);
        connection_enqueue(connection, &set->headless);
    }
    switch (watch_feed(watch, input, info->n_added)) {
    case WATCH_QUIET:
    case WATCH_IN_HEAD:
        hold_back(connection);
        break;
    case WATCH_REFUSED:
        refuse_watched(connection);
        break;
    case WATCH_IN_BODY:
    case WATCH_COMPLETE:
        let_pass(connection);
        announce(connection, watch->state == WATCH_COMPLETE);
        break;
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;

    (void)fd;
    (void)what;
    switch (connection->stage) {
    case STAGE_PROXY:
        connection_proxy_late(connection);
        break;
    case STAGE_EVHTTP:
        if (connection->watch.state == WATCH_IN_HEAD) {
            refuse(connection, END_REQUEST_TIMEOUT, "request head not complete in time");
        } else {
            connection_leave(connection);
        }
        break;
    case STAGE_FINISHING:
        connection_reset(connection);
        break;
    case STAGE_LINGERING:
        connection_discard(connection);
        break;
    case STAGE_HELD:
    case STAGE_DEAD:
        (void)BUG_IF(true);
        break;
    }
}

static struct address peer_of(int fd)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(peer);

    (void)getpeername(fd, (struct sockaddr *)&peer, &length); /* fails when it is gone again */
    return address_of_sockaddr((struct sockaddr *)&peer);
}

/* Into the set: whose it is, what its address may have, and the clock for its first head. */
static void enter_set(struct connection *connection)
{
    struct connection_set *set = connection->set;
    struct address peer = peer_of(connection->fd);

    set->by_fd[connection->fd] = connection;
    TAILQ_INSERT_TAIL(&set->all, connection, link);
    set->count++;
    set->live_count++;
    metrics_add(&set->settings.metrics->connections, 1);
    metrics_add(&set->settings.metrics->connections_accepted, 1);
    connection_name_peer(connection, &peer);
    connection_enqueue(connection, &set->headless);
    connection_arm(connection, set->is_draining ? DRAIN_GRACE_MS : set->settings.head_timeout_ms);
    if (connection->stage == STAGE_EVHTTP && !connection->is_proxy) {
        connection_charge(connection);
    }
}

bool connection_adopt(struct connection_set *set, struct bufferevent *bev, bool has_header)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    bufferevent_data_cb read_cb;
    bufferevent_data_cb write_cb;
    bufferevent_event_cb event_cb;
    void *evcon = NULL;

    if (connection == NULL) {
        return false;
    }
    bufferevent_getcb(bev, &read_cb, &write_cb, &event_cb, &evcon);
    connection->set = set;
    connection->bev = bev;
    connection->evcon = evcon;
    connection->fd = bufferevent_getfd(bev);
    connection->stage = STAGE_EVHTTP;
    connection->is_tls = client_tls_is_on(bev);
    connection->deadline = evtimer_new(set->base, on_deadline, connection);
    connection->input_watch = evbuffer_add_cb(bufferevent_get_input(bev), on_input, connection);
    if (connection->deadline == NULL || connection->input_watch == NULL || connection->fd < 0 ||
        (size_t)connection->fd >= set->by_fd_count ||
        (has_header && !connection_proxy_expect(connection))) {
        if (connection->input_watch != NULL) {
            (void)evbuffer_remove_cb_entry(bufferevent_get_input(bev), connection->input_watch);
        }
        if (connection->deadline != NULL) {
            event_free(connection->deadline);
        }
        free(connection);
        return false;
    }
    bufferevent_set_timeouts(bev, NULL, NULL); /* evhttp's, which knows only idle and busy */
    watch_init(&connection->watch, &set->settings.head_limits);
    evhttp_connection_set_closecb(connection->evcon, on_evhttp_close, connection);
    enter_set(connection);
    return true;
}

void connection_refuse(struct connection *connection, enum end_reason reason, const char *problem)
{
    connection->is_refused = true;
    connection->set->refused_count++;
    refuse(connection, reason, problem);
}

bool connection_is_unnamed(const struct connection *connection)
{
    return connection->stage == STAGE_PROXY;
}

void connection_turn_away(struct connection *connection)
{
    connection_reset(connection);
}

struct connection *connection_of_fd(struct connection_set *set, int fd)
{
    return fd >= 0 && (size_t)fd < set->by_fd_count ? set->by_fd[fd] : NULL;
}

struct connection *connection_of_request(struct connection_set *set, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);

    return connection_of_fd(set, bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)));
}

const struct request_head *connection_head(const struct connection *connection)
{
    return &connection->watch.head.head;
}

void connection_set_user(struct connection *connection, void *user)
{
    connection->user = user;
}

void *connection_user(const struct connection *connection)
{
    return connection->user;
}

void connection_set_reap(void *arg)
{
    struct connection_set *set = arg;
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&set->dead)) != NULL) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it loses what TAILQ_REMOVE does */
        struct evhttp_connection *evcon = connection->evcon;
        TAILQ_REMOVE(&set->dead, connection, link);
        evhttp_connection_set_closecb(evcon, NULL, NULL);
        dispose(connection);
        evhttp_connection_free(evcon);
    }
}

/* -- the set -- */

struct connection_set *connection_set_new(struct event_base *base, struct turn *turn,
                                          const struct connection_settings *settings)
{
    struct connection_set *set = calloc(1, sizeof(*set));
    struct rlimit descriptors = {0, 0};

    if (set == NULL) {
        return NULL;
    }
    (void)getrlimit(RLIMIT_NOFILE, &descriptors);
    set->by_fd_count = descriptors.rlim_cur < 1048576 ? (size_t)descriptors.rlim_cur : 1048576;
    set->by_fd = calloc(set->by_fd_count, sizeof(struct connection *));
    if (settings->per_address_max > 0) {
        set->addresses = tally_new(settings->per_address_max);
    }
    set->base = base;
    set->turn = turn;
    set->settings = *settings;
    if (set->by_fd == NULL || (settings->per_address_max > 0 && set->addresses == NULL) ||
        !connection_coalesce_init(set)) {
        tally_free(set->addresses);
        free(set->by_fd);
        free(set);
        return NULL;
    }
    TAILQ_INIT(&set->all);
    TAILQ_INIT(&set->dirty);
    TAILQ_INIT(&set->dead);
    TAILQ_INIT(&set->headless);
    TAILQ_INIT(&set->lingering);
    return set;
}

void connection_set_free(struct connection_set *set)
{
    struct connection *connection;

    if (set == NULL) {
        return;
    }
    while ((connection = TAILQ_FIRST(&set->all)) != NULL) {
        connection_discard(connection);
    }
    connection_set_reap(set);
    connection_coalesce_fini(set);
    tally_free(set->addresses);
    free(set->by_fd);
    free(set);
}

size_t connection_set_count(const struct connection_set *set)
{
    return set->count;
}

size_t connection_set_refused(const struct connection_set *set)
{
    return set->refused_count;
}

void connection_set_drain(struct connection_set *set)
{
    struct connection *connection;
    struct connection *next;

    set->is_draining = true;
    for (connection = TAILQ_FIRST(&set->all); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, link);
        if (connection->stage > STAGE_EVHTTP || connection->watch.state != WATCH_QUIET) {
            continue;
        }
        if (connection->was_used && !connection_has_unread(connection)) {
            connection_leave(connection);
        } else {
            connection_arm(connection, DRAIN_GRACE_MS);
        }
    }
}
