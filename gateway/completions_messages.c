/* SPDX-License-Identifier: MIT */
/*
 * completions_messages.c - the messages of a chat completion, each by its role.
 *
 * The array goes upstream as it came, so each message is looked through to the end. Its
 * texts are gathered beside that, for upstreams that take one prompt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/completions_internal.h"

#define PIECES_FIRST 64
#define ROLES "one of system, developer, user, assistant, tool, function"
#define CONTENT "a string or an array of parts, not empty"

static const struct role {
    const char *name;
    enum upstream_role role;
    bool is_tool;
    bool is_function;   /* the older way: it names what it answers for */
    bool may_be_silent; /* no content, where there are tool calls or a refusal */
} roles[] = {
    {"system", UPSTREAM_ROLE_SYSTEM, false, false, false},
    {"developer", UPSTREAM_ROLE_SYSTEM, false, false, false},
    {"user", UPSTREAM_ROLE_USER, false, false, false},
    {"assistant", UPSTREAM_ROLE_ASSISTANT, false, false, true},
    {"tool", UPSTREAM_ROLE_USER, true, false, false},
    {"function", UPSTREAM_ROLE_USER, false, true, false},
};

/* The members that a message may have; others are unknown parameters. */
static const char *const message_members[] = {
    "role",    "content",           "name",      "tool_calls", "tool_call_id",
    "refusal", "reasoning_content", "reasoning", "audio",      "function_call",
};

static bool refuse(struct completions_parser *parser, const char *member, json_ref value,
                   const char *wanted)
{
    char param[sizeof(parser->where) + 40];

    (void)snprintf(param, sizeof(param), "%s%s", parser->where, member);
    return completions_refuse_value(parser, param, value, wanted);
}

static bool append_piece(struct completions_parser *parser, struct span piece)
{
    if (parser->piece_count == parser->piece_capacity) {
        size_t capacity = parser->piece_capacity > 0 ? parser->piece_capacity * 2 : PIECES_FIRST;
        struct span *grown = reallocarray(parser->pieces, capacity, sizeof(*grown));
        if (grown == NULL) {
            return completions_no_memory(parser);
        }
        parser->pieces = grown;
        parser->piece_capacity = capacity;
    }
    parser->pieces[parser->piece_count++] = piece;
    return true;
}

/* -- parts -- */

static bool parse_image(struct completions_parser *parser, json_ref part)
{
    json_ref url = json_member(parser->doc, json_member(parser->doc, part, "image_url"), "url");

    if (!json_is(parser->doc, url, JSON_STRING)) {
        return refuse(parser, ".content[].image_url.url", url, "a string");
    }
    completions_tgi_cannot(parser, "messages", "images");
    return true;
}

/* A kind that is not in the contract: the provider's business, where unknown is passed on. */
static bool parse_other_part(struct completions_parser *parser, json_ref type)
{
    struct span raw = json_raw(parser->doc, type);

    if (parser->rules.refuses_unknown) {
        return completions_refuse(
            parser, "unknown type of a part", "unknown_parameter", parser->where,
            "A part of the type '%.*s' in %s.content is not known here; "
            "known are text, image_url and refusal.",
            (int)(raw.length < 64 ? raw.length : 64), raw.data, parser->where);
    }
    completions_tgi_cannot(parser, "messages", "parts that are no text");
    return true;
}

static bool parse_part(struct completions_parser *parser, json_ref part)
{
    json_ref type = json_member(parser->doc, part, "type");
    json_ref text = json_member(parser->doc, part, "text");

    if (!json_is(parser->doc, type, JSON_STRING)) {
        return refuse(parser, ".content[].type", type, "a string, in a part that is an object");
    }
    if (json_string_equals(parser->doc, type, "image_url")) {
        return parse_image(parser, part);
    }
    if (json_string_equals(parser->doc, type, "refusal")) {
        text = json_member(parser->doc, part, "refusal");
    } else if (!json_string_equals(parser->doc, type, "text")) {
        return parse_other_part(parser, type);
    }
    if (!json_is(parser->doc, text, JSON_STRING)) {
        return refuse(parser, ".content[].text", text, "a string");
    }
    return append_piece(parser, json_raw(parser->doc, text));
}

