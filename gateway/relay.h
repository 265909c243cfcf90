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
#include "gateway/config_types.h"
#include "gateway/format.h"
#include "gateway/think_filter.h"
#include "upstream/upstream.h"

struct relay_settings {
    const struct format *format; /* static */
    struct format_stream stream; /* copied; the texts in it are not */
    enum config_reasoning reasoning;
    size_t buffer_bytes;
};

struct relay {
    const struct format *format; /* static */
    struct format_stream stream;
    bool splits_thinking; /* the text goes through <thinking> */
    struct think_filter thinking;
    char *early; /* owned: what has come, in the format, of an answer that has not begun yet */
    size_t early_length;
    unsigned attempt; /* of the upstream, that all this has come from */
    size_t high_water_bytes;
    uint64_t deltas;         /* that the client got to see */
    uint64_t pauses;         /* times the upstream was held back */
    int64_t paused_ms;       /* in all */
    int64_t paused_since_ms; /* valid while paused */
};

void relay_init(struct relay *relay, const struct relay_settings *settings);

/* Accepts one that is all zero. */
void relay_fini(struct relay *relay);

/* The low water mark that belongs to a buffer of this size. */
size_t relay_low_water(size_t buffer_bytes);

/* Whether the client would see text, thinking or a tool call: then the answer begins. */
bool relay_shows(const struct relay *relay, const struct upstream_delta *delta);

enum relay_status {
    RELAY_OK = 0,
    RELAY_FULL, /* taken, and the high water mark is passed: pause */
    RELAY_NO_MEMORY,
};

/*
 * Keep what the client would see of a delta with which the answer does not begin yet: a
 * role, before the first text. RELAY_FULL: nothing was kept, as there is too much of it;
 * the answer has to begin.
 */
enum relay_status relay_keep(struct relay *relay, const struct upstream_delta *delta) MUST_USE;

/* The number of the upstream's attempt. Another one than before says everything anew. */
void relay_note_attempt(struct relay *relay, unsigned attempt);

/* The answer begins: what was kept goes to the client's output. False when memory is out. */
bool relay_begin(struct relay *relay, struct client_leg *leg) MUST_USE;

/* Format one delta into the client's output. */
enum relay_status relay_deliver(struct relay *relay, struct client_leg *leg,
                                const struct upstream_delta *delta) MUST_USE;

/* False when the format has no heartbeat. */
bool relay_has_heartbeat(const struct relay *relay);

/* Tell the client that the answer goes on. False when memory is out. */
bool relay_beat(struct relay *relay, struct client_leg *leg) MUST_USE;

/* The end of a whole answer, last chunk included. False when memory is out. */
bool relay_finish(struct relay *relay, struct client_leg *leg,
                  const struct upstream_end *end) MUST_USE;

/*
 * Tell the client in the format's own words that the answer failed, last chunk
 * included. False when the format has no words (or memory is out): cut instead.
 */
bool relay_fail(struct relay *relay, struct client_leg *leg,
                const struct format_failure *failure) MUST_USE;

/* Keep count of pauses. */
void relay_note_pause(struct relay *relay, int64_t now_ms);
void relay_note_resume(struct relay *relay, int64_t now_ms);

#endif
