/* SPDX-License-Identifier: MIT */
/*
 * test_completions_request.c - which completions pass, what goes upstream of them, and which
 * member is named when one does not.
 *
 * A row of accepted bodies says what upstream members it yields for both dialects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/completions_request.h"
#include "tests/unit/guard_page.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define USER "{\"role\":\"user\",\"content\":\"a\"}"
#define WITH(members) "{\"model\":\"a/b\",\"messages\":[" USER "]," members "}"
#define SAID(messages) "{\"model\":\"a/b\",\"messages\":[" messages "]}"

enum {
    MESSAGES_MAX = 8,
    ROOM_BYTES = 8192,
    LARGE_BYTES = 1024 * 1024,
    CPU_SECONDS_MAX = 5
};

static const struct completions_rules rules = {.max_messages = MESSAGES_MAX, .needs_model = true};

static struct completions_parser *parser;
static struct completions_request request;
static const struct completions_refusal *refusal;

static enum completions_status parse(struct span body)
{
    return completions_parse(parser, body, &rules, &request, &refusal);
}

/* name=value, with commas between them; [value] where it is wrapped. */
static const char *render(const struct upstream_members *members)
{
    static char text[ROOM_BYTES];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < members->count; i++) {
        const struct upstream_member *member = &members->items[i];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s=%s%.*s%s",
                                 i == 0 ? "" : ",", (int)member->name.length, member->name.data,
                                 member->is_wrapped ? "[" : "", (int)member->value.length,
                                 member->value.data, member->is_wrapped ? "]" : "");
    }
    return text;
}

/* clang-format off */
static const struct accepted {
    const char *body;
    const char *chat; /* members sent in the dialect chat */
    const char *tgi;  /* in the dialect tgi; NULL: it cannot */
} accepted[] = {
    {WITH("\"temperature\":0"), "temperature=0", ""},
    {WITH("\"temperature\":2"), "temperature=2", "temperature=2"},
    {WITH("\"temperature\":0.7"), "temperature=0.7", "temperature=0.7"},
    {WITH("\"temperature\":1e-1"), "temperature=1e-1", "temperature=1e-1"},
    {WITH("\"temperature\":-0"), "temperature=-0", ""},
    {WITH("\"temperature\":null"), "", ""},
    {WITH("\"temp\\u0065rature\":1"), "temperature=1", "temperature=1"},
    {WITH("\"top_p\":1"), "top_p=1", ""},
    {WITH("\"top_p\":0.9"), "top_p=0.9", "top_p=0.9"},
    {WITH("\"top_p\":0"), "top_p=0", NULL},
    {WITH("\"n\":1"), "n=1", ""},
    {WITH("\"stop\":\"x\\n\""), "stop=\"x\\n\"", "stop=[\"x\\n\"]"},
    {WITH("\"stop\":[\"a\",\"b\"]"), "stop=[\"a\",\"b\"]", "stop=[\"a\",\"b\"]"},
    {WITH("\"presence_penalty\":0"), "presence_penalty=0", ""},
    {WITH("\"presence_penalty\":-2"), "presence_penalty=-2", NULL},
    {WITH("\"frequency_penalty\":2"), "frequency_penalty=2", "frequency_penalty=2"},
    {WITH("\"seed\":9223372036854775807"), "seed=9223372036854775807", "seed=9223372036854775807"},
    {WITH("\"seed\":-1"), "seed=-1", NULL},
    {WITH("\"logprobs\":false"), "logprobs=false", ""},
    {WITH("\"logprobs\":true,\"top_logprobs\":20"), "logprobs=true,top_logprobs=20", NULL},
    {WITH("\"top_logprobs\":0"), "top_logprobs=0", ""},
    {WITH("\"logit_bias\":{}"), "logit_bias={}", ""},
    {WITH("\"logit_bias\":{\"50256\":-100}"), "logit_bias={\"50256\":-100}", NULL},
    {WITH("\"response_format\":{\"type\":\"text\"}"), "response_format={\"type\":\"text\"}", ""},
    {WITH("\"response_format\":{\"type\":\"json_object\"}"), "response_format={\"type\":\"json_object\"}", NULL},
    {WITH("\"tools\":[]"), "tools=[]", ""},
    {WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), "tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", NULL},
    {WITH("\"tools\":[{\"type\":\"web_search\"}]"), "tools=[{\"type\":\"web_search\"}]", NULL},
    {WITH("\"stop\":[]"), "stop=[]", "stop=[]"},
    {WITH("\"tool_choice\":\"none\""), "tool_choice=\"none\"", ""},
    {WITH("\"tool_choice\":{\"type\":\"function\"}"), "tool_choice={\"type\":\"function\"}", NULL},
    {WITH("\"parallel_tool_calls\":true"), "parallel_tool_calls=true", ""},
    {WITH("\"top_k\":-1"), "top_k=-1", ""},
    {WITH("\"top_k\":40,\"repetition_penalty\":1.1"), "top_k=40,repetition_penalty=1.1", "top_k=40,repetition_penalty=1.1"},
    {WITH("\"user\":\"u\",\"store\":false,\"metadata\":{}"), "user=\"u\",store=false,metadata={}", ""},
    {WITH("\"x.new-1_\":[1,{\"a\":null}]"), "x.new-1_=[1,{\"a\":null}]", NULL},
    {WITH("\"stream\":true,\"stream_options\":{\"include_usage\":true,\"x\":1}"), "", ""},
    {WITH("\"max_tokens\":1,\"max_completion_tokens\":2147483647"), "", ""},
    {SAID("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":\"b\",\"name\":\"n\"}"), "", ""},
    {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), "", ""},
    {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}]}"), "", NULL},
    {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"video\",\"x\":[]}]}"), "", NULL},
    {SAID("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"), "", NULL},
    {SAID("{\"role\":\"assistant\",\"refusal\":\"no\"}"), "", ""},
    {SAID("{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}"), "", ""},
    {SAID("{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"a\"}"), "", NULL},
    {SAID("{\"role\":\"function\",\"name\":\"f\",\"content\":\"42\"}"), "", NULL},
    {SAID("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]}"), "", NULL},
};

