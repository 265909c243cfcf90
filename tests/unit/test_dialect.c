/* SPDX-License-Identifier: MIT */
/*
 * test_dialect.c - what events mean, one by one and as whole answers.
 *
 * Single events are rows below. Whole answers are the files of tests/data/sse,
 * each read at every cut, with what it must yield.
 */
#include "upstream/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/answer_run.h"
#include "tests/unit/guard_page.h"

struct event_row {
    const char *name;
    const struct dialect *dialect;
    const char *data;
    const char *text;
    const char *reasoning;
    struct upstream_usage usage;
    enum dialect_kind kind;
    enum upstream_finish finish;
    enum upstream_failure failure;
    int error_status;
    bool is_complete;
    bool has_usage;
};

#define CHAT .dialect = (&dialect_chat)
#define TGI .dialect = (&dialect_tgi)
#define FINISHED(reason) .finish = (reason), .is_complete = true
#define FAILED(row) .kind = DIALECT_ERROR, .failure = (row)
#define USED(prompt, completion) .has_usage = true, .usage = {(prompt), (completion)}

/* clang-format off */
static const struct event_row event_rows[] = {
    /* The end mark and what is not an event of a dialect. */
    {"end mark", CHAT, "[DONE]", .kind = DIALECT_DONE},
    {"end mark with spaces", CHAT, "  [DONE] ", .kind = DIALECT_DONE},
    {"end mark in tgi", TGI, "[DONE]", .kind = DIALECT_DONE},
    {"empty data is a heartbeat", CHAT, ""},
    {"lower case is no end mark", CHAT, "[done]", .kind = DIALECT_NONSENSE},
    {"not JSON", CHAT, "hello", .kind = DIALECT_NONSENSE},
    {"cut JSON", CHAT, "{\"choices\":[", .kind = DIALECT_NONSENSE},
    {"bytes behind the JSON", CHAT, "{} {}", .kind = DIALECT_NONSENSE},
    {"a bare string", CHAT, "\"text\"", .kind = DIALECT_NONSENSE},
    {"an array", TGI, "[]", .kind = DIALECT_NONSENSE},
    {"bad UTF-8", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"\xC3\"}}]}",
     .kind = DIALECT_NONSENSE},
    {"an unknown object", CHAT, "{\"type\":\"ping\"}"},
    {"an empty object", TGI, "{}"},

    /* Text. hf-wire 1.3 */
    {"content", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}", .text = "hi"},
    {"spaces between tokens", CHAT,
     "{ \"choices\" : [ { \"delta\" : { \"content\" : \" hi\" } } ] }",
     .text = " hi"},
    {"escapes", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\n\\\"\\ud83c\\udf0a\"}}]}",
     .text = "\u00e9\n\"\U0001F30A"},
    {"escaped names", CHAT, "{\"ch\\u006fices\":[{\"delta\":{\"c\\u006fntent\":\"x\"}}]}",
     .text = "x"},
    {"content null", CHAT, "{\"choices\":[{\"delta\":{\"content\":null}}]}"},
    {"content absent", CHAT, "{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}"},
    {"content a number", CHAT, "{\"choices\":[{\"delta\":{\"content\":7}}]}"},
    {"content an object", CHAT, "{\"choices\":[{\"delta\":{\"content\":{\"text\":\"x\"}}}]}"},
    {"no choices", CHAT, "{\"id\":\"x\"}"},
    {"empty choices", CHAT, "{\"choices\":[]}"},
    {"choices null", CHAT, "{\"choices\":null}"},
    {"choices an object", CHAT, "{\"choices\":{\"delta\":{\"content\":\"x\"}}}"},
    {"choices of null", CHAT, "{\"choices\":[null]}"},
    {"the first choice by place", CHAT,
     "{\"choices\":[{\"index\":9,\"delta\":{\"content\":\"a\"}},"
     "{\"index\":0,\"delta\":{\"content\":\"b\"}}]}", .text = "a"},
    {"text beside a delta is not read", CHAT,
     "{\"choices\":[{\"text\":\"no\",\"delta\":{\"content\":\"yes\"}}]}", .text = "yes"},
    {"nor beside an empty delta", CHAT, "{\"choices\":[{\"text\":\"no\",\"delta\":{}}]}"},
    {"text without a delta", CHAT, "{\"choices\":[{\"text\":\"old\"}]}", .text = "old"},
    {"text beside a null delta", CHAT, "{\"choices\":[{\"text\":\"old\",\"delta\":null}]}",
     .text = "old"},
    {"end-of-sequence token stays", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"</s>\"},\"finish_reason\":\"eos_token\"}]}",
     .text = "</s>", FINISHED(UPSTREAM_FINISH_STOP)},

    /* Reasoning. hf-wire 1.3 */
    {"reasoning_content", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":null,\"reasoning_content\":\"r\"}}]}",
     .reasoning = "r"},
    {"reasoning", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning\":\"r\"}}]}",
     .reasoning = "r"},
    {"reasoning_text", CHAT, "{\"choices\":[{\"delta\":{\"reasoning_text\":\"r\"}}]}",
     .reasoning = "r"},
    {"two names, once", CHAT,
     "{\"choices\":[{\"delta\":{\"reasoning_content\":\"r\",\"reasoning\":\"r\"}}]}",
     .reasoning = "r"},
    {"null and a name", CHAT,
     "{\"choices\":[{\"delta\":{\"reasoning_content\":null,\"reasoning\":\"r\"}}]}",
     .reasoning = "r"},
    {"both escaped", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"\\ta\",\"reasoning\":\"\\nb\"}}]}", .text = "\ta",
     .reasoning = "\nb"},
    {"inline thinking is text", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"<think>\"}}]}",
     .text = "<think>"},

    /* Finish reasons. hf-wire 1.3 */
    {"finish null", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":null}]}"},
    {"finish empty", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"\"}]}"},
    {"finish stop", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
     FINISHED(UPSTREAM_FINISH_STOP)},
    {"finish eos", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"eos\"}]}",
     FINISHED(UPSTREAM_FINISH_STOP)},
    {"finish stop_sequence", CHAT,
     "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop_sequence\"}]}",
     FINISHED(UPSTREAM_FINISH_STOP)},
    {"finish with text", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"length\"}]}", .text = "x",
     FINISHED(UPSTREAM_FINISH_LENGTH)},
    {"finish tool_calls", CHAT, "{\"choices\":[{\"finish_reason\":\"tool_calls\"}]}",
     FINISHED(UPSTREAM_FINISH_TOOL_CALLS)},
    {"finish function_call", CHAT, "{\"choices\":[{\"finish_reason\":\"function_call\"}]}",
     FINISHED(UPSTREAM_FINISH_TOOL_CALLS)},
    {"finish content_filter", CHAT, "{\"choices\":[{\"finish_reason\":\"content_filter\"}]}",
     FINISHED(UPSTREAM_FINISH_CONTENT_FILTER)},
    {"finish of another word", CHAT, "{\"choices\":[{\"finish_reason\":\"tired\"}]}",
     FINISHED(UPSTREAM_FINISH_OTHER)},

    /* Usage. hf-wire 1.3 */
    {"usage null", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}",
     .text = "x"},
    {"usage and text", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],"
     "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}", .text = "x", USED(5, 2)},
    {"usage without choices", CHAT,
     "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}", USED(5, 2)},
    {"half a usage", CHAT, "{\"usage\":{\"completion_tokens\":2}}", USED(-1, 2)},
    {"usage of words", CHAT, "{\"usage\":{\"prompt_tokens\":\"5\",\"completion_tokens\":-3}}"},
    {"usage beyond reason", CHAT, "{\"usage\":{\"prompt_tokens\":1e99,\"completion_tokens\":1}}",
     USED(-1, 1)},
    {"usage in the choice", CHAT,
     "{\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}]}",
     USED(1, 2)},
    {"usage in an extension", CHAT,
     "{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}}",
     USED(1, 2)},

    /* Errors inside a stream. hf-wire 1.5 */
    {"error null is none", CHAT, "{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
     .text = "x"},
    {"error false is none", CHAT, "{\"error\":false,\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
     .text = "x"},
    {"error string", CHAT, "{\"error\":\"boom\"}", FAILED(UPSTREAM_ERROR_EVENT)},
    {"error beside text", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"error\":{}}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"validation", TGI, "{\"error\":\"Input validation error: x\",\"error_type\":\"validation\"}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"overloaded", TGI, "{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}",
     FAILED(UPSTREAM_BUSY)},
    {"generation", TGI,
     "{\"error\":\"Request failed during generation: x\",\"error_type\":\"generation\"}",
     FAILED(UPSTREAM_BUSY)},
    {"http_status_code", CHAT, "{\"error\":{\"message\":\"x\",\"http_status_code\":422}}",
     FAILED(UPSTREAM_ERROR_EVENT), .error_status = 422},
    {"422 that means overloaded", CHAT,
     "{\"error\":{\"message\":\"Model is overloaded\",\"http_status_code\":422}}",
     FAILED(UPSTREAM_BUSY), .error_status = 422},
    {"OpenRouter", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],"
     "\"error\":{\"code\":502,\"message\":\"x\"}}", FAILED(UPSTREAM_BUSY), .error_status = 502},
    {"finish_reason error", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"vLLM object", CHAT, "{\"object\":\"error\",\"message\":\"x\",\"code\":400}",
     FAILED(UPSTREAM_ERROR_EVENT), .error_status = 400},
    {"rate limit", CHAT, "{\"error\":{\"message\":\"slow down\",\"code\":429}}",
     FAILED(UPSTREAM_RATE_LIMITED), .error_status = 429},
    {"an error in the choice", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"error\":"
     "{\"code\":503,\"message\":\"x\"}}]}", FAILED(UPSTREAM_BUSY), .error_status = 503},
    {"an error null in the choice", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"error\":null}]}", .text = "x"},
    {"an error in an extension", CHAT,
     "{\"choices\":[],\"x_groq\":{\"id\":\"r\",\"error\":\"over capacity: rate_limit\"}}",
     FAILED(UPSTREAM_RATE_LIMITED)},
    {"finish_reason ERROR of a bare delta", CHAT,
     "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\"}}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"a bare delta of no known shape", CHAT, "{\"delta\":{\"text\":7}}"},
    {"a bare delta beside choices is not read", CHAT,
     "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
     "\"delta\":{\"message\":{\"content\":{\"text\":\"b\"}}}}", .text = "a"},
    {"finish_reason abort", CHAT, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"abort\"}]}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"finish_reason of a starved server", CHAT, "{\"choices\":[{\"delta\":{\"content\":\"\"},"
     "\"finish_reason\":\"insufficient_system_resource\"}]}", FAILED(UPSTREAM_ERROR_EVENT)},
    {"an error answer of FastAPI as an event", CHAT, "{\"detail\":\"Internal error\"}",
     FAILED(UPSTREAM_ERROR_EVENT)},
    {"with its list", TGI, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"too busy\"}]}",
     FAILED(UPSTREAM_BUSY)},
    {"a message and no answer", CHAT, "{\"message\":\"Too many tokens\",\"type\":\"x\",\"code\":429}",
     FAILED(UPSTREAM_RATE_LIMITED), .error_status = 429},
    {"an error type and no error", TGI, "{\"error_type\":\"overloaded\"}", FAILED(UPSTREAM_BUSY)},
    {"a message beside choices is an extra", CHAT,
     "{\"message\":\"hello\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", .text = "x"},
    {"a message object is no error", CHAT, "{\"message\":{\"content\":\"x\"}}"},
    {"quota", CHAT, "{\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}",
     FAILED(UPSTREAM_QUOTA)},
    {"unknown model", CHAT, "{\"error\":{\"message\":\"x\",\"code\":\"model_not_found\"}}",
     FAILED(UPSTREAM_MODEL_UNKNOWN)},

    /* Tokens of TGI. hf-wire 1.4 */
    {"token", TGI, "{\"index\":1,\"token\":{\"id\":4,\"text\":\" How\",\"special\":false},"
     "\"generated_text\":null,\"details\":null}", .text = " How"},
    {"token without special", TGI, "{\"token\":{\"text\":\"x\"}}", .text = "x"},
    {"special token", TGI, "{\"token\":{\"text\":\"</s>\",\"special\":true}}"},
    {"last event with a token", TGI,
     "{\"token\":{\"text\":\" end\",\"special\":false},\"generated_text\":\"the end\"}",
     .text = " end", .is_complete = true},
    {"last event with a special token", TGI,
     "{\"token\":{\"text\":\"</s>\",\"special\":true},\"generated_text\":\"\"}",
     .is_complete = true},
    {"generated text alone is not emitted", TGI, "{\"generated_text\":\"all\"}",
     .is_complete = true},
    {"details", TGI,
     "{\"token\":{\"text\":\"x\",\"special\":false},\"generated_text\":\"x\",\"details\":"
     "{\"finish_reason\":\"length\",\"generated_tokens\":1,\"seed\":null,\"input_length\":4}}",
     .text = "x", FINISHED(UPSTREAM_FINISH_LENGTH), USED(4, 1)},
    {"eos_token", TGI, "{\"generated_text\":\"\",\"details\":{\"finish_reason\":\"eos_token\"}}",
     FINISHED(UPSTREAM_FINISH_STOP)},
};
/* clang-format on */

static bool says(struct span got, const char *expected)
{
    return span_equals_string(got, expected == NULL ? "" : expected);
}

static bool result_fits(const struct event_row *row, const struct dialect_result *got)
{
    bool fits = got->kind == row->kind && says(got->delta.text, row->text) &&
                says(got->delta.reasoning, row->reasoning) && says(got->delta.data, row->data) &&
                got->finish == row->finish && got->is_complete == row->is_complete &&
                got->has_usage == row->has_usage;

    if (row->kind == DIALECT_ERROR) {
        fits = fits && got->failure == row->failure && got->error_status == row->error_status;
    }
    if (row->has_usage) {
        fits = fits && got->usage.prompt_tokens == row->usage.prompt_tokens &&
               got->usage.completion_tokens == row->usage.completion_tokens;
    }
    return fits;
}

static void each_event_means_what_its_row_says(void **state)
{
    struct dialect_scratch *scratch = dialect_scratch_new();
    struct guard_page guard = guard_page_new(4096);
    unsigned failures = 0;
    (void)state;

    assert_non_null(scratch);
    for (size_t i = 0; i < sizeof(event_rows) / sizeof(event_rows[0]); i++) {
        const struct event_row *row = &event_rows[i];
        struct sse_event event = {.data = guard_page_place(&guard, span_from_string(row->data))};
        struct dialect_result result;
        row->dialect->read(scratch, &event, &result);
        if (!result_fits(row, &result)) {
            print_error("row '%s': kind %d, text '%.*s', failure %s, status %d\n", row->name,
                        (int)result.kind, (int)result.delta.text.length,
                        result.delta.text.length > 0 ? result.delta.text.data : "",
                        upstream_failure_token(result.failure), result.error_status);
            failures++;
        }
    }

    guard_page_free(&guard);
    dialect_scratch_free(scratch);
    assert_int_equal(failures, 0);
}

/* hf-wire 1.5 items 4 and 5: a strict reader would see an empty success. */
static void error_field_and_error_name_are_failures_whatever_the_data(void **state)
{
    static const struct {
        const char *data;
        enum upstream_failure failure;
        int status;
    } errors[] = {
        {"{\"code\":400,\"message\":\"too long\"}", UPSTREAM_ERROR_EVENT, 400},
        {"{\"code\":503,\"message\":\"Loading model\"}", UPSTREAM_BUSY, 503},
        {"{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", UPSTREAM_ERROR_EVENT, 0},
        {"plain words", UPSTREAM_ERROR_EVENT, 0},
        {"\"overloaded\"", UPSTREAM_BUSY, 0},
        {"[DONE]", UPSTREAM_ERROR_EVENT, 0},
        {"", UPSTREAM_ERROR_EVENT, 0},
    };
    struct dialect_scratch *scratch = dialect_scratch_new();
    (void)state;

    assert_non_null(scratch);
    for (size_t i = 0; i < 2 * sizeof(errors) / sizeof(errors[0]); i++) {
        struct sse_event event = {
            .data = span_from_string(errors[i / 2].data),
            .has_error_field = i % 2 == 0,
            .is_error_event = i % 2 == 1,
        };
        struct dialect_result result;
        dialect_chat.read(scratch, &event, &result);
        assert_int_equal(result.kind, DIALECT_ERROR);
        assert_int_equal(result.failure, errors[i / 2].failure);
        assert_int_equal(result.error_status, errors[i / 2].status);
    }
    dialect_scratch_free(scratch);
}

static void text_without_escapes_stays_in_the_event(void **state)
{
    static const char data[] = "{\"choices\":[{\"delta\":{\"content\":\"plain\"}}]}";
    struct dialect_scratch *scratch = dialect_scratch_new();
    struct sse_event event = {.data = span_from_string(data)};
    struct dialect_result result;
    (void)state;

    assert_non_null(scratch);
    dialect_chat.read(scratch, &event, &result);

    assert_ptr_equal(result.delta.text.data, strstr(data, "plain"));
    dialect_scratch_free(scratch);
}

static void settings_choose_the_dialect(void **state)
{
    (void)state;
    assert_ptr_equal(dialect_find(UPSTREAM_DIALECT_CHAT), &dialect_chat);
    assert_ptr_equal(dialect_find(UPSTREAM_DIALECT_TGI), &dialect_tgi);
}

struct body_row {
    const char *file;
    const struct dialect *dialect;
    const char *text;
    const char *reasoning;
    enum upstream_finish finish;
    enum upstream_failure failure;
    int64_t prompt_tokens;
    int64_t completion_tokens;
};

/* clang-format off */
static const struct body_row body_rows[] = {
    {"chat-plain", CHAT, "High water at six.", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 7, 3},
    {"chat-nospace-index-grows", CHAT, " Low tide.</s>", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK,
     -1, -1},
    {"chat-crlf", CHAT, "one\r\ntwo", "", UPSTREAM_FINISH_LENGTH, UPSTREAM_OK, -1, -1},
    {"chat-cr", CHAT, "ab", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, -1, -1},
    {"chat-bom-comments-lines", CHAT, "joined up", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, -1, -1},
    {"chat-usage-everywhere", CHAT, "tokens", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 5, 3},
    {"chat-reasoning", CHAT, "\u00c4pfel \U0001F30A \"quoted\"\n<think>inline</think> ok",
     "Hm, the moon pulls.", UPSTREAM_FINISH_STOP, UPSTREAM_OK, -1, -1},
    {"chat-utf8", CHAT, "caf\u00e9 \u4f60\u597d \U0001F30A\u2028end", "", UPSTREAM_FINISH_STOP,
     UPSTREAM_OK, -1, -1},
    {"chat-tool-calls", CHAT, "", "", UPSTREAM_FINISH_TOOL_CALLS, UPSTREAM_OK, -1, -1},
    {"chat-error-null", CHAT, "fine", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, -1, -1},
    {"chat-midstream-error", CHAT, "Both", "", UPSTREAM_FINISH_NONE, UPSTREAM_ERROR_EVENT, -1, -1},
    {"chat-error-object", CHAT, "x", "", UPSTREAM_FINISH_NONE, UPSTREAM_BUSY, -1, -1},
    {"chat-error-field", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_ERROR_EVENT, -1, -1},
    {"chat-error-named", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_BUSY, -1, -1},
    {"chat-error-openrouter", CHAT, "part", "", UPSTREAM_FINISH_NONE, UPSTREAM_BUSY, -1, -1},
    {"chat-error-finish", CHAT, "part", "", UPSTREAM_FINISH_NONE, UPSTREAM_ERROR_EVENT, -1, -1},
    {"chat-error-vllm", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_MODEL_UNKNOWN, -1, -1},
    {"chat-truncated", CHAT, "cut here", "", UPSTREAM_FINISH_NONE, UPSTREAM_TRUNCATED, -1, -1},
    {"chat-truncated-inside", CHAT, "cut", "", UPSTREAM_FINISH_NONE, UPSTREAM_TRUNCATED, -1, -1},
    {"chat-nonsense", CHAT, "ok", "", UPSTREAM_FINISH_NONE, UPSTREAM_NONSENSE, -1, -1},
    {"chat-not-json", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_NONSENSE, -1, -1},
    {"chat-bare-delta", CHAT, "Flood and \u00e9bb", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 70, 4},
    {"chat-azure-start", CHAT, "Spring tide", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 9, 2},
    {"chat-text-beside-delta", CHAT, "Neap tide.", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 12, 3},
    {"chat-no-end-mark", CHAT, "Slack water", "", UPSTREAM_FINISH_LENGTH, UPSTREAM_OK, 4, 2},
    {"chat-usage-in-extension", CHAT, "12", "Count.", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 7, 2},
    {"chat-tools-no-finish", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_OK, -1, -1},
    {"chat-packed", CHAT,
     "The tide rises and falls twice a day, because the moon pulls at the sea: \u6f6e\u6c50 "
     "\U0001F315.\n\n- high water\n- low water\n", "", UPSTREAM_FINISH_STOP, UPSTREAM_OK, 11, 38},
    {"chat-error-comments", CHAT, "Ebb", "", UPSTREAM_FINISH_NONE, UPSTREAM_RATE_LIMITED, -1, -1},
    {"chat-error-detail", CHAT, "So", "", UPSTREAM_FINISH_NONE, UPSTREAM_ERROR_EVENT, -1, -1},
    {"chat-error-tgi-new", CHAT, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_ERROR_EVENT, -1, -1},
    {"tgi-error-after-text", TGI, " Moon", "", UPSTREAM_FINISH_NONE, UPSTREAM_BUSY, -1, -1},
    {"tgi-length", TGI, " The sea rises", "", UPSTREAM_FINISH_LENGTH, UPSTREAM_OK, 6, 3},
    {"tgi-special-last", TGI, " ebb flow", "", UPSTREAM_FINISH_NONE, UPSTREAM_OK, -1, -1},
    {"tgi-error-only", TGI, "", "", UPSTREAM_FINISH_NONE, UPSTREAM_BUSY, -1, -1},
    {"tgi-truncated", TGI, " half", "", UPSTREAM_FINISH_NONE, UPSTREAM_TRUNCATED, -1, -1},
};
/* clang-format on */

static bool run_fits(const struct body_row *row, const struct answer_run *run)
{
    return says(span_of(run->text.bytes, run->text.length), row->text) &&
           says(span_of(run->reasoning.bytes, run->reasoning.length), row->reasoning) &&
           run->finish == row->finish && run->failure == row->failure &&
           run->usage.prompt_tokens == row->prompt_tokens &&
           run->usage.completion_tokens == row->completion_tokens;
}

static unsigned check_body(const struct body_row *row, struct span body)
{
    struct answer_run *run = answer_run_new(row->dialect);
    unsigned failures = 0;

    for (size_t cut = 0; cut <= body.length && failures == 0; cut++) {
        answer_run_reset(run);
        answer_run_feed(run, span_of(body.data, cut));
        answer_run_feed(run, span_skip(body, cut));
        answer_run_finish(run);
        if (!run_fits(row, run)) {
            print_error("%s, cut at %zu: '%.*s', %s\n", row->file, cut, (int)run->text.length,
                        run->text.bytes, upstream_failure_token(run->failure));
            failures++;
        }
    }
    answer_run_free(run);
    return failures;
}

static void each_body_yields_what_its_row_says_at_every_cut(void **state)
{
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(body_rows) / sizeof(body_rows[0]); i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/tests/data/sse/%s.body", TIDEGATE_SOURCE_DIR,
                       body_rows[i].file); /* a path that is cut cannot be loaded */
        struct span body = answer_load(path);
        assert_true(body.length > 0);
        failures += check_body(&body_rows[i], body);
        answer_unload(body);
    }

    assert_int_equal(failures, 0);
}

