/* SPDX-License-Identifier: MIT */
/*
 * end_reason.h - every way in which an exchange can end, in one table.
 *
 * The token goes to the access log, to the metric label and to X-Tidegate-Reason;
 * the status and the phrase to the client; the fault tells whom to ask. Rows are
 * only ever appended: alerts match the tokens. A script checks that each row has
 * a test. Status 0: the end comes too late, or nobody is left, to be told one.
 */
#ifndef GATEWAY_END_REASON_H
#define GATEWAY_END_REASON_H

#include "upstream/failure.h"

/* clang-format off */
/*    id                          token                     status statusMessage                                     fault */
#define END_REASONS(X)                                                                                                      \
    X(END_DONE,                   "done",                   200,   "OK",                                             "none")     \
    X(END_BAD_REQUEST,            "bad_request",            400,   "Bad Request.",                                   "client")   \
    X(END_BAD_BODY,               "bad_body",               400,   "Bad Request. Invalid body(message | messages).", "client")   \
    X(END_UNAUTHORIZED,           "unauthorized",           401,   "Unauthorized",                                   "client")   \
    X(END_NOT_FOUND,              "not_found",              404,   "Not Found",                                      "client")   \
    X(END_METHOD_NOT_ALLOWED,     "method_not_allowed",     405,   "HTTP method is not allowed.",                    "client")   \
    X(END_REQUEST_TIMEOUT,        "request_timeout",        408,   "Request Timeout",                                "client")   \
    X(END_TOO_LARGE,              "too_large",              413,   "Content Too Large",                              "client")   \
    X(END_TARGET_TOO_LONG,        "target_too_long",        414,   "URI Too Long",                                   "client")   \
    X(END_MEDIA_TYPE,             "media_type",             415,   "Unsupported Media Type",                         "client")   \
    X(END_EXPECTATION,            "expectation",            417,   "Expectation Failed",                             "client")   \
    X(END_HEAD_TOO_LARGE,         "head_too_large",         431,   "Request Header Fields Too Large",                "client")   \
    X(END_HTTP_VERSION,           "http_version",           505,   "HTTP Version Not Supported",                     "client")   \
    X(END_MODEL_UNKNOWN,          "model_unknown",          400,   "Invalid model name or publisher",                "client")   \
    X(END_MODEL_RETIRED,          "model_retired",          400,   "Service not available anymore.",                 "client")   \
    X(END_RATE_LIMITED,           "rate_limited",           429,   "Too Many Requests",                              "client")   \
    X(END_GATEWAY_FULL,           "gateway_full",           503,   "Service Unavailable",                            "gateway")  \
    X(END_CLIENT_GONE,            "client_gone",            0,     "",                                               "client")   \
    X(END_CLIENT_STALLED,         "client_stalled",         0,     "",                                               "client")   \
    X(END_UPSTREAM_CONNECT,       "upstream_connect",       502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_TLS,           "upstream_tls",           502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_TIMEOUT_FIRST, "upstream_timeout_first", 504,   "Gateway Timeout",                                "upstream") \
    X(END_UPSTREAM_TIMEOUT_IDLE,  "upstream_timeout_idle",  504,   "Gateway Timeout",                                "upstream") \
    X(END_TOTAL_TIMEOUT,          "total_timeout",          504,   "Gateway Timeout",                                "gateway")  \
    X(END_UPSTREAM_STATUS,        "upstream_status",        502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_BUSY,          "upstream_busy",          503,   "Service Unavailable",                            "upstream") \
    X(END_UPSTREAM_ERROR_EVENT,   "upstream_error_event",   502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_TRUNCATED,     "upstream_truncated",     502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_NONSENSE,      "upstream_nonsense",      502,   "Bad Gateway",                                    "upstream") \
    X(END_UPSTREAM_RATE_LIMITED,  "upstream_rate_limited",  429,   "Too Many Requests",                              "upstream") \
    X(END_UPSTREAM_MODEL_UNKNOWN, "upstream_model_unknown", 400,   "Invalid model name or publisher",                "upstream") \
    X(END_UPSTREAM_MODEL_RETIRED, "upstream_model_retired", 400,   "Service not available anymore.",                 "upstream") \
    X(END_DRAINING,               "draining",               503,   "Service Unavailable",                            "gateway")  \
    X(END_NO_MEMORY,              "no_memory",              503,   "Service Unavailable",                            "gateway")  \
    X(END_OPTIONS,                "options",                204,   "No Content",                                     "none")     \
    X(END_ADDRESS_FULL,           "address_full",           429,   "Too Many Requests",                              "client")   \
    X(END_BODY_TIMEOUT,           "body_timeout",           408,   "Request Timeout",                                "client")   \
    X(END_UPSTREAM_CIRCUIT_OPEN,  "upstream_circuit_open",  503,   "Service Unavailable",                            "upstream") \
    X(END_PAGE,                   "page",                   200,   "OK",                                             "none") \
    X(END_ANSWER_TOO_LARGE,       "answer_too_large",       502,   "Bad Gateway",                                    "gateway")
/* clang-format on */

enum end_reason {
#define X(id, token, status, message, fault) id,
    END_REASONS(X)
#undef X
};

/* How many rows there are. */
#define X(id, token, status, message, fault) char row_##id;
struct end_reason_rows {
    END_REASONS(X)
};
#undef X
#define END_REASON_COUNT ((int)sizeof(struct end_reason_rows))

/* The columns of the table. Static texts. */
const char *end_reason_token(enum end_reason reason);
const char *end_reason_fault(enum end_reason reason);

/* HTTP's own status and phrase, upstream failures told apart (502, 503, 504). */
int end_reason_status(enum end_reason reason);
const char *end_reason_message(enum end_reason reason);

/*
 * True for the failures of the upstream which the documented contract folds into
 * one 500 "Internal Server Error" (conf: upstream_errors = "documented").
 */
bool end_reason_is_upstream_failure(enum end_reason reason);

/* The end that an upstream failure means for the exchange. */
enum end_reason end_reason_of_upstream(enum upstream_failure failure);

#endif
