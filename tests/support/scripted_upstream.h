/* SPDX-License-Identifier: MIT */
/*
 * scripted_upstream.h - a raw peer on the test's own event loop.
 *
 * It plays a list of steps on each connection and knows no HTTP beyond "a request
 * has come in whole": what it sends is exactly what the test wrote, so that a test
 * can be as wrong, slow or cut as it likes.
 */
#ifndef TESTS_SCRIPTED_UPSTREAM_H
#define TESTS_SCRIPTED_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct scripted_upstream;
struct test_certificate;

enum peer_action {
    PEER_END = 0, /* the script is over; the connection stays open and silent */
    PEER_EXPECT,  /* wait for one whole request (head and Content-Length body) */
    PEER_SEND,    /* bytes */
    PEER_WAIT,    /* milliseconds */
    PEER_FLOOD,   /* repeat the bytes for ever, as fast as they go */
    PEER_RESET,   /* RST */
    PEER_CLOSE,   /* FIN, without close_notify */
    PEER_GOODBYE, /* close_notify, then FIN */
    PEER_HOLD,    /* stop here until scripted_upstream_release() */
};

struct peer_step {
    enum peer_action action;
    const char *bytes; /* borrowed for the peer's life */
    size_t length;
    int ms;
};

#define EXPECT                                                                                     \
    {                                                                                              \
        .action = PEER_EXPECT                                                                      \
    }
#define SEND(text)                                                                                 \
    {                                                                                              \
        .action = PEER_SEND, .bytes = (text), .length = sizeof(text) - 1                           \
    }
#define SEND_BYTES(data, count)                                                                    \
    {                                                                                              \
        .action = PEER_SEND, .bytes = (data), .length = (count)                                    \
    }
#define WAIT_MS(count)                                                                             \
    {                                                                                              \
        .action = PEER_WAIT, .ms = (count)                                                         \
    }
#define FLOOD(text)                                                                                \
    {                                                                                              \
        .action = PEER_FLOOD, .bytes = (text), .length = sizeof(text) - 1                          \
    }
#define RESET                                                                                      \
    {                                                                                              \
        .action = PEER_RESET                                                                       \
    }
#define CLOSE                                                                                      \
    {                                                                                              \
        .action = PEER_CLOSE                                                                       \
    }
#define GOODBYE                                                                                    \
    {                                                                                              \
        .action = PEER_GOODBYE                                                                     \
    }
#define HOLD                                                                                       \
    {                                                                                              \
        .action = PEER_HOLD                                                                        \
    }
#define END                                                                                        \
    {                                                                                              \
        .action = PEER_END                                                                         \
    }

/*
 * Listens on 127.0.0.1, a port of the kernel's choice. <certificate> NULL: plain.
 * Never NULL: a test that cannot listen stops.
 */
struct scripted_upstream *scripted_upstream_new(struct event_base *base,
                                                const struct test_certificate *certificate);
void scripted_upstream_free(struct scripted_upstream *peer);

/* What the next connections play; each script serves one, the last one all others. */
void scripted_upstream_play(struct scripted_upstream *peer, const struct peer_step *steps);

/* Go on after HOLD, on all connections. */
void scripted_upstream_release(struct scripted_upstream *peer);

/* From now on nobody accepts: connects hang in the queue or are refused after free. */
void scripted_upstream_stop_accepting(struct scripted_upstream *peer);

uint16_t scripted_upstream_port(const struct scripted_upstream *peer);

struct peer_report {
    unsigned accepted;   /* connections, ever */
    unsigned open;       /* connections, now */
    unsigned requests;   /* whole requests, ever */
    unsigned resumed;    /* TLS sessions resumed, ever */
    unsigned handshakes; /* TLS handshakes finished, ever */
    size_t unsent;       /* bytes that the kernel would not take yet */
    uint64_t flooded;    /* bytes given to PEER_FLOOD so far */
    const char *request; /* the last whole request, NUL-terminated */
    const char *sni;     /* the last server name asked for, "" when none */
};
void scripted_upstream_report(const struct scripted_upstream *peer, struct peer_report *report);

/* A throw-away certificate and key, in memory, and its CA file on disk. */
enum test_certificate_kind {
    CERTIFICATE_GOOD = 0, /* for localhost and 127.0.0.1 */
    CERTIFICATE_OTHER_HOST,
    CERTIFICATE_EXPIRED,
};
struct test_certificate *test_certificate_new(enum test_certificate_kind kind);
void test_certificate_free(struct test_certificate *certificate); /* removes the file */
const char *test_certificate_file(const struct test_certificate *certificate);
/* For scripted_upstream.c: the server's SSL_CTX. */
void *test_certificate_server(const struct test_certificate *certificate);

#endif
