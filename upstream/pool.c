/* SPDX-License-Identifier: MIT */
/*
 * pool.c - connections to one origin: open, lend, take back, retire, cap.
 *
 * The drawing of a connection's life is in pool.h. Invariants
 *   1. A connection is on exactly one list: pool.idle, pool.active or dead_connections.
 *   2. pool.count is the length of the first two together.
 *   3. evhttp_connection_free() runs in connection_free() only, never beneath a callback.
 */
#include "upstream/pool.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/clock.h"
#include "upstream/resolve.h"
#include "upstream/tls.h"
#include "upstream/upstream_internal.h"

/* Hugging Face's front door closes idle connections after 60 s; we go first. */
#define IDLE_LIFE_MS 55000
/* After [DONE] the last chunk is due at once; it is not worth more than this. */
#define DRAIN_LIFE_MS 1000
/* What may follow [DONE] before its connection is not worth waiting for. */
#define DRAIN_BYTES_MAX (16 * 1024)
/* A response head larger than this is an attack or a mistake. */
#define RESPONSE_HEAD_BYTES_MAX (32 * 1024)
/* One TLS record (RFC 8446 section 5.1). */
#define TLS_RECORD_BYTES 16384
/* One chunk may carry this many of the largest events, and at least so many bytes. */
#define CHUNK_EVENTS 4
#define CHUNK_BYTES_MIN ((uint64_t)1024 * 1024)
/* An answer that comes while we still send may wait; a flood may not. */
#define EARLY_BYTES_MAX (64 * 1024)

static void on_sweep(evutil_socket_t fd, short what, void *arg);

bool pool_init(struct pool *pool, struct upstream_origin *origin)
{
    TAILQ_INIT(&pool->idle);
    TAILQ_INIT(&pool->active);
    pool->count = 0;
    pool->idle_count = 0;
    pool->sweep = evtimer_new(origin->context->base, on_sweep, pool);
    return pool->sweep != NULL;
}

void pool_close_idle(struct pool *pool)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&pool->idle)) != NULL) {
        connection_kill(connection);
    }
}

void pool_fini(struct pool *pool)
{
    struct connection *connection;

    pool_close_idle(pool);
    while ((connection = TAILQ_FIRST(&pool->active)) != NULL) {
        connection_kill(connection);
    }
    if (pool->sweep != NULL) {
        event_free(pool->sweep);
        pool->sweep = NULL;
    }
}

/* Close what has expired; returns when the next one expires, or <earliest>. */
static int64_t sweep_list(struct connection_list *list, int64_t now, int64_t earliest)
{
    struct connection *connection = TAILQ_FIRST(list);

    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, link);
        bool can_expire =
            connection->state == CONNECTION_IDLE || connection->state == CONNECTION_DRAINING;

        if (can_expire && connection->expires_ms <= now) {
            connection_kill(connection);
        } else if (can_expire && (earliest < 0 || connection->expires_ms < earliest)) {
            earliest = connection->expires_ms;
        }
        connection = next;
    }
    return earliest;
}

static void arm_sweep(struct pool *pool, int64_t due_ms)
{
    int64_t now = clock_now_ms();
    int64_t delay_ms = due_ms > now ? due_ms - now : 0;
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000};

    pool->sweep_due_ms = due_ms;
    (void)event_add(pool->sweep, &delay);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;
    int64_t now = clock_now_ms();
    int64_t earliest;

    (void)fd;
    (void)what;
    earliest = sweep_list(&pool->idle, now, -1);
    earliest = sweep_list(&pool->active, now, earliest);
    if (earliest >= 0) {
        arm_sweep(pool, earliest);
    }
}

/* The sweep comes soon enough for a connection that now expires in <life_ms>. */
static void expire_after(struct connection *connection, int64_t life_ms)
{
    struct pool *pool = &connection->origin->pool;

    connection->expires_ms = clock_now_ms() + life_ms;
    if (event_pending(pool->sweep, EV_TIMEOUT, NULL) == 0 ||
        pool->sweep_due_ms > connection->expires_ms) {
        arm_sweep(pool, connection->expires_ms);
    }
}

