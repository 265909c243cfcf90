/* SPDX-License-Identifier: MIT */
/*
 * classify.c - sort a provider's error into a row of the failure table.
 *
 * Why texts are read at all: the same status means different things (400 for an
 * unknown model, for a plan that is too small and for a bad request), and inside
 * a stream the status is often absent or wrong (TGI says 422 whatever happened).
 * So the order is
 *   1. texts that name the model as unknown or retired, which outrank the status;
 *   2. the status, where it tells enough;
 *   3. texts that name a passing trouble, where the status tells nothing.
 * Bodies that are no JSON are searched as plain text, within a bound.
 */
#include "upstream/classify.h"

#include <strings.h>

/* Enough for any message; error pages in HTML are longer and say no more. */
#define TEXT_BYTES_MAX 2048

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

struct text_row {
    const char *text; /* found in the message or as a type or code, ignoring case */
    enum upstream_failure failure;
};

/* These outrank the status. */
static const struct text_row model_texts[] = {
    {"model_not_found", UPSTREAM_MODEL_UNKNOWN},
    {"model_not_supported", UPSTREAM_MODEL_UNKNOWN},
    {"model not supported by provider", UPSTREAM_MODEL_UNKNOWN},
    {"is not supported by any provider", UPSTREAM_MODEL_UNKNOWN},
    {"model_not_available", UPSTREAM_MODEL_UNKNOWN},
    {"model not found", UPSTREAM_MODEL_UNKNOWN},
    {"deprecated and no longer supported", UPSTREAM_MODEL_RETIRED},
    {"model_decommissioned", UPSTREAM_MODEL_RETIRED},
    {"has been decommissioned", UPSTREAM_MODEL_RETIRED},
};

/*
 * A 429 that the same request will meet again: an empty account, or a call
 * without a token whose address has used up the anonymous allowance. Callers see
 * a rate limit, as the provider says; but only the operator can lift it, so it is
 * not sent again.
 */
static const struct text_row quota_texts[] = {
    {"insufficient_quota", UPSTREAM_QUOTA},
    {"please log in", UPSTREAM_QUOTA},
};

/* Asked where the status tells nothing. The first four are TGI's error_type words. */
static const struct text_row passing_texts[] = {
    {"overloaded", UPSTREAM_BUSY},
    {"incomplete_generation", UPSTREAM_BUSY},
    {"request failed during generation", UPSTREAM_BUSY},
    {"healthcheck", UPSTREAM_BUSY},
    {"currently loading", UPSTREAM_BUSY},
    {"too busy", UPSTREAM_BUSY},
    {"server_error", UPSTREAM_BUSY},
    {"service_unavailable", UPSTREAM_BUSY},
    {"insufficient_quota", UPSTREAM_QUOTA},
    {"rate_limit", UPSTREAM_RATE_LIMITED},
    {"rate limit reached", UPSTREAM_RATE_LIMITED},
    {"too_many_requests", UPSTREAM_RATE_LIMITED},
};

/* The parts of an error that are looked at, escapes kept. Absent ones are empty. */
struct report {
    struct span message;
    struct span type;
    struct span code;
    int status;    /* the code that the error itself names, 0 for none */
    bool is_error; /* an error object or text is there, not just any JSON */
};

