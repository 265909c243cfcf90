/* SPDX-License-Identifier: MIT */
/*
 * dialect_tgi.c - events of text-generation-inference's /generate_stream.
 *
 * The text is that of the tokens. generated_text, which the last event has, is
 * the whole answer once more (and sometimes the prompt): it only marks the end.
 * That last event may carry a real token, namely when the length ran out.
 */
#include "upstream/dialect.h"
#include "upstream/dialect_scratch.h"

static void read_event(struct dialect_scratch *scratch, const struct sse_event *event,
                       struct dialect_result *result)
{
    if (!dialect_open(scratch, event, result)) {
        return;
    }
    const struct json_doc *doc = scratch->doc;
    json_ref token = json_member(doc, 0, "token");
    bool is_special = json_is(doc, json_member(doc, token, "special"), JSON_TRUE);
    if (!is_special &&
        !dialect_string(scratch, json_member(doc, token, "text"), &result->delta.text, result)) {
        return;
    }
    json_ref details = json_member(doc, 0, "details");
    dialect_finish(doc, json_member(doc, details, "finish_reason"), result);
    dialect_usage(doc, json_member(doc, details, "input_length"),
                  json_member(doc, details, "generated_tokens"), result);
    if (json_is(doc, json_member(doc, 0, "generated_text"), JSON_STRING)) {
        result->is_complete = true;
    }
}

const struct dialect dialect_tgi = {.name = "tgi", .read = read_event};
