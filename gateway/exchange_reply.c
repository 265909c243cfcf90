/* SPDX-License-Identifier: MIT */
/*
 * exchange_reply.c - the answers that an exchange gives by itself: heads, errors, models.
 */
#include "gateway/exchange_internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "gateway/models_list.h"
#include "gateway/openai_error.h"
#include "gateway/reply.h"

#define METHODS_READ "GET, HEAD, OPTIONS"
#define METHODS_ASK "POST, OPTIONS"

static struct reply_head head_of(const struct exchange *ex)
{
    return (struct reply_head){
        .request_id = ex->request_id,
        .is_persistent = client_leg_may_persist(&ex->client),
        .cors = &ex->judged.cors,
    };
}

static void note_head(struct exchange *ex)
{
    ex->head_sent = true;
    ex->record.status = 200;
    ex->record.first_byte_ms = clock_now_ms() - ex->started_ms;
}

bool exchange_send_stream_head(struct exchange *ex)
{
    char bytes[REPLY_BYTES_MAX];
    const struct reply_head head = head_of(ex);
    size_t length = reply_stream_head_render(ex->relay.format, &head, bytes);

    if (!client_leg_append(&ex->client, span_of(bytes, length))) {
        return false;
    }
    note_head(ex);
    ex->first_text_ms = ex->record.first_byte_ms;
    return true;
}

/* A whole 200. */
static bool send_json(struct exchange *ex, struct span body)
{
    char bytes[REPLY_BYTES_MAX];
    const struct reply_head head = head_of(ex);
    size_t length = reply_json_head_render(body.length, &head, bytes);
    bool is_wanted = connection_head(ex->connection)->method != METHOD_HEAD;

    if (!client_leg_append(&ex->client, span_of(bytes, length)) ||
        (is_wanted && !client_leg_append(&ex->client, body))) {
        return false;
    }
    note_head(ex);
    return true;
}

enum collector_status exchange_collect(struct exchange *ex, const struct upstream_delta *delta,
                                       unsigned attempts)
{
    if (ex->collected_attempts != attempts) { /* an attempt that is tried again says all anew */
        collector_reset(ex->collector);
        ex->collected_attempts = attempts;
    }
    if (!span_is_empty(delta->text) || !span_is_empty(delta->reasoning) || delta->has_tool_call) {
        ex->relay.deltas++;
        if (ex->first_text_ms < 0) {
            ex->first_text_ms = clock_now_ms() - ex->started_ms;
        }
    }
    return collector_add(ex->collector, delta);
}

bool exchange_send_collected(struct exchange *ex)
{
    struct span answer;

    return collector_render(ex->collector, &ex->relay.stream, &ex->dispatch.end, &answer) &&
           send_json(ex, answer);
}

bool exchange_send_models(struct exchange *ex)
{
    char entry[MODELS_LIST_ENTRY_BYTES_MAX];

    if (ex->judged.route.id == ROUTE_MODELS) {
        return send_json(ex, span_of(ex->set->models_list, ex->set->models_list_bytes));
    }
    return send_json(ex, span_of(entry, models_list_entry_render(ex->judged.route.model, entry)));
}

/* -- errors -- */

/* The words of the doors for <reason>; a model's name is put into <room>. */
/* Says the provider: of the request, not of itself, our key or our account. */
static bool is_fault_of_request(int upstream_status)
{
    return upstream_status == 400 || upstream_status == 413 || upstream_status == 422;
}

static void word_error(const struct exchange *ex, enum end_reason reason,
                       struct openai_error *words, char *room, size_t room_size)
{
    const struct completions_refusal *refusal = ex->refused_for;

    openai_error_of(reason, words);
    if (reason == END_BAD_BODY && refusal != NULL) {
        words->code = refusal->code;
        words->param = refusal->param[0] == '\0' ? NULL : refusal->param;
        words->message = refusal->message;
    }
    if (reason == END_UPSTREAM_STATUS && is_fault_of_request(ex->dispatch.end.status)) {
        words->status = 400; /* clients ask again after any 5xx, and in vain */
        words->type = "invalid_request_error";
        words->message = "The provider does not take the request: it is too long for the model, "
                         "or says something that the model cannot do.";
    }
    if (reason == END_MODEL_UNKNOWN) {
        (void)snprintf(room, room_size,
                       "The model '%s' does not exist, or may not be used here. "
                       "GET /v1/models lists what may be.",
                       ex->judged.route.model_is_valid ? ex->judged.route.model
                                                       : "(not publisher/name)");
        words->message = room;
    }
}

static const char *methods_of(const struct judgement *judged)
{
    return judged->is_page_place || route_is_read(judged->route.id) ? METHODS_READ : METHODS_ASK;
}

/* Where a repeat would fail in the same way. */
static bool is_final(const struct exchange *ex, enum end_reason reason)
{
    return reason == END_UPSTREAM_STATUS || reason == END_ANSWER_TOO_LARGE ||
           ex->dispatch.end.failure == UPSTREAM_QUOTA;
}

bool exchange_send_error(struct exchange *ex, enum end_reason reason)
{
    char bytes[REPLY_BYTES_MAX];
    char room[ROUTE_MODEL_BYTES_MAX + 128];
    struct openai_error words;

    word_error(ex, reason, &words, room, sizeof(room));
    const struct reply_error error = {
        .reason = reason,
        .request_id = ex->request_id,
        .is_persistent = client_leg_may_persist(&ex->client),
        .has_body = connection_head(ex->connection)->method != METHOD_HEAD,
        .sent_token = ex->judged.sent_token,
        .upstream_as_gateway = ex->set->services.config->upstream_errors_as_gateway,
        .retry_after_s = ex->dispatch.end.retry_after_s,
        .is_final = is_final(ex, reason),
        .allow = methods_of(&ex->judged),
        .cors = &ex->judged.cors,
        .openai = ex->judged.route.is_openai ? &words : NULL,
    };

    if (!client_leg_append(&ex->client, span_of(bytes, reply_error_render(&error, bytes)))) {
        return false;
    }
    ex->record.status = reply_error_status(&error);
    return true;
}
