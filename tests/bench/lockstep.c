/* SPDX-License-Identifier: MIT */
/*
 * lockstep.c - client and upstream in one process, one step after the other.
 *
 *   bench_lockstep --path /... --token T --format text --requests 20 --tokens 50
 *
 * Prints the upstream's address, and reads the gateway's from standard input. Then for each
 * request: ask, take the request that the gateway makes of it, send one token, wait until the
 * client has it, send the next. So the gateway never has two things to do at once, and does the
 * same in every run: what it costs can be counted in instructions, on any machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/time.h>

#include "tests/bench/answer_bytes.h"
#include "tests/bench/answer_reader.h"
#include "tests/bench/options.h"
#include "tests/bench/wire.h"

#define PATIENCE_S 60
#define REQUEST_MAX 8192

static const char body[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Why are there two tides "
    "each day, when the moon passes overhead once?\"}]}";

struct lockstep {
    int listen_fd;
    int upstream_fd; /* -1: the gateway has not connected yet */
    int client_fd;
    bool is_text;
    int64_t tokens;
    struct answer_reader reader;
    char request[REQUEST_MAX];
    int request_length;
};

/* Calls on <fd> wait, but not for ever. */
static void wait_in_calls(int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};

    if (fcntl(fd, F_SETFL, 0) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
        bench_die("socket");
    }
}

static void send_all(int fd, const void *bytes, size_t length)
{
    if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) {
        bench_die("send");
    }
}

/* The gateway's request, whole: it comes in one piece or in a few. */
static void take_request(struct lockstep *lockstep)
{
    char request[REQUEST_MAX];
    size_t length = 0;

    if (lockstep->upstream_fd < 0) {
        lockstep->upstream_fd = accept(lockstep->listen_fd, NULL, NULL);
        if (lockstep->upstream_fd < 0) {
            bench_die("the gateway does not connect");
        }
        wait_in_calls(lockstep->upstream_fd);
    }
    do {
        ssize_t got = recv(lockstep->upstream_fd, request + length, sizeof(request) - length, 0);

        if (got <= 0) {
            bench_die("no request from the gateway");
        }
        length += (size_t)got;
    } while (request[length - 1] !=
             '}'); /* the body's last byte, and nowhere at a piece's end before */
}

static void read_until(struct lockstep *lockstep, int64_t tokens, bool is_end)
{
    struct answer_reader *reader = &lockstep->reader;

    while (reader->tokens < tokens || (is_end && reader->place != ANSWER_COMPLETE)) {
        char bytes[REQUEST_MAX];
        ssize_t got = recv(lockstep->client_fd, bytes, sizeof(bytes), 0);

        if (got <= 0) {
            bench_die("no answer from the gateway");
        }
        answer_reader_feed(reader, bytes, (size_t)got, bench_now_ns());
        if (reader->problem != NULL) {
            errno = EPROTO;
            bench_die(reader->problem);
        }
    }
}

static void exchange(struct lockstep *lockstep)
{
    uint8_t bytes[4 * ANSWER_PIECE_MAX];
    size_t length = 0;

    answer_reader_begin(&lockstep->reader, lockstep->is_text);
    send_all(lockstep->client_fd, lockstep->request, (size_t)lockstep->request_length);
    take_request(lockstep);
    length = answer_head(bytes);
    for (int64_t i = 0; i < lockstep->tokens; i++) {
        bool is_last = i == lockstep->tokens - 1;

        length += answer_token(bytes + length, i, bench_now_ns());
        length += is_last ? answer_tail(bytes + length) : 0;
        send_all(lockstep->upstream_fd, bytes, length);
        read_until(lockstep, i + 1, is_last);
        length = 0;
    }
}

static void connect_gateway(struct lockstep *lockstep)
{
    char line[64] = "";
    struct sockaddr_in to;

    if (fgets(line, sizeof(line), stdin) == NULL) {
        bench_die("no address of the gateway");
    }
    line[strcspn(line, "\n")] = '\0';
    to = wire_address(line);
    lockstep->client_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (lockstep->client_fd < 0 ||
        connect(lockstep->client_fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        bench_die(line);
    }
    wait_in_calls(lockstep->client_fd);
}

int main(int argc, char **argv)
{
    static struct lockstep lockstep = {.upstream_fd = -1};
    const char *path = "/";
    const char *token = "";
    const char *format = "events";
    int64_t requests = 1;
    const struct option_row rows[] = {{"--path", &path, NULL},
                                      {"--token", &token, NULL},
                                      {"--format", &format, NULL},
                                      {"--requests", NULL, &requests},
                                      {"--tokens", NULL, &lockstep.tokens},
                                      {NULL, NULL, NULL}};

    (void)argc;
    lockstep.tokens = 1;
    options_read(argv, rows);
    answer_prepare();
    lockstep.is_text = strcmp(format, "text") == 0;
    lockstep.request_length =
        snprintf(lockstep.request, sizeof(lockstep.request),
                 "POST %s HTTP/1.1\r\nHost: bench.example\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 path, token, sizeof(body) - 1, body);
    lockstep.listen_fd = wire_listen("127.0.0.1:0", "bench_lockstep");
    wait_in_calls(lockstep.listen_fd);
    connect_gateway(&lockstep);
    for (int64_t i = 0; i < requests; i++) {
        exchange(&lockstep);
    }
    (void)printf("done\n");
    return 0;
}
