/* SPDX-License-Identifier: MIT */
/*
 * server.c - opens listeners and accepts connections.
 */
#define _GNU_SOURCE /* accept4() */
#include "tests/sim/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/conn.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 256
#define ACCEPT_PAUSE_MS 100

static void set_flag(int fd, int level, int name)
{
    int on = 1;
    (void)setsockopt(fd, level, name, &on, sizeof(on)); /* a missing nicety, not a failure */
}

static int open_socket(const struct addrinfo *address, int backlog)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
        int problem = errno;
        (void)close(fd); /* the bind's problem is the one to tell */
        errno = problem;
        return -1;
    }
    return fd;
}

/* A listening socket for "HOST:PORT" or "[HOST]:PORT", or -1 with a message. */
static int listen_on(const char *text, int backlog)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t length = (size_t)(colon - text);
    char host[256];
    int fd = -1;
    int status = 0;

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)(length > 255 ? 255 : length), text);
    status = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found);
    if (status != 0) {
        (void)fprintf(stderr, "hfsim: %s: %s\n", host, gai_strerror(status));
        return -1;
    }
    fd = open_socket(found, backlog);
    if (fd < 0) {
        (void)fprintf(stderr, "hfsim: %s%s: %s\n", host, colon, strerror(errno));
    }
    freeaddrinfo(found);
    return fd;
}

/* The line that whoever started us waits for. */
static bool announce(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    char port[8];
    bool is_v6 = false;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return false;
    }
    is_v6 = strchr(host, ':') != NULL;
    return printf("hfsim listening on %s%s%s:%s\n", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                  port) > 0 &&
           fflush(stdout) == 0;
}

static void pause_accepting(struct listener *listener)
{
    struct loop *loop = listener->server->loop;

    loop_rewatch(loop, &listener->watch, 0);
    loop_arm(loop, &listener->again, loop_now_ms(loop) + ACCEPT_PAUSE_MS);
}

static void on_accept_again(struct timer *timer)
{
    struct listener *listener =
        (struct listener *)((char *)timer - offsetof(struct listener, again));

    loop_rewatch(listener->server->loop, &listener->watch, EPOLLIN);
}

static void take_over(struct listener *listener, int fd)
{
    struct server *server = listener->server;
    int buffer = server->options->send_buffer_bytes;
    SSL *ssl = NULL;

    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    if (buffer > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)); /* a wish */
    }
    if (listener->is_tls) {
        ssl = SSL_new(server->tls);
        if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
            SSL_free(ssl);
            (void)close(fd); /* out of memory; the client sees a closed connection */
            return;
        }
        SSL_set_accept_state(ssl);
    }
    conn_open(server, fd, ssl);
}

static void on_acceptable(struct watch *watch, uint32_t events)
{
    struct listener *listener = (struct listener *)watch;

    (void)events; /* there is only one kind */
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_over(listener, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            pause_accepting(listener);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return; /* EAGAIN: that was all */
        }
    }
}

static bool open_listener(struct server *server, const char *address, enum listen_kind kind)
{
    struct listener *listener = &server->listeners[server->listener_count];
    int fd = listen_on(address, kind == LISTEN_DEAF ? 0 : BACKLOG);

    if (fd < 0) {
        return false;
    }
    *listener = (struct listener){
        .watch = {.fd = fd, .on_ready = on_acceptable},
        .again = {.on_due = on_accept_again},
        .server = server,
        .is_tls = kind == LISTEN_TLS || (kind == LISTEN_DEFAULT && server->options->is_tls),
    };
    server->listener_count++;
    loop_watch(server->loop, &listener->watch, kind == LISTEN_DEAF ? 0 : EPOLLIN);
    return announce(fd);
}

static bool needs_tls(const struct options *options)
{
    bool is_needed = options->is_tls;

    for (size_t i = 0; i < options->listener_count; i++) {
        is_needed = is_needed || options->listeners[i].kind == LISTEN_TLS;
    }
    return is_needed;
}

bool server_init(struct server *server, const struct options *options, struct loop *loop)
{
    *server = (struct server){.options = options, .loop = loop, .doc = json_doc_new()};
    if (server->doc == NULL) {
        (void)fputs("hfsim: out of memory\n", stderr); /* nothing left to try */
        return false;
    }
    if (needs_tls(options)) {
        server->tls = tls_context_new(&options->tls);
        if (server->tls == NULL) {
            return false;
        }
    }
    if (options->tapes_folder != NULL) {
        server->tapes = tapes_load(options->tapes_folder);
        if (server->tapes == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < options->listener_count; i++) {
        if (!open_listener(server, options->listeners[i].address, options->listeners[i].kind)) {
            return false;
        }
    }
    return true;
}

void server_after_turn(void *server)
{
    conn_free_dead(server);
}

void server_fini(struct server *server)
{
    conn_close_all(server);
    conn_free_dead(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_disarm(server->loop, &server->listeners[i].again);
        loop_unwatch(server->loop, &server->listeners[i].watch);
        (void)close(server->listeners[i].watch.fd); /* nothing to do about a failure */
    }
    stats_fini(&server->stats);
    tapes_free(server->tapes);
    SSL_CTX_free(server->tls);
    json_doc_free(server->doc);
}