static const struct refused {
    const char *body;
    const char *param, *code;
} refused[] = {
    {"{\"messages\":[" USER "]}", "model", "missing_required_parameter"},
    {"{\"model\":null,\"messages\":[" USER "]}", "model", "missing_required_parameter"},
    {"{\"model\":[],\"messages\":[" USER "]}", "model", "invalid_value"},
    {"{\"model\":\"a/b\"}", "messages", "missing_required_parameter"},
    {"{\"model\":\"a/b\",\"messages\":[]}", "messages", "invalid_value"},
    {"[]", "", "invalid_body"},
    {"", "", "invalid_json"},
    {"{\"model\":\"a/b\",\"model\":\"a/b\"}", "", "duplicate_member"},
    {WITH("\"x\":{\"a\":1,\"\\u0061\":1}"), "", "duplicate_member"},
    {WITH("\"temperature\":2.0001"), "temperature", "invalid_value"},
    {WITH("\"temperature\":-1e-9"), "temperature", "invalid_value"},
    {WITH("\"temperature\":1e400"), "temperature", "invalid_value"},
    {WITH("\"temperature\":\"1\""), "temperature", "invalid_value"},
    {WITH("\"temperature\":0.00000000000000000000000000000000000000000000000000000000000000001"), "temperature", "invalid_value"},
    {WITH("\"top_p\":1.1"), "top_p", "invalid_value"},
    {WITH("\"n\":2"), "n", "invalid_value"},
    {WITH("\"n\":1.0"), "n", "invalid_value"},
    {WITH("\"max_tokens\":0"), "max_tokens", "invalid_value"},
    {WITH("\"max_tokens\":2147483648"), "max_tokens", "invalid_value"},
    {WITH("\"max_tokens\":1e3"), "max_tokens", "invalid_value"},
    {WITH("\"max_completion_tokens\":\"9\""), "max_completion_tokens", "invalid_value"},
    {WITH("\"stop\":{}"), "stop", "invalid_value"},
    {WITH("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "stop", "invalid_value"},
    {WITH("\"stop\":[null]"), "stop", "invalid_value"},
    {WITH("\"presence_penalty\":-2.1"), "presence_penalty", "invalid_value"},
    {WITH("\"frequency_penalty\":[]"), "frequency_penalty", "invalid_value"},
    {WITH("\"seed\":9223372036854775808"), "seed", "invalid_value"},
    {WITH("\"seed\":0.5"), "seed", "invalid_value"},
    {WITH("\"logprobs\":\"true\""), "logprobs", "invalid_value"},
    {WITH("\"top_logprobs\":-1"), "top_logprobs", "invalid_value"},
    {WITH("\"logit_bias\":{\"1\":\"a\"}"), "logit_bias", "invalid_value"},
    {WITH("\"logit_bias\":{\"1\":-101}"), "logit_bias", "invalid_value"},
    {WITH("\"response_format\":{\"type\":1}"), "response_format", "invalid_value"},
    {WITH("\"tools\":[{\"function\":{\"name\":\"f\"}}]"), "tools", "invalid_value"},
    {WITH("\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]"), "tools", "invalid_value"},
    {WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]"), "tools", "invalid_value"},
    {WITH("\"tool_choice\":true"), "tool_choice", "invalid_value"},
    {WITH("\"stream\":1"), "stream", "invalid_value"},
    {WITH("\"stream_options\":[]"), "stream_options", "invalid_value"},
    {WITH("\"stream_options\":{\"include_usage\":1}"), "stream_options", "invalid_value"},
    {WITH("\"metadata\":[]"), "metadata", "invalid_value"},
    {WITH("\"models\":[\"x/y\"]"), "models", "unsupported_parameter"},
    {WITH("\"route\":\"fallback\""), "route", "unsupported_parameter"},
    {WITH("\"MODEL\":\"x/y\""), "MODEL", "unknown_parameter"},
    {WITH("\"Stream\":false"), "Stream", "unknown_parameter"},
    {WITH("\"x y\":1"), "x y", "unknown_parameter"},
    {WITH("\"\":1"), "", "unknown_parameter"},
    {SAID("1"), "messages[0]", "invalid_value"},
    {SAID(USER ",{\"role\":\"User\",\"content\":\"a\"}"), "messages[1].role", "invalid_value"},
    {SAID("{\"role\":\"user\",\"content\":null}"), "messages[0].content", "missing_required_parameter"},
    {SAID("{\"role\":\"user\",\"content\":[1]}"), "messages[0].content[].type", "missing_required_parameter"},
    {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":null}]}"), "messages[0].content[].text", "invalid_value"},
    {SAID("{\"role\":\"assistant\",\"tool_calls\":{}}"), "messages[0].tool_calls", "invalid_value"},
    {SAID("{\"role\":\"assistant\",\"tool_calls\":[1]}"), "messages[0].tool_calls[].id", "missing_required_parameter"},
    {SAID("{\"role\":\"function\",\"content\":\"a\"}"), "messages[0].name", "missing_required_parameter"},
    {SAID("{\"role\":\"tool\",\"content\":\"a\"}"), "messages[0].tool_call_id", "missing_required_parameter"},
    {SAID("{\"role\":\"user\",\"content\":\"a\",\"name\":{}}"), "messages[0].name", "invalid_value"},
    {SAID(USER "," USER "," USER "," USER "," USER "," USER "," USER "," USER "," USER), "messages", "invalid_value"},
};
/* clang-format on */

static void what_is_allowed_goes_upstream_in_each_dialect(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(accepted); i++) {
        const struct accepted *row = &accepted[i];
        if (parse(span_from_string(row->body)) != COMPLETIONS_OK) {
            fail_msg("%s: refused: %s", row->body, refusal->message);
        }
        const struct upstream_members *members = request.wishes.members;
        if (strcmp(render(&members[UPSTREAM_DIALECT_CHAT]), row->chat) != 0) {
            fail_msg("%s: chat: %s", row->body, render(&members[UPSTREAM_DIALECT_CHAT]));
        }
        if ((request.tgi_cannot == NULL) != (row->tgi != NULL)) {
            fail_msg("%s: tgi cannot %s", row->body, request.tgi_cannot);
        }
        if (row->tgi != NULL && strcmp(render(&members[UPSTREAM_DIALECT_TGI]), row->tgi) != 0) {
            fail_msg("%s: tgi: %s", row->body, render(&members[UPSTREAM_DIALECT_TGI]));
        }
    }
}

