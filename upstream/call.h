/* SPDX-License-Identifier: MIT */
/*
 * call.h - the insides of one call, and what its connection tells it.
 *
 * Internal to upstream/. The life of a call is drawn in call.c.
 */
#ifndef UPSTREAM_CALL_H
#define UPSTREAM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attrs.h"
#include "upstream/answer.h"
#include "upstream/circuit.h"
#include "upstream/resolve.h"
#include "upstream/upstream.h"

struct connection;
struct evbuffer;
struct event;

/* What is waited for. */
enum call_state {
    CALL_RESOLVING = 0, /* the first addresses of the host */
    CALL_OPENING,       /* TCP and TLS */
    CALL_AWAITING,      /* the first text or reasoning */
    CALL_STREAMING,     /* the next of it, or the end */
    CALL_BACKOFF,       /* the time of the next attempt */
    CALL_VERDICT,       /* the loop: a failure is known and not yet told */
    CALL_ENDED,         /* nothing: on_end has fired or the call was cancelled */
};

/* Why a connection was lost, as far as the HTTP side can tell. */
enum call_loss {
    CALL_LOST_OPENING = 0, /* refused, unreachable */
    CALL_LOST_TLS,         /* the handshake was refused */
    CALL_LOST_DEAD,        /* a reused one that had been closed meanwhile */
    CALL_LOST_CUT,         /* in the middle of an exchange */
    CALL_LOST_NONSENSE,    /* what came is not HTTP, or not within bounds */
    CALL_LOST_NO_MEMORY,
};

/* What stands behind the bytes that are held. */
enum call_body_end {
    CALL_BODY_OPEN = 0, /* more bytes */
    CALL_BODY_ENDED,
    CALL_BODY_LOST, /* see held_loss */
};

struct upstream {
    TAILQ_ENTRY(upstream) link;           /* in origin.calls, then in context.dead_calls */
    TAILQ_ENTRY(upstream) line_link;      /* in context.line, while is_in_line */
    struct upstream_origin *origin;       /* borrowed; not followed once cancelled */
    const struct upstream_events *events; /* static */
    void *owner;
    enum call_state state;
    struct resolve_waiter waiter;  /* waiting in CALL_RESOLVING only */
    struct connection *connection; /* lent by the pool; NULL when there is none */
    struct event *timer;           /* owned: the one clock of this call */
    struct answer answer;
    struct evbuffer *held; /* owned: read, and not looked at yet; NULL when there is nothing */
    enum call_body_end held_end;
    enum call_loss held_loss;
    struct circuit_pass pass; /* held from the start of an attempt to its end */
    char *request_id;         /* owned, may be NULL; so are the next two */
    char *traceparent;        /* kept for retries, freed by the first delta */
    char *tracestate;         /* the same */
    char *body;               /* owned: the same */
    size_t body_length;
    int64_t timer_due_ms; /* when the timer fires, while it is pending */
    int64_t started_ms;
    int64_t connect_deadline_ms; /* of this attempt, all addresses together */
    int64_t address_deadline_ms; /* of the address that is being connected to */
    int64_t awaiting_since_ms;   /* the request of this attempt is on its way; in CALL_AWAITING */
    int64_t first_deadline_ms;   /* set when a request is first sent; 0 before */
    int64_t last_activity_ms;    /* the last sign of life: an event or a comment */
    int64_t last_text_ms;        /* the last text or reasoning; valid in CALL_STREAMING */
    int64_t backoff_until_ms;
    int64_t still_since_ms;        /* valid while is_still */
    enum upstream_failure verdict; /* in CALL_VERDICT: the failure; else of the last attempt */
    unsigned addresses_tried;      /* connected to, in this attempt */
    unsigned attempts;
    unsigned retries;  /* of the attempts, those that the settings count */
    bool is_paused;    /* what the owner wants */
    bool is_still;     /* paused in the body: the clocks stand still */
    bool is_in_line;   /* held bytes are looked at in the next turn */
    bool is_committed; /* text has come, or upstream_commit(): no more retries */
    bool has_met_dead; /* the free retry after a dead reused connection is used up */
    bool is_cancelled;
};

/* Told by request.c, from the loop. The connection stays the teller's to put away. */
void call_on_opened(struct upstream *call);
bool call_on_head(struct upstream *call, const struct answer_head *head); /* false: refuse it */
void call_on_body(struct upstream *call, struct evbuffer *body);          /* all or part is taken */
void call_on_bytes(struct upstream *call, struct span bytes);             /* a piece, all taken */
void call_on_body_end(struct upstream *call);
/* <problem>: static text that says what was wrong, or NULL. */
void call_on_lost(struct upstream *call, enum call_loss loss, const char *problem);
/*
 * The bytes are no HTTP, or (<problem> is NULL) there was no memory to read on: nothing
 * more is read. Told in the midst of a read or of a resume.
 */
void call_on_broken(struct upstream *call, const char *problem);

/* -- call.c for the other files of the call -- */

void call_enter(struct upstream *call, enum call_state state);
/* A failure that may not be told yet. */
void call_fail_later(struct upstream *call, enum upstream_failure failure);
/* The attempt is over, its connection put away: another one, or the end. */
void call_attempt_failed(struct upstream *call, enum upstream_failure failure);

/* -- call_open.c: fires nothing, but for call_on_resolved() -- */

/* A new connection, as soon as the host's addresses are known. */
void call_open(struct upstream *call);
void call_on_resolved(struct resolve_waiter *waiter, bool has_addresses);
void call_send_on(struct upstream *call, struct connection *connection);
/* After <failure>: true when the host has another address and it is tried now. */
bool call_try_next_address(struct upstream *call, enum upstream_failure failure) MUST_USE;
/* No answer from it: whoever connects next takes the host's next address. */
void call_blame_address(struct upstream *call);

/* False: the call is over, or begins anew. */
bool call_take_body(struct upstream *call, struct span bytes);
void call_drop_connection(struct upstream *call);

/* -- call_body.c: what is read and not looked at yet -- */

bool call_holds_body(const struct upstream *call);
void call_forget_body(struct upstream *call);
/* After a pause: go on with what is held, or with reading. */
void call_go_on(struct upstream *call);
/* A pause takes it out of the line; call_go_on() puts it back. */
void call_leave_line(struct upstream *call);
void call_on_next_turn(int fd, short what, void *arg); /* of the context <arg> */

/* -- call_clock.c -- */

/* When the state has waited long enough, absolute; 0 where it has no clock. */
int64_t call_deadline_ms(const struct upstream *call);

/* The timer fires no later than the deadline. */
void call_arm(struct upstream *call);

/* After a pause: deadlines move by the time that we did not read. */
void call_move_clocks(struct upstream *call);

/* -- call_retry.c -- */

/* After a failed attempt: is there another? At <at_ms> then; a retry has been paid for. */
bool call_may_try_again(struct upstream *call, enum upstream_failure failure,
                        int64_t *at_ms) MUST_USE;

/* For upstream_context_flush() only. */
void call_free(struct upstream *call);

#endif
