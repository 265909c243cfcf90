/* SPDX-License-Identifier: MIT */
/*
 * conn_request.c - the reading half of a connection: from bytes to a planned answer.
 */
#include "tests/sim/conn_state.h"

static struct response_start response_start_of(const struct conn *conn)
{
    struct server *server = conn->server;
    struct response_start start = {
        .defaults = &server->options->scenario,
        .tapes = server->tapes,
        .number = server->stats.talks,
        .now_ms = loop_now_ms(server->loop),
        .is_http_1_0 = conn->is_http_1_0,
        .keeps_alive = conn->keeps_alive,
    };
    return start;
}

/* Answer with what response.blob_owned holds. */
static void answer_ready(struct conn *conn, int status, const char *type)
{
    struct response_start start = response_start_of(conn);

    response_plan_ready(&conn->response, &start, status, type);
    conn->state = CONN_ANSWER;
}

static void answer_error(struct conn *conn, int status, const char *message)
{
    bytes_printf(&conn->response.blob_owned, "{\"error\":\"%s\"}", message);
    answer_ready(conn, status, "application/json");
}

static void answer_bad_request(struct conn *conn, enum request_status status)
{
    conn->server->stats.bad_requests++;
    conn->keeps_alive = false; /* where the next request begins is anybody's guess */
    if (status == REQUEST_TOO_LARGE) {
        answer_error(conn, 413, "hfsim: the request is too large");
    } else {
        answer_error(conn, 400, "hfsim: not a proper HTTP request");
    }
}

static void start_talk(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;
    struct response_start start = response_start_of(conn);
    struct call *call = &conn->response.call;
    enum call_status status = CALL_OK;

    call->route = conn->route;
    status = call_parse(call, conn->server->doc, bytes_span(&conn->body));
    stats_remember(stats, bytes_span(&conn->head), &conn->body);
    stats_remember_call(stats, call);
    response_plan(&conn->response, &start, status);
    stats->talks++;
    stats->streams_open++;
    stats->by_status[conn->response.status / 100 - 1]++;
    conn->is_talking = true;
    conn->state = CONN_ANSWER;
}

/* A connection that asks about the simulator is not one of those asked about. */
static void become_control(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;

    if (!conn->is_control && !conn->has_served) {
        conn->is_control = true;
        stats->connections_open--;
        if (stats->connections > 0) { /* a reset may have come between */
            stats->connections--;
        }
    }
}

static void answer_control(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;
    struct bytes *out = &conn->response.blob_owned;

    become_control(conn);
    if (conn->route == ROUTE_STATS) {
        stats_render(stats, out);
    } else if (conn->route == ROUTE_LAST) {
        bytes_add_span(out, bytes_span(&stats->last_body));
        answer_ready(conn, 200, "application/octet-stream");
        return;
    } else {
        stats_reset(stats);
        bytes_add_string(out, "{\"reset\": true}\n");
    }
    answer_ready(conn, 200, "application/json");
}

static void answer_request(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;

    if (conn->route == ROUTE_STATS || conn->route == ROUTE_LAST || conn->route == ROUTE_RESET) {
        answer_control(conn);
        return;
    }
    stats->requests++;
    stats->reused += conn->has_served ? 1 : 0;
    conn->has_served = true;
    if (call_route_talks(conn->route) && conn->is_json) {
        start_talk(conn);
        return;
    }
    stats_remember(stats, bytes_span(&conn->head), &conn->body);
    if (conn->route == ROUTE_WRONG_METHOD) {
        answer_error(conn, 405, "Method Not Allowed");
    } else if (conn->route == ROUTE_UNKNOWN) {
        answer_error(conn, 404, "Not Found");
    } else {
        bytes_add_string(&conn->response.blob_owned,
                         "Expected request with `Content-Type: application/json`");
        answer_ready(conn, 415, "text/plain; charset=utf-8");
    }
}

/* application/json, with or without parameters. */
static bool is_json_type(struct span type)
{
    size_t length = 0;

    while (length < type.length && type.data[length] != ';') {
        length++;
    }
    return span_equals_ignore_case(span_trim(span_of(type.data, length)), "application/json");
}

bool conn_step_head(struct conn *conn)
{
    struct request_head head;
    struct span input = bytes_span(&conn->in);
    enum request_status status = request_head_parse(input, &head);

    if (status == REQUEST_INCOMPLETE) {
        return conn_step_read(conn);
    }
    if (status != REQUEST_OK) {
        answer_bad_request(conn, status);
        return true;
    }
    conn->route = call_route_of(head.method, head.target);
    conn->is_http_1_0 = head.is_http_1_0;
    conn->keeps_alive = head.keeps_alive;
    conn->is_json = is_json_type(head.content_type);
    request_body_init(&conn->reader, &head);
    bytes_clear(&conn->head);
    bytes_add(&conn->head, input.data, head.size);
    bytes_drop(&conn->in, head.size);
    if (head.expects_continue) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        size_t sent = 0;
        if (transport_write(&conn->transport, go_on, sizeof(go_on) - 1, &sent) ==
            TRANSPORT_FAILED) {
            conn_close(conn, LEAVE_SILENTLY);
            return false;
        }
    }
    conn->state = CONN_BODY;
    return true;
}

bool conn_step_body(struct conn *conn)
{
    enum request_status status = request_body_feed(&conn->reader, &conn->in, &conn->body);

    if (status == REQUEST_INCOMPLETE) {
        return conn_step_read(conn);
    }
    if (status == REQUEST_OK) {
        answer_request(conn);
    } else {
        answer_bad_request(conn, status);
    }
    return true;
}
