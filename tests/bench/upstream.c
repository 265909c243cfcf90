/* SPDX-License-Identifier: MIT */
/*
 * upstream.c - a chat-completions server that is cheap: prepared bytes, no JSON, no copies.
 *
 *   bench_upstream --listen 127.0.0.1:0 [--cert FILE --key FILE]
 *
 * What an answer is like stands in the request's body, wherever: "@bench tokens=64 gap=20000
 * first=0", in microseconds: the first token so long after the request, the others so far
 * apart; gap=0 as fast as the socket takes them. Each token's text is 7 bytes: a space (or now
 * and then a line break, which JSON escapes) and the moment it was sent, so that the client,
 * on the same machine, knows how long it took.
 */
#define _GNU_SOURCE /* epoll_pwait2(), memmem() */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "tests/bench/answer_bytes.h"
#include "tests/bench/heap.h"
#include "tests/bench/options.h"
#include "tests/bench/wire.h"

#define EVENTS 512
#define REQUEST_MAX 8192
#define OUT_SIZE (16 * 1024)

struct peer {
    struct due due; /* first: the timer is the connection */
    struct wire wire;
    bool is_listener;
    bool is_ready; /* the handshake is done */
    bool is_watched_for_room;
    size_t request_length;
    int64_t tokens; /* of this answer */
    int64_t sent;   /* of them, put into out */
    int64_t gap_ns;
    size_t out_length;
    size_t out_sent;
    uint8_t request[REQUEST_MAX];
    uint8_t *out; /* owned, OUT_SIZE; NULL unless bytes wait */
};

static int epoll_fd;
static SSL_CTX *tls; /* NULL: plain */
static struct heap timers;

static void watch(struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = peer}};

    if (epoll_ctl(epoll_fd, operation, peer->wire.fd, &event) != 0) {
        bench_die("epoll_ctl");
    }
}

static void end_peer(struct peer *peer)
{
    heap_remove(&timers, &peer->due);
    wire_close(&peer->wire);
    free(peer->out);
    free(peer);
}

