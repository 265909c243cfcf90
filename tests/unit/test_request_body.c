/* SPDX-License-Identifier: MIT */
/*
 * test_request_body.c - the JSON that is sent upstream, to the byte.
 */
#include "upstream/request_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"

static const struct span hello[] = {SPAN_LITERAL("Hello")};
static const struct span pieces[] = {SPAN_LITERAL("a\\n\\u00e9"), SPAN_LITERAL(""),
                                     SPAN_LITERAL("\\\"b\\\"")};
static const struct span reply[] = {SPAN_LITERAL("Hi.")};
static const struct span rule[] = {SPAN_LITERAL("Be brief.")};

static const struct upstream_message one[] = {{UPSTREAM_ROLE_USER, hello, 1}};
static const struct upstream_message chat[] = {
    {UPSTREAM_ROLE_SYSTEM, rule, 1},
    {UPSTREAM_ROLE_USER, hello, 1},
    {UPSTREAM_ROLE_ASSISTANT, reply, 1},
    {UPSTREAM_ROLE_USER, pieces, 3},
};

struct row {
    const char *name;
    enum upstream_dialect dialect;
    const char *prompt_template;
    int64_t max_new_tokens;
    const char *model;
    const struct upstream_message *messages;
    size_t message_count;
    const char *expected;
};

#define STREAM_TAIL "\"stream\":true,\"stream_options\":{\"include_usage\":true}"
#define TGI_TAIL "\"parameters\":{\"return_full_text\":false,\"details\":true"

/* clang-format off */
static const struct row rows[] = {
    {"one message", UPSTREAM_DIALECT_CHAT, NULL, 0, "acme/tide-1", one, 1,
     "{\"model\":\"acme/tide-1\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
     STREAM_TAIL "}"},
    {"a limit", UPSTREAM_DIALECT_CHAT, NULL, 500, "acme/tide-1:groq", one, 1,
     "{\"model\":\"acme/tide-1:groq\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
     STREAM_TAIL ",\"max_tokens\":500}"},
    {"the largest limit", UPSTREAM_DIALECT_CHAT, NULL, INT64_MAX, "m/n", one, 1,
     "{\"model\":\"m/n\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
     STREAM_TAIL ",\"max_tokens\":9223372036854775807}"},
    {"a whole chat; content stays as it came", UPSTREAM_DIALECT_CHAT, NULL, 0, "m/n", chat, 4,
     "{\"model\":\"m/n\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
     "{\"role\":\"user\",\"content\":\"Hello\"},{\"role\":\"assistant\",\"content\":\"Hi.\"},"
     "{\"role\":\"user\",\"content\":\"a\\n\\u00e9\\\"b\\\"\"}]," STREAM_TAIL "}"},
    {"a model name is escaped", UPSTREAM_DIALECT_CHAT, NULL, 0, "a\"b\\c\n/d", one, 1,
     "{\"model\":\"a\\u0022b\\u005cc\\u000a/d\",\"messages\":"
     "[{\"role\":\"user\",\"content\":\"Hello\"}]," STREAM_TAIL "}"},

    {"tgi, plain", UPSTREAM_DIALECT_TGI, "plain", 0, "m/n", one, 1,
     "{\"inputs\":\"Hello\"," TGI_TAIL "},\"stream\":true}"},
    {"tgi, plain by default, a limit", UPSTREAM_DIALECT_TGI, NULL, 20, "m/n", chat, 4,
     "{\"inputs\":\"Be brief.\\nHello\\nHi.\\na\\n\\u00e9\\\"b\\\"\"," TGI_TAIL
     ",\"max_new_tokens\":20},\"stream\":true}"},
    {"tgi, chatml", UPSTREAM_DIALECT_TGI, "chatml", 0, "m/n", chat, 3,
     "{\"inputs\":\"<|im_start|>system\\nBe brief.<|im_end|>\\n<|im_start|>user\\nHello"
     "<|im_end|>\\n<|im_start|>assistant\\nHi.<|im_end|>\\n<|im_start|>assistant\\n\"," TGI_TAIL
     "},\"stream\":true}"},
    {"tgi, llama3", UPSTREAM_DIALECT_TGI, "llama3", 0, "m/n", one, 1,
     "{\"inputs\":\"<|start_header_id|>user<|end_header_id|>\\n\\nHello<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\\n\\n\"," TGI_TAIL "},\"stream\":true}"},
    {"tgi, mistral", UPSTREAM_DIALECT_TGI, "mistral", 0, "m/n", chat + 1, 3,
     "{\"inputs\":\"[INST] Hello [/INST] Hi.</s>[INST] a\\n\\u00e9\\\"b\\\" [/INST]\"," TGI_TAIL
     "},\"stream\":true}"},
    {"tgi, openassistant", UPSTREAM_DIALECT_TGI, "openassistant", 0, "m/n", chat, 3,
     "{\"inputs\":\"<|system|>Be brief.<|endoftext|><|prompter|>Hello<|endoftext|>"
     "<|assistant|>Hi.<|endoftext|><|assistant|>\"," TGI_TAIL "},\"stream\":true}"},
};
/* clang-format on */

static unsigned check(const struct row *row)
{
    const struct upstream_settings settings = {
        .dialect = row->dialect,
        .prompt_template = row->prompt_template,
        .max_new_tokens = row->max_new_tokens,
    };
    const struct upstream_call call = {
        .model = span_from_string(row->model),
        .messages = row->messages,
        .message_count = row->message_count,
    };
    size_t length = 0;
    char *body = request_body_render(&settings, &call, &length);
    bool is_right = body != NULL && span_equals_string(span_of(body, length), row->expected) &&
                    json_check(span_of(body, length), JSON_DEPTH_MAX, NULL) == JSON_OK;

    if (!is_right) {
        print_error("row '%s': %.*s\n", row->name, (int)length, body == NULL ? "" : body);
    }
    free(body);
    return is_right ? 0 : 1;
}

static void each_call_is_rendered_to_the_byte(void **state)
{
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check(&rows[i]);
    }

    assert_int_equal(failures, 0);
}

static void every_listed_template_exists_and_no_other(void **state)
{
    char *names = strdup(prompt_template_names());
    unsigned count = 0;
    char *rest = NULL;
    (void)state;

    assert_non_null(names);
    for (char *name = strtok_r(names, ", ", &rest); name != NULL;
         name = strtok_r(NULL, ", ", &rest)) {
        assert_true(prompt_template_exists(name));
        count++;
    }
    free(names);
    assert_int_equal(count, 5);
    assert_false(prompt_template_exists("llama2"));
    assert_false(prompt_template_exists("Plain"));
    assert_false(prompt_template_exists(""));
    assert_false(prompt_template_exists(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_rendered_to_the_byte),
        cmocka_unit_test(every_listed_template_exists_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
