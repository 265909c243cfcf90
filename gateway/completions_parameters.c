/* SPDX-License-Identifier: MIT */
/*
 * completions_parameters.c - the members of a chat completion beside model and messages.
 *
 * One row for each parameter that is known. The others are passed on as they came, or
 * refused (models.unknown_parameters); but never one that a reader upstream could take for
 * another: some compare names without case, and the last one counts. Nor one that would
 * choose another model than that which was allowed.
 *
 * null stands for "not said", as clients write it for what they have no wish about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/completions_internal.h"

#define NUMBER_BYTES_MAX 64 /* longer ones are no wish but an attack */
#define STOPS_MAX 4
#define TOOLS_MAX 128
#define TEXT_BYTES_MAX 1024

enum kind {
    KIND_ELSEWHERE, /* read by another function: model, messages */
    KIND_NUMBER,
    KIND_INTEGER,
    KIND_BOOLEAN,
    KIND_TEXT,
    KIND_OBJECT,
    KIND_ARRAY,
    KIND_STOP,
    KIND_TOOLS,
    KIND_TOOL_CHOICE,
    KIND_RESPONSE_FORMAT,
    KIND_LOGIT_BIAS,
    KIND_LIMIT,
    KIND_STREAM,
    KIND_STREAM_OPTIONS,
    KIND_FORBIDDEN,
};

/* What the dialect tgi does about it. */
enum tgi {
    TGI_IGNORES, /* it changes nothing of the answer */
    TGI_SAME,    /* sent under the same name */
    TGI_ABOVE,   /* the same, when above the row's least value: 0 is its way to say "off" */
    TGI_INSIDE,  /* the same, when strictly inside the range; the highest says "off" */
    TGI_CANNOT,  /* there is no way to say it, unless it says nothing */
};

struct parameter {
    const char *name;
    enum kind kind;
    enum tgi tgi;
    double least, most;
    const char *wanted;
};

#define INTEGER_MOST 2147483647.0
#define SEED_MOST 9223372036854775807.0

