/* SPDX-License-Identifier: MIT */
/*
 * test_http_splits.c - the answer does not depend on how a request was cut.
 *
 * Each request goes through a real edge and evhttp whole, in two pieces at every place,
 * and byte by byte. The loop runs dry between the pieces, so that each is a read of its
 * own. All of them end without the upstream, and every answer is ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <event2/event.h>

#include "tests/support/gateway_stage.h"

#define REQUEST_BYTES_MAX 2048
#define ROUNDS_MAX 5000

#define LINE "POST /api/ai/huggingface/acme/chatty/chat?chat_id=c1 HTTP/1.1\r\n"
#define OPEN LINE "Host: gateway\r\nContent-Type: application/json\r\n"
#define HEAD OPEN "Authorization: Bearer TOKEN\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *name;
    struct span request; /* TOKEN stands for a valid one */
    int status;
    const char *reason;
};

#define ROW(name, request, status, reason)                                                         \
    {                                                                                              \
        name, SPAN_LITERAL(request), status, reason                                                \
    }

static const struct row rows[] = {
    /* Lawful requests, refused by the contract alone. */
    ROW("bad body by length", HEAD "Content-Length: 2\r\n\r\n{}", 400, "bad_body"),
    ROW("bad body in chunks", CHUNKED "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 400, "bad_body"),
    ROW("bad body in chunks with extensions",
        CHUNKED "1;a=b;c\r\n{\r\n1;d=\";\"\r\n}\r\n0;e\r\n\r\n", 400, "bad_body"),
    ROW("no body", HEAD "\r\n", 400, "bad_body"),
    ROW("empty line in front", "\r\n" HEAD "Content-Length: 2\r\n\r\n{}", 400, "bad_body"),
    ROW("bad token", OPEN "Authorization: Bearer a.b.c\r\nContent-Length: 2\r\n\r\n{}", 401,
        "unauthorized"),
    ROW("no token and a broken chunk", OPEN "Transfer-Encoding: chunked\r\n\r\n+1\r\n{\r\n", 401,
        "unauthorized"),
    ROW("no token and a body too large", OPEN "Content-Length: 99999999\r\n\r\n", 401,
        "unauthorized"),
    ROW("GET", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
    ROW("a method of our own", "BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
    ROW("OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, "options"),
    ROW("expectation", HEAD "Expect: x\r\nContent-Length: 2\r\n\r\n", 417, "expectation"),
    ROW("body too large", HEAD "Content-Length: 99999999\r\n\r\n", 413, "too_large"),
    ROW("chunks too large", CHUNKED "1\r\n{\r\nfffffff\r\n", 413, "too_large"),
    /* Broken ones. */
    ROW("two empty lines in front", "\r\n\r\n" HEAD "\r\n", 400, "bad_request"),
    ROW("lone CR in front", "\r" HEAD "\r\n", 400, "bad_request"),
    ROW("HTTP/1.0", "POST / HTTP/1.0\r\n\r\n", 505, "http_version"),
    ROW("absolute form", "POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    ROW("bare LF", "POST / HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
    ROW("space before the colon", HEAD "Content-Length : 2\r\n\r\n{}", 400, "bad_request"),
    ROW("fold", HEAD "X: a\r\n b\r\n\r\n", 400, "bad_request"),
    ROW("NUL", HEAD "X: a\0b\r\n\r\n", 400, "bad_request"),
    ROW("NUL line", HEAD "\0\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_request"),
    ROW("length and coding", HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
        "bad_request"),
    ROW("coding behind a vertical tab",
        HEAD "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        400, "bad_request"),
    ROW("two lengths", HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_request"),
    ROW("signed chunk size", CHUNKED "1\r\n{\r\n+1\r\n}\r\n0\r\n\r\n", 400, "bad_request"),
    ROW("long chunk", CHUNKED "1\r\n{}\r\n0\r\n\r\n", 400, "bad_request"),
    ROW("bad extension", CHUNKED "1;a=\r\n{\r\n", 400, "bad_request"),
    ROW("trailer", CHUNKED "2\r\n{}\r\n0\r\nX: y\r\n\r\n", 400, "bad_request"),
    ROW("HEAD with a body", "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 400,
        "bad_request"),
    ROW("no Host", "POST / HTTP/1.1\r\nX: y\r\n\r\n", 400, "bad_request"),
    ROW("h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
};

struct request {
    char bytes[REQUEST_BYTES_MAX];
    size_t length;
};

static void make_request(const struct gateway_stage *stage, struct span text,
                         struct request *request)
{
    static const struct span mark = SPAN_LITERAL("TOKEN");

    request->length = 0;
    while (text.length > 0) {
        bool is_mark = text.length >= mark.length && memcmp(text.data, mark.data, 5) == 0;
        struct span piece = is_mark ? span_from_string(stage->token) : span_of(text.data, 1);
        assert_true(request->length + piece.length <= REQUEST_BYTES_MAX);
        memcpy(request->bytes + request->length, piece.data, piece.length);
        request->length += piece.length;
        text = span_skip(text, is_mark ? mark.length : 1);
    }
}

/* Until the gateway has done all that it can do with what it has. */
static void run_dry(struct gateway_stage *stage)
{
    for (int i = 0; i < 6; i++) {
        (void)event_base_loop(stage->base, EVLOOP_NONBLOCK);
    }
}

/* Receive until <client> has a whole answer, or the gateway closes. */
static void read_answer(struct gateway_stage *stage, struct stage_client *client)
{
    for (int round = 0; round < ROUNDS_MAX && strstr(client->received, "\n}") == NULL; round++) {
        ssize_t got = recv(client->fd, client->received + client->length,
                           client->capacity - 1 - client->length, MSG_DONTWAIT);
        if (got == 0) {
            client->is_closed = true;
            return;
        }
        if (got > 0) {
            client->length += (size_t)got;
            client->received[client->length] = '\0';
        }
        run_dry(stage);
    }
}

static void send_bytes(struct stage_client *client, const char *bytes, size_t length)
{
    if (length > 0) { /* a connection that was answered and closed takes no more */
        (void)send(client->fd, bytes, length, MSG_NOSIGNAL);
    }
}

/* One request in pieces of <first> bytes and <rest> bytes each. */
static void try_cut(struct gateway_stage *stage, const struct row *row,
                    const struct request *request, size_t first, size_t rest)
{
    struct stage_client client;
    char start[32];
    char reason[64];
    size_t at = 0;

    client_connect(stage, &client);
    while (at < request->length) {
        size_t length = at == 0 && first > 0 ? first : rest;
        length = length < request->length - at ? length : request->length - at;
        send_bytes(&client, request->bytes + at, length);
        at += length;
        run_dry(stage);
    }
    read_answer(stage, &client);
    (void)snprintf(start, sizeof(start), "HTTP/1.1 %d ", row->status);
    (void)snprintf(reason, sizeof(reason), "\r\nX-Tidegate-Reason: %s\r\n", row->reason);
    if (strncmp(client.received, start, strlen(start)) != 0 ||
        strstr(client.received, reason) == NULL ||
        strstr(client.received + 1, "HTTP/1.1 ") != NULL) {
        fail_msg("%s, cut at %zu and every %zu: %s", row->name, first, rest, client.received);
    }
    client_close(&client);
    run_dry(stage);
}

static void every_cut_gives_the_same_answer(void **state)
{
    struct gateway_stage stage;
    struct request request;

    (void)state;
    gateway_stage_init(&stage, "limits: { max_body = \"64k\"; };");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_request(&stage, rows[i].request, &request);
        for (size_t first = 1; first <= request.length; first++) {
            try_cut(&stage, &rows[i], &request, first, SIZE_MAX);
        }
        try_cut(&stage, &rows[i], &request, 0, 1);
        try_cut(&stage, &rows[i], &request, 0, 7);
    }
    assert_true(until_live(&stage, NULL, 0));
    gateway_stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
