/* SPDX-License-Identifier: MIT */
/*
 * upstream.h - the only door to "fetch one streamed answer from Hugging Face".
 *
 *   upstream_start() --> [resolve, connect, TLS, send, wait] --> on_delta* --> on_end
 *                             ^                    |
 *                             `-- retry, only before the first text or reasoning
 *
 * It knows nothing of clients: it offers start, pause, resume and cancel, and
 * fires on_delta and on_end.
 *
 * Event contract
 *   1. Nothing fires inside upstream_start().
 *   2. Exactly one on_end follows, unless the call is cancelled first.
 *   3. After on_end nothing fires. After upstream_cancel() has returned nothing
 *      fires, on_end included.
 *   4. upstream_pause(), upstream_resume() and upstream_cancel() are legal inside
 *      on_delta; after upstream_cancel() inside on_delta the callback just returns.
 *   5. While paused, deltas of the piece at hand still arrive (one turn's bytes, 16 KiB,
 *      at most); the receiver must accept them.
 *   6. Spans in events are valid during the callback only.
 *   7. After on_end the handle is still the owner's, who gives it up with
 *      upstream_cancel(), which is legal inside on_end.
 *   8. Events with neither text nor reasoning nor a tool call (a role, usage) may come
 *      again, as a retry is possible until the first of these: upstream_attempts() has
 *      grown then. An owner that has shown one of them to its client says so with
 *      upstream_commit(), which is legal inside on_delta.
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "upstream/failure.h"

struct event_base;

struct upstream_context; /* what all upstreams of one event loop share */
struct upstream_origin;  /* one configured upstream: address, pool, TLS, dialect */
struct upstream;         /* one call */

enum upstream_dialect {
    UPSTREAM_DIALECT_CHAT = 0, /* OpenAI-compatible chat completions */
    UPSTREAM_DIALECT_TGI,      /* text-generation-inference /generate_stream */
};

/* Why the model stopped, in the words of the OpenAI API. */
enum upstream_finish {
    UPSTREAM_FINISH_NONE = 0,
    UPSTREAM_FINISH_STOP, /* also eos, eos_token, stop_sequence */
    UPSTREAM_FINISH_LENGTH,
    UPSTREAM_FINISH_TOOL_CALLS,
    UPSTREAM_FINISH_CONTENT_FILTER,
    UPSTREAM_FINISH_OTHER,
};

struct upstream_usage {
    int64_t prompt_tokens;     /* -1: not told */
    int64_t completion_tokens; /* -1: not told */
};

/* One event of the answer. Any part may be empty. */
struct upstream_delta {
    struct span text;      /* answer text, UTF-8, unescaped */
    struct span reasoning; /* thinking text of a reasoning model, UTF-8, unescaped */
    struct span data;      /* the event's data exactly as the provider sent it; lines of it
                              are joined with LF, and there is no CR and no NUL */
    bool is_chunk;         /* data is an OpenAI chat completion chunk: one JSON object */
    bool is_usage_only;    /* a chunk that has usage and no choice */
    bool has_tool_call;    /* a chunk with a piece of a tool call */
};

struct upstream_end {
    enum upstream_failure failure; /* UPSTREAM_OK: the answer is complete */
    int status;                    /* the last HTTP status seen, 0 when none */
    int64_t retry_after_s;         /* what the provider asked for, -1 when nothing */
    enum upstream_finish finish;
    struct upstream_usage usage;
    const char *problem; /* static text for the log: what exactly was wrong, or NULL */
    unsigned attempts;   /* requests sent or tried; 0 only for UPSTREAM_CIRCUIT_OPEN */
    struct span error;   /* the provider's own error event: a JSON object with a member
                            "error"; empty when there was none, or none fit to be shown */
};

struct upstream_events {
    void (*on_delta)(void *owner, const struct upstream_delta *delta);
    void (*on_end)(void *owner, const struct upstream_end *end);
};

enum upstream_role {
    UPSTREAM_ROLE_USER = 0,
    UPSTREAM_ROLE_ASSISTANT,
    UPSTREAM_ROLE_SYSTEM,
};

/*
 * One chat message. <content> holds the insides of checked JSON strings, escapes
 * kept as they came, no quotes; the pieces are joined without a separator.
 */
struct upstream_message {
    enum upstream_role role;
    const struct span *content; /* borrowed */
    size_t content_count;
};

/* One more member of the request: checked JSON that is sent as it came. */
struct upstream_member {
    struct span name;  /* letters, digits, . _ - */
    struct span value; /* a whole JSON value */
    bool is_wrapped;   /* sent as an array of this value alone */
};

struct upstream_members {
    const struct upstream_member *items; /* borrowed */
    size_t count;
};

/*
 * What a client asks for in its own words, already checked. Each dialect has its own
 * members; all zero: nothing of the kind.
 */
struct upstream_wishes {
    struct span messages; /* dialect chat: a JSON array, in place of upstream_call.messages */
    struct upstream_members members[2]; /* by enum upstream_dialect */
    int64_t max_tokens;                 /* 0: not said. The conf's max_new_tokens caps it */
    int64_t max_completion_tokens;      /* the same under its newer name */
};

/* Everything is copied into the request before upstream_start() returns, <owner> excepted. */
struct upstream_call {
    const struct upstream_events *events; /* static */
    void *owner;                          /* handed to the events */
    struct span model;                    /* publisher/name, with an optional :provider */
    const struct upstream_message *messages;
    size_t message_count;
    struct upstream_wishes wishes;
    /* Printable ASCII, checked by the caller; each is sent when it is not empty. */
    struct span request_id;  /* X-Request-Id */
    struct span traceparent; /* the same for every attempt of the call */
    struct span tracestate;
};

