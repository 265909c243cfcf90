/* SPDX-License-Identifier: MIT */
/*
 * conn.c - one client connection.
 *
 *   HANDSHAKE -> HEAD -> BODY -> ANSWER --keep--> HEAD
 *                                  |----close--> LINGER -> DEAD
 *                                  |--die_idle-> DYING --> DEAD
 *                                  `- cut, reset, client gone -> DEAD
 *
 * conn_run() turns until the connection has to wait for the socket or the timer.
 * Invariants
 *   1. At most OUT_HIGH_BYTES plus one piece wait to be written.
 *   2. While an answer is under way the socket is read by nobody, so a client
 *      that pipelines is held back by TCP; its leaving is seen by EPOLLRDHUP.
 *   3. A dead connection stays until the turn is over, because the turn's list
 *      of events may still name it.
 */
#include "tests/sim/conn.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/sim/conn_state.h"

void conn_watch_for(struct conn *conn, uint32_t events)
{
    loop_rewatch(conn->server->loop, &conn->watch, events | EPOLLRDHUP);
}

void conn_set_blocked(struct conn *conn, bool is_blocked)
{
    struct stats *stats = &conn->server->stats;

    if (conn->is_blocked != is_blocked) {
        conn->is_blocked = is_blocked;
        if (is_blocked) {
            stats->write_blocked++;
            stats->write_blocked_now++;
        } else {
            stats->write_blocked_now--;
        }
    }
}

static void unlink_live(struct conn *conn)
{
    if (conn->next != NULL) {
        conn->next->previous = conn->previous;
    }
    if (conn->previous != NULL) {
        conn->previous->next = conn->next;
    } else {
        conn->server->live = conn->next;
    }
}

void conn_end_talk(struct conn *conn, uint64_t *counter)
{
    if (conn->is_talking) {
        conn->is_talking = false;
        conn->server->stats.streams_open--;
        conn->server->stats.events_sent += conn->response.events;
        (*counter)++;
    }
}

void conn_close(struct conn *conn, enum transport_leave how)
{
    struct server *server = conn->server;

    conn_end_talk(conn, &server->stats.aborted);
    conn_set_blocked(conn, false);
    loop_disarm(server->loop, &conn->timer);
    loop_unwatch(server->loop, &conn->watch);
    transport_close(&conn->transport, how);
    response_fini(&conn->response);
    bytes_fini(&conn->in);
    bytes_fini(&conn->head);
    bytes_fini(&conn->body);
    bytes_fini(&conn->out);
    if (!conn->is_control) {
        server->stats.connections_open--;
    }
    unlink_live(conn);
    conn->state = CONN_DEAD;
    conn->next = server->dead;
    server->dead = conn;
}

void conn_wake_in(struct conn *conn, int64_t delay_ms)
{
    loop_arm(conn->server->loop, &conn->timer, loop_now_ms(conn->server->loop) + delay_ms);
}

static bool step_handshake(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;

    switch (transport_handshake(&conn->transport)) {
    case TRANSPORT_DONE:
        if (conn->transport.ssl != NULL) {
            stats->tls_handshakes++;
            stats->tls_resumed += SSL_session_reused(conn->transport.ssl) == 1 ? 1 : 0;
        }
        conn->state = CONN_HEAD;
        return true;
    case TRANSPORT_WANTS_READ:
        conn_watch_for(conn, EPOLLIN);
        return false;
    case TRANSPORT_WANTS_WRITE:
        conn_watch_for(conn, EPOLLOUT);
        return false;
    case TRANSPORT_EOF:
    case TRANSPORT_FAILED:
        stats->tls_failed++;
        conn_close(conn, LEAVE_SILENTLY);
        return false;
    }
    return false;
}

bool conn_step_read(struct conn *conn)
{
    struct server *server = conn->server;
    size_t got = 0;

    switch (
        transport_read(&conn->transport, server->read_buffer, sizeof(server->read_buffer), &got)) {
    case TRANSPORT_DONE:
        loop_disarm(server->loop, &conn->timer); /* no longer idle */
        bytes_add(&conn->in, server->read_buffer, got);
        return true;
    case TRANSPORT_WANTS_READ:
        conn_watch_for(conn, EPOLLIN);
        return false;
    case TRANSPORT_WANTS_WRITE:
        conn_watch_for(conn, EPOLLOUT);
        return false;
    case TRANSPORT_EOF:
        conn_close(conn, LEAVE_PROPERLY);
        return false;
    case TRANSPORT_FAILED:
        conn_close(conn, LEAVE_SILENTLY);
        return false;
    }
    return false;
}

static bool step(struct conn *conn)
{
    switch (conn->state) {
    case CONN_HANDSHAKE:
        return step_handshake(conn);
    case CONN_HEAD:
        return conn_step_head(conn);
    case CONN_BODY:
        return conn_step_body(conn);
    case CONN_ANSWER:
        return conn_step_answer(conn);
    case CONN_RESETTING:
        return conn_step_reset(conn);
    case CONN_LINGER:
        return conn_step_linger(conn);
    case CONN_DYING:
    case CONN_DEAD:
        return false;
    }
    return false;
}

static void conn_run(struct conn *conn)
{
    while (step(conn)) {
    }
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct conn *conn = (struct conn *)watch;
    bool is_gone = (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;

    if (conn->state == CONN_DEAD) {
        return;
    }
    conn_set_blocked(conn, false);
    if (is_gone && (conn->state == CONN_ANSWER || conn->state == CONN_DYING ||
                    conn->state == CONN_RESETTING)) {
        conn_close(conn, LEAVE_SILENTLY);
        return;
    }
    conn_run(conn);
}

static void on_due(struct timer *timer)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));

    if (conn->state == CONN_DYING || conn->state == CONN_LINGER || conn->state == CONN_HEAD) {
        conn_close(conn, LEAVE_PROPERLY);
        return;
    }
    conn_run(conn);
}

void conn_open(struct server *server, int fd, SSL *ssl)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        struct transport lost = {.fd = fd, .ssl = ssl};
        transport_close(&lost, LEAVE_SILENTLY);
        return;
    }
    conn->watch = (struct watch){.fd = fd, .on_ready = on_ready};
    conn->timer.on_due = on_due;
    conn->server = server;
    conn->transport = (struct transport){.fd = fd, .ssl = ssl};
    conn->next = server->live;
    if (server->live != NULL) {
        server->live->previous = conn;
    }
    server->live = conn;
    server->stats.connections++;
    server->stats.connections_open++;
    loop_watch(server->loop, &conn->watch, EPOLLIN | EPOLLRDHUP);
    conn_run(conn);
}

void conn_close_all(struct server *server)
{
    while (server->live != NULL) {
        conn_close(server->live, LEAVE_SILENTLY);
    }
}

void conn_free_dead(struct server *server)
{
    while (server->dead != NULL) {
        struct conn *conn = server->dead;
        server->dead = conn->next;
        free(conn);
    }
}