static bool parse_content(struct completions_parser *parser, json_ref content)
{
    if (json_is(parser->doc, content, JSON_STRING)) {
        return append_piece(parser, json_raw(parser->doc, content));
    }
    if (!json_is(parser->doc, content, JSON_ARRAY) || json_count(parser->doc, content) == 0) {
        return refuse(parser, ".content", content, CONTENT);
    }
    for (json_ref part = json_first(parser->doc, content); part != JSON_NONE;
         part = json_next(parser->doc, part)) {
        if (!parse_part(parser, part)) {
            return false;
        }
    }
    return true;
}

/* -- tool calls -- */

/* A call of a kind that is not in the contract; see is_tool() in completions_parameters.c. */
static bool is_other_call(const struct completions_parser *parser, json_ref call)
{
    json_ref type = json_member(parser->doc, call, "type");

    return !parser->rules.refuses_unknown && json_is(parser->doc, type, JSON_STRING) &&
           !json_string_equals(parser->doc, type, "function");
}

static bool parse_tool_call(struct completions_parser *parser, json_ref call)
{
    size_t wanted = is_other_call(parser, call) ? 1 : 3; /* its id is all we know of it */
    json_ref function = json_member(parser->doc, call, "function");
    const struct {
        const char *where;
        json_ref value;
    } texts[] = {
        {".tool_calls[].id", json_member(parser->doc, call, "id")},
        {".tool_calls[].function.name", json_member(parser->doc, function, "name")},
        {".tool_calls[].function.arguments", json_member(parser->doc, function, "arguments")},
    };

    for (size_t i = 0; i < wanted; i++) {
        if (!json_is(parser->doc, texts[i].value, JSON_STRING)) {
            return refuse(parser, texts[i].where, texts[i].value, "a string");
        }
    }
    return true;
}

static bool parse_tool_calls(struct completions_parser *parser, json_ref calls)
{
    if (!json_is(parser->doc, calls, JSON_ARRAY)) {
        return refuse(parser, ".tool_calls", calls, "an array");
    }
    for (json_ref call = json_first(parser->doc, calls); call != JSON_NONE;
         call = json_next(parser->doc, call)) {
        if (!parse_tool_call(parser, call)) {
            return false;
        }
    }
    if (json_count(parser->doc, calls) > 0) {
        completions_tgi_cannot(parser, "messages", "tool calls");
    }
    return true;
}

/* -- a message -- */

static const struct role *find_role(const struct completions_parser *parser, json_ref message)
{
    json_ref role = json_member(parser->doc, message, "role");

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (json_string_equals(parser->doc, role, roles[i].name)) {
            return &roles[i];
        }
    }
    return NULL;
}

static bool is_known_member(const struct completions_parser *parser, json_ref name)
{
    for (size_t i = 0; i < sizeof(message_members) / sizeof(message_members[0]); i++) {
        if (json_string_equals(parser->doc, name, message_members[i])) {
            return true;
        }
    }
    return false;
}

static bool check_members(struct completions_parser *parser, json_ref message)
{
    for (json_ref name = json_first(parser->doc, message);
         parser->rules.refuses_unknown && name != JSON_NONE; name = json_next(parser->doc, name)) {
        if (!is_known_member(parser, name)) {
            struct span raw = json_raw(parser->doc, name);
            return completions_refuse(parser, "unknown member of a message", "unknown_parameter",
                                      parser->where, "%s has a member '%.*s' that is not known.",
                                      parser->where, (int)(raw.length < 64 ? raw.length : 64),
                                      raw.data);
        }
    }
    return true;
}

