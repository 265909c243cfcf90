/* SPDX-License-Identifier: MIT */
/*
 * fuzz_stage.c - the peers of a worker, moved by hand between turns of its loop.
 *
 * The peers' sockets are not on the loop: the loop is the gateway's alone, so that
 * "nothing left to do" can be seen.
 */
#include "tests/fuzz/fuzz_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "gateway/log.h"
#include "tests/fuzz/wire_oracle.h"
#include "tests/support/gateway_stage.h"

#define TURNS 4
#define CALLS_MAX 16
#define RECEIVED_BYTES_MAX (1024U * 1024U)
#define PATIENCE_MS 5000

/* Small bounds, so that short inputs reach them. */
static const char conf[] = "stream: { buffer = \"4k\"; write_timeout = \"1h\"; };\n"
                           "limits: { max_head = \"2k\"; max_body = \"4k\"; max_messages = 8;\n"
                           "  head_timeout = \"1h\"; body_timeout = \"1h\";\n"
                           "  keepalive_timeout = \"1h\"; connections = 4; };\n";

struct peer {
    int fd; /* -1: not there */
    bool is_frozen;
    char *received; /* owned */
    size_t length;
    size_t capacity;
};

struct fuzz_stage {
    struct gateway_stage gateway;
    int listener; /* the upstream's */
    int lowest_fd;
    struct peer clients[FUZZ_CLIENTS];
    struct peer calls[CALLS_MAX]; /* connections the gateway has made, oldest first */
    size_t call_count;
    bool sent_token;
    bool asked_for_heads;
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz stage: %s\n", what);
        abort();
    }
}

static void on_fatal(int error)
{
    (void)fprintf(stderr, "fuzz stage: libevent gives up, error %d\n", error);
    abort();
}

static void on_message(int severity, const char *message)
{
    if (severity == EVENT_LOG_ERR) {
        (void)fprintf(stderr, "fuzz stage: libevent: %s\n", message);
    }
}

void fuzz_stage_set_up(void)
{
    event_set_fatal_callback(on_fatal);
    event_set_log_callback(on_message);
    log_setup(LOG_ERROR, LOG_LOGFMT);
}

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    must(fd >= 0, "no descriptor");
    (void)close(fd);
    return fd;
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "cannot bind");
    must(listen(fd, CALLS_MAX) == 0, "cannot listen");
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "no name");
    *port = ntohs(address.sin_port);
    return fd;
}

struct fuzz_stage *fuzz_stage_new(void)
{
    struct fuzz_stage *stage = calloc(1, sizeof(*stage));
    int port = 0;

    must(stage != NULL, "no memory");
    stage->lowest_fd = lowest_free_fd();
    stage->listener = listen_on_loopback(&port);
    for (size_t i = 0; i < FUZZ_CLIENTS; i++) {
        stage->clients[i].fd = -1;
    }
    gateway_stage_init_with_upstream(&stage->gateway, conf, port);
    return stage;
}

const char *fuzz_stage_token(const struct fuzz_stage *stage)
{
    return stage->gateway.token;
}

void fuzz_stage_note_token(struct fuzz_stage *stage)
{
    stage->sent_token = true;
}

/* -- the peers' side of the sockets -- */

/* RST, which leaves no socket in TIME_WAIT: a fuzzer makes many. */
static void reset(struct peer *peer)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (peer->fd >= 0) {
        (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(peer->fd);
    }
    peer->fd = -1;
}

static void keep(struct peer *peer, const char *bytes, size_t length)
{
    if (length > peer->capacity - peer->length) {
        peer->capacity = 2 * (peer->length + length);
        peer->received = realloc(peer->received, peer->capacity);
        must(peer->received != NULL, "no memory");
    }
    memcpy(peer->received + peer->length, bytes, length);
    peer->length += length;
}

static void read_all(struct peer *peer)
{
    static char bytes[65536];
    ssize_t got = 1;

    while (peer->fd >= 0 && !peer->is_frozen && got > 0 && peer->length < RECEIVED_BYTES_MAX) {
        got = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got > 0) {
            keep(peer, bytes, (size_t)got);
        }
    }
}

static void accept_calls(struct fuzz_stage *stage)
{
    int fd;

    while (stage->call_count < CALLS_MAX &&
           (fd = accept4(stage->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        must(stage->sent_token, "a call without any valid token");
        stage->calls[stage->call_count++].fd = fd;
    }
}

static void turn(struct fuzz_stage *stage)
{
    (void)event_base_loop(stage->gateway.base, EVLOOP_NONBLOCK);
    accept_calls(stage);
    for (size_t i = 0; i < stage->call_count; i++) {
        read_all(&stage->calls[i]);
    }
    for (size_t i = 0; i < FUZZ_CLIENTS; i++) {
        read_all(&stage->clients[i]);
    }
}

static void turn_some(struct fuzz_stage *stage)
{
    for (int i = 0; i < TURNS; i++) {
        turn(stage);
    }
}

/* What does not fit into the socket is dropped: whoever does not read gets no more. */
static void push(struct peer *peer, struct span bytes)
{
    while (peer->fd >= 0 && bytes.length > 0) {
        ssize_t sent = send(peer->fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            return;
        }
        bytes = span_skip(bytes, (size_t)sent);
    }
}

/* -- moves -- */

static void connect_client(struct fuzz_stage *stage, struct peer *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)stage->gateway.port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    const int window_bytes = 4096;

    if (client->fd >= 0) {
        return;
    }
    client->is_frozen = false;
    client->length = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(window_bytes));
    if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        reset(client); /* refused: it drains */
    }
}

