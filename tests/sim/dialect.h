/* SPDX-License-Identifier: MIT */
/*
 * dialect.h - the words of one answer on the wire: a table of functions for each surface.
 *
 * Each function appends to <out> and changes nothing else. A delta is written in
 * two halves so that its text can be of any size: open, escaped text, close.
 * NULL means that the dialect has no such thing.
 */
#ifndef TESTS_SIM_DIALECT_H
#define TESTS_SIM_DIALECT_H

#include <stdbool.h>

#include "base/span.h"
#include "tests/sim/answer.h"
#include "tests/sim/bytes.h"

struct dialect {
    bool is_event_stream;
    /* The last token travels in the finish event when the reason is "length" (TGI). */
    bool is_last_token_in_finish;
    void (*open)(const struct answer *answer, struct bytes *out);
    void (*reasoning)(const struct answer *answer, struct bytes *out, struct span text);
    void (*tool)(const struct answer *answer, struct bytes *out); /* fragment <counter> */
    void (*delta_open)(const struct answer *answer, struct bytes *out);
    void (*delta_close)(const struct answer *answer, struct bytes *out);
    void (*finish)(const struct answer *answer, struct bytes *out, struct span last_token);
    void (*echo_close)(const struct answer *answer, struct bytes *out); /* after the whole text */
    void (*usage)(const struct answer *answer, struct bytes *out);
    void (*done)(const struct answer *answer, struct bytes *out);
    void (*error)(const struct answer *answer, struct bytes *out);
    void (*broken)(const struct answer *answer, struct bytes *out); /* an event of broken JSON */
};

extern const struct dialect DIALECT_CHAT_STREAM;
extern const struct dialect DIALECT_CHAT_ONCE;
extern const struct dialect DIALECT_TGI_STREAM;
extern const struct dialect DIALECT_TGI_ONCE;
extern const struct dialect DIALECT_TGI_ONCE_ARRAY;

/* How many fragments a tool call has. */
#define TOOL_FRAGMENTS 5

/* Begin and end one event: event:, id:, retry: lines, "data:", line ends, blank line. */
void event_open(const struct answer *answer, struct bytes *out);
void event_close(const struct answer *answer, struct bytes *out);

/* One line end of the scenario's kind. */
void event_line_end(const struct answer *answer, struct bytes *out);

/* "data: " or "data:", without anything before it. */
void event_data_word(const struct answer *answer, struct bytes *out);

/* An event whose data is <json>. */
void event_add(const struct answer *answer, struct bytes *out, const char *json);

/* The error event of the scenario's shape, "auto" resolved to <otherwise>. */
void event_add_error(const struct answer *answer, struct bytes *out, enum sim_shape otherwise);

/* The finish reason as the wire writes it, or NULL when there is none. */
const char *dialect_finish_reason(const struct answer *answer);

/* Tokens of the prompt, guessed from its bytes. */
long long dialect_prompt_tokens(const struct answer *answer);

#endif
