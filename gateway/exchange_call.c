/* SPDX-License-Identifier: MIT */
/*
 * exchange_call.c - from the body of a request to the call that asks an upstream.
 *
 * The body is parsed anew for each upstream that is tried: the parsers' memory is shared by
 * all exchanges, and the body stays.
 */
#include "gateway/exchange_internal.h"

/* For the log: the relay, which has formats, takes no part. */
static const struct format collected_answer = {.name = "json"};

/* Adds what does not hang on the body, and starts it. NULL: no memory. */
static struct upstream *start_call(struct exchange *ex, struct upstream_origin *origin,
                                   struct upstream_call *call)
{
    char trace_parent[TRACE_PARENT_LENGTH];
    char trace_state[TRACE_STATE_BYTES_MAX];
    struct upstream *started;

    call->owner = ex;
    call->model = ex->judged.model.upstream_model;
    call->request_id = span_from_string(ex->request_id);
    if (ex->trace.is_on) {
        trace_render_parent(&ex->trace, trace_parent);
        call->traceparent = span_of(trace_parent, sizeof(trace_parent));
    }
    if (ex->trace.is_continued) { /* a state belongs to the trace that it came with */
        const struct request_head *head = connection_head(ex->connection);
        call->tracestate = span_of(trace_state, trace_render_state(&head->tracestate, trace_state));
    }
    started = upstream_start(origin, call);
    call->traceparent = span_of(NULL, 0); /* they were of this stack, and are copied by now */
    call->tracestate = span_of(NULL, 0);
    return started;
}

/* The body of the documented endpoint. */
static enum end_reason read_chat(struct exchange *ex, struct span body, struct upstream_call *call)
{
    size_t max_messages = (size_t)ex->set->services.config->limits_max_messages;
    struct chat_request chat;

    switch (chat_request_parse(ex->set->parser, body, max_messages, &chat, &ex->record.problem)) {
    case CHAT_REQUEST_OK:
        call->messages = chat.messages;
        call->message_count = chat.message_count;
        return END_DONE;
    case CHAT_REQUEST_NOT_JSON:
    case CHAT_REQUEST_BAD_SHAPE:
        return END_BAD_BODY;
    case CHAT_REQUEST_NO_MEMORY:
        break;
    }
    return END_NO_MEMORY;
}

static enum end_reason refuse(struct exchange *ex, const struct completions_refusal *refusal)
{
    ex->refused_for = refusal;
    ex->record.problem = refusal->problem;
    return END_BAD_BODY;
}

/* False when memory is out. */
static bool choose_answer(struct exchange *ex, bool is_streamed)
{
    size_t bytes_max = ex->set->services.config->limits_max_collected_bytes;

    if (is_streamed) {
        return true;
    }
    ex->judged.format = &collected_answer;
    if (ex->collector == NULL) {
        ex->collector = collector_new(bytes_max, ex->set->doc);
    } else {
        collector_reset(ex->collector);
    }
    return ex->collector != NULL;
}

/* What the body adds to what the head has said. */
static enum end_reason take_completion(struct exchange *ex,
                                       const struct completions_request *request,
                                       struct upstream_call *call)
{
    enum end_reason verdict = END_DONE;

    if (ex->judged.route.id == ROUTE_COMPLETIONS) {
        verdict = judge_model(ex->set->services.config, request->model, &ex->judged);
        ex->record.problem = ex->judged.problem;
    }
    ex->relay.stream.model = ex->judged.model.upstream_model;
    ex->relay.stream.hides_usage = !request->wants_usage;
    ex->dispatch.needs_chat = request->tgi_cannot != NULL;
    call->messages = request->messages;
    call->message_count = request->message_count;
    call->wishes = request->wishes;
    if (verdict == END_DONE && !choose_answer(ex, request->is_streamed)) {
        return END_NO_MEMORY;
    }
    return verdict;
}

/* The body of the OpenAI-compatible doors. */
static enum end_reason read_completion(struct exchange *ex, struct span body,
                                       struct upstream_call *call)
{
    const struct config *config = ex->set->services.config;
    const struct completions_refusal *refusal;
    struct completions_request request;
    const struct completions_rules rules = {
        .max_messages = (size_t)config->limits_max_messages,
        .needs_model = ex->judged.route.id == ROUTE_COMPLETIONS,
        .refuses_unknown = config->models_refuses_unknown,
    };

    switch (completions_parse(ex->set->completions, body, &rules, &request, &refusal)) {
    case COMPLETIONS_OK:
        return take_completion(ex, &request, call);
    case COMPLETIONS_NOT_JSON:
    case COMPLETIONS_BAD_SHAPE:
        return refuse(ex, refusal);
    case COMPLETIONS_NO_MEMORY:
        break;
    }
    return END_NO_MEMORY;
}

static enum end_reason read_body(struct exchange *ex, struct upstream_call *call)
{
    struct span body;

    if (!client_leg_body(&ex->client, &body)) {
        return END_NO_MEMORY;
    }
    ex->record.bytes_in = body.length;
    return ex->judged.route.is_openai ? read_completion(ex, body, call) : read_chat(ex, body, call);
}

enum end_reason exchange_open_upstream(struct exchange *ex, const struct upstream_events *events)
{
    struct upstream_call call = {.events = events};
    enum end_reason verdict = read_body(ex, &call);
    struct upstream_origin *origin;

    if (verdict != END_DONE) {
        return verdict;
    }
    origin = dispatch_pick(&ex->dispatch);
    if (origin == NULL && ex->dispatch.end.failure == UPSTREAM_OK) {
        return refuse(ex, completions_refuse_tgi(ex->set->completions));
    }
    if (origin == NULL) {
        return end_reason_of_upstream(ex->dispatch.end.failure);
    }
    ex->upstream = start_call(ex, origin, &call);
    return ex->upstream == NULL ? END_NO_MEMORY : END_DONE;
}
