/* SPDX-License-Identifier: MIT */
/*
 * response_plan.c - decides what kind of answer a request gets.
 *
 * In this order: a request that is wrong, a directive that is wrong, a failure
 * that was asked for, a tape, and only then the made-up text.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/error_body.h"
#include "tests/sim/random.h"
#include "tests/sim/response.h"

static int64_t get(const struct response *response, enum scenario_key key)
{
    return scenario_get(&response->scenario, key);
}

static void set_type(struct response *response, const char *type)
{
    (void)snprintf(response->content_type, sizeof(response->content_type), "%s", type);
}

/* The body is what blob_owned holds. */
static void use_blob(struct response *response, int status, const char *type)
{
    response->is_blob = true;
    response->blob = bytes_span(&response->blob_owned);
    response->left = (int64_t)response->blob.length;
    response->status = status;
    set_type(response, type);
    if (!response->scenario.is_given[SIM_FRAMING]) {
        response->framing = FRAMING_LENGTH;
    }
}

static void plan_refusal(struct response *response, int status)
{
    enum sim_body shape = (enum sim_body)get(response, SIM_BODY);

    error_body_add(&response->blob_owned, status, shape, bytes_span(&response->call.model));
    use_blob(response, status, error_body_type(status, shape));
}

/* The test's own mistake, told to the test. */
static void plan_complaint(struct response *response, const char *problem)
{
    bytes_add_string(&response->blob_owned, "{\"error\":{\"message\":\"hfsim: ");
    bytes_add_json(&response->blob_owned, span_from_string(problem));
    bytes_add_string(&response->blob_owned,
                     "\",\"type\":\"invalid_request_error\",\"code\":\"bad_scenario\"}}");
    use_blob(response, 400, "application/json");
}

static void plan_bad_call(struct response *response, enum call_status status)
{
    bytes_add_string(&response->blob_owned,
                     "Failed to deserialize the JSON body into the target type: ");
    bytes_add_string(&response->blob_owned, status == CALL_BAD_JSON ? "not valid JSON"
                                            : status == CALL_NO_MODEL
                                                ? "missing field `model`"
                                                : "missing field `messages` or `inputs`");
    use_blob(response, 422, "text/plain; charset=utf-8");
}

static bool plan_tape(struct response *response, const struct tapes *tapes)
{
    const struct tape *tape = tapes_find(tapes, response->scenario.tape);

    if (tape == NULL) {
        return false;
    }
    if (!response->scenario.is_given[SIM_SPLIT] && !response->scenario.is_given[SIM_CHUNK]) {
        response->scenario.value[SIM_SPLIT] = 1;
    }
    if (!response->scenario.is_given[SIM_PACE]) {
        response->scenario.value[SIM_PACE] = 0;
    }
    response->is_tape = true;
    use_blob(response, tape->status, tape->content_type);
    response->blob = span_of(tape->body, tape->length);
    response->left = (int64_t)tape->length;
    response->framing = (enum sim_framing)get(response, SIM_FRAMING);
    return true;
}

static void plan_answer(struct response *response, const struct response_start *start)
{
    uint64_t id = (uint64_t)get(response, SIM_SEED) * 1000003 + start->number;
    struct answer_start answer = {
        .scenario = &response->scenario,
        .call = &response->call,
        .id = random_next(&id),
        .created_unix_s = clock_wall_unix_s(),
    };

    answer_init(&response->answer, &answer);
    response->status = 200;
    set_type(response, response->call.is_stream ? "text/event-stream" : "application/json");
    if (!response->call.is_stream && !response->scenario.is_given[SIM_FRAMING]) {
        response->framing = FRAMING_LENGTH;
    }
}

/* The status that a failing scenario gives to this request, or 200. */
static int planned_status(const struct response *response, uint64_t number)
{
    int status = (int)get(response, SIM_STATUS);
    int64_t fail_first = get(response, SIM_FAIL_FIRST);

    if (fail_first == 0) {
        return status;
    }
    if (number >= (uint64_t)fail_first) {
        return 200;
    }
    return status == 200 ? 503 : status;
}

static void plan_talk(struct response *response, const struct response_start *start)
{
    int status = planned_status(response, start->number);

    if (get(response, SIM_REDIRECT) > 0) {
        (void)snprintf(response->location, sizeof(response->location),
                       "/elsewhere/v1/chat/completions");
        use_blob(response, 307, "text/plain; charset=utf-8");
    } else if (status != 200) {
        plan_refusal(response, status);
    } else if (response->scenario.tape[0] != '\0') {
        if (!plan_tape(response, start->tapes)) {
            plan_complaint(response, "no tape of that name, or more than one (--tapes DIR)");
        }
    } else {
        plan_answer(response, start);
    }
}

/* Settle framing, ending and times once body and scenario are known. */
static void settle(struct response *response, const struct response_start *start)
{
    if (get(response, SIM_DUP_CL) > 0) {
        response->framing = FRAMING_LENGTH;
    }
    if (get(response, SIM_HTTP09) > 0 || get(response, SIM_GARBAGE) > 0 ||
        (start->is_http_1_0 && response->framing == FRAMING_CHUNKED)) {
        response->framing = FRAMING_CLOSE;
    }
    response->has_closing_head =
        get(response, SIM_CLOSE) > 0 || !start->keeps_alive || response->framing == FRAMING_CLOSE;
    response->ending = response->has_closing_head ? RESPONSE_CLOSE : RESPONSE_KEEP;
    response->cuts = (uint64_t)get(response, SIM_SEED) ^ UINT64_C(0x5eed);
    response->due_ms = start->now_ms + get(response, SIM_FIRST);
    response->comment_due_ms = start->now_ms + get(response, SIM_COMMENT);
}

void response_plan(struct response *response, const struct response_start *start,
                   enum call_status status)
{
    char problem[160] = "";
    struct scenario *scenario = &response->scenario;

    scenario_copy(scenario, start->defaults);
    response->framing = (enum sim_framing)scenario_get(scenario, SIM_FRAMING);
    if (status != CALL_OK) {
        plan_bad_call(response, status);
    } else if (!scenario_apply_model(scenario, bytes_span(&response->call.model), problem,
                                     sizeof(problem)) ||
               !scenario_apply_text(scenario, bytes_span(&response->call.prompt), problem,
                                    sizeof(problem))) {
        plan_complaint(response, problem);
    } else {
        response->framing = (enum sim_framing)scenario_get(scenario, SIM_FRAMING);
        plan_talk(response, start);
    }
    settle(response, start);
}

void response_plan_ready(struct response *response, const struct response_start *start, int status,
                         const char *content_type)
{
    scenario_init(&response->scenario);
    response->scenario.value[SIM_FIRST] = 0;
    use_blob(response, status, content_type);
    settle(response, start);
}

void response_fini(struct response *response)
{
    scenario_fini(&response->scenario);
    call_fini(&response->call);
    bytes_fini(&response->blob_owned);
    bytes_fini(&response->body);
    *response = (struct response){0};
}