static void what_is_not_allowed_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        const struct refused *row = &refused[i];
        enum completions_status status = parse(span_from_string(row->body));
        if (status == COMPLETIONS_OK || strcmp(refusal->param, row->param) != 0 ||
            strcmp(refusal->code, row->code) != 0 || refusal->message[0] == '\0' ||
            refusal->problem[0] == '\0') {
            fail_msg("%s: status %d param '%s' code '%s': %s", row->body, (int)status,
                     refusal->param, refusal->code, refusal->message);
        }
    }
}

static void the_rest_of_a_request_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse(span_from_string(
                         "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                         "\"max_tokens\":7,\"max_completion_tokens\":9,\"model\":\"a\\/b\","
                         "\"messages\":[{\"role\":\"system\",\"content\":\"\\n\"}, " USER "]}")),
                     COMPLETIONS_OK);
    assert_true(request.is_streamed && request.wants_usage);
    assert_true(span_equals_string(request.model, "a/b"));
    assert_int_equal(request.wishes.max_tokens, 7);
    assert_int_equal(request.wishes.max_completion_tokens, 9);
    assert_true(span_equals_string(request.wishes.messages,
                                   "[{\"role\":\"system\",\"content\":\"\\n\"}, " USER "]"));
    assert_int_equal(request.message_count, 2);
    assert_int_equal(request.messages[0].role, UPSTREAM_ROLE_SYSTEM);
    assert_true(span_equals_string(request.messages[0].content[0], "\\n"));
    assert_int_equal(parse(span_from_string(SAID(USER))), COMPLETIONS_OK);
    assert_false(request.is_streamed || request.wants_usage);
    assert_int_equal(request.wishes.max_tokens, 0);
}

