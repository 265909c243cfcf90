/* SPDX-License-Identifier: MIT */
/*
 * dialect_scratch.h - what the dialects share; for dialect*.c only.
 *
 * A dialect opens an event, which settles [DONE], errors and nonsense, and then
 * picks its own members out of the parsed object.
 */
#ifndef UPSTREAM_DIALECT_SCRATCH_H
#define UPSTREAM_DIALECT_SCRATCH_H

#include "upstream/dialect.h"

struct dialect_scratch {
    struct json_doc *doc; /* owned; the event at hand */
    char *text;           /* owned; unescaped strings of the event at hand */
    size_t capacity;      /* of text */
    size_t used;          /* of text */
    size_t event_length;  /* of the event's data: no event unescapes to more */
};

/*
 * Start to read <event>. True: value 0 of scratch->doc is an object that is no
 * error, and <result> is an empty delta for the dialect to fill. False: <result>
 * says all there is to say.
 */
bool dialect_open(struct dialect_scratch *scratch, const struct sse_event *event,
                  struct dialect_result *result) MUST_USE;

/*
 * True when the member at <at> says something. "error" may stand beside normal choices
 * as null, which is none; false and "" are read in the same way.
 */
bool dialect_is_set(const struct json_doc *doc, json_ref at);

/* Turn an opened event's <result> into DIALECT_ERROR, sorted by its error object. */
void dialect_fail(struct dialect_scratch *scratch, struct dialect_result *result);

/*
 * The string at <at>, unescaped; the empty span when it is none. On false memory is
 * out, and <result> says so.
 */
bool dialect_string(struct dialect_scratch *scratch, json_ref at, struct span *string,
                    struct dialect_result *result) MUST_USE;

/*
 * The same for the inside of a checked string of an event of <event_length> bytes that
 * was not opened. False: memory is out.
 */
bool dialect_scratch_unescape(struct dialect_scratch *scratch, size_t event_length, struct span raw,
                              struct span *string) MUST_USE;

/* Note the finish reason at <at>, a string; absent, null and "" are none. */
void dialect_finish(const struct json_doc *doc, json_ref at, struct dialect_result *result);

/* Note the usage numbers at <prompt> and <completion>, if there are any. */
void dialect_usage(const struct json_doc *doc, json_ref prompt, json_ref completion,
                   struct dialect_result *result);

#endif