bool pool_has_room(struct upstream_origin *origin)
{
    struct pool *pool = &origin->pool;

    if (pool->count < origin->settings.max_connections) {
        return true;
    }
    if (pool->idle_count == 0) {
        return false;
    }
    connection_kill(TAILQ_LAST(&pool->idle, connection_list));
    return pool->count < origin->settings.max_connections;
}

/*
 * True when the peer has said nothing since its last answer. What the loop has not read
 * yet would be taken for the answer to the next request: an end, or worse.
 */
static bool is_quiet(const struct connection *connection)
{
    char byte;
    ssize_t got = recv(bufferevent_getfd(connection->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return got < 0 && errno == EAGAIN;
}

struct connection *pool_lend(struct upstream_origin *origin)
{
    struct pool *pool = &origin->pool;
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&pool->idle)) != NULL && !is_quiet(connection)) {
        connection_kill(connection);
    }
    if (connection == NULL) {
        return NULL;
    }
    TAILQ_REMOVE(&pool->idle, connection, link);
    TAILQ_INSERT_HEAD(&pool->active, connection, link);
    pool->idle_count--;
    connection->state = CONNECTION_BUSY;
    connection->is_reused = true;
    connection->is_head_in = false;
    connection->is_clean = false;
    connection->bytes_in = 0;
    connection->body_bytes = 0;
    connection->http_error = 0;
    connection->continues = 0;
    framing_begin_head(&connection->framing);
    origin->reused++;
    return connection;
}

/* The last <count> bytes of the input have not been looked at. False: they are broken. */
static bool check_framing(struct connection *connection, struct evbuffer *input, size_t count)
{
    struct evbuffer_ptr at;
    struct evbuffer_iovec piece;

    if (count == 0 ||
        evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - count, EVBUFFER_PTR_SET) != 0) {
        return connection->framing.problem == NULL;
    }
    while (count > 0 && evbuffer_peek(input, (ev_ssize_t)count, &at, &piece, 1) > 0) {
        size_t length = piece.iov_len < count ? piece.iov_len : count;
        if (!framing_feed(&connection->framing, span_of(piece.iov_base, length))) {
            return false;
        }
        count -= length;
        (void)evbuffer_ptr_set(input, &at, length, EVBUFFER_PTR_ADD);
    }
    return true;
}

void connection_give_up(struct connection *connection)
{
    connection_pause(connection);
    if (connection->call != NULL) {
        connection->on_broken(connection->call, connection->framing.problem);
    }
}

/*
 * Counts what comes in, looks at its framing before evhttp does, and stops a peer that
 * floods us while we still send.
 */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *connection = arg;
    bool is_in_use =
        connection->state == CONNECTION_BUSY || connection->state == CONNECTION_DRAINING;

    if (info->n_added == 0 || !is_in_use || connection->is_direct) {
        return;
    }
    connection->bytes_in += info->n_added;
    if (!check_framing(connection, input, info->n_added)) {
        connection_give_up(connection);
    } else if (!connection->is_head_in && evbuffer_get_length(input) > EARLY_BYTES_MAX) {
        (void)bufferevent_disable(connection->bev, EV_READ);
    }
}

void connection_begin_body(struct connection *connection, enum framing_body body, uint64_t length)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    uint64_t chunk_bytes_max =
        CHUNK_EVENTS * (uint64_t)connection->origin->settings.max_event_bytes;

    framing_begin_body(&connection->framing, body, length,
                       chunk_bytes_max > CHUNK_BYTES_MIN ? chunk_bytes_max : CHUNK_BYTES_MIN);
    if (!connection->is_direct && !check_framing(connection, input, evbuffer_get_length(input))) {
        connection_give_up(connection);
    }
}

void connection_expect_head(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);

    framing_begin_head(&connection->framing);
    if (!check_framing(connection, input, evbuffer_get_length(input))) {
        connection_give_up(connection);
    }
}

/*
 * EVHTTP_CON_READ_ON_WRITE_ERROR saves an early 4xx of a server that does not read
 * our body. But once we only read, evhttp answers an end of file behind half a
 * message by waiting for ever, so the flag goes when the request is out.
 */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *connection = arg;

    if (info->n_deleted > 0 && evbuffer_get_length(output) == 0 && connection->evcon != NULL &&
        evbuffer_get_length(bufferevent_get_input(connection->bev)) == 0) {
        (void)evhttp_connection_set_flags(connection->evcon, 0);
    }
}

