/* SPDX-License-Identifier: MIT */
/*
 * answer_phase.c - the phases of one made-up answer, in the order in which they come.
 *
 * Each function appends at most one piece and enters the next phase when its own
 * has nothing left to say.
 */
#include "tests/sim/answer_phase.h"

#include "tests/sim/dialect.h"

#define FLOOD_TOKENS_PER_EVENT 64

static const char *const THOUGHTS[] = {
    "Okay", ",",      " the",   " user", " wants", " an", " answer", ".",     " Let",
    " me",  " think", " about", " it",   " step",  " by", " step",   ".\n\n", " First",
};

enum {
    THOUGHT_COUNT = sizeof(THOUGHTS) / sizeof(THOUGHTS[0]),
};

static int64_t get(const struct answer *answer, enum scenario_key key)
{
    return scenario_get(answer->scenario, key);
}

void answer_enter(struct answer *answer, enum answer_phase phase)
{
    answer->phase = phase;
    answer->counter = 0;
}

void answer_start_text(const struct answer *answer, struct text *text)
{
    const struct scenario *scenario = answer->scenario;
    struct span prompt = bytes_span(&answer->call->prompt);
    struct span directive = scenario_find_directive(prompt);
    struct text_start start = {
        .seed = (uint64_t)get(answer, SIM_SEED),
        .is_endless = answer->tokens_limit >= 0 || get(answer, SIM_FLOOD) > 0,
        .is_exact = scenario->text != NULL,
        .exact = span_of(scenario->text, scenario->text_length),
        .prompt = span_trim(span_of(prompt.data, prompt.length - directive.length)),
    };

    text_init(text, &start);
}

/* max_tokens ends a text that would go on, but never one whose length the scenario fixed. */
static bool is_capped(const struct answer *answer)
{
    return answer->tokens_limit < 0 && get(answer, SIM_FLOOD) == 0 &&
           answer->scenario->text == NULL && answer->call->max_tokens >= 0 &&
           answer->tokens >= answer->call->max_tokens;
}

static bool is_text_said(struct answer *answer)
{
    if (answer->tokens_limit >= 0 && answer->tokens >= answer->tokens_limit) {
        return true;
    }
    if (get(answer, SIM_FLOOD) > 0 && answer->text_bytes >= get(answer, SIM_FLOOD)) {
        return true;
    }
    if (text_is_over(&answer->text)) {
        return true;
    }
    answer->has_capped = is_capped(answer);
    return answer->has_capped;
}

static enum answer_step step_open(struct answer *answer, struct bytes *out)
{
    if (answer->dialect->is_event_stream && get(answer, SIM_BOM) > 0) {
        bytes_add_string(out, "\xef\xbb\xbf");
    }
    if (answer->dialect->open != NULL) {
        answer->dialect->open(answer, out);
    }
    answer_enter(answer, PHASE_REASONING);
    return ANSWER_MORE;
}

static void add_delta(const struct answer *answer, struct bytes *out, struct span text)
{
    if (answer->dialect->delta_open != NULL) {
        answer->dialect->delta_open(answer, out);
    }
    bytes_add_json(out, text);
    if (answer->dialect->delta_close != NULL) {
        answer->dialect->delta_close(answer, out);
    }
}

static enum answer_step step_reasoning(struct answer *answer, struct bytes *out)
{
    int64_t wanted = get(answer, SIM_REASONING);
    bool is_inline = get(answer, SIM_FIELD) == FIELD_THINK;
    struct span thought = span_from_string(THOUGHTS[answer->counter % THOUGHT_COUNT]);

    if (wanted == 0 || answer->counter > wanted || (!is_inline && answer->counter == wanted) ||
        (!is_inline && answer->dialect->reasoning == NULL)) {
        answer_enter(answer, PHASE_TOOL);
        return ANSWER_MORE;
    }
    if (!is_inline) {
        answer->dialect->reasoning(answer, out, thought);
    } else if (answer->counter == 0) {
        add_delta(answer, out, span_from_string("<think>"));
        add_delta(answer, out, thought);
    } else if (answer->counter == wanted) {
        add_delta(answer, out, span_from_string("</think>\n\n"));
    } else {
        add_delta(answer, out, thought);
    }
    answer->counter++;
    return ANSWER_PACED;
}

static enum answer_step step_tool(struct answer *answer, struct bytes *out)
{
    if (get(answer, SIM_TOOL) == 0 || answer->dialect->tool == NULL) {
        answer_enter(answer, get(answer, SIM_GIANT_EVENT) > 0 ? PHASE_GIANT_OPEN : PHASE_TEXT);
        return ANSWER_MORE;
    }
    if (answer->counter == TOOL_FRAGMENTS) {
        answer_enter(answer, PHASE_FINISH);
        return ANSWER_MORE;
    }
    answer->dialect->tool(answer, out);
    answer->counter++;
    return ANSWER_PACED;
}

static enum answer_step step_giant(struct answer *answer, struct bytes *out)
{
    int64_t left = get(answer, SIM_GIANT_EVENT) - answer->counter;

    if (answer->phase == PHASE_GIANT_OPEN) {
        if (answer->dialect->delta_open != NULL) {
            answer->dialect->delta_open(answer, out);
        }
        answer_enter(answer, PHASE_GIANT_BODY);
        return ANSWER_MORE;
    }
    if (left == 0) {
        if (answer->dialect->delta_close != NULL) {
            answer->dialect->delta_close(answer, out);
        }
        answer_enter(answer, PHASE_TEXT);
        return ANSWER_PACED;
    }
    left = left > ANSWER_PIECE_BYTES ? ANSWER_PIECE_BYTES : left;
    bytes_add_fill(out, 'g', (size_t)left);
    answer->counter += left;
    return ANSWER_MORE;
}