/* clang-format off */
static const struct parameter parameters[] = {
    {"model", KIND_ELSEWHERE, TGI_IGNORES, 0, 0, ""},
    {"messages", KIND_ELSEWHERE, TGI_IGNORES, 0, 0, ""},
    {"stream", KIND_STREAM, TGI_IGNORES, 0, 0, "true or false"},
    {"stream_options", KIND_STREAM_OPTIONS, TGI_IGNORES, 0, 0, "an object; include_usage in it true or false"},
    {"temperature", KIND_NUMBER, TGI_ABOVE, 0, 2, "a number from 0 to 2"},
    {"top_p", KIND_NUMBER, TGI_INSIDE, 0, 1, "a number from 0 to 1"},
    {"n", KIND_INTEGER, TGI_IGNORES, 1, 1, "1: there is one choice to each answer"},
    {"max_tokens", KIND_LIMIT, TGI_IGNORES, 1, INTEGER_MOST, "a whole number from 1 to 2147483647"},
    {"max_completion_tokens", KIND_LIMIT, TGI_IGNORES, 1, INTEGER_MOST, "a whole number from 1 to 2147483647"},
    {"stop", KIND_STOP, TGI_SAME, 0, 0, "a string, or an array of at most 4 strings"},
    {"presence_penalty", KIND_NUMBER, TGI_CANNOT, -2, 2, "a number from -2 to 2"},
    {"frequency_penalty", KIND_NUMBER, TGI_SAME, -2, 2, "a number from -2 to 2"},
    {"repetition_penalty", KIND_NUMBER, TGI_ABOVE, 0, 10, "a number from 0 to 10"},
    {"top_k", KIND_INTEGER, TGI_ABOVE, -1, INTEGER_MOST, "a whole number from -1 to 2147483647"},
    {"min_p", KIND_NUMBER, TGI_CANNOT, 0, 1, "a number from 0 to 1"},
    {"typical_p", KIND_NUMBER, TGI_INSIDE, 0, 1, "a number from 0 to 1"},
    {"seed", KIND_INTEGER, TGI_SAME, -SEED_MOST, SEED_MOST, "a whole number of 64 bits"},
    {"logprobs", KIND_BOOLEAN, TGI_CANNOT, 0, 0, "true or false"},
    {"top_logprobs", KIND_INTEGER, TGI_CANNOT, 0, 20, "a whole number from 0 to 20"},
    {"logit_bias", KIND_LOGIT_BIAS, TGI_CANNOT, -100, 100, "an object of numbers from -100 to 100"},
    {"response_format", KIND_RESPONSE_FORMAT, TGI_CANNOT, 0, 0, "an object whose type is a string"},
    {"tools", KIND_TOOLS, TGI_CANNOT, 0, 0, "an array of at most 128 objects with a type, each function with a name"},
    {"tool_choice", KIND_TOOL_CHOICE, TGI_CANNOT, 0, 0, "a string or an object whose type is a string"},
    {"parallel_tool_calls", KIND_BOOLEAN, TGI_IGNORES, 0, 0, "true or false"},
    {"functions", KIND_ARRAY, TGI_CANNOT, 0, 0, "an array"},
    {"function_call", KIND_TOOL_CHOICE, TGI_CANNOT, 0, 0, "a string or an object"},
    {"reasoning_effort", KIND_TEXT, TGI_CANNOT, 0, 0, "a string"},
    {"verbosity", KIND_TEXT, TGI_CANNOT, 0, 0, "a string"},
    {"modalities", KIND_ARRAY, TGI_CANNOT, 0, 0, "an array"},
    {"user", KIND_TEXT, TGI_IGNORES, 0, 0, "a string of at most 1024 bytes"},
    {"safety_identifier", KIND_TEXT, TGI_IGNORES, 0, 0, "a string of at most 1024 bytes"},
    {"prompt_cache_key", KIND_TEXT, TGI_IGNORES, 0, 0, "a string of at most 1024 bytes"},
    {"service_tier", KIND_TEXT, TGI_IGNORES, 0, 0, "a string"},
    {"store", KIND_BOOLEAN, TGI_IGNORES, 0, 0, "true or false"},
    {"metadata", KIND_OBJECT, TGI_IGNORES, 0, 0, "an object"},
    /* They choose a model, or who serves it, behind the back of models.allow. */
    {"models", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"fallbacks", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"provider", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"route", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"inputs", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"prompt", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"context_window_fallbacks", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"content_policy_fallbacks", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"preset", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"adapter_id", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"model_id", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"model_list", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"deployment_id", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"api_base", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"base_url", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"api_key", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"custom_llm_provider", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
    {"extra_body", KIND_FORBIDDEN, TGI_IGNORES, 0, 0, ""},
};
/* clang-format on */

#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

/* -- values -- */

static bool refuse(struct completions_parser *parser, const struct parameter *row, json_ref value)
{
    return completions_refuse_value(parser, row->name, value, row->wanted);
}

/* False when it is no number, or one of absurd length. */
static bool read_number(const struct completions_parser *parser, json_ref value, double *number)
{
    struct span raw = json_raw(parser->doc, value);
    char digits[NUMBER_BYTES_MAX + 1];

    if (!json_is(parser->doc, value, JSON_NUMBER) || raw.length > NUMBER_BYTES_MAX) {
        return false;
    }
    memcpy(digits, raw.data, raw.length);
    digits[raw.length] = '\0';
    *number = strtod(digits, NULL); /* the grammar was checked; too large is HUGE_VAL */
    return true;
}

static bool is_number_in(const struct completions_parser *parser, const struct parameter *row,
                         json_ref value, double *number)
{
    int64_t whole;

    if (!read_number(parser, value, number) || !(*number >= row->least && *number <= row->most)) {
        return false;
    }
    return row->kind != KIND_INTEGER && row->kind != KIND_LIMIT
               ? true
               : json_number_is_integer(parser->doc, value) &&
                     json_int64(parser->doc, value, &whole);
}

static bool is_text(const struct completions_parser *parser, json_ref value)
{
    return json_is(parser->doc, value, JSON_STRING) &&
           json_raw(parser->doc, value).length <= TEXT_BYTES_MAX;
}

static bool is_boolean(const struct completions_parser *parser, json_ref value)
{
    return json_is(parser->doc, value, JSON_TRUE) || json_is(parser->doc, value, JSON_FALSE);
}

static bool has_text_type(const struct completions_parser *parser, json_ref object)
{
    return json_is(parser->doc, json_member(parser->doc, object, "type"), JSON_STRING);
}

static bool is_stop(const struct completions_parser *parser, json_ref value)
{
    size_t count = json_count(parser->doc, value);

    if (!json_is(parser->doc, value, JSON_ARRAY)) {
        return is_text(parser, value);
    }
    for (json_ref at = json_first(parser->doc, value); at != JSON_NONE;
         at = json_next(parser->doc, at)) {
        if (!is_text(parser, at)) {
            return false;
        }
    }
    return count <= STOPS_MAX; /* none at all: some clients always send an array */
}

static bool is_tool(const struct completions_parser *parser, json_ref tool)
{
    json_ref function = json_member(parser->doc, tool, "function");
    json_ref name = json_member(parser->doc, function, "name");

    if (!json_string_equals(parser->doc, json_member(parser->doc, tool, "type"), "function")) {
        return !parser->rules.refuses_unknown && has_text_type(parser, tool); /* a provider's own */
    }
    return is_text(parser, name) && json_raw(parser->doc, name).length > 0;
}

static bool is_tools(const struct completions_parser *parser, json_ref value)
{
    if (!json_is(parser->doc, value, JSON_ARRAY) || json_count(parser->doc, value) > TOOLS_MAX) {
        return false;
    }
    for (json_ref at = json_first(parser->doc, value); at != JSON_NONE;
         at = json_next(parser->doc, at)) {
        if (!is_tool(parser, at)) {
            return false;
        }
    }
    return true;
}

static bool is_logit_bias(const struct completions_parser *parser, const struct parameter *row,
                          json_ref value)
{
    double number;

    if (!json_is(parser->doc, value, JSON_OBJECT)) {
        return false;
    }
    for (json_ref at = json_first(parser->doc, value); at != JSON_NONE;
         at = json_next(parser->doc, at)) {
        if (!is_number_in(parser, row, json_value_of(parser->doc, at), &number)) {
            return false;
        }
    }
    return true;
}

/* Whether the value is what the row wants; of numbers <number> receives it. */
static bool is_wanted(const struct completions_parser *parser, const struct parameter *row,
                      json_ref value, double *number)
{
    switch (row->kind) {
    case KIND_ELSEWHERE:
    case KIND_FORBIDDEN:
        return true;
    case KIND_NUMBER:
    case KIND_INTEGER:
    case KIND_LIMIT:
        return is_number_in(parser, row, value, number);
    case KIND_BOOLEAN:
    case KIND_STREAM:
        return is_boolean(parser, value);
    case KIND_TEXT:
        return is_text(parser, value);
    case KIND_STREAM_OPTIONS:
    case KIND_OBJECT:
        return json_is(parser->doc, value, JSON_OBJECT);
    case KIND_ARRAY:
        return json_is(parser->doc, value, JSON_ARRAY);
    case KIND_STOP:
        return is_stop(parser, value);
    case KIND_TOOLS:
        return is_tools(parser, value);
    case KIND_TOOL_CHOICE:
        return is_text(parser, value) || json_is(parser->doc, value, JSON_OBJECT);
    case KIND_RESPONSE_FORMAT:
        return has_text_type(parser, value);
    case KIND_LOGIT_BIAS:
        return is_logit_bias(parser, row, value);
    }
    return false;
}

/* -- passing on -- */

static void add(struct upstream_member *members, struct upstream_members *list,
                const struct upstream_member *member)
{
    members[list->count++] = *member; /* there is room for every member of the body */
    list->items = members;
}

static void add_for_tgi(struct completions_parser *parser, const struct parameter *row,
                        json_ref value)
{
    const struct upstream_member member = {
        .name = span_from_string(row->name),
        .value = completions_raw(parser, value),
        .is_wrapped = row->kind == KIND_STOP && !json_is(parser->doc, value, JSON_ARRAY),
    };

    add(parser->tgi, &parser->request.wishes.members[UPSTREAM_DIALECT_TGI], &member);
}

/* Values that ask for nothing: false, 0, {}, [], {"type":"text"}, "none", "auto". */
static bool says_nothing(const struct completions_parser *parser, const struct parameter *row,
                         json_ref value, double number)
{
    const struct json_doc *doc = parser->doc;

    if (row->kind == KIND_NUMBER || row->kind == KIND_INTEGER) {
        return number == 0;
    }
    if (row->kind == KIND_RESPONSE_FORMAT) {
        return json_string_equals(doc, json_member(doc, value, "type"), "text");
    }
    if (row->kind == KIND_TOOL_CHOICE) {
        return json_string_equals(doc, value, "none") || json_string_equals(doc, value, "auto");
    }
    return json_is(doc, value, JSON_FALSE) ||
           ((json_is(doc, value, JSON_OBJECT) || json_is(doc, value, JSON_ARRAY)) &&
            json_count(doc, value) == 0);
}

static void tell_tgi(struct completions_parser *parser, const struct parameter *row, json_ref value,
                     double number)
{
    /* It takes none such, and "off" would be something else. */
    bool is_too_low = row->kind == KIND_INTEGER && number < 0;

    switch (row->tgi) {
    case TGI_IGNORES:
        return;
    case TGI_SAME:
        break;
    case TGI_ABOVE:
        if (number <= 0) {
            return;
        }
        break;
    case TGI_INSIDE:
        if (number >= row->most) {
            return;
        }
        is_too_low = number <= row->least;
        break;
    case TGI_CANNOT:
        if (!says_nothing(parser, row, value, number)) {
            completions_tgi_cannot(parser, row->name, row->name);
        }
        return;
    }
    if (is_too_low) {
        completions_tgi_cannot(parser, row->name, row->name);
        return;
    }
    add_for_tgi(parser, row, value);
}

static bool take_limit(struct completions_parser *parser, const struct parameter *row,
                       json_ref value)
{
    struct upstream_wishes *wishes = &parser->request.wishes;
    int64_t *limit =
        strcmp(row->name, "max_tokens") == 0 ? &wishes->max_tokens : &wishes->max_completion_tokens;

    return json_int64(parser->doc, value, limit) || refuse(parser, row, value);
}

static bool take_stream_options(struct completions_parser *parser, const struct parameter *row,
                                json_ref value)
{
    json_ref usage = completions_member(parser, value, "include_usage");

    if (usage != JSON_NONE && !is_boolean(parser, usage)) {
        return refuse(parser, row, value);
    }
    parser->request.wants_usage = json_is(parser->doc, usage, JSON_TRUE);
    return true;
}

static bool take_known(struct completions_parser *parser, const struct parameter *row,
                       json_ref value)
{
    const struct upstream_member member = {
        .name = span_from_string(row->name),
        .value = completions_raw(parser, value),
    };
    double number = 0;

    if (!is_wanted(parser, row, value, &number)) {
        return refuse(parser, row, value);
    }
    if (row->kind == KIND_FORBIDDEN) {
        return completions_refuse(parser, "a parameter that would choose another model",
                                  "unsupported_parameter", row->name,
                                  "'%s' is not supported: 'model' says which model is asked, and "
                                  "'messages' what.",
                                  row->name);
    }
    if (row->kind == KIND_LIMIT) {
        return take_limit(parser, row, value);
    }
    if (row->kind == KIND_STREAM_OPTIONS) {
        return take_stream_options(parser, row, value);
    }
    if (row->kind == KIND_STREAM) {
        parser->request.is_streamed = json_is(parser->doc, value, JSON_TRUE);
    }
    if (row->kind == KIND_STREAM || row->kind == KIND_ELSEWHERE) {
        return true;
    }
    add(parser->chat, &parser->request.wishes.members[UPSTREAM_DIALECT_CHAT], &member);
    tell_tgi(parser, row, value, number);
    return true;
}

/* -- unknown ones -- */

/* A row of the same name but for the case of its letters. */
static bool looks_known(struct span name)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (span_equals_ignore_case(name, parameters[i].name)) {
            return true;
        }
    }
    return false;
}