/* The socket is about to be closed, and nothing is read from it any more. */
static void free_reader(struct connection *connection)
{
    connection->is_direct = false;
    if (connection->reader != NULL) {
        event_free(connection->reader);
        connection->reader = NULL;
    }
}

/* evhttp is about to close the socket: fires for a dead idle connection, too. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct connection *connection = arg;

    (void)evcon;
    free_reader(connection);
    if (connection->is_tls) {
        tls_keep_session(connection->bev);
    }
    if (connection->state == CONNECTION_IDLE) {
        connection_kill(connection);
    }
}

static struct bufferevent *bufferevent_for(const struct upstream_origin *origin)
{
    if (origin->tls != NULL) {
        return tls_bufferevent_new(origin->tls, origin->context->base);
    }
    return bufferevent_socket_new(origin->context->base, -1, BEV_OPT_CLOSE_ON_FREE);
}

/* Fills in evcon and bev; false when memory is out. */
static bool make_evcon(struct connection *connection, const char *address, uint16_t port)
{
    struct upstream_origin *origin = connection->origin;
    struct bufferevent *bev = bufferevent_for(origin);

    if (bev == NULL) {
        return false;
    }
    if (evbuffer_add_cb(bufferevent_get_input(bev), on_input, connection) == NULL ||
        evbuffer_add_cb(bufferevent_get_output(bev), on_output, connection) == NULL) {
        bufferevent_free(bev);
        return false;
    }
    connection->bev = bev;
    connection->evcon =
        evhttp_connection_base_bufferevent_new(origin->context->base, NULL, bev, address, port);
    if (connection->evcon == NULL) {
        bufferevent_free(bev);
        return false;
    }
    evhttp_connection_set_retries(connection->evcon, 0);
    evhttp_connection_set_max_headers_size(connection->evcon, RESPONSE_HEAD_BYTES_MAX);
    evhttp_connection_set_max_body_size(connection->evcon,
                                        (ev_ssize_t)origin->settings.max_answer_bytes);
    evhttp_connection_set_closecb(connection->evcon, on_close, connection);
    (void)evhttp_connection_set_flags(connection->evcon, EVHTTP_CON_READ_ON_WRITE_ERROR);
    return true;
}

struct connection *pool_open(struct upstream_origin *origin)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    const char *address;

    if (connection == NULL) {
        return NULL;
    }
    connection->origin = origin;
    connection->context = origin->context;
    connection->is_tls = origin->tls != NULL;
    connection->state = CONNECTION_OPENING;
    address = resolver_pick(origin->resolver);
    if (address != NULL) {
        (void)snprintf(connection->address, sizeof(connection->address), "%s", address);
    }
    if (address == NULL || !make_evcon(connection, address, origin->url.port)) {
        free(connection);
        return NULL;
    }
    TAILQ_INSERT_HEAD(&origin->pool.active, connection, link);
    origin->pool.count++;
    origin->opened++;
    return connection;
}

void pool_take_back(struct connection *connection)
{
    struct pool *pool = &connection->origin->pool;

    connection->call = NULL;
    if (pool->idle_count >= connection->origin->settings.max_idle) {
        connection_kill(connection);
        return;
    }
    TAILQ_REMOVE(&pool->active, connection, link);
    TAILQ_INSERT_HEAD(&pool->idle, connection, link);
    pool->idle_count++;
    connection->state = CONNECTION_IDLE;
    expire_after(connection, IDLE_LIFE_MS);
}

void connection_drain(struct connection *connection)
{
    connection->call = NULL;
    connection->state = CONNECTION_DRAINING;
    connection->drained_at = connection->bytes_in;
    connection_resume(connection); /* a pause of the call must not outlive it */
    expire_after(connection, DRAIN_LIFE_MS);
}

void connection_check_drain(struct connection *connection)
{
    if (connection->bytes_in - connection->drained_at > DRAIN_BYTES_MAX) {
        connection_kill(connection);
    }
}

static void forget_dirt(struct connection *connection)
{
    if (connection->is_dirty) {
        TAILQ_REMOVE(&connection->context->dirty, connection, dirty_link);
        connection->is_dirty = false;
    }
}