/* Send what waits. False: the connection is gone, and <peer> freed. */
static bool flush(struct peer *peer)
{
    bool is_full = false;

    while (peer->out_sent < peer->out_length && !is_full) {
        ssize_t sent =
            wire_write(&peer->wire, peer->out + peer->out_sent, peer->out_length - peer->out_sent);

        if (sent == WIRE_BROKEN || sent == WIRE_EOF) {
            end_peer(peer);
            return false;
        }
        is_full = sent == WIRE_AGAIN;
        peer->out_sent += is_full ? 0 : (size_t)sent;
    }
    if (!is_full) {
        peer->out_length = 0;
        peer->out_sent = 0;
    }
    if (is_full != peer->is_watched_for_room) {
        peer->is_watched_for_room = is_full;
        watch(peer, EPOLL_CTL_MOD, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    return true;
}

/* One more token into out, and the end of the answer after the last one. */
static void add_token(struct peer *peer, int64_t now_ns)
{
    peer->out_length += answer_token(peer->out + peer->out_length, peer->sent, now_ns);
    peer->sent += 1;
    if (peer->sent == peer->tokens) {
        peer->out_length += answer_tail(peer->out + peer->out_length);
    }
}

/* As many tokens as are due, or as there is room for. False: <peer> is gone. */
static bool go_on(struct peer *peer)
{
    int64_t now_ns = bench_now_ns();

    if (peer->gap_ns == 0) {
        while (peer->sent < peer->tokens) {
            while (peer->sent < peer->tokens && OUT_SIZE - peer->out_length >= ANSWER_PIECE_MAX) {
                add_token(peer, now_ns);
            }
            if (!flush(peer)) {
                return false;
            }
            if (peer->out_length > 0) {
                return true; /* on_room() goes on */
            }
            now_ns = bench_now_ns();
        }
        return true;
    }
    /* A reader that is slower than the pace does not make the buffer overflow: tokens wait. */
    if (OUT_SIZE - peer->out_length >= ANSWER_PIECE_MAX) {
        add_token(peer, now_ns);
    }
    if (peer->sent < peer->tokens) {
        int64_t next_ns = peer->due.at_ns + peer->gap_ns;

        heap_set(&timers, &peer->due, next_ns);
    }
    return flush(peer);
}

/* The number after <word> in the plan, or 0. */
static int64_t plan_number(const char *plan, const char *word)
{
    const char *at = strstr(plan, word);

    return at == NULL ? 0 : strtoll(at + strlen(word), NULL, 10);
}

/* False: <peer> is gone. */
static bool answer(struct peer *peer, const char *plan)
{
    int64_t first_ns = plan_number(plan, "first=") * 1000;

    peer->tokens = plan_number(plan, "tokens=");
    peer->gap_ns = plan_number(plan, "gap=") * 1000;
    peer->sent = 0;
    if (peer->tokens < 1) {
        bench_die("a request without a plan");
    }
    if (peer->out == NULL) {
        peer->out = bench_alloc(1, OUT_SIZE);
    }
    peer->out_length = answer_head(peer->out);
    peer->due.at_ns = bench_now_ns() + first_ns;
    if (first_ns > 0) {
        heap_set(&timers, &peer->due, peer->due.at_ns);
        return true;
    }
    return go_on(peer);
}

/* The whole request's length, or 0 while it is not here. */
static size_t request_size(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = end == NULL ? NULL : strcasestr(request, "\r\ncontent-length:");
    size_t size = 0;

    if (end == NULL || length == NULL || length > end) {
        return 0;
    }
    size = (size_t)(end - request) + 4 + strtoul(length + 17, NULL, 10);
    return size;
}

static void on_request_bytes(struct peer *peer)
{
    ssize_t got = wire_read(&peer->wire, peer->request + peer->request_length,
                            REQUEST_MAX - 1 - peer->request_length);
    size_t size = 0;
    const char *plan = NULL;

    if (got == WIRE_AGAIN) {
        return;
    }
    if (got <= 0) {
        end_peer(peer);
        return;
    }
    peer->request_length += (size_t)got;
    peer->request[peer->request_length] = '\0';
    size = request_size((const char *)peer->request);
    if (size == 0 || peer->request_length < size) {
        return;
    }
    plan = strstr((const char *)peer->request, "@bench ");
    peer->request_length = 0; /* clients do not pipeline */
    (void)answer(peer, plan == NULL ? "" : plan);
}

static void on_socket(struct peer *peer, uint32_t events)
{
    if (!peer->is_ready) {
        ssize_t result = wire_handshake(&peer->wire);

        if (result == WIRE_BROKEN) {
            end_peer(peer);
            return;
        }
        peer->is_ready = result == 1;
    }
    if (!peer->is_ready) {
        return;
    }
    if ((events & EPOLLOUT) != 0 && peer->out_length > 0) {
        if (!flush(peer) || (peer->gap_ns == 0 && peer->out_length == 0 && !go_on(peer))) {
            return;
        }
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        on_request_bytes(peer);
    }
}

static void accept_all(const struct peer *listener)
{
    int fd = -1;

    while ((fd = wire_accept(listener->wire.fd)) >= 0) {
        struct peer *peer = bench_alloc(1, sizeof(*peer));

        peer->wire.fd = fd;
        peer->is_ready = tls == NULL;
        if (tls != NULL) {
            wire_start_tls(&peer->wire, tls, true);
        }
        watch(peer, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void turn(void)
{
    struct epoll_event events[EVENTS];
    int64_t wait_ns = heap_wait_ns(&timers, bench_now_ns());
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int count = epoll_pwait2(epoll_fd, events, EVENTS, wait_ns < 0 ? NULL : &wait, NULL);
    struct due *due = NULL;

    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;

        if (peer->is_listener) {
            accept_all(peer);
        } else {
            on_socket(peer, events[i].events);
        }
    }
    while ((due = heap_take(&timers, bench_now_ns())) != NULL) {
        (void)go_on((struct peer *)due);
    }
}

static void open_tls(const char *cert, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        bench_die("certificate");
    }
    (void)SSL_CTX_set_mode(tls,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int main(int argc, char **argv)
{
    const char *listen_at = "127.0.0.1:0";
    const char *cert = NULL;
    const char *key = NULL;
    const struct option_row rows[] = {{"--listen", &listen_at, NULL},
                                      {"--cert", &cert, NULL},
                                      {"--key", &key, NULL},
                                      {NULL, NULL, NULL}};
    struct peer listener = {.is_listener = true};

    (void)argc;
    options_read(argv, rows);
    if (cert != NULL) {
        open_tls(cert, key);
    }
    answer_prepare();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listener.wire.fd = wire_listen(listen_at, "bench_upstream");
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        turn();
    }
}