static bool take_unknown(struct completions_parser *parser, json_ref name)
{
    struct span raw = json_raw(parser->doc, name);
    int shown = (int)(raw.length < NUMBER_BYTES_MAX ? raw.length : NUMBER_BYTES_MAX);
    char param[NUMBER_BYTES_MAX + 1];
    const struct upstream_member member = {
        .name = raw,
        .value = completions_raw(parser, json_value_of(parser->doc, name)),
    };

    (void)snprintf(param, sizeof(param), "%.*s", shown, raw.data);
    if (parser->rules.refuses_unknown) {
        return completions_refuse(parser, "unknown parameter", "unknown_parameter", param,
                                  "'%s' is not a parameter that this gateway knows.", param);
    }
    if (!completions_is_plain_name(parser, name) || looks_known(raw)) {
        return completions_refuse(parser, "a parameter's name is not fit to be passed on",
                                  "unknown_parameter", param,
                                  "'%s' cannot be passed on: a name is 1 to 64 of A-Z a-z 0-9 . _ "
                                  "- and differs from every known one by more than its case.",
                                  param);
    }
    add(parser->chat, &parser->request.wishes.members[UPSTREAM_DIALECT_CHAT], &member);
    completions_tgi_cannot(parser, NULL, "a parameter that is not known here");
    return true;
}

static const struct parameter *find(const struct completions_parser *parser, json_ref name)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (json_string_equals(parser->doc, name, parameters[i].name)) {
            return &parameters[i];
        }
    }
    return NULL;
}

bool completions_parse_parameters(struct completions_parser *parser)
{
    const struct json_doc *doc = parser->doc;

    if (json_count(doc, 0) > COMPLETIONS_MEMBERS_MAX) {
        return completions_refuse(parser, "the body has too many members", "invalid_body", NULL,
                                  "The body has more than %d members.", COMPLETIONS_MEMBERS_MAX);
    }
    for (json_ref name = json_first(doc, 0); name != JSON_NONE; name = json_next(doc, name)) {
        const struct parameter *row = find(parser, name);
        json_ref value = json_value_of(doc, name);
        bool holds = true;
        if (row == NULL) {
            holds = take_unknown(parser, name);
        } else if (!json_is(doc, value, JSON_NULL)) {
            holds = take_known(parser, row, value);
        }
        if (!holds) {
            return false;
        }
    }
    return true;
}
