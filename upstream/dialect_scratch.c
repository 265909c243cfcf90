/* SPDX-License-Identifier: MIT */
/*
 * dialect_scratch.c - what all dialects read alike: end mark, errors, strings, usage.
 *
 * An event without a single backslash in its text, which is most of them, is
 * handed on in place. Others are unescaped into the scratch, whose memory is
 * that of the largest event so far and is shared by all streams of a loop.
 */
#include "upstream/dialect_scratch.h"

#include <stdlib.h>

#include "upstream/classify.h"

/* Every finish reason seen on the wire, in the words of the OpenAI API. */
static const struct {
    const char *word;
    enum upstream_finish finish;
} finish_words[] = {
    {"stop", UPSTREAM_FINISH_STOP},
    {"eos", UPSTREAM_FINISH_STOP},
    {"eos_token", UPSTREAM_FINISH_STOP},
    {"stop_sequence", UPSTREAM_FINISH_STOP},
    {"length", UPSTREAM_FINISH_LENGTH},
    {"tool_calls", UPSTREAM_FINISH_TOOL_CALLS},
    {"function_call", UPSTREAM_FINISH_TOOL_CALLS},
    {"content_filter", UPSTREAM_FINISH_CONTENT_FILTER},
    {"COMPLETE", UPSTREAM_FINISH_STOP}, /* Cohere's own words */
    {"STOP_SEQUENCE", UPSTREAM_FINISH_STOP},
    {"MAX_TOKENS", UPSTREAM_FINISH_LENGTH},
    {"TOOL_CALL", UPSTREAM_FINISH_TOOL_CALLS},
};

struct dialect_scratch *dialect_scratch_new(void)
{
    struct dialect_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL) {
        return NULL;
    }
    scratch->doc = json_doc_new();
    if (scratch->doc == NULL) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

