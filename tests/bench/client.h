/* SPDX-License-Identifier: MIT */
/*
 * client.h - what the parts of the bench client share: options, counters, slots.
 *
 * A slot is one stream after another: a connection, a request, an answer that is read to its
 * end and checked, the next request.
 */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "tests/bench/answer_reader.h"
#include "tests/bench/heap.h"
#include "tests/bench/histogram.h"
#include "tests/bench/wire.h"

#define REQUEST_SIZE 4096

/* How a kind of slot asks: the request and what it must bring. */
struct plan {
    char request[REQUEST_SIZE];
    size_t length;
    int64_t tokens;
    int64_t pause_ns;   /* slow readers: between two reads; 0: reads at once */
    int64_t read_bytes; /* slow readers: taken by one read */
};

/* What is counted between the beginning and the end of the measured time. */
struct counters {
    uint64_t requests; /* answers that were complete */
    uint64_t tokens;
    uint64_t bytes;
    struct histogram first; /* request sent (or connection begun) to first token */
    struct histogram delay; /* of each token, from the upstream's send to here */
    struct histogram whole; /* request to end of answer */
};

struct client {
    int epoll_fd;
    struct heap timers;
    struct sockaddr_in to;
    SSL_CTX *tls; /* NULL: plain */
    bool is_text;
    bool closes; /* a new connection for each request */
    bool is_measuring;
    bool is_stopping;     /* no new requests */
    int64_t requests_max; /* 0: no bound */
    int64_t requests_begun;
    size_t open;       /* slots that are not finished */
    size_t answering;  /* slots that have had a token of their present answer */
    uint64_t problems; /* answers that were not what they must be */
    struct counters counters;
};

struct slot {
    struct due due; /* first: the timer is the slot */
    struct wire wire;
    unsigned number;
    bool is_connected; /* and the handshake done */
    bool is_read;      /* watched for reading; a slow reader now and then is not */
    const struct plan *plan;
    int64_t began_ns;
    struct answer_reader reader;
};

/* Ask: the next request, or the end of the slot when there is none to be made. */
void slot_next(struct client *client, struct slot *slot);

/* Something happened on its socket, or its timer. */
void slot_on_socket(struct client *client, struct slot *slot);
void slot_on_timer(struct client *client, struct slot *slot);

/* CPU time and waiting time of the processes in <pids> ("1,2,3") so far. */
struct cpu_sample {
    int64_t cpu_ns;
    int64_t waited_ns; /* ready to run, while another had the core */
};
struct cpu_sample cpu_sample_take(const char *pids);

/* One JSON line on standard output. */
void client_report(const struct client *client, const struct cpu_sample *spent, int64_t took_ns);

#endif
