/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what happened since the last reset, for tests to ask.
 *
 * Requests to /sim/ and the connections that carry them are counted apart, so
 * that asking does not change the answer.
 */
#ifndef TESTS_SIM_STATS_H
#define TESTS_SIM_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/bytes.h"
#include "tests/sim/call.h"

/* One row per counter: X(field, help). What is counted "now" survives a reset. */
#define STATS_COUNTERS(X)                                                                          \
    X(connections, "connections accepted")                                                         \
    X(reused, "requests that came on a connection which had served one before")                    \
    X(requests, "requests but those to /sim/")                                                     \
    X(talks, "requests to a chat or generate route")                                               \
    X(bad_requests, "requests that were not HTTP as it should be")                                 \
    X(completed, "answers sent to their end")                                                      \
    X(broken_off, "answers cut or reset because the scenario said so")                             \
    X(aborted, "answers the client left before their end")                                         \
    X(bytes_sent, "bytes handed to the kernel or to TLS")                                          \
    X(events_sent, "pieces of body made: events, or pieces of a tape")                             \
    X(write_blocked, "times a write found the socket full")                                        \
    X(tls_handshakes, "TLS handshakes completed")                                                  \
    X(tls_resumed, "of these, how many resumed a session")                                         \
    X(tls_failed, "TLS handshakes that failed")

#define STATS_GAUGES(X)                                                                            \
    X(connections_open, "connections open now")                                                    \
    X(streams_open, "answers under way now")                                                       \
    X(write_blocked_now, "connections whose socket is full now")                                   \
    X(bytes_buffered_most, "most bytes one connection had waiting to be written")

struct stats {
#define X(field, help) uint64_t field;
    STATS_COUNTERS(X)
    STATS_GAUGES(X)
#undef X
    uint64_t by_status[5];  /* talking requests answered 1xx .. 5xx; interim answers not counted */
    struct bytes last_head; /* of the last request but those to /sim/ */
    struct bytes last_body;
    struct bytes last_model;
    size_t last_messages;
    bool last_is_stream;
};

/* Remember a request; its body is moved, not copied. Then what its body meant, if anything. */
void stats_remember(struct stats *stats, struct span head, struct bytes *body);
void stats_remember_call(struct stats *stats, const struct call *call);

/* Counters to zero and the last request forgotten; gauges stay. */
void stats_reset(struct stats *stats);

/* Everything as one JSON object. Secrets of the last request appear as a digest's beginning. */
void stats_render(const struct stats *stats, struct bytes *out);

void stats_fini(struct stats *stats);

#endif