void dialect_scratch_free(struct dialect_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    json_doc_free(scratch->doc);
    free(scratch->text);
    free(scratch);
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without the white space of JSON at both ends. */
static struct span trim(struct span data)
{
    while (!span_is_empty(data) && is_white(data.data[0])) {
        data = span_skip(data, 1);
    }
    while (!span_is_empty(data) && is_white(data.data[data.length - 1])) {
        data.length--;
    }
    return data;
}

bool dialect_is_set(const struct json_doc *doc, json_ref at)
{
    return at != JSON_NONE && !json_is(doc, at, JSON_NULL) && !json_is(doc, at, JSON_FALSE) &&
           !json_string_equals(doc, at, "");
}

static void set_error(const struct json_doc *doc, struct dialect_result *result)
{
    json_ref error = doc == NULL ? JSON_NONE : json_member(doc, 0, "error");

    result->kind = DIALECT_ERROR;
    result->failure = classify_event(doc, &result->error_status);
    result->has_error_member = dialect_is_set(doc, error) && (json_is(doc, error, JSON_OBJECT) ||
                                                              json_is(doc, error, JSON_STRING));
}

/*
 * An event that has no part of an answer, but a message: the shapes of error answers
 * (FastAPI's among them) that some servers put into a stream as they are.
 */
static bool is_bare_message(const struct json_doc *doc)
{
    static const char *const answer_parts[] = {"choices", "token", "generated_text", "usage"};

    for (size_t i = 0; i < sizeof(answer_parts) / sizeof(answer_parts[0]); i++) {
        if (json_member(doc, 0, answer_parts[i]) != JSON_NONE) {
            return false;
        }
    }
    return json_is(doc, json_member(doc, 0, "message"), JSON_STRING) ||
           dialect_is_set(doc, json_member(doc, 0, "detail")) ||
           dialect_is_set(doc, json_member(doc, 0, "error_type"));
}

/* True when the parsed event reports a failure. */
static bool is_error(const struct json_doc *doc)
{
    return dialect_is_set(doc, json_member(doc, 0, "error")) ||
           json_string_equals(doc, json_member(doc, 0, "object"), "error") || is_bare_message(doc);
}

/* Parse the data; false when that settles what the event is. */
static bool parse(struct dialect_scratch *scratch, struct span data, bool is_failure,
                  struct dialect_result *result)
{
    struct json_doc *doc = scratch->doc;
    enum json_problem problem = json_parse(doc, data, JSON_DEPTH_MAX);

    if (problem == JSON_NO_MEMORY) {
        result->kind = DIALECT_NO_MEMORY;
        return false;
    }
    if (is_failure) {
        set_error(problem == JSON_OK ? doc : NULL, result);
        return false;
    }
    if (problem != JSON_OK || !json_is(doc, 0, JSON_OBJECT)) {
        result->kind = DIALECT_NONSENSE;
        return false;
    }
    if (is_error(doc)) {
        set_error(doc, result);
        return false;
    }
    return true;
}

bool dialect_open(struct dialect_scratch *scratch, const struct sse_event *event,
                  struct dialect_result *result)
{
    struct span data = trim(event->data);
    bool is_failure = event->has_error_field || event->is_error_event;

    *result = (struct dialect_result){
        .kind = DIALECT_DELTA,
        .delta.data = event->data,
        .usage = {.prompt_tokens = -1, .completion_tokens = -1},
    };
    scratch->used = 0;
    scratch->event_length = event->data.length;
    if (!is_failure && span_equals_string(data, "[DONE]")) {
        result->kind = DIALECT_DONE;
        return false;
    }
    if (!is_failure && span_is_empty(data)) {
        result->delta.data = data;
        return false; /* some servers keep the connection alive with "data:" alone */
    }
    return parse(scratch, data, is_failure, result);
}

void dialect_fail(struct dialect_scratch *scratch, struct dialect_result *result)
{
    set_error(scratch->doc, result);
}

/* Room for every string of the event at once, so that spans stay where they are. */
static bool reserve(struct dialect_scratch *scratch)
{
    if (scratch->capacity >= scratch->event_length) {
        return true;
    }
    char *text = realloc(scratch->text, scratch->event_length);
    if (text == NULL) {
        return false;
    }
    scratch->text = text;
    scratch->capacity = scratch->event_length;
    return true;
}

static void unescape(struct dialect_scratch *scratch, struct span raw, struct span *string)
{
    char *out = scratch->text + scratch->used;
    size_t length = json_unescape(raw, out);

    scratch->used += length;
    *string = span_of(out, length);
}

bool dialect_string(struct dialect_scratch *scratch, json_ref at, struct span *string,
                    struct dialect_result *result)
{
    if (!json_is(scratch->doc, at, JSON_STRING)) {
        *string = span_of(NULL, 0);
        return true;
    }
    struct span raw = json_raw(scratch->doc, at);
    if (json_string_is_plain(scratch->doc, at)) {
        *string = raw;
        return true;
    }
    if (!reserve(scratch)) {
        result->kind = DIALECT_NO_MEMORY;
        return false;
    }
    unescape(scratch, raw, string);
    return true;
}

bool dialect_scratch_unescape(struct dialect_scratch *scratch, size_t event_length, struct span raw,
                              struct span *string)
{
    *string = raw;
    if (span_is_empty(raw) || memchr(raw.data, '\\', raw.length) == NULL) {
        return true;
    }
    scratch->used = 0;
    scratch->event_length = event_length;
    if (!reserve(scratch)) {
        return false;
    }
    unescape(scratch, raw, string);
    return true;
}

void dialect_finish(const struct json_doc *doc, json_ref at, struct dialect_result *result)
{
    if (at == JSON_NONE || json_is(doc, at, JSON_NULL) || json_string_equals(doc, at, "")) {
        return;
    }
    result->is_complete = true;
    result->finish = UPSTREAM_FINISH_OTHER;
    for (size_t i = 0; i < sizeof(finish_words) / sizeof(finish_words[0]); i++) {
        if (json_string_equals(doc, at, finish_words[i].word)) {
            result->finish = finish_words[i].finish;
        }
    }
}

/* A count of tokens, or -1 when there is none that makes sense. */
static int64_t count_at(const struct json_doc *doc, json_ref at)
{
    int64_t count = -1;
    return json_int64(doc, at, &count) && count >= 0 ? count : -1;
}

void dialect_usage(const struct json_doc *doc, json_ref prompt, json_ref completion,
                   struct dialect_result *result)
{
    struct upstream_usage usage = {
        .prompt_tokens = count_at(doc, prompt),
        .completion_tokens = count_at(doc, completion),
    };
    if (usage.prompt_tokens >= 0 || usage.completion_tokens >= 0) {
        result->has_usage = true;
        result->usage = usage;
    }
}