static void the_rules_say_what_is_needed_and_known(void **state)
{
    const struct completions_rules strict = {.max_messages = 8, .refuses_unknown = true};
    static const char *const unknown[] = {
        WITH("\"x\":1"),
        SAID("{\"role\":\"user\",\"content\":\"a\",\"x\":1}"),
        SAID("{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}"),
    };

    (void)state;
    for (size_t i = 0; i < ROWS(unknown); i++) {
        struct span body = span_from_string(unknown[i]);
        assert_int_equal(parse(body), COMPLETIONS_OK);
        assert_int_equal(completions_parse(parser, body, &strict, &request, &refusal),
                         COMPLETIONS_BAD_SHAPE);
        assert_string_equal(refusal->code, "unknown_parameter");
    }
    assert_int_equal(completions_parse(parser, span_from_string("{\"messages\":[" USER "]}"),
                                       &strict, &request, &refusal),
                     COMPLETIONS_OK);
    assert_true(span_is_empty(request.model));
}

static void what_a_text_generator_cannot_do_is_told(void **state)
{
    (void)state;
    assert_int_equal(parse(span_from_string(WITH("\"logprobs\":true"))), COMPLETIONS_OK);
    refusal = completions_refuse_tgi(parser);
    assert_string_equal(refusal->param, "logprobs");
    assert_non_null(strstr(refusal->message, "logprobs"));
}

/* No byte behind the body is looked at, wherever it is cut. */
static void every_prefix_of_a_body_is_refused_safely(void **state)
{
    static const char body[] =
        WITH("\"stop\":[\"\\u00e9\"],\"logit_bias\":{\"1\":-1},\"tools\":[{\"type\":\"function\","
             "\"function\":{\"name\":\"f\"}}],\"x\":[{}],\"temperature\":1.5e0");
    struct guard_page guard = guard_page_new(ROOM_BYTES);

    (void)state;
    for (size_t length = 0; length < sizeof(body) - 1; length++) {
        assert_int_not_equal(parse(guard_page_place(&guard, span_of(body, length))),
                             COMPLETIONS_OK);
    }
    assert_int_equal(parse(guard_page_place(&guard, span_of(body, sizeof(body) - 1))),
                     COMPLETIONS_OK);
    guard_page_free(&guard);
}

/* <piece> as often as it fits between <before> and <after>. */
static struct span repeat(char *room, const char *before, const char *piece, const char *after)
{
    size_t length = strlen(before);

    memcpy(room, before, length);
    while (length + strlen(piece) + strlen(after) < LARGE_BYTES) {
        memcpy(room + length, piece, strlen(piece));
        length += strlen(piece);
    }
    memcpy(room + length, after, strlen(after));
    return span_of(room, length + strlen(after));
}

static void a_large_body_takes_no_long_time(void **state)
{
    static const struct {
        const char *before, *piece, *after;
    } shapes[] = {
        {"{\"model\":\"a/b\",\"messages\":[" USER "],\"x\":[0", ",{\"a\":1,\"b\":{}}", "]}"},
        {"{\"model\":\"a/b\",\"messages\":[],\"tools\":[0", ",[]", "]}"},
        {"{\"model\":\"a/b\",\"messages\":[{\"role\":\"user\",\"content\":[{}", ",{}", "]}]}"},
        {"{\"model\":\"", "\\u0061", "\",\"messages\":[" USER "]}"},
        {"{\"a\":1", ",\"a\":1", "}"},
    };
    char *room = malloc(LARGE_BYTES + 1);
    clock_t began = clock();

    (void)state;
    assert_non_null(room);
    for (size_t i = 0; i < ROWS(shapes); i++) {
        (void)parse(repeat(room, shapes[i].before, shapes[i].piece, shapes[i].after));
    }
    assert_true((clock() - began) / CLOCKS_PER_SEC < CPU_SECONDS_MAX);
    free(room);
}

static int make_parser(void **state)
{
    (void)state;
    parser = completions_parser_new();
    return parser == NULL ? -1 : 0;
}

static int free_parser(void **state)
{
    (void)state;
    completions_parser_free(parser);
    completions_parser_free(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_allowed_goes_upstream_in_each_dialect),
        cmocka_unit_test(what_is_not_allowed_is_named),
        cmocka_unit_test(the_rest_of_a_request_is_read),
        cmocka_unit_test(the_rules_say_what_is_needed_and_known),
        cmocka_unit_test(what_a_text_generator_cannot_do_is_told),
        cmocka_unit_test(every_prefix_of_a_body_is_refused_safely),
        cmocka_unit_test(a_large_body_takes_no_long_time),
    };

    return cmocka_run_group_tests(tests, make_parser, free_parser);
}
