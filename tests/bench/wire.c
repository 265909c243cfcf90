/* SPDX-License-Identifier: MIT */
/*
 * wire.c - sockets for the bench programs; see wire.h.
 */
#define _GNU_SOURCE /* accept4() */
#include "tests/bench/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#define BACKLOG 16384
#define SOURCES 16 /* 127.0.1.1 and up */

void bench_die(const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno)); /* last words */
    exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        bench_die("memory");
    }
    return memory;
}

int64_t bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct sockaddr_in wire_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char host[INET_ADDRSTRLEN] = "";
    char *end = NULL;
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) || *end != '\0' || port > 65535) {
        errno = EINVAL;
        bench_die(text);
    }
    memcpy(host, text, (size_t)(colon - text));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errno = EINVAL;
        bench_die(text);
    }
    address.sin_port = htons((uint16_t)port);
    return address;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) {
        bench_die("setsockopt");
    }
}

int wire_listen(const char *address, const char *name)
{
    struct sockaddr_in at = wire_address(address);
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        bench_die("socket");
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        bench_die(address);
    }
    (void)printf("%s listening on 127.0.0.1:%u\n", name, (unsigned)ntohs(at.sin_port));
    (void)fflush(stdout);
    return fd;
}

int wire_accept(int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        bench_die("accept4");
    }
    return fd;
}

int wire_connect(const struct sockaddr_in *to, unsigned number, int receive_bytes)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        bench_die("socket");
    }
    from.sin_addr.s_addr = htonl(0x7f000101U + number % SOURCES);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (receive_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes);
    }
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        bench_die("bind");
    }
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS) {
        bench_die("connect");
    }
    return fd;
}

void wire_start_tls(struct wire *wire, SSL_CTX *context, bool is_server)
{
    wire->ssl = SSL_new(context);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1) {
        bench_die("TLS");
    }
    if (is_server) {
        SSL_set_accept_state(wire->ssl);
    } else {
        SSL_set_connect_state(wire->ssl);
    }
}

/* What an SSL call that gave <result> means. */
static ssize_t tls_result(struct wire *wire, int result)
{
    int error = SSL_get_error(wire->ssl, result);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return WIRE_AGAIN;
    }
    ERR_clear_error();
    return error == SSL_ERROR_ZERO_RETURN ? WIRE_EOF : WIRE_BROKEN;
}

ssize_t wire_handshake(struct wire *wire)
{
    int result = wire->ssl == NULL ? 1 : SSL_do_handshake(wire->ssl);

    if (result == 1) {
        return 1;
    }
    return tls_result(wire, result) == WIRE_AGAIN ? WIRE_AGAIN : WIRE_BROKEN;
}

static ssize_t plain_result(ssize_t result)
{
    if (result >= 0) {
        return result;
    }
    return errno == EAGAIN || errno == EINTR ? WIRE_AGAIN : WIRE_BROKEN;
}

ssize_t wire_read(struct wire *wire, void *into, size_t size)
{
    int result = 0;

    if (wire->ssl == NULL) {
        return plain_result(recv(wire->fd, into, size, 0));
    }
    result = SSL_read(wire->ssl, into, (int)size);
    return result > 0 ? result : tls_result(wire, result);
}

ssize_t wire_write(struct wire *wire, const void *from, size_t size)
{
    int result = 0;

    if (wire->ssl == NULL) {
        return plain_result(send(wire->fd, from, size, MSG_NOSIGNAL));
    }
    result = SSL_write(wire->ssl, from, (int)size);
    return result > 0 ? result : tls_result(wire, result);
}

void wire_close(struct wire *wire)
{
    if (wire->ssl != NULL) {
        SSL_free(wire->ssl);
        wire->ssl = NULL;
    }
    if (wire->fd >= 0) {
        (void)close(wire->fd); /* nothing to do about a failure */
        wire->fd = -1;
    }
}
