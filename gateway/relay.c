/* SPDX-License-Identifier: MIT */
/*
 * relay.c - see relay.h. Nothing here allocates, prints or searches per delta.
 */
#include "gateway/relay.h"

void relay_init(struct relay *relay, const struct format *format, size_t buffer_bytes)
{
    *relay = (struct relay){.format = format, .high_water_bytes = buffer_bytes};
}

size_t relay_low_water(size_t buffer_bytes)
{
    return buffer_bytes / 4;
}

bool relay_shows(const struct relay *relay, const struct upstream_delta *delta)
{
    return relay->format->delta_bound(delta) > 0;
}

enum relay_status relay_deliver(struct relay *relay, struct client_leg *leg,
                                const struct upstream_delta *delta)
{
    size_t bound = relay->format->delta_bound(delta);
    char *room;

    if (bound == 0) {
        return RELAY_OK;
    }
    room = client_leg_reserve_chunk(leg, bound);
    if (room == NULL) {
        return RELAY_NO_MEMORY;
    }
    client_leg_commit_chunk(leg, relay->format->delta(delta, room));
    relay->deltas++;
    return client_leg_backlog(leg) > relay->high_water_bytes ? RELAY_FULL : RELAY_OK;
}

bool relay_finish(struct relay *relay, struct client_leg *leg, const struct upstream_end *end)
{
    if (relay->format->finish != NULL) {
        char *room = client_leg_reserve_chunk(leg, FORMAT_TAIL_BYTES_MAX);
        if (room == NULL) {
            return false;
        }
        client_leg_commit_chunk(leg, relay->format->finish(end, room));
    }
    return client_leg_append_last_chunk(leg);
}

bool relay_fail(struct relay *relay, struct client_leg *leg, const char *message)
{
    char *room;

    if (relay->format->failure == NULL) {
        return false;
    }
    room = client_leg_reserve_chunk(leg, FORMAT_TAIL_BYTES_MAX);
    if (room == NULL) {
        return false;
    }
    client_leg_commit_chunk(leg, relay->format->failure(message, room));
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
