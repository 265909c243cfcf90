/* SPDX-License-Identifier: MIT */
/*
 * dialect_chat.c - chunks of an OpenAI-compatible chat completion.
 *
 * Providers differ in everything but choices[0].delta.content, so nothing else
 * is required: choices may be empty or absent, usage may ride on any chunk, the
 * index may count tokens, and members nobody knows are passed over.
 */
#include "upstream/dialect.h"
#include "upstream/dialect_scratch.h"

/* The names under which providers send the thinking text. */
static const char *const reasoning_names[] = {"reasoning_content", "reasoning", "reasoning_text"};

/* The first choice by position; its index is a token count in some servers. */
static json_ref first_choice(const struct json_doc *doc)
{
    json_ref choices = json_member(doc, 0, "choices");
    json_ref choice = json_is(doc, choices, JSON_ARRAY) ? json_first(doc, choices) : JSON_NONE;
    return json_is(doc, choice, JSON_OBJECT) ? choice : JSON_NONE;
}

static json_ref object_member(const struct json_doc *doc, json_ref object, const char *name)
{
    json_ref member = json_member(doc, object, name);
    return json_is(doc, member, JSON_OBJECT) ? member : JSON_NONE;
}

/*
 * An event of Cohere's own API, which takes the same request and has no choices: the
 * delta is outermost. False when memory is out.
 */
static bool read_bare_delta(struct dialect_scratch *scratch, struct dialect_result *result)
{
    const struct json_doc *doc = scratch->doc;
    json_ref delta = object_member(doc, 0, "delta");
    json_ref content = object_member(doc, object_member(doc, delta, "message"), "content");
    json_ref tokens = object_member(doc, object_member(doc, delta, "usage"), "tokens");

    dialect_finish(doc, json_member(doc, delta, "finish_reason"), result);
    dialect_usage(doc, json_member(doc, tokens, "input_tokens"),
                  json_member(doc, tokens, "output_tokens"), result);
    return dialect_string(scratch, json_member(doc, content, "text"), &result->delta.text,
                          result) &&
           dialect_string(scratch, json_member(doc, content, "thinking"), &result->delta.reasoning,
                          result);
}

/* Text of the delta; "text" of older completions only where there is no delta. */
static bool read_text(struct dialect_scratch *scratch, json_ref choice,
                      struct dialect_result *result)
{
    const struct json_doc *doc = scratch->doc;
    json_ref delta = object_member(doc, choice, "delta");
    if (delta == JSON_NONE) {
        return dialect_string(scratch, json_member(doc, choice, "text"), &result->delta.text,
                              result);
    }
    if (!dialect_string(scratch, json_member(doc, delta, "content"), &result->delta.text, result)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(reasoning_names) / sizeof(reasoning_names[0]); i++) {
        json_ref reasoning = json_member(doc, delta, reasoning_names[i]);
        if (!dialect_string(scratch, reasoning, &result->delta.reasoning, result)) {
            return false;
        }
        if (!span_is_empty(result->delta.reasoning)) {
            return true;
        }
    }
    return true;
}

/* Most send "usage" beside the choices, some inside the choice or an extension. */
static void read_usage(const struct json_doc *doc, json_ref choice, struct dialect_result *result)
{
    const json_ref places[] = {
        object_member(doc, 0, "usage"),
        object_member(doc, choice, "usage"),
        object_member(doc, object_member(doc, 0, "x_groq"), "usage"),
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !result->has_usage; i++) {
        dialect_usage(doc, json_member(doc, places[i], "prompt_tokens"),
                      json_member(doc, places[i], "completion_tokens"), result);
    }
}

static bool has_items(const struct json_doc *doc, json_ref at)
{
    return json_is(doc, at, JSON_ARRAY) && json_count(doc, at) > 0;
}

/* What a reader of chunks has to know without parsing it again. */
static void read_shape(const struct json_doc *doc, json_ref choice, struct dialect_result *result)
{
    json_ref choices = json_member(doc, 0, "choices");
    json_ref delta = object_member(doc, choice, "delta");
    bool has_usage = object_member(doc, 0, "usage") != JSON_NONE;

    result->delta.is_chunk = choices != JSON_NONE || has_usage;
    result->delta.is_usage_only = has_usage && !has_items(doc, choices);
    result->delta.has_tool_call = has_items(doc, json_member(doc, delta, "tool_calls")) ||
                                  object_member(doc, delta, "function_call") != JSON_NONE;
}

static json_ref finish_of(const struct json_doc *doc, json_ref choice)
{
    return json_member(doc, choice == JSON_NONE ? object_member(doc, 0, "delta") : choice,
                       "finish_reason");
}

/* True when the chunk itself says that the answer was not finished but given up. */
static bool is_broken_off(const struct json_doc *doc, json_ref choice, json_ref finish)
{
    static const char *const words[] = {
        "error",                        /* OpenRouter and those behind it */
        "ERROR",                        /* Cohere */
        "abort",                        /* vLLM, SGLang */
        "insufficient_system_resource", /* DeepSeek */
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_string_equals(doc, finish, words[i])) {
            return true;
        }
    }
    return dialect_is_set(doc, json_member(doc, choice, "error")) ||
           dialect_is_set(doc, json_member(doc, object_member(doc, 0, "x_groq"), "error"));
}

static void read_event(struct dialect_scratch *scratch, const struct sse_event *event,
                       struct dialect_result *result)
{
    if (!dialect_open(scratch, event, result)) {
        return;
    }
    const struct json_doc *doc = scratch->doc;
    json_ref choice = first_choice(doc);
    json_ref finish = finish_of(doc, choice);
    if (is_broken_off(doc, choice, finish)) {
        dialect_fail(scratch, result);
        return;
    }
    if (json_member(doc, 0, "delta") != JSON_NONE && choice == JSON_NONE) {
        (void)read_bare_delta(scratch, result); /* a failure is in the result */
        return;
    }
    if (!read_text(scratch, choice, result)) {
        return;
    }
    dialect_finish(doc, finish, result);
    read_usage(doc, choice, result);
    read_shape(doc, choice, result);
}

const struct dialect dialect_chat = {.name = "chat", .read = read_event};
