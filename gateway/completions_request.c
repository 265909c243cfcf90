/* SPDX-License-Identifier: MIT */
/*
 * completions_request.c - see completions_request.h.
 */
#include "gateway/completions_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More memory than this is given back after the request that needed it. */
enum {
    ITEMS_KEPT_MAX = 4096,
    NAME_BYTES_MAX = 64
};

struct completions_parser *completions_parser_new(void)
{
    struct completions_parser *parser = calloc(1, sizeof(*parser));

    if (parser == NULL) {
        return NULL;
    }
    parser->doc = json_doc_new();
    if (parser->doc == NULL) {
        free(parser);
        return NULL;
    }
    return parser;
}

void completions_parser_free(struct completions_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    json_doc_free(parser->doc);
    free(parser->model);
    free(parser->messages);
    free(parser->pieces);
    free(parser);
}

static void release_large(struct completions_parser *parser)
{
    if (parser->model_capacity > ITEMS_KEPT_MAX) {
        free(parser->model);
        parser->model = NULL;
        parser->model_capacity = 0;
    }
    if (parser->message_capacity > ITEMS_KEPT_MAX) {
        free(parser->messages);
        parser->messages = NULL;
        parser->message_capacity = 0;
    }
    if (parser->piece_capacity > ITEMS_KEPT_MAX) {
        free(parser->pieces);
        parser->pieces = NULL;
        parser->piece_capacity = 0;
    }
}

/* -- refusals -- */

bool completions_refuse(struct completions_parser *parser, const char *problem, const char *code,
                        const char *param, const char *format, ...)
{
    struct completions_refusal *refusal = &parser->refusal;
    va_list values;

    parser->status = COMPLETIONS_BAD_SHAPE;
    refusal->problem = problem;
    refusal->code = code;
    (void)snprintf(refusal->param, sizeof(refusal->param), "%s", param == NULL ? "" : param);
    va_start(values, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it loses the line above */
    (void)vsnprintf(refusal->message, sizeof(refusal->message), format, values); /* cut at worst */
    va_end(values);
    return false;
}

static const char *type_name(enum json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_NUMBER:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "null";
}

bool completions_refuse_value(struct completions_parser *parser, const char *param, json_ref value,
                              const char *wanted)
{
    struct span raw = json_raw(parser->doc, value);

    if (value == JSON_NONE) {
        return completions_refuse(parser, "a member is missing", "missing_required_parameter",
                                  param, "'%s' is missing; it must be %s.", param, wanted);
    }
    if (json_is(parser->doc, value, JSON_NUMBER) && raw.length <= NAME_BYTES_MAX) {
        return completions_refuse(parser, "a member's value is not allowed", "invalid_value", param,
                                  "'%s' must be %s; here it is %.*s.", param, wanted,
                                  (int)raw.length, raw.data);
    }
    if (json_is(parser->doc, value, JSON_STRING)) {
        return completions_refuse(parser, "a member's value is not allowed", "invalid_value", param,
                                  "'%s' must be %s; here it is a string of %zu bytes.", param,
                                  wanted, raw.length);
    }
    return completions_refuse(parser, "a member's value is not allowed", "invalid_value", param,
                              "'%s' must be %s; here it is %s.", param, wanted,
                              type_name(json_type_of(parser->doc, value)));
}

bool completions_no_memory(struct completions_parser *parser)
{
    parser->status = COMPLETIONS_NO_MEMORY;
    parser->refusal.problem = "out of memory";
    return false;
}

void completions_tgi_cannot(struct completions_parser *parser, const char *param, const char *what)
{
    if (parser->request.tgi_cannot == NULL) {
        parser->request.tgi_cannot = what;
        parser->request.tgi_param = param;
    }
}

const struct completions_refusal *completions_refuse_tgi(struct completions_parser *parser)
{
    (void)completions_refuse(parser, "more than the dialect tgi can say", "unsupported_parameter",
                             parser->request.tgi_param,
                             "The provider of this model generates text and nothing else: it has "
                             "no way to say %s.",
                             parser->request.tgi_cannot);
    return &parser->refusal;
}

/* -- looking -- */

json_ref completions_member(const struct completions_parser *parser, json_ref object,
                            const char *name)
{
    json_ref value = json_member(parser->doc, object, name);

    return json_is(parser->doc, value, JSON_NULL) ? JSON_NONE : value;
}

struct span completions_raw(const struct completions_parser *parser, json_ref value)
{
    struct span raw = json_raw(parser->doc, value);

    return json_is(parser->doc, value, JSON_STRING) ? span_of(raw.data - 1, raw.length + 2) : raw;
}

bool completions_is_plain_name(const struct completions_parser *parser, json_ref name)
{
    struct span raw = json_raw(parser->doc, name);

    for (size_t i = 0; i < raw.length; i++) {
        char c = raw.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '_' && c != '-' && c != '.') {
            return false;
        }
    }
    return raw.length > 0 && raw.length <= NAME_BYTES_MAX;
}

