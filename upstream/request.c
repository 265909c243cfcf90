/* SPDX-License-Identifier: MIT */
/*
 * request.c - one HTTP request on one connection: every surprise of evhttp's client
 * is absorbed here.
 *
 *   request_send -> on_connect -> on_http_head -> on_http_body* -> on_http_done
 *                      |               |               |               ^
 *                      `---------------'- on_http_error' (no more) ----'
 *
 * Facts this file is built on (each has a loop test)
 *   1. evhttp does not tell when it has connected: we stand in for its event
 *      callback once.
 *   2. One death may come as error callback then done callback without a request,
 *      or as done callback with a request of code 0, even inside evhttp_make_request().
 *      on_http_done() is the only one that draws conclusions.
 *   3. Cancelling inside the head callback is a use after free: returning -1 is not.
 *   4. Nothing here frees: connection_kill() silences, the next flush frees.
 *   5. 100 is followed by the real answer; 101 and 103 would be taken for it.
 *   6. Without Content-Length and Transfer-Encoding, any Connection field but "close"
 *      makes evhttp see an empty body: the field is removed (RFC 9112 section 6.3).
 */
#include "upstream/request.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "upstream/body_reader.h"
#include "upstream/call.h"
#include "upstream/pool.h"
#include "upstream/tls.h"
#include "upstream/upstream_internal.h"

/* A server that sends more 100 Continue than this, unasked, is not sane. */
#define CONTINUES_MAX 4
/* Content-Length: as many as surely fit into 64 bits. */
#define LENGTH_DIGITS_MAX 18
/* Of the kernel, for each upstream connection; plenty for tokens at any distance. */
#define RECEIVE_BUFFER_BYTES (128 * 1024)

/* In firing order. */
static void on_connect(struct bufferevent *bev, short what, void *arg); /* or failed to */
static int on_http_head(struct evhttp_request *req, void *arg);         /* any head, 1xx too */
static void on_http_body(struct evhttp_request *req, void *arg);        /* a piece of body */
static void on_http_error(enum evhttp_request_error error, void *arg);  /* just before done */
static void on_http_done(struct evhttp_request *req, void *arg);        /* the last one */

static bool add_field(struct evkeyvalq *fields, const char *name, const char *value)
{
    return value == NULL || evhttp_add_header(fields, name, value) == 0;
}

static bool add_fields(struct evhttp_request *req, const struct upstream *call)
{
    struct evkeyvalq *fields = evhttp_request_get_output_headers(req);
    const struct upstream_origin *origin = call->origin;
    const char *bill_to = origin->settings.bill_to;
    bool is_ok = evhttp_add_header(fields, "Host", origin->url.host_header) == 0 &&
                 evhttp_add_header(fields, "User-Agent", "tidegate/" TIDEGATE_VERSION) == 0 &&
                 evhttp_add_header(fields, "Content-Type", "application/json") == 0 &&
                 evhttp_add_header(fields, "Accept", "text/event-stream") == 0;

    is_ok = is_ok && add_field(fields, "X-Request-Id", call->request_id) &&
            add_field(fields, "traceparent", call->traceparent) &&
            add_field(fields, "tracestate", call->tracestate);
    if (is_ok && bill_to != NULL && bill_to[0] != '\0') {
        is_ok = evhttp_add_header(fields, "X-HF-Bill-To", bill_to) == 0;
    }
    return is_ok && add_field(fields, "Authorization", origin->authorization);
}

static struct evhttp_request *make_request(struct connection *connection,
                                           const struct upstream *call)
{
    struct evhttp_request *req = evhttp_request_new(on_http_done, connection);

    if (req == NULL) {
        return NULL;
    }
    evhttp_request_set_header_cb(req, on_http_head);
    evhttp_request_set_chunked_cb(req, on_http_body);
    evhttp_request_set_error_cb(req, on_http_error);
    if (!add_fields(req, call) ||
        evbuffer_add(evhttp_request_get_output_buffer(req), call->body, call->body_length) != 0) {
        evhttp_request_free(req);
        return NULL;
    }
    return req;
}

/* Stand in for evhttp's event callback until the connect is decided. */
static void watch_connect(struct connection *connection)
{
    struct connection_callbacks *saved = &connection->saved;

    bufferevent_getcb(connection->bev, &saved->on_read, &saved->on_write, &saved->on_event,
                      &saved->arg);
    bufferevent_setcb(connection->bev, saved->on_read, saved->on_write, on_connect, connection);
    /* The call has its own clocks; evhttp's would be re-armed at every read. */
    (void)bufferevent_set_timeouts(connection->bev, NULL, NULL);
}

