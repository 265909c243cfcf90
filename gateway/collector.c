/* SPDX-License-Identifier: MIT */
/*
 * collector.c - see collector.h.
 *
 * What is kept is JSON already: the insides of strings and whole values, as they stood in
 * events that have been checked. So joining is copying, and nothing is unescaped.
 */
#include "gateway/collector.h"

#include <stdlib.h>

#include "gateway/format_write.h"

#define TOOL_CALLS_MAX 128
#define TEXT_BYTES_FIRST 256
#define MARK_BYTES_MAX 512 /* an id, a model's name; longer ones are not kept */

struct text {
    char *bytes; /* owned */
    size_t length, capacity;
};

struct tool_call {
    int64_t index;
    struct text id, name, arguments; /* insides of strings; <arguments>: or input */
    bool is_custom;                  /* a tool of the client's own grammar, not a function */
};

struct collector {
    struct json_doc *doc; /* borrowed */
    size_t bytes_max, bytes;
    enum collector_status status; /* the first thing that went wrong */
    struct text content, reasoning, refusal;
    struct text logprobs;                        /* elements, with commas between them */
    struct text id, model, created, fingerprint; /* whole values */
    struct text usage, finish;                   /* whole values */
    struct text answer;                          /* what was rendered */
    struct tool_call *calls;                     /* owned */
    size_t call_count, call_capacity;
    bool has_function_call; /* the older way to call one; it is calls[0] then */
};

struct collector *collector_new(size_t bytes_max, struct json_doc *doc)
{
    struct collector *collector = calloc(1, sizeof(*collector));

    if (collector != NULL) {
        collector->doc = doc;
        collector->bytes_max = bytes_max;
    }
    return collector;
}

static void drop(struct text *text)
{
    free(text->bytes);
    *text = (struct text){.bytes = NULL};
}

void collector_reset(struct collector *collector)
{
    struct text *const texts[] = {
        &collector->content, &collector->reasoning, &collector->refusal, &collector->logprobs,
        &collector->id,      &collector->model,     &collector->created, &collector->fingerprint,
        &collector->usage,   &collector->finish,    &collector->answer,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        drop(texts[i]);
    }
    for (size_t i = 0; i < collector->call_count; i++) {
        drop(&collector->calls[i].id);
        drop(&collector->calls[i].name);
        drop(&collector->calls[i].arguments);
    }
    free(collector->calls);
    collector->calls = NULL;
    collector->call_count = 0;
    collector->call_capacity = 0;
    collector->has_function_call = false;
    collector->bytes = 0;
    collector->status = COLLECTOR_OK;
}

void collector_free(struct collector *collector)
{
    if (collector != NULL) {
        collector_reset(collector);
        free(collector);
    }
}

size_t collector_bytes(const struct collector *collector)
{
    return collector->bytes;
}

/* -- gathering -- */

static void fail(struct collector *collector, enum collector_status status)
{
    if (collector->status == COLLECTOR_OK) {
        collector->status = status;
    }
}

