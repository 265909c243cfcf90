/* SPDX-License-Identifier: MIT */
/*
 * relay.h - the valve between upstream and client.
 *
 * Deltas come in, formatted chunks go out to the client's leg. Above the high
 * water mark the upstream is no longer read, at or below the low one it is again;
 * so an exchange never holds more than the high mark and one read of the
 * upstream's socket, however slow its reader is.
 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/client_leg.h"
#include "gateway/format.h"
#include "upstream/upstream.h"

struct relay {
    const struct format *format; /* static */
    size_t high_water_bytes;
    uint64_t deltas;         /* that the client got to see */
    uint64_t pauses;         /* times the upstream was held back */
    int64_t paused_ms;       /* in all */
    int64_t paused_since_ms; /* valid while paused */
};

void relay_init(struct relay *relay, const struct format *format, size_t buffer_bytes);

/* The low water mark that belongs to a buffer of this size. */
size_t relay_low_water(size_t buffer_bytes);

/* Whether the client would see anything of this delta. */
bool relay_shows(const struct relay *relay, const struct upstream_delta *delta);

enum relay_status {
    RELAY_OK = 0,
    RELAY_FULL, /* taken, and the high water mark is passed: pause */
    RELAY_NO_MEMORY,
};

/* Format one delta into the client's output. */
enum relay_status relay_deliver(struct relay *relay, struct client_leg *leg,
                                const struct upstream_delta *delta) MUST_USE;

/* The end of a whole answer, last chunk included. False when memory is out. */
bool relay_finish(struct relay *relay, struct client_leg *leg,
                  const struct upstream_end *end) MUST_USE;

/*
 * Tell the client in the format's own words that the answer failed, last chunk
 * included. False when the format has no words (or memory is out): cut instead.
 */
bool relay_fail(struct relay *relay, struct client_leg *leg, const char *message) MUST_USE;

/* Keep count of pauses. */
void relay_note_pause(struct relay *relay, int64_t now_ms);
void relay_note_resume(struct relay *relay, int64_t now_ms);

#endif