bool request_send(struct connection *connection, struct upstream *call)
{
    struct evhttp_request *req = make_request(connection, call);

    if (req == NULL) {
        connection_kill(connection);
        return false;
    }
    connection->call = call;
    connection->on_broken = call_on_broken;
    connection->req = req;
    call->connection = connection;
    (void)evhttp_connection_set_flags(connection->evcon, EVHTTP_CON_READ_ON_WRITE_ERROR);
    if (evhttp_make_request(connection->evcon, req, EVHTTP_REQ_POST, call->origin->url.path) != 0) {
        connection->req = NULL; /* evhttp has freed it */
        call->connection = NULL;
        connection_kill(connection);
        return false;
    }
    if (connection->state == CONNECTION_OPENING) {
        watch_connect(connection);
    } else if (connection->state == CONNECTION_BUSY) {
        connection_wipe_secret(connection);
        connection_mark_dirty(connection);
    }
    return true;
}

/*
 * libevent sets neither. The receive buffer is fixed, because the kernel would let it
 * grow to megabytes: a paused upstream has to notice, and soon. Failure of either only
 * costs latency or memory of the kernel's.
 */
static void set_socket_options(struct bufferevent *bev)
{
    int on = 1;
    int receive_bytes = RECEIVE_BUFFER_BYTES;
    evutil_socket_t fd = bufferevent_getfd(bev);

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
}

static void on_connect(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;
    struct connection_callbacks *saved = &connection->saved;
    bool is_connected = (what & BEV_EVENT_CONNECTED) != 0;

    bufferevent_setcb(bev, saved->on_read, saved->on_write, saved->on_event, saved->arg);
    if (connection->state != CONNECTION_OPENING) {
        return;
    }
    if (is_connected) {
        set_socket_options(bev);
        body_reader_init(connection);
        connection->state = CONNECTION_BUSY;
    } else {
        connection->handshake_failed = connection->is_tls && tls_has_refused(bev);
        connection_wipe_secret(connection);
    }
    saved->on_event(bev, what, saved->arg); /* evhttp writes the request, or fails it */
    if (!is_connected || connection->state != CONNECTION_BUSY) {
        return;
    }
    (void)bufferevent_set_timeouts(bev, NULL, NULL);
    connection_wipe_secret(connection);
    if (connection->is_tls) {
        connection_join_output(connection);
        connection->origin->tls_resumed += tls_is_resumed(bev) ? 1 : 0;
    }
    call_on_opened(connection->call);
}

/* A 1xx head: 100 is passed over (RFC 9110 section 15.2), others were not asked for. */
static int pass_over(struct connection *connection, struct evhttp_request *req, int code)
{
    if (code != 100 || ++connection->continues > CONTINUES_MAX) {
        connection->framing.problem = "interim response that nobody asked for";
        return -1;
    }
    /* They would be taken for the real head's. */
    evhttp_clear_headers(evhttp_request_get_input_headers(req));
    connection_expect_head(connection);
    /* evhttp goes back to "writing" with nothing to write; over TLS nothing wakes it. */
    bufferevent_trigger(connection->bev, EV_WRITE,
                        BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    return 0;
}

static bool has_token(const char *list, const char *wanted)
{
    for (;;) {
        size_t length = strcspn(list, ",");

        if (span_equals_ignore_case(span_trim(span_of(list, length)), wanted)) {
            return true;
        }
        if (list[length] == '\0') {
            return false;
        }
        list += length + 1;
    }
}

/* What the head's fields say of the body's end and of the connection's. */
struct framing_fields {
    unsigned lengths; /* Content-Length fields */
    unsigned codings; /* Transfer-Encoding fields */
    uint64_t length;
    bool has_connection;
    bool has_close;
};

/* Digits alone, and no number beyond what any body may have; false otherwise. */
static bool read_length(const char *value, uint64_t *length)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || digits > LENGTH_DIGITS_MAX || value[digits] != '\0') {
        return false;
    }
    *length = strtoull(value, NULL, 10);
    return true;
}

/* One field of the head; false when it must not be trusted. */
static bool take_field(const char *name, const char *value, struct framing_fields *fields,
                       struct answer_head *head)
{
    if (strcasecmp(name, "Content-Length") == 0) {
        fields->lengths++;
        return fields->lengths == 1 && read_length(value, &fields->length);
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        fields->codings++;
        return fields->codings == 1 && strcasecmp(value, "chunked") == 0;
    }
    if (strcasecmp(name, "Connection") == 0) {
        fields->has_connection = true;
        fields->has_close = fields->has_close || has_token(value, "close");
    } else if (strcasecmp(name, "Content-Type") == 0) {
        head->content_type = span_from_string(value);
    } else if (strcasecmp(name, "Content-Encoding") == 0 && strcasecmp(value, "identity") != 0) {
        head->content_encoding = span_from_string(value);
    } else if (strcasecmp(name, "Retry-After") == 0) {
        head->retry_after = span_from_string(value);
    } else if (strcasecmp(name, "RateLimit") == 0) {
        head->rate_limit = span_from_string(value);
    }
    return true;
}

/* RFC 9112 section 6.3. HTTP/1.0 knows no chunks: whoever sends them there is confused. */
static bool body_of(const struct evhttp_request *req, int status,
                    const struct framing_fields *fields, enum framing_body *body)
{
    if (fields->lengths + fields->codings > 1 || (fields->codings == 1 && req->minor == 0)) {
        return false;
    }
    *body = FRAMING_OPEN;
    if (status == 204 || status == 304) {
        *body = FRAMING_NO_BODY;
    } else if (fields->codings == 1) {
        *body = FRAMING_CHUNKED;
    } else if (fields->lengths == 1) {
        *body = FRAMING_COUNTED;
    }
    return true;
}

