/* SPDX-License-Identifier: MIT */
/*
 * client_leg.c - writes one answer into a held connection.
 *
 * Why not evhttp_send_reply_start() and _chunk(): each formats its parts with
 * printf into several buffers and schedules its own write. A head comes here as one
 * prepared piece; a chunk is written in place, framing included, and the
 * connection writes it at the end of the turn (docs/libevent-notes.md, 8 and 9).
 */
#include "gateway/client_leg.h"

#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "base/bug.h"

/* "ffffffff" CRLF before the content, CRLF behind it. */
#define CHUNK_SIZE_DIGITS_MAX 8
#define CHUNK_PREFIX_MAX (CHUNK_SIZE_DIGITS_MAX + 2)
#define CHUNK_SUFFIX 2

void client_leg_take(struct client_leg *leg, struct connection *connection,
                     struct evhttp_request *request, const struct connection_holder *holder,
                     void *holder_arg)
{
    leg->connection = connection;
    leg->request = request;
    leg->reserved = NULL;
    connection_hold(connection, holder, holder_arg);
}

bool client_leg_body(struct client_leg *leg, struct span *body)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(leg->request);
    size_t length = evbuffer_get_length(input);
    const char *bytes = "";

    if (length > 0) {
        bytes = (const char *)evbuffer_pullup(input, -1);
        if (bytes == NULL) {
            return false;
        }
    }
    *body = span_of(bytes, length);
    return true;
}

void client_leg_forget_request(struct client_leg *leg)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(leg->request);

    (void)evbuffer_drain(body, evbuffer_get_length(body));
    /* Of HTTP/1.0 evhttp closes at the end, unless a field still says otherwise. */
    if (leg->request->major == 1 && leg->request->minor >= 1) {
        evhttp_clear_headers(evhttp_request_get_input_headers(leg->request));
    }
}

const char *client_leg_field(const struct client_leg *leg, const char *name)
{
    return leg->request == NULL
               ? NULL
               : evhttp_find_header(evhttp_request_get_input_headers(leg->request), name);
}

bool client_leg_append(struct client_leg *leg, struct span bytes)
{
    if (evbuffer_add(connection_output(leg->connection), bytes.data, bytes.length) != 0) {
        return false;
    }
    connection_mark(leg->connection);
    return true;
}

bool client_leg_append_constant(struct client_leg *leg, struct span bytes)
{
    if (evbuffer_add_reference(connection_output(leg->connection), bytes.data, bytes.length, NULL,
                               NULL) != 0) {
        return false;
    }
    connection_mark(leg->connection);
    return true;
}

char *client_leg_reserve_chunk(struct client_leg *leg, size_t bytes_max)
{
    struct evbuffer_iovec room;
    size_t wanted = CHUNK_PREFIX_MAX + bytes_max + CHUNK_SUFFIX;

    if (BUG_IF(bytes_max > UINT32_MAX) ||
        evbuffer_reserve_space(connection_output(leg->connection), (ev_ssize_t)wanted, &room, 1) <
            1) {
        return NULL;
    }
    leg->reserved = room.iov_base;
    leg->reserved_bytes = bytes_max;
    return leg->reserved + CHUNK_PREFIX_MAX;
}

/* Write <value> in hexadecimal, right-aligned to end before <end>; returns its first digit. */
static char *write_hex_before(char *end, size_t value)
{
    do {
        *--end = "0123456789abcdef"[value & 0xfU];
        value >>= 4;
    } while (value > 0);
    return end;
}

void client_leg_commit_chunk(struct client_leg *leg, size_t bytes)
{
    char *content = leg->reserved + CHUNK_PREFIX_MAX;
    struct evbuffer_iovec used;
    char *first;

    if (bytes == 0 || BUG_IF(bytes > leg->reserved_bytes)) {
        leg->reserved = NULL;
        return;
    }
    content[-2] = '\r';
    content[-1] = '\n';
    content[bytes] = '\r';
    content[bytes + 1] = '\n';
    first = write_hex_before(content - 2, bytes);
    /* libevent commits from the start of the reserved room, so the chunk moves there. */
    used.iov_base = leg->reserved;
    used.iov_len = (size_t)(content + bytes + CHUNK_SUFFIX - first);
    memmove(leg->reserved, first, used.iov_len);
    (void)BUG_IF(evbuffer_commit_space(connection_output(leg->connection), &used, 1) != 0);
    leg->reserved = NULL;
    connection_mark_soon(leg->connection);
}

bool client_leg_append_last_chunk(struct client_leg *leg)
{
    static const struct span last_chunk = SPAN_LITERAL("0\r\n\r\n");

    return client_leg_append(leg, last_chunk);
}

void client_leg_push(struct client_leg *leg)
{
    connection_mark(leg->connection);
}

size_t client_leg_backlog(const struct client_leg *leg)
{
    return evbuffer_get_length(connection_output(leg->connection));
}

bool client_leg_may_persist(const struct client_leg *leg)
{
    return leg->request != NULL && connection_may_persist(leg->connection);
}

static void release(struct client_leg *leg, enum connection_release how)
{
    struct connection *connection = leg->connection;

    leg->connection = NULL;
    if (connection != NULL) {
        connection_release(connection, leg->request, how);
    }
}

void client_leg_finish(struct client_leg *leg)
{
    release(leg, leg->request == NULL ? CONNECTION_CLOSE : CONNECTION_KEEP);
}

void client_leg_cut(struct client_leg *leg)
{
    release(leg, CONNECTION_CUT);
}

void client_leg_abort(struct client_leg *leg)
{
    release(leg, CONNECTION_ABORT);
}
