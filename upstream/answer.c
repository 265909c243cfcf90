/* SPDX-License-Identifier: MIT */
/*
 * answer.c - what one response says: its head, its events or its error body, its end.
 *
 * Everything here is hostile input. A stream is a success only by [DONE] or by the
 * framed end of its body after a finish reason; an error answer is read up to a
 * bound and classified; whatever has no meaning is UPSTREAM_NONSENSE.
 */
#include "upstream/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "upstream/classify.h"

/* Error texts are short; error pages of front doors are not, and say no more. */
#define REPORT_BYTES_MAX (64 * 1024)
#define ERROR_EVENT_BYTES_MAX (8 * 1024)
#define NOT_EVENTS "success without an event stream"

/* <problem> is static text for the log, NULL where the failure says it all. */
static enum answer_step fail(struct answer *answer, enum upstream_failure failure,
                             const char *problem)
{
    answer->failure = failure;
    answer->problem = problem;
    answer->step = ANSWER_FAILED;
    return ANSWER_FAILED;
}

static void note(struct answer *answer, const struct dialect_result *result)
{
    if (result->finish != UPSTREAM_FINISH_NONE) {
        answer->finish = result->finish;
    }
    if (result->has_usage) {
        answer->usage = result->usage;
    }
    answer->is_complete = answer->is_complete || result->is_complete;
}

static bool deliver(struct answer *answer, const struct upstream_delta *delta)
{
    if (span_is_empty(delta->data) && span_is_empty(delta->text) &&
        span_is_empty(delta->reasoning)) {
        answer->events->on_comment(answer->owner);
        return true;
    }
    if (!answer->events->on_delta(answer->owner, delta)) {
        answer->step = ANSWER_STOPPED;
        return false;
    }
    return true;
}

/* A copy for those who show it as it is; what is too large for that, or without memory, is not. */
static void keep_error_event(struct answer *answer, struct span data)
{
    if (data.length > ERROR_EVENT_BYTES_MAX) {
        return;
    }
    free(answer->report);
    answer->report = malloc(data.length);
    answer->report_length = answer->report == NULL ? 0 : data.length;
    if (answer->report != NULL) {
        memcpy(answer->report, data.data, data.length);
    }
}

static void take_error_event(struct answer *answer, const struct dialect_result *result)
{
    if (result->has_error_member) {
        keep_error_event(answer, result->delta.data);
    }
    if (result->error_status != 0) {
        answer->status = result->error_status;
    }
    (void)fail(answer, result->failure == UPSTREAM_OK ? UPSTREAM_ERROR_EVENT : result->failure,
               NULL);
}

static bool on_event(void *owner, const struct sse_event *event)
{
    struct answer *answer = owner;
    struct dialect_result result;

    if (!dialect_repeat_read(&answer->repeat, answer->scratch, event, &result)) {
        answer->dialect->read(answer->scratch, event, &result);
        dialect_repeat_learn(&answer->repeat, event, &result);
    }
    switch (result.kind) {
    case DIALECT_DELTA:
        note(answer, &result);
        return deliver(answer, &result.delta);
    case DIALECT_DONE:
        answer->step = ANSWER_DONE;
        return false;
    case DIALECT_ERROR:
        take_error_event(answer, &result);
        return false;
    case DIALECT_NONSENSE:
        (void)fail(answer, UPSTREAM_NONSENSE, "event is no JSON object in UTF-8");
        return false;
    case DIALECT_NO_MEMORY:
        (void)fail(answer, UPSTREAM_NO_MEMORY, NULL);
        return false;
    }
    return false;
}

static void on_comment(void *owner)
{
    struct answer *answer = owner;

    answer->events->on_comment(answer->owner);
}

static const struct sse_events scanner_events = {.on_event = on_event, .on_comment = on_comment};

bool answer_init(struct answer *answer, size_t max_event_bytes)
{
    answer->scanner = sse_new(max_event_bytes, &scanner_events, answer);
    answer->repeat = (struct dialect_repeat){.bytes = NULL};
    answer->report = NULL;
    answer->status = 0;
    answer->retry_after_s = -1;
    answer_reset(answer);
    return answer->scanner != NULL;
}

void answer_fini(struct answer *answer)
{
    sse_free(answer->scanner);
    dialect_repeat_fini(&answer->repeat);
    free(answer->report);
    answer->scanner = NULL;
    answer->report = NULL;
}

void answer_reset(struct answer *answer)
{
    if (answer->scanner != NULL) {
        sse_reset(answer->scanner);
    }
    dialect_repeat_reset(&answer->repeat);
    free(answer->report);
    answer->report = NULL;
    answer->report_length = 0;
    answer->kind = ANSWER_NO_HEAD;
    answer->step = ANSWER_MORE;
    answer->failure = UPSTREAM_OK;
    answer->problem = NULL;
    answer->finish = UPSTREAM_FINISH_NONE;
    answer->usage = (struct upstream_usage){.prompt_tokens = -1, .completion_tokens = -1};
    answer->is_complete = false;
}

/* RFC 9110 section 8.3.1: the media type alone; providers repeat its parameters. */
static bool is_event_stream(struct span content_type)
{
    const char *end =
        span_is_empty(content_type) ? NULL : memchr(content_type.data, ';', content_type.length);

    if (end != NULL) {
        content_type.length = (size_t)(end - content_type.data);
    }
    return span_equals_ignore_case(span_trim(content_type), "text/event-stream");
}