void fuzz_stage_send(struct fuzz_stage *stage, size_t index, struct span bytes)
{
    static const char word[] = "HEAD";

    stage->asked_for_heads |= bytes.length >= sizeof(word) - 1 &&
                              memmem(bytes.data, bytes.length, word, sizeof(word) - 1) != NULL;
    connect_client(stage, &stage->clients[index]);
    push(&stage->clients[index], bytes);
    turn_some(stage);
}

static void check_answers(const struct fuzz_stage *stage, const struct peer *client)
{
    const char *problem =
        wire_oracle_answers(span_of(client->received, client->length), stage->asked_for_heads);

    if (problem != NULL) {
        (void)fprintf(stderr, "a client got:\n%.*s\n", (int)client->length, client->received);
        must(false, problem);
    }
}

void fuzz_stage_close(struct fuzz_stage *stage, size_t index)
{
    struct peer *client = &stage->clients[index];

    read_all(client);
    check_answers(stage, client);
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
    turn_some(stage);
}

void fuzz_stage_reset(struct fuzz_stage *stage, size_t index)
{
    read_all(&stage->clients[index]);
    check_answers(stage, &stage->clients[index]);
    reset(&stage->clients[index]);
    turn_some(stage);
}

void fuzz_stage_half_close(struct fuzz_stage *stage, size_t index)
{
    if (stage->clients[index].fd >= 0) {
        (void)shutdown(stage->clients[index].fd, SHUT_WR);
    }
    turn_some(stage);
}

void fuzz_stage_freeze(struct fuzz_stage *stage, size_t index)
{
    stage->clients[index].is_frozen = !stage->clients[index].is_frozen;
    turn_some(stage);
}

static struct peer *newest_call(struct fuzz_stage *stage)
{
    for (size_t i = stage->call_count; i > 0; i--) {
        if (stage->calls[i - 1].fd >= 0) {
            return &stage->calls[i - 1];
        }
    }
    return NULL;
}

void fuzz_stage_upstream_send(struct fuzz_stage *stage, struct span bytes)
{
    struct peer *call = newest_call(stage);

    if (call != NULL) {
        push(call, bytes);
    }
    turn_some(stage);
}

void fuzz_stage_upstream_close(struct fuzz_stage *stage)
{
    struct peer *call = newest_call(stage);

    if (call != NULL) {
        (void)shutdown(call->fd, SHUT_WR);
    }
    turn_some(stage);
}

void fuzz_stage_upstream_reset(struct fuzz_stage *stage)
{
    struct peer *call = newest_call(stage);

    if (call != NULL) {
        reset(call);
    }
    turn_some(stage);
}

void fuzz_stage_drain(struct fuzz_stage *stage)
{
    edge_drain(stage->gateway.edge);
    turn_some(stage);
}

void fuzz_stage_cut_rest(struct fuzz_stage *stage)
{
    exchange_set_end_all(stage->gateway.exchanges, END_DRAINING);
    turn_some(stage);
}

void fuzz_stage_ask(struct fuzz_stage *stage, size_t index, struct span query, struct span body)
{
    char head[4096];
    int length = snprintf(head, sizeof(head),
                          "POST /api/ai/huggingface/acme/chatty/chat?chat_id=c1%.*s HTTP/1.1\r\n"
                          "Host: gateway\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                          (int)(query.length < 1024 ? query.length : 1024), query.data,
                          stage->gateway.token, body.length);

    stage->sent_token = true;
    connect_client(stage, &stage->clients[index]);
    push(&stage->clients[index], span_of(head, (size_t)length));
    fuzz_stage_send(stage, index, body);
}

/* -- the end -- */

static bool is_empty(struct fuzz_stage *stage)
{
    struct upstream_counts counts;

    upstream_origin_counts(stage->gateway.origin, &counts);
    return exchange_set_live(stage->gateway.exchanges) == 0 && counts.calls == 0 &&
           edge_connection_count(stage->gateway.edge) == 0;
}

static void leave(struct fuzz_stage *stage)
{
    int64_t end_ms = clock_now_ms() + PATIENCE_MS;

    for (size_t i = 0; i < FUZZ_CLIENTS; i++) {
        fuzz_stage_reset(stage, i);
    }
    while (!is_empty(stage)) {
        must(clock_now_ms() < end_ms, "everybody has left, and something is still there");
        turn(stage);
    }
}

void fuzz_stage_free(struct fuzz_stage *stage)
{
    turn_some(stage);
    leave(stage);
    gateway_stage_fini(&stage->gateway); /* looks for exchanges, calls, connections, bytes */
    for (size_t i = 0; i < stage->call_count; i++) {
        struct peer *call = &stage->calls[i];
        const char *problem = wire_oracle_requests(span_of(call->received, call->length));
        if (problem != NULL) {
            (void)fprintf(stderr, "the upstream got:\n%.*s\n", (int)call->length, call->received);
            must(false, problem);
        }
        reset(call);
        free(call->received);
    }
    for (size_t i = 0; i < FUZZ_CLIENTS; i++) {
        free(stage->clients[i].received);
    }
    (void)close(stage->listener);
    must(lowest_free_fd() == stage->lowest_fd, "a descriptor is left open");
    free(stage);
}
