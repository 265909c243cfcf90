/* SPDX-License-Identifier: MIT */
/*
 * exchange_set.c - all exchanges of one event loop: birth, accounts, burial.
 *
 * What an exchange lives through in between is exchange.c.
 */
#include "gateway/exchange_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/clock.h"
#include "gateway/models_list.h"

static const char *const state_names[] = {
    [EX_AWAIT_BODY] = "AWAIT_BODY", [EX_AWAIT_ANSWER] = "AWAIT_ANSWER",
    [EX_RELAYING] = "RELAYING",     [EX_PAUSED] = "PAUSED",
    [EX_FLUSHING] = "FLUSHING",     [EX_COLLECTING] = "COLLECTING",
    [EX_ENDED] = "ENDED",
};

const char *exchange_state_name(enum exchange_state state)
{
    return state_names[state];
}

/* A head that was refused before its end names no trace. */
static void begin_trace(struct exchange *ex)
{
    enum config_trace wanted = ex->set->services.config->trace;
    const struct request_head *head = connection_head(ex->connection);
    uint8_t random[TRACE_RANDOM_BYTES];

    if (wanted == CONFIG_TRACE_OFF) {
        return;
    }
    evutil_secure_rng_get_bytes(random, sizeof(random));
    trace_begin(&ex->trace, wanted == CONFIG_TRACE_ACCEPT ? head->traceparent : span_of(NULL, 0),
                random);
}

struct exchange *exchange_new(struct exchange_set *set, struct connection *connection,
                              void (*on_deadline)(int fd, short what, void *arg))
{
    struct exchange *ex = calloc(1, sizeof(*ex));

    if (ex == NULL) {
        return NULL;
    }
    ex->deadline = evtimer_new(set->services.base, on_deadline, ex);
    if (ex->deadline == NULL) {
        free(ex);
        return NULL;
    }
    ex->magic = EXCHANGE_MAGIC;
    ex->set = set;
    ex->connection = connection;
    ex->state = EX_AWAIT_BODY;
    ex->refusal = END_DONE;
    ex->started_ms = clock_now_ms();
    ex->record.first_byte_ms = -1;
    ex->first_text_ms = -1;
    ex->record.answered_ms = -1;
    dispatch_init(&ex->dispatch, set->services.origins, set->services.origin_count);
    (void)snprintf(ex->request_id, sizeof(ex->request_id), "%08" PRIx32 "%08" PRIx32,
                   set->id_prefix, set->id_count++);
    begin_trace(ex);
    TAILQ_INSERT_TAIL(&set->live, ex, link);
    set->live_count++;
    metrics_add(&set->services.metrics->exchanges, 1);
    metrics_add(&set->services.metrics->states[EX_AWAIT_BODY], 1);
    connection_set_user(connection, ex);
    return ex;
}

_Static_assert(EX_ENDED == METRICS_STATES, "one gauge for each state but the last");

void exchange_count_state(const struct exchange *ex, enum exchange_state next)
{
    metrics_subtract(&ex->set->services.metrics->states[ex->state], 1);
    if (next != EX_ENDED) {
        metrics_add(&ex->set->services.metrics->states[next], 1);
    }
}

/* Which upstream was asked last, how often all were, and with what result. */
static void record_upstream(const struct exchange *ex, struct access_record *record)
{
    const struct dispatch *dispatch = &ex->dispatch;

    record->prompt_tokens = dispatch->end.usage.prompt_tokens;
    record->completion_tokens = dispatch->end.usage.completion_tokens;
    record->upstream_status = dispatch->end.status;
    record->upstream_attempts = dispatch->end.attempts;
    if (ex->upstream != NULL) {
        record->upstream_attempts += upstream_attempts(ex->upstream); /* it is broken off */
    }
    if (dispatch->has_picked) {
        record->upstream = ex->set->services.config->upstreams[dispatch->current].name;
    }
    if (dispatch->end.failure != UPSTREAM_OK) {
        record->upstream_failure = upstream_failure_token(dispatch->end.failure);
        record->problem = record->problem == NULL ? dispatch->end.problem : record->problem;
    }
}

/* The facts that only the end knows; the rest of the record was filled on the way. */
void exchange_complete_record(struct exchange *ex, enum exchange_state at, enum end_reason reason)
{
    struct access_record *record = &ex->record;

    record->request_id = ex->request_id;
    record->trace = ex->trace.is_on ? &ex->trace : NULL;
    record->peer = connection_client(ex->connection);
    record->via = connection_via(ex->connection);
    record->tls = connection_tls(ex->connection);
    record->method = connection_head(ex->connection)->method_name;
    record->subject = ex->judged.identity.subject;
    record->route = route_name(ex->judged.route.id);
    record->model = ex->judged.route.model_is_valid ? ex->judged.route.model : NULL;
    record->chat_id = ex->judged.route.query_is_valid ? ex->judged.route.chat_id : NULL;
    record->format = ex->judged.format == NULL ? NULL : ex->judged.format->name;
    record->reason = reason;
    record->state = exchange_state_name(at);
    record->total_ms = clock_now_ms() - ex->started_ms;
    record->deltas = ex->relay.deltas;
    record->pauses = ex->relay.pauses;
    record->paused_ms = ex->relay.paused_ms;
    record_upstream(ex, record);
}

