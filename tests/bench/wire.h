/* SPDX-License-Identifier: MIT */
/*
 * wire.h - one socket of the bench programs, plain or TLS, and how they are opened.
 *
 * The programs are measuring tools: whatever the machine refuses them (a socket, memory) ends
 * the run with a message, because a run that went on without it would measure something else.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <openssl/ssl.h>

/* Results of the functions below besides a number of bytes. */
#define WIRE_EOF 0
#define WIRE_AGAIN (-1)
#define WIRE_BROKEN (-2)

struct wire {
    int fd;
    SSL *ssl; /* owned; NULL: plain */
};

/* Print <what> and the errno text, and end with status 1. */
_Noreturn void bench_die(const char *what);

/* Zeroed memory; never NULL. */
void *bench_alloc(size_t count, size_t size);

/* Monotonic nanoseconds; upstream and client compare theirs, being on one machine. */
int64_t bench_now_ns(void);

/* "127.0.0.1:8080" into an address; anything else ends the program. */
struct sockaddr_in wire_address(const char *text);

/* A listening socket, non-blocking; prints "NAME listening on ADDRESS" with the port it got. */
int wire_listen(const char *address, const char *name);

/* The next connection of <listen_fd>, non-blocking, without delay; or -1 when there is none. */
int wire_accept(int listen_fd);

/*
 * A connection to <to> that is under way, non-blocking, without delay. <number> picks one of a
 * few loopback sources: one address has too few ports for a run without keep-alive. The kernel
 * takes <receive_bytes> ahead of us; 0: as it likes.
 */
int wire_connect(const struct sockaddr_in *to, unsigned number, int receive_bytes);

/* The TLS side of <wire>, whose fd is set; it talks as a server or as a client. */
void wire_start_tls(struct wire *wire, SSL_CTX *context, bool is_server);

/* More of the handshake: 1 done, WIRE_AGAIN or WIRE_BROKEN. Plain: 1. */
ssize_t wire_handshake(struct wire *wire);

/* Bytes read or written (> 0), WIRE_EOF, WIRE_AGAIN or WIRE_BROKEN. */
ssize_t wire_read(struct wire *wire, void *into, size_t size);
ssize_t wire_write(struct wire *wire, const void *from, size_t size);

void wire_close(struct wire *wire);

#endif
