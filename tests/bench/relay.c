/* SPDX-License-Identifier: MIT */
/*
 * relay.c - the floor: copies bytes between each client and a connection of its own to the
 * upstream, and understands nothing. What a gateway costs above this is what it does.
 *
 *   bench_relay --listen 127.0.0.1:0 --upstream 127.0.0.1:9000
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/options.h"
#include "tests/bench/wire.h"

#define EVENTS 512
#define PIECE (64 * 1024)

/* One side of a pair. What it could not take yet waits here, and its peer is not read. */
struct side {
    struct side *peer; /* the other one of the pair; both are freed together */
    struct wire wire;
    uint8_t *rest; /* owned; NULL: nothing waits */
    size_t rest_length;
    size_t rest_sent;
    bool is_dead;
};

static int epoll_fd;
static struct side *dead[EVENTS * 2]; /* pairs to free once the turn's events are through */
static size_t dead_count;

static void watch(struct side *side, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = side}};

    if (epoll_ctl(epoll_fd, operation, side->wire.fd, &event) != 0) {
        bench_die("epoll_ctl");
    }
}

/* Read unless the other side is full, written while something waits. */
static void update(struct side *side)
{
    watch(side, EPOLL_CTL_MOD,
          (side->rest != NULL ? EPOLLOUT : 0) | (side->peer->rest != NULL ? 0 : EPOLLIN));
}

static void end_pair(struct side *side)
{
    if (!side->is_dead) {
        side->is_dead = true;
        side->peer->is_dead = true;
        wire_close(&side->wire);
        wire_close(&side->peer->wire);
        dead[dead_count] = side;
        dead_count += 1;
    }
}

static void keep_rest(struct side *side, const uint8_t *bytes, size_t length)
{
    side->rest = bench_alloc(1, length);
    memcpy(side->rest, bytes, length);
    side->rest_length = length;
    side->rest_sent = 0;
    update(side);
    update(side->peer);
}

static void copy(struct side *side, uint32_t events)
{
    static uint8_t piece[PIECE];
    ssize_t got = 0;
    ssize_t sent = 0;

    if (side->peer->rest != NULL) { /* not to be read now; but it may have gone */
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
            end_pair(side);
        }
        return;
    }
    got = wire_read(&side->wire, piece, sizeof(piece));
    if (got == WIRE_AGAIN) {
        return;
    }
    if (got <= 0) {
        end_pair(side);
        return;
    }
    sent = wire_write(&side->peer->wire, piece, (size_t)got);
    if (sent == WIRE_BROKEN) {
        end_pair(side);
    } else if (sent < got) {
        size_t from = sent > 0 ? (size_t)sent : 0;

        keep_rest(side->peer, piece + from, (size_t)got - from);
    }
}

static void send_rest(struct side *side)
{
    ssize_t sent =
        wire_write(&side->wire, side->rest + side->rest_sent, side->rest_length - side->rest_sent);

    if (sent == WIRE_BROKEN) {
        end_pair(side);
        return;
    }
    side->rest_sent += sent > 0 ? (size_t)sent : 0;
    if (side->rest_sent == side->rest_length) {
        free(side->rest);
        side->rest = NULL;
        update(side);
        update(side->peer);
    }
}

static void accept_all(int listen_fd, const struct sockaddr_in *upstream)
{
    int fd = -1;

    while ((fd = wire_accept(listen_fd)) >= 0) {
        struct side *pair = bench_alloc(2, sizeof(struct side));

        pair[0].peer = &pair[1];
        pair[1].peer = &pair[0];
        pair[0].wire.fd = fd;
        pair[1].wire.fd = wire_connect(upstream, (unsigned)fd, 0);
        watch(&pair[0], EPOLL_CTL_ADD, EPOLLIN);
        watch(&pair[1], EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void free_dead(void)
{
    for (size_t i = 0; i < dead_count; i++) {
        free(dead[i]->rest);
        free(dead[i]->peer->rest);
        free(dead[i] < dead[i]->peer ? dead[i] : dead[i]->peer); /* the pair is one block */
    }
    dead_count = 0;
}

int main(int argc, char **argv)
{
    const char *listen_at = "127.0.0.1:0";
    const char *upstream_at = NULL;
    const struct option_row rows[] = {
        {"--listen", &listen_at, NULL}, {"--upstream", &upstream_at, NULL}, {NULL, NULL, NULL}};
    struct side listener = {.peer = NULL};
    struct sockaddr_in upstream;
    struct epoll_event events[EVENTS];

    (void)argc;
    options_read(argv, rows);
    upstream = wire_address(upstream_at == NULL ? "" : upstream_at);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listener.wire.fd = wire_listen(listen_at, "bench_relay");
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct side *side = events[i].data.ptr;

            if (side == &listener) {
                accept_all(listener.wire.fd, &upstream);
                continue;
            }
            if (!side->is_dead && side->rest != NULL) {
                send_rest(side);
            }
            if (!side->is_dead && (events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
                copy(side, events[i].events);
            }
        }
        free_dead();
    }
}
