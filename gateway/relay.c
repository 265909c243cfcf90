/* SPDX-License-Identifier: MIT */
/*
 * relay.c - see relay.h. Once the answer has begun nothing here
 * allocates, prints or searches.
 */
#include "gateway/relay.h"

#include <stdlib.h>

#include "gateway/format_write.h"

/* Of a role, of what a filter says about the prompt, of usage that is sent ahead. */
#define EARLY_BYTES_MAX (16 * 1024)

void relay_init(struct relay *relay, const struct format *format,
                const struct format_stream *stream, size_t buffer_bytes)
{
    *relay = (struct relay){
        .format = format,
        .stream = *stream,
        .high_water_bytes = buffer_bytes,
    };
}

void relay_fini(struct relay *relay)
{
    free(relay->early.bytes);
    relay->early.bytes = NULL;
}

size_t relay_low_water(size_t buffer_bytes)
{
    return buffer_bytes / 4;
}

/* -- before the answer begins -- */

static bool says_something(const struct upstream_delta *delta)
{
    return !span_is_empty(delta->text) || !span_is_empty(delta->reasoning) || delta->has_tool_call;
}

bool relay_shows(const struct relay *relay, const struct upstream_delta *delta)
{
    return says_something(delta) && relay->format->delta_bound(&relay->stream, delta) > 0;
}

void relay_forget(struct relay *relay)
{
    relay->early.length = 0;
    relay->stream.has_begun = false;
    relay->stream.has_chunks = false;
}

/* An attempt that is tried again says everything anew. */
static void forget_other_attempts(struct relay *relay, unsigned attempts)
{
    if (relay->early.length > 0 && relay->early.attempts != attempts) {
        relay_forget(relay);
    }
}

enum relay_status relay_keep(struct relay *relay, const struct upstream_delta *delta,
                             unsigned attempts)
{
    size_t bound = relay->format->delta_bound(&relay->stream, delta);
    char *bytes;

    if (bound == 0) {
        return RELAY_OK;
    }
    forget_other_attempts(relay, attempts);
    if (relay->early.length + bound > EARLY_BYTES_MAX) {
        return RELAY_FULL;
    }
    bytes = realloc(relay->early.bytes, relay->early.length + bound);
    if (bytes == NULL) {
        return RELAY_NO_MEMORY;
    }
    relay->early.bytes = bytes;
    relay->early.length += relay->format->delta(&relay->stream, delta, bytes + relay->early.length);
    relay->early.attempts = attempts;
    return RELAY_OK;
}

bool relay_begin(struct relay *relay, struct client_leg *leg, unsigned attempts)
{
    char *room;

    forget_other_attempts(relay, attempts);
    if (relay->early.length > 0) {
        room = client_leg_reserve_chunk(leg, relay->early.length);
        if (room == NULL) {
            return false;
        }
        client_leg_commit_chunk(leg,
                                format_put(room, span_of(relay->early.bytes, relay->early.length)));
    }
    relay_fini(relay);
    relay->early.length = 0;
    return true;
}

/* -- the answer -- */

enum relay_status relay_deliver(struct relay *relay, struct client_leg *leg,
                                const struct upstream_delta *delta)
{
    size_t bound = relay->format->delta_bound(&relay->stream, delta);
    char *room;

    if (bound == 0) {
        return RELAY_OK;
    }
    room = client_leg_reserve_chunk(leg, bound);
    if (room == NULL) {
        return RELAY_NO_MEMORY;
    }
    client_leg_commit_chunk(leg, relay->format->delta(&relay->stream, delta, room));
    relay->deltas += says_something(delta) ? 1 : 0;
    return client_leg_backlog(leg) > relay->high_water_bytes ? RELAY_FULL : RELAY_OK;
}

bool relay_finish(struct relay *relay, struct client_leg *leg, const struct upstream_end *end)
{
    if (relay->format->finish != NULL) {
        char *room = client_leg_reserve_chunk(leg, FORMAT_TAIL_BYTES_MAX);
        if (room == NULL) {
            return false;
        }
        client_leg_commit_chunk(leg, relay->format->finish(&relay->stream, end, room));
    }
    return client_leg_append_last_chunk(leg);
}

bool relay_fail(struct relay *relay, struct client_leg *leg, const struct format_failure *failure)
{
    char *room;

    if (relay->format->failure == NULL) {
        return false;
    }
    room = client_leg_reserve_chunk(leg, FORMAT_TAIL_BYTES_MAX + failure->event.length);
    if (room == NULL) {
        return false;
    }
    client_leg_commit_chunk(leg, relay->format->failure(&relay->stream, failure, room));
    return client_leg_append_last_chunk(leg);
}

void relay_note_pause(struct relay *relay, int64_t now_ms)
{
    relay->pauses++;
    relay->paused_since_ms = now_ms;
}

void relay_note_resume(struct relay *relay, int64_t now_ms)
{
    relay->paused_ms += now_ms - relay->paused_since_ms;
}
