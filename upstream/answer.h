/* SPDX-License-Identifier: MIT */
/*
 * answer.h - what one response says: its head, its events or its error body, its end.
 *
 * Knows nothing of sockets or timers: bytes go in, deltas and a verdict come out.
 */
#ifndef UPSTREAM_ANSWER_H
#define UPSTREAM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/json.h"
#include "base/span.h"
#include "upstream/dialect.h"
#include "upstream/dialect_repeat.h"
#include "upstream/sse.h"
#include "upstream/upstream.h"

struct answer_head {
    int status;
    struct span content_type;
    struct span content_encoding; /* "identity" left out */
    struct span retry_after;
    struct span rate_limit;
};

struct answer_events {
    /* One event with something in it. False: nobody listens any more, stop at once. */
    bool (*on_delta)(void *owner, const struct upstream_delta *delta);
    /* A sign of life that is no event. */
    void (*on_comment)(void *owner);
};

enum answer_step {
    ANSWER_MORE = 0, /* go on */
    ANSWER_DONE,     /* [DONE], or a complete answer's end */
    ANSWER_FAILED,   /* see answer.failure */
    ANSWER_STOPPED,  /* on_delta returned false */
};

enum answer_kind {
    ANSWER_NO_HEAD = 0,
    ANSWER_EVENTS, /* 200 and an event stream */
    ANSWER_REPORT, /* anything else: collected and classified */
};

struct answer {
    const struct dialect *dialect;      /* static */
    struct dialect_scratch *scratch;    /* borrowed */
    struct json_doc *doc;               /* borrowed */
    const struct answer_events *events; /* static */
    void *owner;
    struct sse_scanner *scanner;  /* owned */
    struct dialect_repeat repeat; /* the shape of its events */
    enum answer_kind kind;
    enum answer_step step;         /* where the events of the bytes under way have led */
    enum upstream_failure failure; /* valid when <step> is ANSWER_FAILED */
    const char *problem;           /* static text: what was wrong with it, or NULL */
    int status;                    /* of the head, or named by an error event; 0: none yet */
    int64_t retry_after_s;         /* -1: nothing */
    enum upstream_finish finish;
    struct upstream_usage usage;
    bool is_complete; /* a finish reason came: the end of the body is a success */
    char *report;     /* owned: the body of an error answer, or the data of an error event */
    size_t report_length;
};

/* In place; false when memory is out. The other members are the caller's to set before. */
bool answer_init(struct answer *answer, size_t max_event_bytes) MUST_USE;
void answer_fini(struct answer *answer);

/* Forget the last attempt's answer. Status and Retry-After stay until the next head. */
void answer_reset(struct answer *answer);

/* The final response head: ANSWER_MORE or ANSWER_FAILED. */
enum answer_step answer_take_head(struct answer *answer, const struct answer_head *head) MUST_USE;

/* A piece of the body, cut anywhere. */
enum answer_step answer_take_body(struct answer *answer, struct span bytes) MUST_USE;

/* The body has ended as its framing says: ANSWER_DONE, ANSWER_FAILED or ANSWER_STOPPED. */
enum answer_step answer_take_end(struct answer *answer) MUST_USE;

/*
 * What a failure is called once nobody tries again. Whether another attempt may help
 * (UPSTREAM_BUSY) is a matter of the retry table only; in the end an error event is an
 * error event, and of the statuses 503 alone means "busy".
 */
enum upstream_failure answer_verdict(const struct answer *answer, enum upstream_failure failure);

/*
 * The data of the error event that has ended the answer, when it is such that it may be
 * shown to whoever reads chunks; else empty. Borrowed from the answer.
 */
struct span answer_error_event(const struct answer *answer);

/* What <failure>, or UPSTREAM_OK, says of the upstream's health. */
enum upstream_health answer_health(const struct answer *answer, enum upstream_failure failure);

/* The connection broke: why the answer has failed, as far as it was read. */
enum upstream_failure answer_why_cut(struct answer *answer);

#endif
