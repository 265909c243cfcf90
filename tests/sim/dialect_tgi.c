/* SPDX-License-Identifier: MIT */
/*
 * dialect_tgi.c - text-generation-inference's own surface: /generate_stream and /generate.
 *
 * The last event repeats the whole text in "generated_text". Its token is the
 * special end token when the model stopped, and a real token when the length
 * ran out.
 */
#include "tests/sim/dialect.h"

static void token_open(const struct answer *answer, struct bytes *out)
{
    event_open(answer, out);
    bytes_printf(out, "{\"index\":%lld,\"token\":{\"id\":%lld,\"text\":\"",
                 (long long)answer->tokens + 1, 1000 + (long long)answer->tokens % 30000);
}

static void stream_delta_close(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, "\",\"logprob\":-0.4375,\"special\":false},\"generated_text\":null,"
                          "\"details\":null}");
    event_close(answer, out);
}

static void stream_finish(const struct answer *answer, struct bytes *out, struct span last_token)
{
    bool is_real = last_token.length > 0;

    event_open(answer, out);
    bytes_printf(out, "{\"index\":%lld,\"token\":{\"id\":%d,\"text\":\"",
                 (long long)answer->tokens + (is_real ? 0 : 1), is_real ? 1000 : 2);
    if (is_real) {
        bytes_add_json(out, last_token);
    } else {
        bytes_add_string(out, "</s>");
    }
    bytes_printf(out, "\",\"logprob\":-0.0012,\"special\":%s},\"generated_text\":\"",
                 is_real ? "false" : "true");
}

/* TGI before 2.3.0 says eos_token, later versions stop. */
static void add_details(const struct answer *answer, struct bytes *out)
{
    const char *reason = dialect_finish_reason(answer);

    bytes_printf(out,
                 "\"details\":{\"finish_reason\":\"%s\",\"generated_tokens\":%lld,\"seed\":%lld,"
                 "\"input_length\":%lld}",
                 reason == NULL ? "stop" : reason, (long long)answer->tokens,
                 (long long)scenario_get(answer->scenario, SIM_SEED),
                 dialect_prompt_tokens(answer));
}

static void stream_echo_close(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, "\",");
    add_details(answer, out);
    bytes_add_string(out, "}");
    event_close(answer, out);
}

static void stream_error(const struct answer *answer, struct bytes *out)
{
    event_add_error(answer, out, SHAPE_TGI);
}

static void stream_broken(const struct answer *answer, struct bytes *out)
{
    event_add(answer, out, "{\"index\":1,\"token\":{\"id\":1,\"text\":\"torn");
}

static void once_open(const struct answer *answer, struct bytes *out)
{
    (void)answer; /* the same for every answer */
    bytes_add_string(out, "{\"generated_text\":\"");
}

static void once_finish(const struct answer *answer, struct bytes *out, struct span last_token)
{
    (void)last_token; /* never held back here */
    bytes_add_string(out, "\",");
    add_details(answer, out);
    bytes_add_string(out, "}");
}

static void array_open(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, "[");
    once_open(answer, out);
}

static void array_finish(const struct answer *answer, struct bytes *out, struct span last_token)
{
    once_finish(answer, out, last_token);
    bytes_add_string(out, "]");
}

const struct dialect DIALECT_TGI_STREAM = {
    .is_event_stream = true,
    .is_last_token_in_finish = true,
    .delta_open = token_open,
    .delta_close = stream_delta_close,
    .finish = stream_finish,
    .echo_close = stream_echo_close,
    .error = stream_error,
    .broken = stream_broken,
};

const struct dialect DIALECT_TGI_ONCE = {
    .open = once_open,
    .finish = once_finish,
};

const struct dialect DIALECT_TGI_ONCE_ARRAY = {
    .open = array_open,
    .finish = array_finish,
};
