/* SPDX-License-Identifier: MIT */
/*
 * conn_write.c - the writing half of a connection: from a planned answer to bytes.
 *
 * An answer is asked for more only when everything it made has been written or
 * there is room, so a slow reader stops the making and memory stays bounded.
 */
#include "tests/sim/conn_state.h"

#include <sys/epoll.h>

#define OUT_HIGH_BYTES ((size_t)32768)
#define WRITE_BYTES_PER_TURN ((size_t)262144) /* then it is the neighbours' turn */
#define LINGER_MS 1000
#define RESET_POLL_MS 2

/* Write <out>, or one byte of it. True when it is empty and more may be made now. */
static bool flush(struct conn *conn, size_t *written)
{
    struct stats *stats = &conn->server->stats;
    int64_t drip_ms = scenario_get(&conn->response.scenario, SIM_DRIP);

    while (conn->out.length > 0) {
        struct span waiting = bytes_span(&conn->out);
        enum transport_status status = TRANSPORT_DONE;
        size_t sent = 0;

        if (drip_ms > 0 && loop_now_ms(conn->server->loop) < conn->drip_due_ms) {
            loop_arm(conn->server->loop, &conn->timer, conn->drip_due_ms);
            conn_watch_for(conn, 0);
            return false;
        }
        status = transport_write(&conn->transport, waiting.data, drip_ms > 0 ? 1 : waiting.length,
                                 &sent);
        if (status == TRANSPORT_WANTS_WRITE || status == TRANSPORT_WANTS_READ) {
            conn_set_blocked(conn, true);
            conn_watch_for(conn, status == TRANSPORT_WANTS_WRITE ? EPOLLOUT : EPOLLIN);
            return false;
        }
        if (status != TRANSPORT_DONE) {
            conn_close(conn, LEAVE_SILENTLY);
            return false;
        }
        bytes_drop(&conn->out, sent);
        *written += sent;
        stats->bytes_sent += conn->is_control ? 0 : sent;
        conn->drip_due_ms = loop_now_ms(conn->server->loop) + drip_ms;
    }
    return true;
}

/* The answer is complete and the connection stays. */
static bool keep(struct conn *conn)
{
    int64_t die_idle_ms = scenario_get(&conn->response.scenario, SIM_DIE_IDLE);

    conn_end_talk(conn, &conn->server->stats.completed);
    response_fini(&conn->response);
    bytes_fini(&conn->out);
    bytes_fini(&conn->body);
    conn->state = CONN_HEAD;
    if (die_idle_ms > 0) {
        conn->state = CONN_DYING;
        conn_watch_for(conn, 0);
        conn_wake_in(conn, die_idle_ms);
        return false;
    }
    if (conn->in.length == 0) {
        bytes_fini(&conn->in);
    }
    if (conn->server->options->idle_ms > 0) {
        conn_wake_in(conn, conn->server->options->idle_ms);
    }
    return true;
}

/* Whether TLS says goodbye when the answer ends so. */
static enum transport_leave leave_of(const struct conn *conn, enum response_act act)
{
    int64_t said = scenario_get(&conn->response.scenario, SIM_NOTIFY);

    if (said == SIM_OFF) {
        return act == RESPONSE_CLOSE ? LEAVE_PROPERLY : LEAVE_SILENTLY;
    }
    return said > 0 ? LEAVE_PROPERLY : LEAVE_SILENTLY;
}

/* Everything is written: what now? */
static bool settle(struct conn *conn, enum response_act act)
{
    struct server *server = conn->server;

    switch (act) {
    case RESPONSE_MORE:
    case RESPONSE_WRITE:
        return true;
    case RESPONSE_WAIT:
        loop_arm(server->loop, &conn->timer, conn->response.wait_until_ms);
        conn_watch_for(conn, 0);
        return false;
    case RESPONSE_STALL:
        conn_watch_for(conn, 0);
        return false;
    case RESPONSE_KEEP:
        return keep(conn);
    case RESPONSE_CLOSE:
        conn_end_talk(conn, &server->stats.completed);
        if (leave_of(conn, act) == LEAVE_SILENTLY) {
            conn_close(conn, LEAVE_SILENTLY);
            return false;
        }
        transport_end_writes(&conn->transport);
        conn->state = CONN_LINGER;
        conn_wake_in(conn, LINGER_MS);
        return true;
    case RESPONSE_CUT:
        conn_end_talk(conn, &server->stats.broken_off);
        conn_close(conn, leave_of(conn, act));
        return false;
    case RESPONSE_RESET:
        conn_end_talk(conn, &server->stats.broken_off);
        conn->state = CONN_RESETTING;
        return true;
    }
    return false;
}

bool conn_step_answer(struct conn *conn)
{
    struct server *server = conn->server;
    size_t written = 0;

    for (;;) {
        enum response_act act = RESPONSE_MORE;
        if (!flush(conn, &written)) {
            return false;
        }
        if (written >= WRITE_BYTES_PER_TURN) {
            /* Not EPOLLOUT: the kernel reports it only when a third of its buffer is free. */
            conn_watch_for(conn, 0);
            conn_wake_in(conn, 0);
            return false;
        }
        while (act == RESPONSE_MORE && conn->out.length < OUT_HIGH_BYTES) {
            act = response_next(&conn->response, &conn->out, loop_now_ms(server->loop));
        }
        if (conn->out.length > server->stats.bytes_buffered_most && !conn->is_control) {
            server->stats.bytes_buffered_most = conn->out.length;
        }
        if (conn->out.length == 0) {
            return settle(conn, act); /* or else it is asked again once all is written */
        }
    }
}

/* A reset throws away what is still on its way, so what was promised has to arrive first. */
bool conn_step_reset(struct conn *conn)
{
    if (transport_unacknowledged(&conn->transport) > 0) {
        conn_watch_for(conn, 0);
        conn_wake_in(conn, RESET_POLL_MS);
        return false;
    }
    conn_close(conn, LEAVE_BY_RESET);
    return false;
}

bool conn_step_linger(struct conn *conn)
{
    struct server *server = conn->server;
    size_t got = 0;
    enum transport_status status =
        transport_read(&conn->transport, server->read_buffer, sizeof(server->read_buffer), &got);

    if (status == TRANSPORT_DONE) {
        return true; /* and thrown away */
    }
    if (status == TRANSPORT_WANTS_READ) {
        conn_watch_for(conn, EPOLLIN);
    } else {
        conn_close(conn, LEAVE_SILENTLY);
    }
    return false;
}