static bool contains(struct span text, const char *wanted)
{
    size_t length = strlen(wanted);

    if (span_is_empty(text)) {
        return false;
    }
    for (; text.length >= length; text = span_skip(text, 1)) {
        if (strncasecmp(text.data, wanted, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The failure of the first row whose text occurs, else <otherwise>. */
static enum upstream_failure find_text(const struct text_row *rows, size_t count,
                                       const struct report *report, enum upstream_failure otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (contains(report->message, rows[i].text) || contains(report->type, rows[i].text) ||
            contains(report->code, rows[i].text)) {
            return rows[i].failure;
        }
    }
    return otherwise;
}

/* The part that is searched: each text is compared at each of its places. */
static struct span bounded(struct span text)
{
    return span_of(text.data, text.length < TEXT_BYTES_MAX ? text.length : TEXT_BYTES_MAX);
}

static struct span string_at(const struct json_doc *doc, json_ref at)
{
    return json_is(doc, at, JSON_STRING) ? bounded(json_raw(doc, at)) : span_of(NULL, 0);
}

/* The first member of <object> among <names> (NULL ends them) that is an error status. */
static int status_in(const struct json_doc *doc, json_ref object, const char *const *names)
{
    for (; *names != NULL; names++) {
        int64_t value = 0;
        if (json_int64(doc, json_member(doc, object, *names), &value) && value >= 400 &&
            value <= 599) {
            return (int)value;
        }
    }
    return 0;
}

/* The first non-empty string of <object> among <names> (NULL ends them). */
static struct span text_in(const struct json_doc *doc, json_ref object, const char *const *names)
{
    struct span text = span_of(NULL, 0);

    for (; *names != NULL && span_is_empty(text); names++) {
        json_ref at = json_member(doc, object, *names);
        if (json_is(doc, at, JSON_ARRAY)) {
            at = json_first(doc, at);
        }
        if (json_is(doc, at, JSON_OBJECT)) {
            json_ref message = json_member(doc, at, "msg"); /* FastAPI's "detail" */
            at = message != JSON_NONE ? message : json_member(doc, at, "message");
        }
        text = string_at(doc, at);
    }
    return text;
}

/* The object whose "error" counts: mostly the outermost. */
static json_ref report_root(const struct json_doc *doc)
{
    json_ref root = json_is(doc, 0, JSON_ARRAY) ? json_first(doc, 0) : 0;
    json_ref places[] = {json_member(doc, root, "x_groq"), json_member(doc, root, "choices")};

    places[1] = json_is(doc, places[1], JSON_ARRAY) ? json_first(doc, places[1]) : JSON_NONE;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        bool has_error = json_is(doc, places[i], JSON_OBJECT) &&
                         json_member(doc, places[i], "error") != JSON_NONE;
        if (has_error && json_member(doc, root, "error") == JSON_NONE) {
            return places[i];
        }
    }
    return root;
}

static void read_report(const struct json_doc *doc, struct report *report)
{
    static const char *const messages[] = {"error", "message", "detail", "title", NULL};
    static const char *const types[] = {"error_type", "type", NULL};
    static const char *const codes[] = {"code", NULL};
    static const char *const statuses[] = {"http_status_code", "code", "status", "status_code",
                                           NULL};
    json_ref root = report_root(doc);
    json_ref error = json_member(doc, root, "error");
    json_ref inner = json_is(doc, error, JSON_ARRAY) ? json_first(doc, error) : error;
    json_ref object = json_is(doc, inner, JSON_OBJECT) ? inner : root;

    report->message = text_in(doc, root, messages);
    if (json_is(doc, root, JSON_STRING)) {
        report->message = string_at(doc, root);
    }
    report->type = text_in(doc, object, types);
    report->code = text_in(doc, object, codes);
    report->status = status_in(doc, object, statuses);
    if (report->status == 0) {
        report->status = status_in(doc, root, statuses);
    }
    report->is_error = (error != JSON_NONE && !json_is(doc, error, JSON_NULL)) ||
                       json_string_equals(doc, json_member(doc, root, "object"), "error");
}

/* What <status> alone says; <silent> when it says nothing of use. */
static enum upstream_failure by_status(int status, const struct report *report,
                                       enum upstream_failure silent)
{
    switch (status) {
    case 404:
        return UPSTREAM_MODEL_UNKNOWN;
    case 410:
        return UPSTREAM_MODEL_RETIRED;
    case 429:
        return find_text(quota_texts, COUNT_OF(quota_texts), report, UPSTREAM_RATE_LIMITED);
    case 408:
    case 424:
    case 500:
    case 502:
    case 503:
    case 504:
    case 529: /* "overloaded" of some providers */
        return UPSTREAM_BUSY;
    default:
        return silent;
    }
}

static enum upstream_failure sort(int status, const struct report *report,
                                  enum upstream_failure silent)
{
    enum upstream_failure failure =
        find_text(model_texts, COUNT_OF(model_texts), report, UPSTREAM_OK);

    if (failure == UPSTREAM_OK) {
        failure = by_status(status, report, UPSTREAM_OK);
    }
    if (failure == UPSTREAM_OK) {
        failure = find_text(passing_texts, COUNT_OF(passing_texts), report, silent);
    }
    return failure;
}

/* Refusals whose text cannot make them pass: credentials, credits, permission. */
static bool is_firm(int status)
{
    return status >= 401 && status <= 403;
}

enum upstream_failure classify_answer(struct json_doc *doc, int status, struct span body)
{
    struct report report = {.status = 0};

    if (json_parse(doc, body, JSON_DEPTH_MAX) == JSON_OK) {
        read_report(doc, &report);
    } else {
        report.message = bounded(body);
    }
    if (status >= 400) {
        enum upstream_failure failure = sort(status, &report, UPSTREAM_STATUS);
        bool is_passing = failure == UPSTREAM_BUSY || failure == UPSTREAM_RATE_LIMITED ||
                          failure == UPSTREAM_QUOTA;
        return is_firm(status) && is_passing ? UPSTREAM_STATUS : failure;
    }
    if (status >= 200 && status < 300) {
        return report.is_error ? sort(report.status, &report, UPSTREAM_STATUS) : UPSTREAM_NONSENSE;
    }
    return UPSTREAM_STATUS; /* redirects are never followed */
}

enum upstream_failure classify_event(const struct json_doc *event, int *status)
{
    struct report report = {.status = 0};

    if (event != NULL) {
        read_report(event, &report);
    }
    *status = report.status;
    return sort(report.status, &report, UPSTREAM_ERROR_EVENT);
}