void connection_kill(struct connection *connection)
{
    struct pool *pool = &connection->origin->pool;

    if (connection->state == CONNECTION_DEAD) {
        return;
    }
    if (connection->state == CONNECTION_IDLE) {
        TAILQ_REMOVE(&pool->idle, connection, link);
        pool->idle_count--;
    } else {
        TAILQ_REMOVE(&pool->active, connection, link);
    }
    pool->count--;
    forget_dirt(connection);
    connection->call = NULL;
    connection->state = CONNECTION_DEAD;
    free_reader(connection);
    (void)bufferevent_disable(connection->bev, EV_READ | EV_WRITE);
    TAILQ_INSERT_TAIL(&connection->context->dead_connections, connection, link);
    context_need_flush(connection->context);
}

/* The reader of a direct body is on the socket; TLS has none, its bufferevent reads. */
static bool has_reader_on(const struct connection *connection)
{
    return connection->is_direct && connection->reader != NULL;
}

void connection_pause(struct connection *connection)
{
    if (has_reader_on(connection)) {
        (void)event_del(connection->reader);
    } else {
        (void)bufferevent_disable(connection->bev, EV_READ);
    }
}

static void resume_reader(struct connection *connection)
{
    if (event_add(connection->reader, NULL) != 0) {
        if (connection->call != NULL) {
            connection->on_broken(connection->call, NULL);
        } else {
            connection_kill(connection);
        }
    } else if (connection->is_early) {
        event_active(connection->reader, EV_READ, 0); /* the pause may have undone it */
    }
}

void connection_resume(struct connection *connection)
{
    if (connection->framing.problem != NULL) {
        return;
    }
    if (has_reader_on(connection)) {
        resume_reader(connection);
    } else {
        (void)bufferevent_enable(connection->bev, EV_READ);
    }
}

void connection_mark_dirty(struct connection *connection)
{
    if (!connection->is_dirty) {
        TAILQ_INSERT_TAIL(&connection->context->dirty, connection, dirty_link);
        connection->is_dirty = true;
        context_need_flush(connection->context);
    }
}

void connection_join_output(struct connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    size_t length = evbuffer_get_length(output);

    if (length > 0) {
        /* Only saves a record and a system call: failure does not matter. */
        (void)evbuffer_pullup(output,
                              length < TLS_RECORD_BYTES ? (ev_ssize_t)length : TLS_RECORD_BYTES);
    }
}

void connection_flush(struct connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);

    if (BUG_IF(connection->state != CONNECTION_BUSY) || evbuffer_get_length(output) == 0) {
        return;
    }
    if (connection->is_tls) {
        /* Nothing of it has been given to SSL_write() yet: see connection_mark_dirty()'s callers. */
        connection_join_output(connection);
        event_active(&connection->bev->ev_write, EV_WRITE, 1);
        return;
    }
    (void)evbuffer_unfreeze(output, 1);
    /* On failure the armed write event meets the same error and evhttp reports it. */
    (void)evbuffer_write(output, bufferevent_getfd(connection->bev));
    (void)evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) == 0) {
        bufferevent_trigger(connection->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
    }
}

void connection_wipe_secret(struct connection *connection)
{
    struct evkeyvalq *fields;
    struct evkeyval *field;

    if (connection->req == NULL) {
        return;
    }
    fields = evhttp_request_get_output_headers(connection->req);
    for (field = fields->tqh_first; field != NULL; field = field->next.tqe_next) {
        if (strcasecmp(field->key, "Authorization") == 0) {
            OPENSSL_cleanse(field->value, strlen(field->value));
        }
    }
}

void connection_forget_fields(struct connection *connection)
{
    if (connection->req != NULL) {
        connection_wipe_secret(connection);
        evhttp_clear_headers(evhttp_request_get_output_headers(connection->req));
        evhttp_clear_headers(evhttp_request_get_input_headers(connection->req));
    }
}

void connection_free(struct connection *connection)
{
    connection_wipe_secret(connection);
    if (connection->is_tls) {
        tls_keep_session(connection->bev);
    }
    evhttp_connection_set_closecb(connection->evcon, NULL, NULL);
    evhttp_connection_free(connection->evcon);
    free(connection);
}