/* True when exactly one token is left to say. */
static bool is_last_token(const struct answer *answer)
{
    struct answer probe = *answer;

    (void)text_next(&probe.text); /* only whether more follows is of interest */
    probe.tokens++;
    return is_text_said(&probe);
}

static struct span say_token(struct answer *answer)
{
    struct span token = text_next(&answer->text);

    answer->tokens++;
    answer->text_bytes += (int64_t)token.length;
    return token;
}

/* Bytes no text should hold, put into the second token on request. */
static void add_poison(const struct answer *answer, struct bytes *out)
{
    if (answer->tokens != 2) {
        return;
    }
    if (get(answer, SIM_NUL) > 0) {
        bytes_add(out, "\0", 1);
    }
    if (get(answer, SIM_BAD_UTF8) > 0) {
        bytes_add_string(out, "\xc3\x28\xf0\x9f"); /* a lone lead byte, a cut-off emoji */
    }
}

static enum answer_step step_text(struct answer *answer, struct bytes *out)
{
    const struct dialect *dialect = answer->dialect;
    int64_t pack = get(answer, SIM_PACK);

    if (get(answer, SIM_FLOOD) > 0 && !answer->scenario->is_given[SIM_PACK]) {
        pack = FLOOD_TOKENS_PER_EVENT;
    }
    if (is_text_said(answer) ||
        (dialect->is_last_token_in_finish && get(answer, SIM_FINISH) == FINISH_LENGTH &&
         is_last_token(answer))) {
        answer_enter(answer, PHASE_FINISH);
        return ANSWER_MORE;
    }
    if (dialect->delta_open != NULL) {
        dialect->delta_open(answer, out);
    }
    do {
        bytes_add_json(out, say_token(answer));
        add_poison(answer, out);
        pack--;
    } while (pack > 0 && !is_text_said(answer));
    if (dialect->delta_close != NULL) {
        dialect->delta_close(answer, out);
    }
    return get(answer, SIM_FLOOD) > 0 ? ANSWER_MORE : ANSWER_PACED;
}

static enum answer_step step_finish(struct answer *answer, struct bytes *out)
{
    struct span last = span_of("", 0);

    answer_enter(answer, PHASE_USAGE);
    if (dialect_finish_reason(answer) == NULL && answer->dialect->is_event_stream) {
        return ANSWER_MORE;
    }
    if (answer->dialect->is_last_token_in_finish && get(answer, SIM_FINISH) == FINISH_LENGTH &&
        !is_text_said(answer)) {
        last = say_token(answer);
    }
    answer->dialect->finish(answer, out, last);
    if (answer->dialect->echo_close != NULL) {
        answer_start_text(answer, &answer->echo);
        answer_enter(answer, PHASE_ECHO);
    }
    return ANSWER_MORE;
}

static enum answer_step step_echo(struct answer *answer, struct bytes *out)
{
    size_t written = 0;

    if (answer->phase == PHASE_ECHO_CLOSE) {
        answer->dialect->echo_close(answer, out);
        answer_enter(answer, PHASE_USAGE);
        return ANSWER_MORE;
    }
    while (answer->counter < answer->tokens && written < ANSWER_PIECE_BYTES) {
        struct span token = text_next(&answer->echo);
        bytes_add_json(out, token);
        written += token.length;
        answer->counter++;
    }
    if (answer->counter == answer->tokens) {
        answer_enter(answer, PHASE_ECHO_CLOSE);
    }
    return ANSWER_MORE;
}

bool answer_wants_usage(const struct answer *answer)
{
    int64_t said = get(answer, SIM_USAGE);
    return answer->dialect->usage != NULL &&
           (said == SIM_OFF ? answer->call->wants_usage : said > 0);
}

bool answer_wants_done(const struct answer *answer)
{
    return answer->dialect->done != NULL && get(answer, SIM_DONE) > 0;
}

static enum answer_step step_usage(struct answer *answer, struct bytes *out)
{
    if (answer_wants_usage(answer)) {
        answer->dialect->usage(answer, out);
    }
    answer_enter(answer, PHASE_DONE);
    return ANSWER_MORE;
}

static enum answer_step step_done(struct answer *answer, struct bytes *out)
{
    if (answer_wants_done(answer)) {
        answer->dialect->done(answer, out);
    }
    answer_enter(answer, PHASE_ENDED);
    return ANSWER_MORE;
}

enum answer_step answer_run_phase(struct answer *answer, struct bytes *out)
{
    switch (answer->phase) {
    case PHASE_OPEN:
        return step_open(answer, out);
    case PHASE_REASONING:
        return step_reasoning(answer, out);
    case PHASE_TOOL:
        return step_tool(answer, out);
    case PHASE_GIANT_OPEN:
    case PHASE_GIANT_BODY:
        return step_giant(answer, out);
    case PHASE_TEXT:
        return step_text(answer, out);
    case PHASE_FINISH:
        return step_finish(answer, out);
    case PHASE_ECHO:
    case PHASE_ECHO_CLOSE:
        return step_echo(answer, out);
    case PHASE_USAGE:
        return step_usage(answer, out);
    case PHASE_DONE:
        return step_done(answer, out);
    case PHASE_ENDED:
        return ANSWER_END;
    }
    return ANSWER_END;
}
