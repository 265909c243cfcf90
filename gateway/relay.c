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

/* Whether the client gets to see how the model has thought. */
static bool shows_reasoning(const struct format *format, enum config_reasoning reasoning)
{
    switch (format->reasoning) {
    case FORMAT_REASONING_RAW:
        return true;
    case FORMAT_REASONING_PART:
        return reasoning != CONFIG_REASONING_DROP;
    case FORMAT_REASONING_INLINE:
        return reasoning == CONFIG_REASONING_KEEP;
    }
    return false;
}

void relay_init(struct relay *relay, const struct relay_settings *settings)
{
    const struct format *format = settings->format;

    *relay = (struct relay){
        .format = format,
        .stream = settings->stream,
        .high_water_bytes = settings->buffer_bytes,
    };
    relay->stream.shows_reasoning = shows_reasoning(format, settings->reasoning);
    /* Text that keeps the thinking keeps the model's own tags, wherever they stand. */
    relay->splits_thinking =
        format->reasoning != FORMAT_REASONING_RAW &&
        !(format->reasoning == FORMAT_REASONING_INLINE && relay->stream.shows_reasoning);
}

void relay_fini(struct relay *relay)
{
    free(relay->early);
    relay->early = NULL;
    relay->early_length = 0;
}

size_t relay_low_water(size_t buffer_bytes)
{
    return buffer_bytes / 4;
}

static bool says_something(const struct upstream_delta *delta)
{
    return !span_is_empty(delta->text) || !span_is_empty(delta->reasoning) || delta->has_tool_call;
}

/* -- thinking in the text becomes thinking beside it -- */

#define PARTS_MAX (THINK_PIECES_MAX + 1)

static bool has_thinking_to_split(const struct relay *relay, const struct upstream_delta *delta)
{
    return relay->splits_thinking && relay->thinking.state != THINK_PLAIN &&
           !span_is_empty(delta->text);
}

static struct upstream_delta part_of(const struct think_piece *piece)
{
    struct upstream_delta part = {.text = piece->text};

    if (piece->is_thinking) {
        part = (struct upstream_delta){.reasoning = piece->text};
    }
    return part;
}

/* One delta as several, each of one kind; returns how many. */
static size_t split(struct think_filter *filter, const struct upstream_delta *delta,
                    struct upstream_delta parts[PARTS_MAX])
{
    struct think_piece pieces[THINK_PIECES_MAX];
    size_t pieces_count = think_filter_split(filter, delta->text, pieces);
    size_t count = 0;

    if (!span_is_empty(delta->reasoning)) {
        parts[count++] = (struct upstream_delta){.reasoning = delta->reasoning};
    }
    for (size_t i = 0; i < pieces_count; i++) {
        parts[count++] = part_of(&pieces[i]);
    }
    return count;
}

/* -- before the answer begins -- */

static bool shows(const struct relay *relay, const struct upstream_delta *delta)
{
    return says_something(delta) && relay->format->delta_bound(&relay->stream, delta) > 0;
}

bool relay_shows(const struct relay *relay, const struct upstream_delta *delta)
{
    struct upstream_delta parts[PARTS_MAX];
    struct think_filter filter = relay->thinking;
    bool any = false;

    if (!has_thinking_to_split(relay, delta)) {
        return shows(relay, delta);
    }
    for (size_t count = split(&filter, delta, parts); count > 0; count--) {
        any = any || shows(relay, &parts[count - 1]);
    }
    return any;
}

void relay_note_attempt(struct relay *relay, unsigned attempt)
{
    if (relay->attempt == attempt) {
        return;
    }
    relay->attempt = attempt;
    relay->early_length = 0;
    relay->thinking = (struct think_filter){0};
    relay->stream.has_begun = false;
    relay->stream.has_chunks = false;
}

enum relay_status relay_keep(struct relay *relay, const struct upstream_delta *delta)
{
    struct upstream_delta unseen[PARTS_MAX];
    size_t bound;
    char *early;

    if (has_thinking_to_split(relay, delta)) {
        (void)split(&relay->thinking, delta, unseen); /* thinking, or half a tag */
        return RELAY_OK;
    }
    bound = relay->format->delta_bound(&relay->stream, delta);
    if (bound == 0) {
        return RELAY_OK;
    }
    if (relay->early_length + bound > EARLY_BYTES_MAX) {
        return RELAY_FULL;
    }
    early = realloc(relay->early, relay->early_length + bound);
    if (early == NULL) {
        return RELAY_NO_MEMORY;
    }
    relay->early = early;
    relay->early_length += relay->format->delta(&relay->stream, delta, early + relay->early_length);
    return RELAY_OK;
}

bool relay_begin(struct relay *relay, struct client_leg *leg)
{
    char *room;

    if (relay->early_length > 0) {
        room = client_leg_reserve_chunk(leg, relay->early_length);
        if (room == NULL) {
            return false;
        }
        client_leg_commit_chunk(leg, format_put(room, span_of(relay->early, relay->early_length)));
    }
    relay_fini(relay);
    return true;
}

/* -- the answer -- */

/* Format what is of one kind; false when memory is out. */
static bool write_part(struct relay *relay, struct client_leg *leg,
                       const struct upstream_delta *part)
{
    size_t bound = relay->format->delta_bound(&relay->stream, part);
    char *room;

    if (bound == 0) {
        return true;
    }
    room = client_leg_reserve_chunk(leg, bound);
    if (room == NULL) {
        return false;
    }
    client_leg_commit_chunk(leg, relay->format->delta(&relay->stream, part, room));
    relay->deltas += says_something(part) ? 1 : 0;
    return true;
}

static bool write_split(struct relay *relay, struct client_leg *leg,
                        const struct upstream_delta *delta)
{
    struct upstream_delta parts[PARTS_MAX];
    size_t count = split(&relay->thinking, delta, parts);
    bool is_written = true;

    for (size_t i = 0; i < count && is_written; i++) {
        is_written = write_part(relay, leg, &parts[i]);
    }
    return is_written;
}

enum relay_status relay_deliver(struct relay *relay, struct client_leg *leg,
                                const struct upstream_delta *delta)
{
    bool is_written = has_thinking_to_split(relay, delta) ? write_split(relay, leg, delta)
                                                          : write_part(relay, leg, delta);

    if (!is_written) {
        return RELAY_NO_MEMORY;
    }
    return client_leg_backlog(leg) > relay->high_water_bytes ? RELAY_FULL : RELAY_OK;
}

bool relay_has_heartbeat(const struct relay *relay)
{
    return !span_is_empty(relay->format->heartbeat);
}

bool relay_beat(struct relay *relay, struct client_leg *leg)
{
    struct span heartbeat = relay->format->heartbeat;
    char *room = client_leg_reserve_chunk(leg, heartbeat.length);

    if (room != NULL) {
        client_leg_commit_chunk(leg, format_put(room, heartbeat));
    }
    return room != NULL;
}

/* -- the end -- */

/* What has waited to become a tag is what it looks like. */
static bool write_waiting(struct relay *relay, struct client_leg *leg)
{
    struct think_piece piece;
    struct upstream_delta part;

    if (!think_filter_finish(&relay->thinking, &piece)) {
        return true;
    }
    part = part_of(&piece);
    return write_part(relay, leg, &part);
}

bool relay_finish(struct relay *relay, struct client_leg *leg, const struct upstream_end *end)
{
    if (!write_waiting(relay, leg)) {
        return false;
    }
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

    if (!write_waiting(relay, leg) || relay->format->failure == NULL) {
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
