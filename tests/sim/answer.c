/* SPDX-License-Identifier: MIT */
/*
 * answer.c - the life of one made-up answer, and where its faults strike.
 *
 *   OPEN -> REASONING -> TOOL -> GIANT -> TEXT -> FINISH -> ECHO -> USAGE -> DONE -> ENDED
 *
 * Faults counted in tokens strike before a piece of text, so "after 0 tokens"
 * means before the role, and a fault at exactly the last token strikes before
 * the finish.
 */
#include "tests/sim/answer.h"

#include "tests/sim/answer_phase.h"
#include "tests/sim/dialect.h"

static int64_t get(const struct answer *answer, enum scenario_key key)
{
    return scenario_get(answer->scenario, key);
}

void answer_init(struct answer *answer, const struct answer_start *start)
{
    *answer = (struct answer){
        .scenario = start->scenario,
        .call = start->call,
        .id = start->id,
        .created_unix_s = start->created_unix_s,
    };
    if (start->call->route == ROUTE_CHAT) {
        answer->dialect = start->call->is_stream ? &DIALECT_CHAT_STREAM : &DIALECT_CHAT_ONCE;
    } else if (start->call->is_stream) {
        answer->dialect = &DIALECT_TGI_STREAM;
    } else {
        answer->dialect =
            start->call->route == ROUTE_TGI_GENERATE ? &DIALECT_TGI_ONCE : &DIALECT_TGI_ONCE_ARRAY;
    }
    answer->tokens_limit = get(answer, SIM_TOKENS);
    answer_start_text(answer, &answer->text);
}

static bool strikes(const struct answer *answer, enum scenario_key key)
{
    return get(answer, key) >= 0 && answer->tokens >= get(answer, key) &&
           (answer->phase == PHASE_TEXT || get(answer, key) == 0);
}

/* True when a fault takes the place of the next piece. */
static bool strike(struct answer *answer, struct bytes *out, enum answer_step *step)
{
    *step = ANSWER_MORE;
    if (answer->phase > PHASE_TEXT) {
        return false;
    }
    if (!answer->was_broken && strikes(answer, SIM_BAD_JSON_AFTER) &&
        answer->dialect->broken != NULL) {
        answer->was_broken = true;
        answer->dialect->broken(answer, out);
        return true;
    }
    if (strikes(answer, SIM_ERROR_AFTER) && answer->dialect->error != NULL) {
        answer->dialect->error(answer, out);
        answer_enter(answer, PHASE_ENDED);
        return true;
    }
    if (answer->is_rehearsal) {
        return false;
    }
    if (strikes(answer, SIM_CUT_AFTER)) {
        *step = ANSWER_CUT;
    } else if (strikes(answer, SIM_RESET_AFTER)) {
        *step = ANSWER_RESET;
    } else if (strikes(answer, SIM_STALL_AFTER)) {
        *step = ANSWER_STALL;
    }
    return *step != ANSWER_MORE;
}

/* True when nothing will be said after the piece that is being made. */
static bool is_last_event(const struct answer *answer)
{
    switch (answer->phase) {
    case PHASE_USAGE:
        return !answer_wants_usage(answer) && !answer_wants_done(answer);
    case PHASE_DONE:
        return !answer_wants_done(answer);
    case PHASE_ENDED:
        return true;
    case PHASE_OPEN:
    case PHASE_REASONING:
    case PHASE_TOOL:
    case PHASE_GIANT_OPEN:
    case PHASE_GIANT_BODY:
    case PHASE_TEXT:
    case PHASE_FINISH:
    case PHASE_ECHO:
    case PHASE_ECHO_CLOSE:
        return false;
    }
    return false;
}

enum answer_step answer_next(struct answer *answer, struct bytes *out)
{
    size_t before = out->length;
    enum answer_step step = ANSWER_MORE;

    if (answer->phase == PHASE_ENDED) {
        return ANSWER_END;
    }
    if (!strike(answer, out, &step)) {
        step = answer_run_phase(answer, out);
    }
    if (out->length > before && answer->dialect->is_event_stream &&
        get(answer, SIM_LAST_BLANK) == 0 && is_last_event(answer)) {
        bytes_cut_end(out, get(answer, SIM_EOL) == EOL_CRLF ? 2 : 1);
    }
    if (step == ANSWER_PACED && !answer->dialect->is_event_stream) {
        return ANSWER_MORE; /* one JSON answer comes in one go */
    }
    return step;
}

void answer_comment(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, ": sim");
    event_close(answer, out);
}

bool answer_is_event_stream(const struct answer *answer)
{
    return answer->dialect->is_event_stream;
}

int64_t answer_length(const struct answer *answer)
{
    struct answer rehearsal = *answer;
    struct bytes piece = {0};
    int64_t length = 0;

    rehearsal.is_rehearsal = true;
    while (answer_next(&rehearsal, &piece) != ANSWER_END) {
        length += (int64_t)piece.length;
        bytes_clear(&piece);
    }
    length += (int64_t)piece.length;
    bytes_fini(&piece);
    return length;
}
