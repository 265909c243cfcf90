/* SPDX-License-Identifier: MIT */
/*
 * fuzz_completions.c - any bytes as the body of a chat completion.
 *
 * What passes must make a sound request: rendered for each dialect it is JSON without a
 * member twice, and begins with the model that was chosen. What does not pass says why.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/completions_request.h"
#include "tests/fuzz/fuzz_target.h"
#include "upstream/request_body.h"

enum {
    MESSAGES_MAX = 16
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_body(enum upstream_dialect dialect, const struct completions_request *request)
{
    static const char front[] = "{\"model\":\"chosen/model\",\"messages\":[";
    static struct json_doc *doc; /* kept: its memory is reused from run to run */
    const struct upstream_settings settings = {.dialect = dialect, .max_new_tokens = 100};
    const struct upstream_call call = {
        .model = SPAN_LITERAL("chosen/model"),
        .messages = request->messages,
        .message_count = request->message_count,
        .wishes = request->wishes,
    };
    size_t length = 0;
    char *bytes = request_body_render(&settings, &call, &length);

    if (doc == NULL) {
        doc = json_doc_new();
    }
    must(doc != NULL && bytes != NULL);
    must(json_parse(doc, span_of(bytes, length), JSON_DEPTH_MAX) == JSON_OK);
    must(json_find_duplicates(doc) == JSON_NONE);
    must(json_is(doc, json_member(doc, 0, "stream"), JSON_TRUE));
    if (dialect == UPSTREAM_DIALECT_CHAT) {
        must(span_starts_with(span_of(bytes, length), front));
    }
    free(bytes);
}

static void parse(struct span body, bool refuses_unknown)
{
    static struct completions_parser *parser;
    const struct completions_rules rules = {.max_messages = MESSAGES_MAX,
                                            .needs_model = !refuses_unknown,
                                            .refuses_unknown = refuses_unknown};
    const struct completions_refusal *refusal = NULL;
    struct completions_request request;
    enum completions_status status;

    if (parser == NULL) {
        parser = completions_parser_new();
        must(parser != NULL);
    }
    status = completions_parse(parser, body, &rules, &request, &refusal);
    must((status == COMPLETIONS_NOT_JSON) == (json_check(body, JSON_DEPTH_MAX, NULL) != JSON_OK));
    if (status != COMPLETIONS_OK) {
        must(refusal->message[0] != '\0' && refusal->code != NULL && refusal->problem[0] != '\0');
        return;
    }
    must(request.message_count >= 1 && request.message_count <= MESSAGES_MAX);
    check_body(UPSTREAM_DIALECT_CHAT, &request);
    if (request.tgi_cannot == NULL) {
        check_body(UPSTREAM_DIALECT_TGI, &request);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of((const char *)data, size);

    parse(body, false);
    parse(body, true);
    return 0;
}