/* -- the body -- */

static bool read_json(struct completions_parser *parser, struct span body)
{
    enum json_problem problem = json_parse(parser->doc, body, JSON_DEPTH_MAX);

    if (problem == JSON_NO_MEMORY) {
        return completions_no_memory(parser);
    }
    if (problem != JSON_OK) {
        (void)completions_refuse(parser, json_problem_text(problem), "invalid_json", NULL,
                                 "The body is not valid JSON (RFC 8259, UTF-8, at most %d deep): "
                                 "%s.",
                                 JSON_DEPTH_MAX, json_problem_text(problem));
        parser->status = COMPLETIONS_NOT_JSON;
        return false;
    }
    if (!json_is(parser->doc, 0, JSON_OBJECT)) {
        return completions_refuse(parser, "the body is not an object", "invalid_body", NULL,
                                  "The body must be a JSON object.");
    }
    if (json_has_duplicate_members(parser->doc, 0)) {
        return completions_refuse(parser, "a member of the body comes twice", "duplicate_member",
                                  NULL, "A member of the body comes twice.");
    }
    if (json_find_duplicates(parser->doc) != JSON_NONE) {
        return completions_refuse(parser, "an object has a member twice", "duplicate_member", NULL,
                                  "An object inside the body has a member twice.");
    }
    return true;
}

static bool read_model(struct completions_parser *parser)
{
    json_ref model = completions_member(parser, 0, "model");
    struct span raw = json_raw(parser->doc, model);

    if (model == JSON_NONE && !parser->rules.needs_model) {
        return true;
    }
    if (!json_is(parser->doc, model, JSON_STRING)) {
        return completions_refuse_value(parser, "model", model,
                                        "a string, publisher/name with an optional :provider");
    }
    if (raw.length > parser->model_capacity) {
        char *grown = realloc(parser->model, raw.length);
        if (grown == NULL) {
            return completions_no_memory(parser);
        }
        parser->model = grown;
        parser->model_capacity = raw.length;
    }
    if (raw.length > 0) {
        parser->request.model = span_of(parser->model, json_unescape(raw, parser->model));
    }
    return true;
}

enum completions_status completions_parse(struct completions_parser *parser, struct span body,
                                          const struct completions_rules *rules,
                                          struct completions_request *request,
                                          const struct completions_refusal **refusal)
{
    release_large(parser);
    parser->rules = *rules;
    parser->request = (struct completions_request){.is_streamed = false};
    parser->status = COMPLETIONS_OK;
    parser->piece_count = 0;
    *refusal = &parser->refusal;
    parser->refusal = (struct completions_refusal){.problem = ""};
    if (read_json(parser, body) && read_model(parser) && completions_parse_parameters(parser) &&
        completions_parse_messages(parser, completions_member(parser, 0, "messages"))) {
        *request = parser->request;
    }
    return parser->status;
}
