/* SPDX-License-Identifier: MIT */
/*
 * dialect_repeat.c - see dialect_repeat.h.
 *
 * Only events that say nothing but a text are learnt: an end, usage or a tool call would
 * have to be read each time. No text at all is not the same as an empty one, as a dialect
 * may then look elsewhere in the event; so an empty string is read in full, too.
 */
#include "upstream/dialect_repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "upstream/dialect_scratch.h"

/* Larger ones are rare, and each open answer would hold one. */
#define BYTES_MAX 1024
#define BYTES_STEP 64

void dialect_repeat_fini(struct dialect_repeat *repeat)
{
    free(repeat->bytes);
    *repeat = (struct dialect_repeat){.bytes = NULL};
}

void dialect_repeat_reset(struct dialect_repeat *repeat)
{
    repeat->before = 0;
}

/* The inside of the string that stands between the known bytes; false when they differ. */
static bool find_text(const struct dialect_repeat *repeat, struct span data, struct span *raw)
{
    size_t known = (size_t)repeat->before + repeat->behind;

    if (repeat->before == 0 || data.length <= known ||
        memcmp(data.data, repeat->bytes, repeat->before) != 0 ||
        memcmp(data.data + data.length - repeat->behind, repeat->bytes + repeat->before,
               repeat->behind) != 0) {
        return false;
    }
    *raw = span_of(data.data + repeat->before, data.length - known);
    return json_is_string_inside(*raw);
}

bool dialect_repeat_read(const struct dialect_repeat *repeat, struct dialect_scratch *scratch,
                         const struct sse_event *event, struct dialect_result *result)
{
    struct span raw;
    struct span text;

    if (event->has_error_field || event->is_error_event || !find_text(repeat, event->data, &raw) ||
        !dialect_scratch_unescape(scratch, event->data.length, raw, &text)) {
        return false;
    }
    *result = (struct dialect_result){
        .kind = DIALECT_DELTA,
        .delta = {.text = text, .data = event->data, .is_chunk = repeat->is_chunk},
        .usage = {.prompt_tokens = -1, .completion_tokens = -1},
    };
    return true;
}

/* True when the event says a text and nothing else, and the text stands in it as it is. */
static bool is_simple(const struct sse_event *event, const struct dialect_result *result)
{
    const struct upstream_delta *delta = &result->delta;
    uintptr_t text = (uintptr_t)delta->text.data; /* may lie elsewhere: in the scratch */
    uintptr_t data = (uintptr_t)event->data.data;

    return result->kind == DIALECT_DELTA && result->finish == UPSTREAM_FINISH_NONE &&
           !result->is_complete && !result->has_usage && !delta->is_usage_only &&
           !delta->has_tool_call && span_is_empty(delta->reasoning) &&
           !span_is_empty(delta->text) && text > data && text < data + event->data.length &&
           event->data.length - delta->text.length <= BYTES_MAX;
}

static bool reserve(struct dialect_repeat *repeat, size_t length)
{
    size_t room = (length + BYTES_STEP - 1) / BYTES_STEP * BYTES_STEP;
    char *bytes;

    if (length <= repeat->room) {
        return true;
    }
    bytes = malloc(room);
    if (bytes == NULL) {
        return false;
    }
    free(repeat->bytes);
    repeat->bytes = bytes;
    repeat->room = (uint16_t)room;
    return true;
}

void dialect_repeat_learn(struct dialect_repeat *repeat, const struct sse_event *event,
                          const struct dialect_result *result)
{
    struct span text = result->delta.text;
    struct span data = event->data;

    if (!is_simple(event, result)) {
        return; /* what is known stays: the next one may be like that again */
    }
    repeat->before = 0;
    if (!reserve(repeat, data.length - text.length)) {
        return;
    }
    repeat->before = (uint16_t)(text.data - data.data);
    repeat->behind = (uint16_t)(data.length - text.length - repeat->before);
    repeat->is_chunk = result->delta.is_chunk;
    memcpy(repeat->bytes, data.data, repeat->before);
    memcpy(repeat->bytes + repeat->before, text.data + text.length, repeat->behind);
}