/* One upstream of the conf file. All texts are borrowed for the origin's life. */
struct upstream_settings {
    const char *name;
    const char *url; /* http:// or https://, host, optional port, path; no query, no user */
    enum upstream_dialect dialect;
    const char *prompt_template; /* tgi only: a name of prompt_template_find() */
    struct span token;           /* Authorization: Bearer; empty: none sent */
    const char *bill_to;         /* X-HF-Bill-To; NULL or "": none sent */
    const char *ca_file;         /* trust roots; NULL or "": the system's */
    int64_t connect_timeout_ms;  /* resolve + connect + TLS */
    int64_t first_token_timeout_ms;
    int64_t idle_timeout_ms;  /* between signs of life; stands still while paused. Without
                                 text or reasoning for ten times as long, signs do not help */
    size_t max_event_bytes;   /* one SSE event */
    size_t max_answer_bytes;  /* the whole answer body */
    unsigned max_connections; /* at most this many at once; above: UPSTREAM_FULL */
    unsigned max_idle;        /* kept open for reuse */
    unsigned retries;         /* besides the one after a dead reused connection */
    unsigned retry_budget;    /* retries, in percent of the calls; see retry_budget.h */
    unsigned failures;        /* in a row that open the circuit, see circuit.h; 0: none do */
    int64_t open_time_ms;     /* how long it is open the first time */
    int64_t open_time_max_ms; /* and at most */
    int64_t max_new_tokens;   /* sent as max_tokens / max_new_tokens; 0: not sent */
};

/* Whether an upstream is asked at all; see circuit.h. */
enum circuit_state {
    CIRCUIT_CLOSED = 0, /* every call passes */
    CIRCUIT_OPEN,       /* no call passes until some time is over */
    CIRCUIT_HALF_OPEN,  /* one call is under way to find out */
};

/*
 * <on_need_flush> is called, with <hook_arg>, when requests wait in buffers for
 * upstream_context_flush(); it must only schedule, not flush at once.
 *
 * <on_circuit>: the circuit of <origin> has changed its state to <state>. <cause> is the
 * failure that opened it, UPSTREAM_OK when none did. It may come from inside any function
 * of this file and must call none but those that look. May be NULL.
 */
struct upstream_hooks {
    void (*on_need_flush)(void *hook_arg);
    void (*on_circuit)(void *hook_arg, const struct upstream_origin *origin,
                       enum circuit_state state, enum upstream_failure cause);
    void *hook_arg;
};

/* NULL when memory is out. */
struct upstream_context *upstream_context_new(struct event_base *base,
                                              const struct upstream_hooks *hooks) MUST_USE;

/* Every origin must have been freed before. Accepts NULL. */
void upstream_context_free(struct upstream_context *context);

/* Write what waits (one write per connection), then free what has ended. */
void upstream_context_flush(struct upstream_context *context);

/*
 * Opens nothing yet but starts to resolve the host name. On failure returns NULL
 * and writes a sentence for the operator to <problem> (NUL-terminated, cut at
 * <problem_size>).
 */
struct upstream_origin *upstream_origin_new(struct upstream_context *context,
                                            const struct upstream_settings *settings, char *problem,
                                            size_t problem_size) MUST_USE;

/* Every call must have been cancelled before. Closes pooled connections. Accepts NULL. */
void upstream_origin_free(struct upstream_origin *origin);

/*
 * True when <url> can be used; else false and a sentence in <problem>. Used by
 * the conf file's check, before any loop exists.
 */
bool upstream_url_check(const char *url, char *problem, size_t problem_size) MUST_USE;

/* The TCP port that <url> leads to; 0 when the url cannot be used. */
uint16_t upstream_url_port(const char *url);

enum upstream_dialect upstream_origin_dialect(const struct upstream_origin *origin);

/*
 * How many milliseconds from now the circuit lets a call through: 0 when it does so now,
 * less than 0 when that hangs on the probe under way.
 */
int64_t upstream_origin_wait_ms(const struct upstream_origin *origin);

/*
 * Start one call. NULL when memory is out (then nothing was sent). All other failures
 * come as on_end from the event loop; where the circuit is open, UPSTREAM_CIRCUIT_OPEN.
 */
struct upstream *upstream_start(struct upstream_origin *origin,
                                const struct upstream_call *wanted) MUST_USE;

/* Something of the answer has been shown: the call is not retried any more. Accepts NULL. */
void upstream_commit(struct upstream *call);

/* Requests sent or tried so far. */
unsigned upstream_attempts(const struct upstream *call);

/* Stop and resume reading the answer. Idempotent. */
void upstream_pause(struct upstream *call);
void upstream_resume(struct upstream *call);

/*
 * Give the handle up. A call still running is broken off and its connection
 * closed: tokens cost money. Accepts NULL. Memory is freed by the next
 * upstream_context_flush().
 */
void upstream_cancel(struct upstream *call);

/* For gauges and for the "nothing left" check of tests. */
struct upstream_counts {
    unsigned calls;            /* live handles */
    unsigned connections;      /* open or connecting */
    unsigned idle;             /* of these, waiting in the pool */
    unsigned long reused;      /* calls that got a pooled connection, ever */
    unsigned long opened;      /* connections opened, ever */
    unsigned long tls_resumed; /* TLS handshakes that resumed a session, ever */
    unsigned long retries;     /* attempts that were paid out of the retry budget, ever */
    unsigned long withheld;    /* those for which it had nothing left, ever */
};
void upstream_origin_counts(const struct upstream_origin *origin, struct upstream_counts *counts);

#endif
