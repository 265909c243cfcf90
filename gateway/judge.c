/* SPDX-License-Identifier: MIT */
/*
 * judge.c - see judge.h.
 */
#include "gateway/judge.h"

#include "base/clock.h"
#include "gateway/models.h"

/* application/json, parameters allowed (RFC 9110 section 8.3.1). */
static bool is_json(struct span content_type)
{
    for (size_t i = 0; i < content_type.length; i++) {
        if (content_type.data[i] == ';') {
            content_type.length = i;
            break;
        }
    }
    return span_equals_ignore_case(span_trim(content_type), "application/json");
}

static enum end_reason authenticate(struct auth_checker *checker, struct span authorization,
                                    struct judgement *judgement)
{
    enum auth_verdict verdict =
        auth_check(checker, authorization, clock_wall_unix_s(), &judgement->identity);

    if (verdict == AUTH_OK) {
        return END_DONE;
    }
    /* RFC 6750 section 3.1: no error code for a request that tried no bearer token. */
    judgement->sent_token = verdict != AUTH_NO_CREDENTIALS && verdict != AUTH_BAD_SCHEME;
    judgement->problem = auth_verdict_token(verdict);
    return verdict == AUTH_NO_MEMORY ? END_NO_MEMORY : END_UNAUTHORIZED;
}

static enum end_reason choose_format(const struct config *config, struct judgement *judgement)
{
    if (route_is_read(judgement->route.id)) {
        return END_DONE;
    }
    judgement->format = judgement->route.is_openai ? &format_openai : config->stream_format;
    if (judgement->route.format[0] != '\0') {
        judgement->format = format_find(span_from_string(judgement->route.format));
        if (judgement->format == NULL) {
            judgement->problem = "unknown format in the query";
            return END_BAD_REQUEST;
        }
    }
    return END_DONE;
}

static enum end_reason choose_model(const struct config *config, struct judgement *judgement)
{
    if (!judgement->route.model_is_valid) {
        judgement->problem = "malformed model name";
        return END_MODEL_UNKNOWN;
    }
    switch (models_resolve(config, span_from_string(judgement->route.model), judgement->model_room,
                           sizeof(judgement->model_room), &judgement->model)) {
    case MODELS_ALLOWED:
        return END_DONE;
    case MODELS_UNKNOWN:
        return END_MODEL_UNKNOWN;
    case MODELS_RETIRED:
        return END_MODEL_RETIRED;
    }
    return END_MODEL_UNKNOWN;
}

/* What models.formats says, unless the request or the route has said something. */
static void use_models_format(struct judgement *judgement)
{
    if (judgement->model.format != NULL && !judgement->route.is_openai &&
        judgement->route.format[0] == '\0') {
        judgement->format = judgement->model.format;
    }
}

/* The page holds nothing that is worth a token, and a browser has none to send for it. */
static enum end_reason judge_page(const struct request_head *head)
{
    if (head->method == METHOD_GET || head->method == METHOD_HEAD) {
        return END_PAGE;
    }
    return head->method == METHOD_OPTIONS ? END_OPTIONS : END_METHOD_NOT_ALLOWED;
}

/* GET and HEAD for what is read, POST for what is asked. */
static bool is_method_of(enum head_method method, enum route_id route)
{
    if (route_is_read(route)) {
        return method == METHOD_GET || method == METHOD_HEAD;
    }
    return method == METHOD_POST;
}

/* What is looked at behind the query is up to the route. */
static enum end_reason judge_path(const struct config *config, const struct request_head *head,
                                  struct judgement *judgement)
{
    enum end_reason verdict = END_DONE;

    switch (judgement->route.id) {
    case ROUTE_UNKNOWN:
        return END_NOT_FOUND;
    case ROUTE_MODELS:
        return END_DONE;
    case ROUTE_MODEL:
        return choose_model(config, judgement);
    case ROUTE_COMPLETIONS:
        break;
    case ROUTE_CHAT:
    case ROUTE_CHAT_COMPLETIONS:
        verdict = choose_model(config, judgement);
        use_models_format(judgement);
        break;
    }
    if (verdict != END_DONE) {
        return verdict;
    }
    return is_json(head->content_type) ? END_DONE : END_MEDIA_TYPE;
}

enum end_reason judge_head(const struct config *config, struct auth_checker *checker,
                           const struct request_head *head, struct judgement *judgement)
{
    enum end_reason verdict;

    judge_manner(config, head, judgement);
    if (judgement->is_page_place) {
        return judge_page(head);
    }
    if (!is_method_of(head->method, judgement->route.id)) {
        return head->method == METHOD_OPTIONS ? END_OPTIONS : END_METHOD_NOT_ALLOWED;
    }
    verdict = authenticate(checker, head->authorization, judgement);
    if (verdict != END_DONE) {
        return verdict;
    }
    route_parse(head->target, &judgement->route);
    if (judgement->route.id == ROUTE_UNKNOWN) {
        return END_NOT_FOUND;
    }
    if (!judgement->route.query_is_valid) {
        judgement->problem = "chat_id absent, repeated or malformed";
        return END_BAD_REQUEST;
    }
    verdict = choose_format(config, judgement);
    return verdict == END_DONE ? judge_path(config, head, judgement) : verdict;
}

enum end_reason judge_model(const struct config *config, struct span name,
                            struct judgement *judgement)
{
    route_parse_model(name, &judgement->route);
    return choose_model(config, judgement);
}

void judge_manner(const struct config *config, const struct request_head *head,
                  struct judgement *judgement)
{
    route_find(head->target, &judgement->route);
    judgement->is_page_place =
        config->playground && span_equals_string(head->target, ROUTE_PLAYGROUND_TARGET);
    cors_judge(config, head, &judgement->cors);
}