/* What belongs to some roles only. */
static bool parse_extras(struct completions_parser *parser, json_ref message,
                         const struct role *role)
{
    json_ref name = completions_member(parser, message, "name");
    json_ref calls = completions_member(parser, message, "tool_calls");
    json_ref call_id = completions_member(parser, message, "tool_call_id");

    if ((name != JSON_NONE || role->is_function) && !json_is(parser->doc, name, JSON_STRING)) {
        return refuse(parser, ".name", name, "a string");
    }
    if (role->is_function || completions_member(parser, message, "function_call") != JSON_NONE) {
        completions_tgi_cannot(parser, "messages", "the calls of functions");
    }
    if (role->is_tool) {
        completions_tgi_cannot(parser, "messages", "the answers of tools");
        if (!json_is(parser->doc, call_id, JSON_STRING)) {
            return refuse(parser, ".tool_call_id", call_id, "a string, in a message of a tool");
        }
    }
    return calls == JSON_NONE || parse_tool_calls(parser, calls);
}

/* An assistant that called a tool, or refused, need not have said anything. */
static bool may_be_silent(const struct completions_parser *parser, json_ref message,
                          const struct role *role)
{
    return role->may_be_silent &&
           (json_count(parser->doc, json_member(parser->doc, message, "tool_calls")) > 0 ||
            completions_member(parser, message, "refusal") != JSON_NONE ||
            completions_member(parser, message, "function_call") != JSON_NONE ||
            completions_member(parser, message, "audio") != JSON_NONE);
}

static bool parse_message(struct completions_parser *parser, json_ref message,
                          struct upstream_message *parsed)
{
    const struct role *role = find_role(parser, message);
    json_ref content = completions_member(parser, message, "content");
    size_t first_piece = parser->piece_count;

    if (!json_is(parser->doc, message, JSON_OBJECT)) {
        return refuse(parser, "", message, "an object with role and content");
    }
    if (role == NULL) {
        return refuse(parser, ".role", json_member(parser->doc, message, "role"), ROLES);
    }
    if (!check_members(parser, message) || !parse_extras(parser, message, role)) {
        return false;
    }
    if (!(content == JSON_NONE && may_be_silent(parser, message, role)) &&
        !parse_content(parser, content)) {
        return false;
    }
    parsed->role = role->role;
    parsed->content_count = parser->piece_count - first_piece;
    return true;
}

static bool reserve_messages(struct completions_parser *parser, size_t count)
{
    struct upstream_message *grown;

    if (count <= parser->message_capacity) {
        return true;
    }
    grown = reallocarray(parser->messages, count, sizeof(*grown));
    if (grown == NULL) {
        return completions_no_memory(parser);
    }
    parser->messages = grown;
    parser->message_capacity = count;
    return true;
}

/* Only now: the pieces moved while they grew. */
static void point_at_pieces(struct completions_parser *parser, size_t message_count)
{
    const struct span *piece = parser->pieces;

    for (size_t i = 0; i < message_count; i++) {
        parser->messages[i].content = piece;
        if (piece != NULL) { /* an assistant that was silent may have been the only one */
            piece += parser->messages[i].content_count;
        }
    }
}

bool completions_parse_messages(struct completions_parser *parser, json_ref messages)
{
    size_t count = json_count(parser->doc, messages);
    size_t parsed = 0;

    if (!json_is(parser->doc, messages, JSON_ARRAY) || count == 0) {
        return completions_refuse_value(parser, "messages", messages,
                                        "an array of messages, not empty");
    }
    if (count > parser->rules.max_messages) {
        return completions_refuse(parser, "there are too many messages", "invalid_value",
                                  "messages", "'messages' has %zu messages; at most %zu are taken.",
                                  count, parser->rules.max_messages);
    }
    if (!reserve_messages(parser, count)) {
        return false;
    }
    for (json_ref at = json_first(parser->doc, messages); at != JSON_NONE;
         at = json_next(parser->doc, at)) {
        (void)snprintf(parser->where, sizeof(parser->where), "messages[%zu]", parsed);
        if (!parse_message(parser, at, &parser->messages[parsed++])) {
            return false;
        }
    }
    point_at_pieces(parser, count);
    parser->request.messages = parser->messages;
    parser->request.message_count = count;
    parser->request.wishes.messages = json_raw(parser->doc, messages);
    return true;
}
