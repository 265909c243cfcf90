/* SPDX-License-Identifier: MIT */
/*
 * openai_error.c - the words, one row for each end that clients of the doors can meet.
 *
 * An end without a row is told by its token and by the phrase of the documented contract.
 */
#include "gateway/openai_error.h"

#include <stdio.h>
#include <string.h>

#include "base/bug.h"

#define INVALID "invalid_request_error"
#define SERVER "server_error"

struct row {
    enum end_reason reason;
    int status; /* 0: that of the end's own row */
    const char *type;
    const char *code;
    const char *param;
    const char *message;
};

/* clang-format off */
static const struct row rows[] = {
    {END_BAD_REQUEST, 0, INVALID, "bad_request", NULL,
     "The request is malformed. If it has a chat_id in the query, it must come once and be 1 to 128 of A-Z a-z 0-9 . _ ~ -"},
    {END_BAD_BODY, 0, INVALID, "invalid_body", NULL, "The body is not valid JSON."},
    {END_UNAUTHORIZED, 0, INVALID, "invalid_api_key", NULL,
     "The token is missing, malformed, expired, or not signed for this gateway. It is sent as Authorization: Bearer TOKEN."},
    {END_NOT_FOUND, 0, INVALID, "unknown_url", NULL,
     "There is nothing here. There are POST /v1/chat/completions, GET /v1/models and GET /v1/models/{publisher}/{name}."},
    {END_METHOD_NOT_ALLOWED, 0, INVALID, "method_not_allowed", NULL,
     "The method is not allowed here; the Allow field names those that are."},
    {END_REQUEST_TIMEOUT, 0, INVALID, "request_timeout", NULL, "The request did not come in time."},
    {END_BODY_TIMEOUT, 0, INVALID, "request_timeout", NULL, "The body did not come in time."},
    {END_TOO_LARGE, 0, INVALID, "body_too_large", NULL, "The body is larger than the gateway takes."},
    {END_MEDIA_TYPE, 0, INVALID, "unsupported_media_type", NULL,
     "The Content-Type must be application/json."},
    {END_MODEL_UNKNOWN, 404, INVALID, "model_not_found", "model",
     "The model does not exist, or may not be used here. GET /v1/models lists what may be."},
    {END_UPSTREAM_MODEL_UNKNOWN, 404, INVALID, "model_not_found", "model",
     "The provider does not know the model, or no provider serves it."},
    {END_MODEL_RETIRED, 410, INVALID, "model_retired", "model", "The model is not served anymore."},
    {END_UPSTREAM_MODEL_RETIRED, 410, INVALID, "model_retired", "model",
     "The provider does not serve the model anymore."},
    {END_RATE_LIMITED, 0, "rate_limit_error", "rate_limit_exceeded", NULL,
     "Too many requests of this subject are being answered at once. Wait for one of them, or for Retry-After seconds."},
    {END_ADDRESS_FULL, 0, "rate_limit_error", "rate_limit_exceeded", NULL,
     "Too many connections from this address."},
    {END_UPSTREAM_RATE_LIMITED, 0, "rate_limit_error", "rate_limit_exceeded", NULL,
     "The provider's rate limit or quota is reached. Try again after Retry-After seconds."},
    {END_GATEWAY_FULL, 0, SERVER, "overloaded", NULL,
     "The gateway is full. Try again after Retry-After seconds."},
    {END_DRAINING, 0, SERVER, "draining", NULL,
     "The gateway is being restarted. Try again after Retry-After seconds."},
    {END_UPSTREAM_CONNECT, 0, SERVER, "upstream_connect", NULL, "The provider cannot be reached."},
    {END_UPSTREAM_TLS, 0, SERVER, "upstream_tls", NULL,
     "No safe connection to the provider can be made."},
    {END_UPSTREAM_TIMEOUT_FIRST, 0, SERVER, "upstream_timeout_first", NULL,
     "The provider did not begin to answer in time."},
    {END_UPSTREAM_TIMEOUT_IDLE, 0, SERVER, "upstream_timeout_idle", NULL,
     "The provider fell silent in the middle of its answer."},
    {END_TOTAL_TIMEOUT, 0, SERVER, "total_timeout", NULL,
     "The answer took longer than the gateway allows."},
    {END_UPSTREAM_STATUS, 0, SERVER, "upstream_status", NULL,
     "The provider refused the request."},
    {END_UPSTREAM_BUSY, 0, SERVER, "upstream_busy", NULL,
     "The provider is overloaded or not ready. Try again later."},
    {END_UPSTREAM_ERROR_EVENT, 0, SERVER, "upstream_error_event", NULL,
     "The provider reported an error instead of an answer."},
    {END_UPSTREAM_TRUNCATED, 0, SERVER, "upstream_truncated", NULL,
     "The provider broke off its answer."},
    {END_UPSTREAM_NONSENSE, 0, SERVER, "upstream_nonsense", NULL,
     "The provider's answer makes no sense."},
    {END_ANSWER_TOO_LARGE, 0, SERVER, "answer_too_large", NULL,
     "The answer is larger than the gateway gathers in one piece. Ask for it with stream: true, or for less with max_tokens."},
    {END_UPSTREAM_CIRCUIT_OPEN, 0, SERVER, "upstream_circuit_open", NULL,
     "The provider has failed too often and is not asked for now. Try again after Retry-After seconds."},
};
/* clang-format on */

void openai_error_of(enum end_reason reason, struct openai_error *error)
{
    int status = end_reason_status(reason);

    *error = (struct openai_error){
        .status = status,
        .type = status >= 500 ? SERVER : INVALID,
        .code = end_reason_token(reason),
        .message = end_reason_message(reason),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].reason == reason) {
            error->status = rows[i].status == 0 ? status : rows[i].status;
            error->type = rows[i].type;
            error->code = rows[i].code;
            error->param = rows[i].param;
            error->message = rows[i].message;
        }
    }
}

/* <text> as the inside of a JSON string, cut where <size> ends. What is no plain ASCII is "?". */
static void escape(const char *text, char *out, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 3 <= size; text++) {
        if (*text == '"' || *text == '\\') {
            out[length++] = '\\';
        }
        out[length++] = (char)(*text >= 0x20 && *text < 0x7f ? *text : '?');
    }
    out[length] = '\0';
}

size_t openai_error_render(const struct openai_error *error, char out[OPENAI_ERROR_BYTES_MAX])
{
    char message[640];
    char param[200] = "";
    const char *quote = error->param == NULL ? "" : "\"";
    int length;

    escape(error->message, message, sizeof(message));
    escape(error->param == NULL ? "null" : error->param, param, sizeof(param));
    length = snprintf(out, OPENAI_ERROR_BYTES_MAX,
                      "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":%s%s%s,"
                      "\"code\":\"%s\"}}",
                      message, error->type, quote, param, quote, error->code);
    return length < 0 || BUG_IF(length >= OPENAI_ERROR_BYTES_MAX) ? 0 : (size_t)length;
}
