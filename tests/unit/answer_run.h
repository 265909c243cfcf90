/* SPDX-License-Identifier: MIT */
/*
 * answer_run.h - read one answer body as the upstream client does, and note what it yields.
 *
 * Scanner and dialect are the real ones; only the socket is missing.
 */
#ifndef TESTS_UNIT_ANSWER_RUN_H
#define TESTS_UNIT_ANSWER_RUN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "upstream/dialect.h"
#include "upstream/sse.h"

#define ANSWER_TEXT_BYTES_MAX ((size_t)64 * 1024)
#define ANSWER_EVENT_BYTES_MAX ((size_t)256 * 1024)

struct answer_text {
    char bytes[ANSWER_TEXT_BYTES_MAX];
    size_t length;
};

struct answer_run {
    const struct dialect *dialect;
    struct dialect_scratch *scratch; /* owned */
    struct sse_scanner *scanner;     /* owned */
    struct answer_text text;
    struct answer_text reasoning;
    unsigned events;
    enum upstream_finish finish;
    struct upstream_usage usage;
    bool is_complete;
    bool is_done;
    bool is_ending; /* inside sse_finish() */
    enum upstream_failure failure;
    int error_status;
};

static inline void answer_text_add(struct answer_text *text, struct span more)
{
    if (more.length > sizeof(text->bytes) - text->length) {
        abort();
    }
    if (!span_is_empty(more)) {
        memcpy(text->bytes + text->length, more.data, more.length);
    }
    text->length += more.length;
}

static inline bool answer_run_on_event(void *owner, const struct sse_event *event)
{
    struct answer_run *run = owner;
    struct dialect_result result;

    run->events++;
    run->dialect->read(run->scratch, event, &result);
    switch (result.kind) {
    case DIALECT_DELTA:
        break;
    case DIALECT_DONE:
        run->is_done = true;
        return false;
    case DIALECT_ERROR:
        run->failure = result.failure;
        run->error_status = result.error_status;
        return false;
    case DIALECT_NONSENSE:
        /* What the end of the body has cut is no fault of the sender's grammar. */
        run->failure = run->is_ending ? UPSTREAM_TRUNCATED : UPSTREAM_NONSENSE;
        return false;
    case DIALECT_NO_MEMORY:
        run->failure = UPSTREAM_NO_MEMORY;
        return false;
    }
    answer_text_add(&run->text, result.delta.text);
    answer_text_add(&run->reasoning, result.delta.reasoning);
    run->is_complete = run->is_complete || result.is_complete;
    run->finish = result.finish != UPSTREAM_FINISH_NONE ? result.finish : run->finish;
    run->usage = result.has_usage ? result.usage : run->usage;
    return true;
}

/* Back to the start, for another reading with the same memory. */
static inline void answer_run_reset(struct answer_run *run)
{
    sse_reset(run->scanner);
    run->text.length = 0;
    run->reasoning.length = 0;
    run->events = 0;
    run->finish = UPSTREAM_FINISH_NONE;
    run->usage = (struct upstream_usage){-1, -1};
    run->is_complete = false;
    run->is_done = false;
    run->is_ending = false;
    run->failure = UPSTREAM_OK;
    run->error_status = 0;
}

static inline struct answer_run *answer_run_new(const struct dialect *dialect)
{
    static const struct sse_events events = {.on_event = answer_run_on_event};
    struct answer_run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        abort();
    }
    run->dialect = dialect;
    run->scratch = dialect_scratch_new();
    run->scanner = sse_new(ANSWER_EVENT_BYTES_MAX, &events, run);
    if (run->scratch == NULL || run->scanner == NULL) {
        abort();
    }
    answer_run_reset(run);
    return run;
}

static inline void answer_run_free(struct answer_run *run)
{
    sse_free(run->scanner);
    dialect_scratch_free(run->scratch);
    free(run);
}

/* SSE_OK and SSE_STOPPED need no care: what they mean is noted by the callback. */
static inline void answer_run_note(struct answer_run *run, enum sse_status status)
{
    if (status == SSE_TOO_LARGE) {
        run->failure = UPSTREAM_NONSENSE;
    }
    if (status == SSE_NO_MEMORY) {
        run->failure = UPSTREAM_NO_MEMORY;
    }
}

static inline void answer_run_feed(struct answer_run *run, struct span bytes)
{
    answer_run_note(run, sse_feed(run->scanner, bytes));
}

/* The body has ended: without an end mark or a finish reason it was cut. */
static inline void answer_run_finish(struct answer_run *run)
{
    run->is_ending = true;
    answer_run_note(run, sse_finish(run->scanner));
    if (run->failure == UPSTREAM_OK && !run->is_done && !run->is_complete) {
        run->failure = UPSTREAM_TRUNCATED;
    }
}

/* All bytes of a file, owned; an empty span with NULL when it cannot be read. */
static inline struct span answer_load(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    size_t length = 0;

    if (file == NULL) {
        return span_of(NULL, 0);
    }
    for (size_t room = 4096;; room *= 2) {
        char *grown = realloc(bytes, room);
        if (grown == NULL) {
            abort();
        }
        bytes = grown;
        length += fread(bytes + length, 1, room - length, file);
        if (length < room) {
            break;
        }
    }
    (void)fclose(file); /* read only */
    return span_of(bytes, length);
}

static inline void answer_unload(struct span bytes)
{
    union {
        const char *borrowed;
        char *owned;
    } pointer = {.borrowed = bytes.data};

    free(pointer.owned);
}

/* A small generator with a seed to print, the same on every machine (xorshift64). */
static inline size_t answer_random(uint64_t *state, size_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state % below);
}

#endif