/* Classify what was collected. */
static enum answer_step close_report(struct answer *answer, const char *problem)
{
    struct span body = span_of(answer->report, answer->report_length);
    enum upstream_failure failure = classify_answer(answer->doc, answer->status, body);

    return fail(answer, failure == UPSTREAM_OK ? UPSTREAM_NONSENSE : failure,
                failure == UPSTREAM_NONSENSE ? problem : NULL);
}

enum answer_step answer_take_head(struct answer *answer, const struct answer_head *head)
{
    if (head->status < 200 || head->status > 599) {
        return fail(answer, UPSTREAM_NONSENSE, "status out of range");
    }
    answer->status = head->status;
    answer->retry_after_s = -1;
    answer->kind = ANSWER_REPORT;
    if (head->status != 200) { /* on a 200 some providers send them as well */
        answer->retry_after_s = classify_retry_after(head->retry_after, clock_wall_unix_s());
    }
    if (head->status == 429 && answer->retry_after_s < 0) {
        answer->retry_after_s = classify_rate_limit(head->rate_limit);
    }
    if (!span_is_empty(head->content_encoding)) {
        /* We offered none and read none: the status must do. */
        return close_report(answer, "content coding that nobody offered");
    }
    if (head->status == 200 && is_event_stream(head->content_type)) {
        answer->kind = ANSWER_EVENTS;
    }
    return ANSWER_MORE;
}

static enum answer_step collect(struct answer *answer, struct span bytes)
{
    size_t room = REPORT_BYTES_MAX - answer->report_length;
    bool is_full = bytes.length >= room;
    size_t length = is_full ? room : bytes.length;
    char *report = realloc(answer->report, answer->report_length + length);

    if (report == NULL) {
        return fail(answer, UPSTREAM_NO_MEMORY, NULL);
    }
    memcpy(report + answer->report_length, bytes.data, length);
    answer->report = report;
    answer->report_length += length;
    return is_full ? close_report(answer, NOT_EVENTS) : ANSWER_MORE;
}

/* What a feed of the scanner has led to. */
static enum answer_step after_feed(struct answer *answer, enum sse_status status)
{
    switch (status) {
    case SSE_OK:
        return ANSWER_MORE;
    case SSE_STOPPED:
        return answer->step;
    case SSE_TOO_LARGE:
        return fail(answer, UPSTREAM_NONSENSE, "event or line above max_event");
    case SSE_NO_MEMORY:
        return fail(answer, UPSTREAM_NO_MEMORY, NULL);
    }
    return fail(answer, UPSTREAM_NONSENSE, NULL);
}

enum answer_step answer_take_body(struct answer *answer, struct span bytes)
{
    if (answer->step != ANSWER_MORE || span_is_empty(bytes)) {
        return answer->step;
    }
    if (answer->kind == ANSWER_EVENTS) {
        return after_feed(answer, sse_feed(answer->scanner, bytes));
    }
    return collect(answer, bytes);
}

enum answer_step answer_take_end(struct answer *answer)
{
    enum answer_step step;

    if (answer->step != ANSWER_MORE) {
        return answer->step;
    }
    if (answer->kind != ANSWER_EVENTS) {
        return close_report(answer, NOT_EVENTS);
    }
    step = after_feed(answer, sse_finish(answer->scanner));
    if (step == ANSWER_FAILED && answer->failure == UPSTREAM_NONSENSE) {
        return fail(answer, UPSTREAM_TRUNCATED,
                    "end inside an event"); /* half an event: the body was cut in it */
    }
    if (step != ANSWER_MORE) {
        return step;
    }
    answer->step = ANSWER_DONE;
    return answer->is_complete
               ? ANSWER_DONE
               : fail(answer, UPSTREAM_TRUNCATED, "end without [DONE] or a finish reason");
}

enum upstream_failure answer_verdict(const struct answer *answer, enum upstream_failure failure)
{
    if (failure != UPSTREAM_BUSY) {
        return failure;
    }
    if (answer->kind == ANSWER_EVENTS) {
        return UPSTREAM_ERROR_EVENT;
    }
    return answer->status == 503 || answer->status == 529 ? UPSTREAM_BUSY : UPSTREAM_STATUS;
}

struct span answer_error_event(const struct answer *answer)
{
    return answer->kind == ANSWER_EVENTS ? span_of(answer->report, answer->report_length)
                                         : span_of(NULL, 0);
}

enum upstream_health answer_health(const struct answer *answer, enum upstream_failure failure)
{
    if (failure == UPSTREAM_STATUS && answer->status >= 500) {
        return UPSTREAM_SICK; /* 501, 520 and the like, of front doors and proxies */
    }
    return upstream_failure_health(failure);
}

enum upstream_failure answer_why_cut(struct answer *answer)
{
    if (answer->step == ANSWER_FAILED) {
        return answer->failure;
    }
    if (answer->kind == ANSWER_REPORT && answer->status != 200) {
        (void)close_report(answer, NULL); /* the status says enough */
        return answer->failure;
    }
    return UPSTREAM_TRUNCATED;
}
