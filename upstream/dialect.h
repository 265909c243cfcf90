/* SPDX-License-Identifier: MIT */
/*
 * dialect.h - from one event's data to what it means.
 *
 * A dialect is a pair of pure functions: render the request body, and read one
 * event. Both are chosen once per upstream.
 */
#ifndef UPSTREAM_DIALECT_H
#define UPSTREAM_DIALECT_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/json.h"
#include "base/span.h"
#include "upstream/sse.h"
#include "upstream/upstream.h"

enum dialect_kind {
    DIALECT_DELTA = 0, /* text, reasoning, usage or nothing of note */
    DIALECT_DONE,      /* [DONE]: nothing after it counts */
    DIALECT_ERROR,     /* the provider reports a failure */
    DIALECT_NONSENSE,  /* not JSON, or not of any known shape */
    DIALECT_NO_MEMORY,
};

struct dialect_result {
    enum dialect_kind kind;
    struct upstream_delta delta; /* spans into the event or into the scratch */
    enum upstream_finish finish; /* UPSTREAM_FINISH_NONE unless this event says so */
    bool is_complete;            /* generated_text or a finish_reason came: an end of body
                                       after this is a success */
    bool has_usage;
    struct upstream_usage usage;   /* when has_usage */
    enum upstream_failure failure; /* when DIALECT_ERROR: the row of the failure table */
    int error_status;              /* when DIALECT_ERROR: http_status_code or code, 0 if none */
    bool has_error_member;         /* when DIALECT_ERROR: delta.data has a member "error" that says
                                      something, as OpenAI's clients look for it */
};

/* Reusable memory for one event loop; see dialect.c. */
struct dialect_scratch;
struct dialect_scratch *dialect_scratch_new(void) MUST_USE; /* NULL when memory is out */
void dialect_scratch_free(struct dialect_scratch *scratch); /* accepts NULL */

struct dialect {
    const char *name;
    /* Read one event. The result's spans live until the next call with this scratch. */
    void (*read)(struct dialect_scratch *scratch, const struct sse_event *event,
                 struct dialect_result *result);
};

const struct dialect *dialect_find(enum upstream_dialect which);
extern const struct dialect dialect_chat; /* dialect_chat.c */
extern const struct dialect dialect_tgi;  /* dialect_tgi.c */

#endif
