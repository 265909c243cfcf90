/* SPDX-License-Identifier: MIT */
/*
 * event_stream.c - events as servers write them, with every liberty the scenario takes.
 *
 * WHATWG HTML section 9.2 allows three line ends, an optional space after the
 * colon, comments, several data lines and fields nobody needs; Hugging Face's
 * providers use most of that.
 */
#include "tests/sim/dialect.h"

static bool is_set(const struct answer *answer, enum scenario_key key)
{
    return scenario_get(answer->scenario, key) > 0;
}

void event_line_end(const struct answer *answer, struct bytes *out)
{
    static const char *const ENDS[] = {"\n", "\r\n", "\r"};
    bytes_add_string(out, ENDS[scenario_get(answer->scenario, SIM_EOL)]);
}

void event_data_word(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, is_set(answer, SIM_SPACE) ? "data: " : "data:");
}

void event_open(const struct answer *answer, struct bytes *out)
{
    if (is_set(answer, SIM_NAMED)) {
        bytes_add_string(out, "event: message");
        event_line_end(answer, out);
        bytes_printf(out, "id: %lld", (long long)answer->tokens);
        event_line_end(answer, out);
        bytes_add_string(out, "retry: 3000");
        event_line_end(answer, out);
    }
    event_data_word(answer, out);
    if (is_set(answer, SIM_MULTI)) {
        /* White space between JSON tokens, so that the lines join to the same value. */
        event_line_end(answer, out);
        event_data_word(answer, out);
    }
}

void event_close(const struct answer *answer, struct bytes *out)
{
    event_line_end(answer, out);
    event_line_end(answer, out);
}

void event_add(const struct answer *answer, struct bytes *out, const char *json)
{
    event_open(answer, out);
    bytes_add_string(out, json);
    event_close(answer, out);
}

static const char *error_json(enum sim_shape shape)
{
    switch (shape) {
    case SHAPE_AUTO:
    case SHAPE_TGI:
        return "{\"error\":\"Request failed during generation: Server error: CANCELLED\","
               "\"error_type\":\"generation\"}";
    case SHAPE_TGI_NEW:
        return "{\"error\":{\"message\":\"Request failed during generation: Server error: "
               "CANCELLED\",\"http_status_code\":422}}";
    case SHAPE_VLLM:
        return "{\"error\":{\"message\":\"EngineCore encountered an issue.\","
               "\"type\":\"InternalServerError\",\"param\":null,\"code\":500}}";
    case SHAPE_OPENROUTER:
        return "{\"id\":\"gen-sim\",\"object\":\"chat.completion.chunk\",\"created\":1,"
               "\"model\":\"sim\",\"error\":{\"code\":\"server_error\",\"message\":\"Provider "
               "disconnected unexpectedly\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":"
               "\"\"},\"finish_reason\":\"error\"}]}";
    case SHAPE_LLAMACPP:
        return "{\"code\":500,\"message\":\"Context size has been exceeded.\","
               "\"type\":\"server_error\"}";
    case SHAPE_EVENT:
        return "{\"message\":\"The server had an error while processing your request\","
               "\"type\":\"server_error\"}";
    }
    return "{}";
}

void event_add_error(const struct answer *answer, struct bytes *out, enum sim_shape otherwise)
{
    int64_t asked = scenario_get(answer->scenario, SIM_SHAPE);
    enum sim_shape shape = (enum sim_shape)asked;

    if (shape == SHAPE_AUTO) {
        shape = otherwise;
    }
    if (shape == SHAPE_EVENT) {
        bytes_add_string(out, "event: error");
        event_line_end(answer, out);
    }
    if (shape == SHAPE_LLAMACPP) {
        bytes_add_string(out, "error: "); /* in place of "data: " */
    } else {
        event_data_word(answer, out);
    }
    bytes_add_string(out, error_json(shape));
    event_close(answer, out);
    if (shape == SHAPE_TGI_NEW || shape == SHAPE_VLLM || shape == SHAPE_LLAMACPP) {
        event_data_word(answer, out);
        bytes_add_string(out, "[DONE]");
        event_close(answer, out);
    }
}

const char *dialect_finish_reason(const struct answer *answer)
{
    static const char *const REASONS[] = {"stop", "length",     "eos_token",
                                          NULL,   "tool_calls", "content_filter"};

    if (answer->has_capped && !answer->scenario->is_given[SIM_FINISH]) {
        return "length";
    }
    if (is_set(answer, SIM_TOOL) && !answer->scenario->is_given[SIM_FINISH]) {
        return "tool_calls";
    }
    return REASONS[scenario_get(answer->scenario, SIM_FINISH)];
}

long long dialect_prompt_tokens(const struct answer *answer)
{
    return (long long)(answer->call->prompt.length / 4) + 8;
}
