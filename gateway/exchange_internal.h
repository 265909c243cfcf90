/* SPDX-License-Identifier: MIT */
/*
 * exchange_internal.h - the object itself, shared by exchange.c (its life) and
 * exchange_set.c (its birth, its accounts, its burial). Nobody else includes this.
 */
#ifndef GATEWAY_EXCHANGE_INTERNAL_H
#define GATEWAY_EXCHANGE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attrs.h"
#include "gateway/access_log.h"
#include "gateway/admission.h"
#include "gateway/chat_request.h"
#include "gateway/client_leg.h"
#include "gateway/collector.h"
#include "gateway/completions_request.h"
#include "gateway/dispatch.h"
#include "gateway/exchange.h"
#include "gateway/judge.h"
#include "gateway/relay.h"
#include "gateway/trace.h"
#include "upstream/upstream.h"

struct event;

#define EXCHANGE_MAGIC 0x54696465U

enum exchange_state {
    EX_AWAIT_BODY = 0, /* the rest of the request */
    EX_AWAIT_ANSWER,   /* the upstream's first text, or its first error */
    EX_RELAYING,       /* the upstream's next event */
    EX_PAUSED,         /* the client to take what we have */
    EX_FLUSHING,       /* the client to take the last of it */
    EX_COLLECTING,     /* the rest of an answer that the client wants in one piece */
    EX_ENDED,          /* the reaper */
};

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    TAILQ_ENTRY(exchange) link;    /* live or dead list of the set, by state */
    struct exchange_set *set;      /* borrowed */
    struct connection *connection; /* borrowed until ENDED, then NULL */
    struct client_leg client;
    struct relay relay;
    uint64_t deltas_counted; /* of the relay's, that the metrics have been told */
    uint64_t pauses_counted;
    struct collector *collector; /* owned; NULL: the answer is streamed */
    unsigned collected_attempts; /* of the upstreams, when the last of it was collected */
    struct upstream *upstream;   /* owned handle; NULL while there is none */
    struct event *deadline;      /* owned */
    struct tally_slot *slot;     /* owned; NULL before admission */
    struct dispatch dispatch;    /* which upstream is asked, and how that has ended */

    struct trace trace;                            /* which one it is part of */
    struct judgement judged;                       /* what the head asks for, and who asks */
    enum end_reason refusal;                       /* of the head; END_DONE: none */
    const struct completions_refusal *refused_for; /* END_BAD_BODY at the doors: why, until the
                                                      next body is parsed; else NULL */
    enum end_reason outcome;                       /* in FLUSHING: how it will have ended */
    bool is_taken;                                 /* the client leg holds the connection */
    bool is_lost;                                  /* evhttp has closed the connection under us */
    bool head_sent;
    bool answer_is_whole;

    struct access_record record; /* filled as facts become known */
    int64_t started_ms;
    int64_t first_text_ms; /* since then, to the upstream's first text; -1: there was none */
    char request_id[20];
};

TAILQ_HEAD(exchange_list, exchange);

struct exchange_set {
    struct exchange_services services;
    struct exchange_list live;
    struct exchange_list dead;
    size_t live_count;
    struct admission *admission;            /* owned */
    struct chat_request_parser *parser;     /* owned */
    struct completions_parser *completions; /* owned */
    struct json_doc *doc;                   /* owned; for collectors */
    char *models_list;                      /* owned; what GET /v1/models answers */
    size_t models_list_bytes;
    struct metrics_model **models; /* owned; where each row of models.allow is counted */
    uint32_t id_prefix;            /* random, so that ids differ between workers */
    uint32_t id_count;
};

/*
 * A new exchange in EX_AWAIT_BODY, the user of <connection>, whose timer will call
 * <on_deadline>. NULL when memory is out. Everything it needs to die is there.
 */
struct exchange *exchange_new(struct exchange_set *set, struct connection *connection,
                              void (*on_deadline)(int fd, short what, void *arg)) MUST_USE;

const char *exchange_state_name(enum exchange_state state);

/* The next moment at which something may have to end or be said; INT64_MAX: none. */
int64_t exchange_next_deadline_ms(const struct exchange *ex, int64_t now_ms);

/* True when the client has been told nothing for so long that it is to get a heartbeat. */
bool exchange_owes_heartbeat(const struct exchange *ex, int64_t now_ms);

/* Set the timer for that moment; it stays where it is set until it fires. */
void exchange_arm_deadline(struct exchange *ex);

/*
 * The head's checks, then room for one more: exchange_judge.c. END_DONE when all hold,
 * END_PAGE when a page is asked for, which needs no room, else what does not hold.
 */
enum end_reason exchange_judge(struct exchange *ex, const struct request_head *head) MUST_USE;

/* Move it from the gauge of its state to that of <next>; EX_ENDED has none. */
void exchange_count_state(const struct exchange *ex, enum exchange_state next);

/* Tell the metrics what the relay has done since the last time: while it lasts, not at the end. */
static inline void exchange_count_relay(struct exchange *ex)
{
    struct metrics_slot *metrics = ex->set->services.metrics;

    metrics_add(&metrics->deltas, ex->relay.deltas - ex->deltas_counted);
    metrics_add(&metrics->pauses, ex->relay.pauses - ex->pauses_counted);
    ex->deltas_counted = ex->relay.deltas;
    ex->pauses_counted = ex->relay.pauses;
}

/* The facts that only the end knows; the rest of the record was filled on the way. */
void exchange_complete_record(struct exchange *ex, enum exchange_state at, enum end_reason reason);

/* Access line and counters, then over to the dead list for the reaper. */
void exchange_bury(struct exchange *ex);

/*
 * Read the body and start a call on the next upstream that may be asked. END_DONE: its
 * <events> follow.
 */
enum end_reason exchange_open_upstream(struct exchange *ex,
                                       const struct upstream_events *events) MUST_USE;

/* Answers put into the output; false when memory is out. */
bool exchange_send_stream_head(struct exchange *ex) MUST_USE;
bool exchange_send_collected(struct exchange *ex) MUST_USE;

/* Gather a piece of the answer; <attempts>: of all upstreams so far. */
enum collector_status exchange_collect(struct exchange *ex, const struct upstream_delta *delta,
                                       unsigned attempts) MUST_USE;

bool exchange_send_models(struct exchange *ex) MUST_USE;
bool exchange_send_error(struct exchange *ex, enum end_reason reason) MUST_USE;

/* The end of one exchange; see exchange.c. */
void exchange_fail(struct exchange *ex, enum end_reason reason);

#endif