/* Room for <length> more bytes; NULL: there is no memory, or the answer is too large. */
static char *reserve(struct collector *collector, struct text *text, size_t length)
{
    size_t capacity = text->capacity > 0 ? text->capacity : TEXT_BYTES_FIRST;
    char *grown;

    if (length > collector->bytes_max - collector->bytes) {
        fail(collector, COLLECTOR_FULL);
        return NULL;
    }
    while (capacity - text->length < length) {
        capacity *= 2; /* bounded: by twice bytes_max */
    }
    if (capacity > text->capacity) {
        grown = realloc(text->bytes, capacity);
        if (grown == NULL) {
            fail(collector, COLLECTOR_NO_MEMORY);
            return NULL;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    return text->bytes + text->length;
}

static void commit(struct collector *collector, struct text *text, size_t length)
{
    text->length += length;
    collector->bytes += length;
}

static void append(struct collector *collector, struct text *text, struct span bytes)
{
    char *room = span_is_empty(bytes) ? NULL : reserve(collector, text, bytes.length);

    if (room != NULL) {
        commit(collector, text, format_put(room, bytes));
    }
}

static void append_escaped(struct collector *collector, struct text *text, struct span plain)
{
    size_t bound = format_json_bound(plain);
    char *room = span_is_empty(plain) ? NULL : reserve(collector, text, bound);

    if (room != NULL) {
        commit(collector, text, format_put_json(room, plain));
    }
}

/* The inside of the string at <value>, if it is one. */
static void append_string(struct collector *collector, struct text *text, json_ref value)
{
    if (json_is(collector->doc, value, JSON_STRING)) {
        append(collector, text, json_raw(collector->doc, value));
    }
}

static struct span whole_value(const struct json_doc *doc, json_ref value)
{
    struct span raw = json_raw(doc, value);

    return json_is(doc, value, JSON_STRING) ? span_of(raw.data - 1, raw.length + 2) : raw;
}

/* Keep a value of one of the types that it is known to have; the first one stands. */
static void keep_first(struct collector *collector, struct text *text, const char *name,
                       enum json_type type)
{
    json_ref value = json_member(collector->doc, 0, name);
    struct span whole = whole_value(collector->doc, value);

    if (text->length == 0 && json_is(collector->doc, value, type) &&
        whole.length <= MARK_BYTES_MAX) {
        append(collector, text, whole);
    }
}

static void keep_last(struct collector *collector, struct text *text, json_ref value)
{
    collector->bytes -= text->length;
    text->length = 0;
    append(collector, text, whole_value(collector->doc, value));
}

/* -- tool calls -- */

/* Room for one more. */
static bool reserve_call(struct collector *collector)
{
    size_t capacity = collector->call_capacity > 0 ? 2 * collector->call_capacity : 4;
    struct tool_call *grown;

    if (collector->call_count < collector->call_capacity) {
        return true;
    }
    if (capacity > TOOL_CALLS_MAX) {
        fail(collector, COLLECTOR_FULL);
        return false;
    }
    grown = reallocarray(collector->calls, capacity, sizeof(*grown));
    if (grown == NULL) {
        fail(collector, COLLECTOR_NO_MEMORY);
        return false;
    }
    collector->calls = grown;
    collector->call_capacity = capacity;
    return true;
}

/* The call of this index, made if need be; NULL: there is no room for it. */
static struct tool_call *call_at(struct collector *collector, int64_t index)
{
    for (size_t i = 0; i < collector->call_count; i++) {
        if (collector->calls[i].index == index) {
            return &collector->calls[i];
        }
    }
    if (!reserve_call(collector)) {
        return NULL;
    }
    struct tool_call *call = &collector->calls[collector->call_count++];
    *call = (struct tool_call){.index = index};
    return call;
}

/* What stands for the arguments is called "input" where the tool is no function. */
static const char *arguments_name(const struct tool_call *call)
{
    return call->is_custom ? "input" : "arguments";
}

static void add_function(struct collector *collector, struct tool_call *call, json_ref function)
{
    const struct json_doc *doc = collector->doc;

    if (call->name.length == 0) { /* some repeat it with every piece */
        append_string(collector, &call->name, json_member(doc, function, "name"));
    }
    append_string(collector, &call->arguments, json_member(doc, function, arguments_name(call)));
}

/* Some leave the index out: a piece with an id begins a call then, others go on with the last. */
static int64_t index_of(const struct collector *collector, json_ref piece)
{
    const struct json_doc *doc = collector->doc;
    int64_t count = (int64_t)collector->call_count;
    json_ref id = json_member(doc, piece, "id");
    bool begins = json_is(doc, id, JSON_STRING) && json_raw(doc, id).length > 0;
    int64_t index;

    if (json_int64(doc, json_member(doc, piece, "index"), &index)) {
        return index;
    }
    return begins || count == 0 ? count : collector->calls[count - 1].index;
}

static void add_tool_calls(struct collector *collector, json_ref pieces)
{
    const struct json_doc *doc = collector->doc;
    /* An early TGI sends one object where an array belongs. */
    bool is_array = json_is(doc, pieces, JSON_ARRAY);

    for (json_ref piece = is_array ? json_first(doc, pieces) : pieces; piece != JSON_NONE;
         piece = is_array ? json_next(doc, piece) : JSON_NONE) {
        struct tool_call *call = json_is(doc, piece, JSON_OBJECT)
                                     ? call_at(collector, index_of(collector, piece))
                                     : NULL;
        if (call == NULL) {
            continue;
        }
        if (call->id.length == 0) {
            append_string(collector, &call->id, json_member(doc, piece, "id"));
        }
        call->is_custom =
            call->is_custom || json_is(doc, json_member(doc, piece, "custom"), JSON_OBJECT);
        add_function(collector, call,
                     json_member(doc, piece, call->is_custom ? "custom" : "function"));
    }
}

/* -- one event -- */

static void add_logprobs(struct collector *collector, json_ref choice)
{
    const struct json_doc *doc = collector->doc;
    json_ref content = json_member(doc, json_member(doc, choice, "logprobs"), "content");

    if (!json_is(doc, content, JSON_ARRAY)) {
        return;
    }
    for (json_ref at = json_first(doc, content); at != JSON_NONE; at = json_next(doc, at)) {
        if (collector->logprobs.length > 0) {
            append(collector, &collector->logprobs, span_of(",", 1));
        }
        append(collector, &collector->logprobs, whole_value(doc, at));
    }
}

static void add_choice(struct collector *collector, json_ref choice)
{
    const struct json_doc *doc = collector->doc;
    json_ref delta = json_member(doc, choice, "delta");
    json_ref finish = json_member(doc, choice, "finish_reason");
    json_ref function = json_member(doc, delta, "function_call");
    struct tool_call *call;

    append_string(collector, &collector->refusal, json_member(doc, delta, "refusal"));
    add_tool_calls(collector, json_member(doc, delta, "tool_calls"));
    if (json_is(doc, function, JSON_OBJECT) && (call = call_at(collector, 0)) != NULL) {
        collector->has_function_call = true;
        add_function(collector, call, function);
    }
    add_logprobs(collector, choice);
    if (json_is(doc, finish, JSON_STRING) && json_raw(doc, finish).length <= MARK_BYTES_MAX) {
        keep_last(collector, &collector->finish, finish);
    }
}

/* What the event says beside text and thinking. */
static void add_chunk(struct collector *collector)
{
    const struct json_doc *doc = collector->doc;
    json_ref choices = json_member(doc, 0, "choices");
    json_ref usage = json_member(doc, 0, "usage");

    keep_first(collector, &collector->id, "id", JSON_STRING);
    keep_first(collector, &collector->model, "model", JSON_STRING);
    keep_first(collector, &collector->created, "created", JSON_NUMBER);
    keep_first(collector, &collector->fingerprint, "system_fingerprint", JSON_STRING);
    if (json_is(doc, usage, JSON_OBJECT)) {
        keep_last(collector, &collector->usage, usage);
    }
    if (json_is(doc, choices, JSON_ARRAY)) {
        add_choice(collector, json_first(doc, choices));
    }
}

enum collector_status collector_add(struct collector *collector, const struct upstream_delta *delta)
{
    append_escaped(collector, &collector->content, delta->text);
    append_escaped(collector, &collector->reasoning, delta->reasoning);
    if (delta->is_chunk) {
        switch (json_parse(collector->doc, delta->data, JSON_DEPTH_MAX)) {
        case JSON_OK:
            add_chunk(collector);
            break;
        case JSON_NO_MEMORY:
            fail(collector, COLLECTOR_NO_MEMORY);
            break;
        case JSON_EMPTY: /* the dialect has parsed it before: none of these can be */
        case JSON_SYNTAX:
        case JSON_BAD_UTF8:
        case JSON_BAD_ESCAPE:
        case JSON_CONTROL:
        case JSON_TOO_DEEP:
        case JSON_TRAILING:
        case JSON_CUT_OFF:
        case JSON_TOO_LARGE:
            break;
        }
    }
    return collector->status;
}

/* -- the answer -- */

static struct span span_of_text(const struct text *text)
{
    return span_of(text->bytes, text->length);
}

static void put(struct collector *collector, struct span bytes)
{
    append(collector, &collector->answer, bytes);
}

static void put_string(struct collector *collector, const char *text)
{
    put(collector, span_from_string(text));
}

/* <before>, the text, and what closes it. */
static void put_quoted(struct collector *collector, const char *before, struct span text)
{
    put_string(collector, before);
    put(collector, text);
    put_string(collector, "\"");
}

static void put_number(struct collector *collector, int64_t number)
{
    char digits[FORMAT_NUMBER_BYTES_MAX];

    put(collector, span_of(digits, format_put_number(digits, number)));
}

static void put_envelope(struct collector *collector, const struct format_stream *stream)
{
    put_string(collector, "{\"id\":");
    if (collector->id.length > 0) {
        put(collector, span_of_text(&collector->id));
    } else {
        put_quoted(collector, "\"chatcmpl-", stream->id);
    }
    put_string(collector, ",\"object\":\"chat.completion\",\"created\":");
    if (collector->created.length > 0) {
        put(collector, span_of_text(&collector->created));
    } else {
        put_number(collector, stream->created_unix_s);
    }
    put_string(collector, ",\"model\":");
    if (collector->model.length > 0) {
        put(collector, span_of_text(&collector->model));
    } else {
        put_quoted(collector, "\"", stream->model);
    }
}

static void put_function(struct collector *collector, const struct tool_call *call)
{
    put_quoted(collector, "{\"name\":\"", span_of_text(&call->name));
    put_string(collector, call->is_custom ? ",\"input\":" : ",\"arguments\":");
    put_quoted(collector, "\"", span_of_text(&call->arguments));
    put_string(collector, "}");
}

static void put_calls(struct collector *collector)
{
    if (collector->has_function_call) {
        put_string(collector, ",\"function_call\":");
        put_function(collector, &collector->calls[0]);
        return;
    }
    for (size_t i = 0; i < collector->call_count; i++) {
        put_quoted(collector, i == 0 ? ",\"tool_calls\":[{\"id\":\"" : ",{\"id\":\"",
                   span_of_text(&collector->calls[i].id));
        put_string(collector, collector->calls[i].is_custom
                                  ? ",\"type\":\"custom\",\"custom\":"
                                  : ",\"type\":\"function\",\"function\":");
        put_function(collector, &collector->calls[i]);
        put_string(collector, i + 1 < collector->call_count ? "}" : "}]");
    }
}

static void put_message(struct collector *collector)
{
    put_string(collector, "{\"role\":\"assistant\",\"content\":");
    if (collector->content.length == 0 &&
        (collector->call_count > 0 || collector->refusal.length > 0)) {
        put_string(collector, "null");
    } else {
        put_quoted(collector, "\"", span_of_text(&collector->content));
    }
    if (collector->reasoning.length > 0) {
        put_quoted(collector, ",\"reasoning_content\":\"", span_of_text(&collector->reasoning));
    }
    if (collector->refusal.length > 0) {
        put_quoted(collector, ",\"refusal\":\"", span_of_text(&collector->refusal));
    }
    put_calls(collector);
    put_string(collector, "}");
}

/* In the words of the API where they are known, else in the provider's own. */
static void put_finish(struct collector *collector, enum upstream_finish finish)
{
    switch (finish) {
    case UPSTREAM_FINISH_LENGTH:
        put_string(collector, "\"length\"");
        return;
    case UPSTREAM_FINISH_CONTENT_FILTER:
        put_string(collector, "\"content_filter\"");
        return;
    case UPSTREAM_FINISH_STOP:
        put_string(collector, "\"stop\"");
        return;
    case UPSTREAM_FINISH_OTHER:
        put(collector, collector->finish.length > 0 ? span_of_text(&collector->finish)
                                                    : span_from_string("\"stop\""));
        return;
    case UPSTREAM_FINISH_NONE: /* some say none after a tool call; [DONE] has come all the same */
        put_string(collector, collector->call_count == 0 ? "\"stop\"" : "\"tool_calls\"");
        return;
    case UPSTREAM_FINISH_TOOL_CALLS:
        put_string(collector,
                   collector->has_function_call ? "\"function_call\"" : "\"tool_calls\"");
        return;
    }
}

static int64_t count_or_zero(int64_t count)
{
    return count < 0 ? 0 : count;
}

static void put_usage(struct collector *collector, const struct upstream_usage *usage)
{
    int64_t prompt = count_or_zero(usage->prompt_tokens);
    int64_t completion = count_or_zero(usage->completion_tokens);

    if (collector->usage.length > 0) {
        put_string(collector, ",\"usage\":");
        put(collector, span_of_text(&collector->usage));
        return;
    }
    if (usage->prompt_tokens < 0 && usage->completion_tokens < 0) {
        return;
    }
    put_string(collector, ",\"usage\":{\"prompt_tokens\":");
    put_number(collector, prompt);
    put_string(collector, ",\"completion_tokens\":");
    put_number(collector, completion);
    put_string(collector, ",\"total_tokens\":");
    put_number(collector, prompt > INT64_MAX - completion ? INT64_MAX : prompt + completion);
    put_string(collector, "}");
}

bool collector_render(struct collector *collector, const struct format_stream *stream,
                      const struct upstream_end *end, struct span *answer)
{
    collector->bytes_max = SIZE_MAX; /* what was gathered has its bound; its frame is small */
    put_envelope(collector, stream);
    put_string(collector, ",\"choices\":[{\"index\":0,\"message\":");
    put_message(collector);
    put_string(collector, ",\"logprobs\":");
    put_string(collector, collector->logprobs.length > 0 ? "{\"content\":[" : "null");
    put(collector, span_of_text(&collector->logprobs));
    put_string(collector, collector->logprobs.length > 0 ? "]}" : "");
    put_string(collector, ",\"finish_reason\":");
    put_finish(collector, end->finish);
    put_string(collector, "}]");
    put_usage(collector, &end->usage);
    if (collector->fingerprint.length > 0) {
        put_string(collector, ",\"system_fingerprint\":");
        put(collector, span_of_text(&collector->fingerprint));
    }
    put_string(collector, "}");
    *answer = span_of_text(&collector->answer);
    return collector->status == COLLECTOR_OK;
}