/* Sort the head's fields; false when its framing cannot be trusted. */
static bool read_head(struct connection *connection, struct evhttp_request *req,
                      struct answer_head *head)
{
    struct evkeyvalq *list = evhttp_request_get_input_headers(req);
    struct framing_fields fields = {.lengths = 0};
    const struct evkeyval *field;
    enum framing_body body;

    for (field = list->tqh_first; field != NULL; field = field->next.tqe_next) {
        if (!take_field(field->key, field->value, &fields, head)) {
            return false;
        }
    }
    if (!body_of(req, head->status, &fields, &body)) {
        return false;
    }
    if (body == FRAMING_OPEN && fields.has_connection) {
        while (evhttp_remove_header(list, "Connection") == 0) {
        }
    }
    connection->is_clean = body != FRAMING_OPEN && !fields.has_close && req->minor >= 1;
    if (body == FRAMING_CHUNKED) {
        body_reader_start(connection);
    }
    connection_begin_body(connection, body, fields.length);
    return connection->framing.problem == NULL;
}

static int on_http_head(struct evhttp_request *req, void *arg)
{
    struct connection *connection = arg;
    struct answer_head head = {.status = evhttp_request_get_response_code(req)};

    if (connection->state != CONNECTION_BUSY || connection->framing.problem != NULL) {
        return -1;
    }
    if (head.status >= 100 && head.status < 200) {
        return pass_over(connection, req, head.status);
    }
    if (!read_head(connection, req, &head)) {
        if (connection->framing.problem == NULL) {
            connection->framing.problem = "lengths or codings that cannot be trusted";
        }
        return -1;
    }
    /* See on_output() in pool.c. */
    (void)evhttp_connection_set_flags(connection->evcon, 0);
    connection->is_head_in = true;
    return call_on_head(connection->call, &head) && body_reader_take_early(connection) ? 0 : -1;
}

static void on_http_body(struct evhttp_request *req, void *arg)
{
    struct connection *connection = arg;

    if (connection->state == CONNECTION_DRAINING) {
        connection_check_drain(connection); /* evhttp throws it away when we return */
    } else if (connection->state == CONNECTION_BUSY && connection->framing.problem == NULL) {
        call_on_body(connection->call, evhttp_request_get_input_buffer(req));
    }
}

static void on_http_error(enum evhttp_request_error error, void *arg)
{
    struct connection *connection = arg;

    connection->req = NULL; /* freed before this was called */
    if (connection->http_error == 0) {
        connection->http_error = (unsigned)error + 1;
    }
}

static enum call_loss why_lost(const struct connection *connection)
{
    if (connection->state == CONNECTION_OPENING) {
        return connection->handshake_failed ? CALL_LOST_TLS : CALL_LOST_OPENING;
    }
    if (connection->framing.problem != NULL) {
        return CALL_LOST_NONSENSE;
    }
    switch (connection->http_error) {
    case EVREQ_HTTP_INVALID_HEADER + 1:
    case EVREQ_HTTP_DATA_TOO_LONG + 1:
        return CALL_LOST_NONSENSE;
    default:
        break;
    }
    return connection->is_reused && connection->bytes_in == 0 ? CALL_LOST_DEAD : CALL_LOST_CUT;
}

/* For the log: what was wrong with the bytes; NULL when only the connection was. */
static const char *problem_of(const struct connection *connection)
{
    if (connection->framing.problem != NULL) {
        return connection->framing.problem;
    }
    switch (connection->http_error) {
    case EVREQ_HTTP_INVALID_HEADER + 1:
        return "head that evhttp refuses, or above its bound";
    case EVREQ_HTTP_DATA_TOO_LONG + 1:
        return "body above max_answer";
    default:
        return NULL;
    }
}

static void on_http_done(struct evhttp_request *req, void *arg)
{
    struct connection *connection = arg;
    struct upstream *call = connection->call;
    bool has_ended = req != NULL && connection->is_head_in && connection->framing.problem == NULL;
    enum call_loss loss;

    if (req != NULL) {
        connection_wipe_secret(connection);
    }
    connection->req = NULL;
    connection->is_finishing = false;
    if (connection->state == CONNECTION_DEAD) {
        return;
    }
    loss = why_lost(connection);
    if (has_ended && connection->is_clean && framing_has_ended(&connection->framing) &&
        evbuffer_get_length(bufferevent_get_input(connection->bev)) == 0) {
        pool_take_back(connection);
    } else {
        connection_kill(connection); /* leftover bytes would poison the next answer */
    }
    if (call == NULL) {
        return;
    }
    if (has_ended) {
        call_on_body_end(call);
    } else {
        call_on_lost(call, loss, problem_of(connection));
    }
}