static void account(const struct access_record *record, struct metrics_slot *metrics)
{
    access_log_exchange(record);
    metrics_add(&metrics->ends[record->reason], 1);
    metrics_add(&metrics->bytes_to_clients, record->bytes_out);
    metrics_add(&metrics->paused_ms, (uint64_t)record->paused_ms);
    metrics_add(&metrics->upstream_attempts, record->upstream_attempts);
    if (record->prompt_tokens > 0) {
        metrics_add(&metrics->prompt_tokens, (uint64_t)record->prompt_tokens);
    }
    if (record->completion_tokens > 0) {
        metrics_add(&metrics->completion_tokens, (uint64_t)record->completion_tokens);
    }
    metrics_subtract(&metrics->exchanges, 1);
}

/* The gen_ai series, for what reached an upstream. */
static void account_model(const struct exchange *ex)
{
    const struct access_record *record = &ex->record;
    bool is_whole = record->answered_ms >= 0 && ex->first_text_ms >= 0;
    const struct metrics_answer answer = {
        .first_token_ms = ex->first_text_ms,
        .streaming_ms = is_whole ? record->answered_ms - ex->first_text_ms : -1,
        .duration_ms = record->total_ms,
        .input_tokens = record->prompt_tokens,
        .output_tokens = record->completion_tokens,
        .deltas = record->deltas,
    };

    if (record->upstream_attempts > 0) {
        metrics_model_add(ex->set->models[ex->judged.model.pattern], &answer);
    }
}

void exchange_bury(struct exchange *ex)
{
    struct exchange_set *set = ex->set;

    exchange_count_relay(ex);
    account(&ex->record, set->services.metrics);
    account_model(ex);
    ex->connection = NULL;
    admission_release(set->admission, ex->slot);
    metrics_store(&set->services.metrics->admitted, admission_in_flight(set->admission));
    TAILQ_REMOVE(&set->live, ex, link);
    TAILQ_INSERT_TAIL(&set->dead, ex, link);
    set->live_count--;
    turn_request(set->services.turn);
}

/* -- the set -- */

/* Where the models that each row of models.allow lets pass are counted; NULL: no memory. */
static struct metrics_model **find_models(const struct config *config, struct metrics_slot *metrics)
{
    struct metrics_model **models =
        calloc(config->models_allow_count, sizeof(struct metrics_model *));

    for (size_t i = 0; models != NULL && i < config->models_allow_count; i++) {
        models[i] = metrics_model(metrics->models, config->models_allow[i]);
    }
    return models;
}

struct exchange_set *exchange_set_new(const struct exchange_services *services)
{
    const struct config *config = services->config;
    const struct admission_caps caps = {
        .exchanges = (size_t)config->limits_exchanges,
        .per_subject = (size_t)config->limits_exchanges_per_subject,
        .waiting = (size_t)config->limits_waiting,
    };
    struct exchange_set *set = calloc(1, sizeof(*set));

    if (set == NULL) {
        return NULL;
    }
    set->services = *services;
    TAILQ_INIT(&set->live);
    TAILQ_INIT(&set->dead);
    metrics_store(&services->metrics->exchanges_max, caps.exchanges);
    metrics_store(&services->metrics->waiting_max, caps.waiting);
    set->admission = admission_new(&caps);
    set->parser = chat_request_parser_new();
    set->completions = completions_parser_new();
    set->doc = json_doc_new();
    set->models_list = models_list_new(config, &set->models_list_bytes);
    set->models = find_models(config, services->metrics);
    if (set->admission == NULL || set->parser == NULL || set->completions == NULL ||
        set->doc == NULL || set->models_list == NULL || set->models == NULL ||
        getrandom(&set->id_prefix, sizeof(set->id_prefix), 0) != sizeof(set->id_prefix)) {
        exchange_set_free(set);
        return NULL;
    }
    return set;
}

void exchange_set_free(struct exchange_set *set)
{
    if (set == NULL) {
        return;
    }
    exchange_set_reap(set);
    admission_free(set->admission);
    chat_request_parser_free(set->parser);
    completions_parser_free(set->completions);
    json_doc_free(set->doc);
    free(set->models_list);
    free(set->models);
    free(set);
}

size_t exchange_set_live(const struct exchange_set *set)
{
    return set->live_count;
}

uint64_t exchange_set_backlog(const struct exchange_set *set)
{
    const struct exchange *ex;
    uint64_t bytes = 0;

    TAILQ_FOREACH(ex, &set->live, link)
    {
        /* cppcheck-suppress uninitvar ; it does not see through TAILQ_FOREACH */
        if (ex->is_taken) {
            bytes += client_leg_backlog(&ex->client);
        }
        if (ex->collector != NULL) {
            bytes += collector_bytes(ex->collector);
        }
    }
    return bytes;
}

void exchange_set_reap(void *arg)
{
    struct exchange_set *set = arg;
    struct exchange *ex;

    while ((ex = TAILQ_FIRST(&set->dead)) != NULL) {
        TAILQ_REMOVE(&set->dead, ex, link);
        event_free(ex->deadline);
        relay_fini(&ex->relay);
        collector_free(ex->collector);
        ex->magic = 0;
        free(ex);
    }
}

void exchange_set_end_all(struct exchange_set *set, enum end_reason reason)
{
    struct exchange *ex;
    struct exchange *next;

    for (ex = TAILQ_FIRST(&set->live); ex != NULL; ex = next) {
        next = TAILQ_NEXT(ex, link);
        exchange_fail(ex, reason);
    }
}