/* What those need who pass chunks on: is it one, has it but usage, is it a tool call. */
static void the_shape_of_a_chunk_is_told(void **state)
{
    static const struct {
        const struct dialect *dialect;
        const char *data;
        bool is_chunk, is_usage_only, has_tool_call;
    } rows[] = {
        {&dialect_chat, "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", true, false, false},
        {&dialect_chat, "{\"choices\":[]}", true, false, false},
        {&dialect_chat, "{\"choices\":[],\"usage\":null}", true, false, false},
        {&dialect_chat, "{\"choices\":[],\"usage\":{}}", true, true, false},
        {&dialect_chat, "{\"usage\":{}}", true, true, false},
        {&dialect_chat, "{\"choices\":[{\"delta\":{}}],\"usage\":{}}", true, false, false},
        {&dialect_chat, "{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}", true, false, true},
        {&dialect_chat, "{\"choices\":[{\"delta\":{\"tool_calls\":[]}}]}", true, false, false},
        {&dialect_chat, "{\"choices\":[{\"delta\":{\"tool_calls\":null}}]}", true, false, false},
        {&dialect_chat, "{\"choices\":[{\"delta\":{\"function_call\":{}}}]}", true, false, true},
        {&dialect_chat, "{\"type\":\"ping\"}", false, false, false},
        {&dialect_chat, "{\"delta\":{\"message\":{\"content\":{\"text\":\"x\"}}}}", false, false,
         false},
        {&dialect_tgi, "{\"token\":{\"text\":\"x\"}}", false, false, false},
    };
    struct dialect_scratch *scratch = dialect_scratch_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sse_event event = {.data = span_from_string(rows[i].data)};
        struct dialect_result result;
        rows[i].dialect->read(scratch, &event, &result);
        if (result.delta.is_chunk != rows[i].is_chunk ||
            result.delta.is_usage_only != rows[i].is_usage_only ||
            result.delta.has_tool_call != rows[i].has_tool_call) {
            fail_msg("%s", rows[i].data);
        }
    }
    dialect_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_means_what_its_row_says),
        cmocka_unit_test(error_field_and_error_name_are_failures_whatever_the_data),
        cmocka_unit_test(text_without_escapes_stays_in_the_event),
        cmocka_unit_test(settings_choose_the_dialect),
        cmocka_unit_test(the_shape_of_a_chunk_is_told),
        cmocka_unit_test(each_body_yields_what_its_row_says_at_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
