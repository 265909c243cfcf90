/* SPDX-License-Identifier: MIT */
/*
 * reply.c - renders heads by joining prepared pieces; the date is made once a second.
 */
#include "gateway/reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bug.h"
#include "base/clock.h"

#define RETRY_AFTER_DEFAULT_S 5
#define RETRY_AFTER_MAX_S 3600
#define STATUS_INTERNAL 500
#define STATUS_NO_CONTENT 204 /* no body, and no field that speaks of one (RFC 9110 section 8.6) */

struct text {
    char *at;
    size_t length;
};

static void add_bytes(struct text *text, const char *bytes, size_t length)
{
    if (length == 0 || BUG_IF(text->length + length > REPLY_BYTES_MAX)) {
        return;
    }
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
}

static void add(struct text *text, const char *string)
{
    add_bytes(text, string, strlen(string));
}

static void add_number(struct text *text, int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%lld", (long long)number);

    add_bytes(text, digits, (size_t)length);
}

/* "Date: ...", RFC 9110 section 5.6.7; English names whatever the locale. */
static void add_date(struct text *text)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static char line[96];
    static size_t line_length;
    static int64_t line_unix_s = -1;
    int64_t now_unix_s = clock_wall_unix_s();

    if (now_unix_s != line_unix_s) {
        time_t now = (time_t)now_unix_s;
        struct tm utc;
        (void)gmtime_r(&now, &utc);
        int length =
            snprintf(line, sizeof(line), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                     days + 3 * utc.tm_wday, utc.tm_mday, months + 3 * utc.tm_mon,
                     (utc.tm_year + 1900) % 10000, utc.tm_hour, utc.tm_min, utc.tm_sec);
        line_length = length > 0 ? (size_t)length : 0;
        line_unix_s = now_unix_s;
    }
    add_bytes(text, line, line_length);
}

static bool is_folded(const struct reply_error *error)
{
    return error->openai == NULL && !error->upstream_as_gateway &&
           end_reason_is_upstream_failure(error->reason);
}

int reply_error_status(const struct reply_error *error)
{
    if (error->openai != NULL) {
        return error->openai->status;
    }
    return is_folded(error) ? STATUS_INTERNAL : end_reason_status(error->reason);
}

/* The contract's own phrases are for its own endpoint. */
static const char *phrase_of(const struct reply_error *error)
{
    if (error->openai == NULL) {
        return is_folded(error) ? "Internal Server Error" : end_reason_message(error->reason);
    }
    switch (error->openai->status) {
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 410:
        return "Gone";
    default:
        return end_reason_message(error->reason);
    }
}

/*
 * For 429 and 503, also where the contract folds the latter into 500: there only what is
 * known is said, as 500 by itself does not promise that a repeat will do better.
 */
static void add_retry_after(struct text *text, const struct reply_error *error)
{
    int status = end_reason_status(error->reason);
    int64_t seconds = error->retry_after_s;

    if ((status != 429 && status != 503) || (seconds < 0 && is_folded(error))) {
        return;
    }
    if (seconds < 0) {
        seconds = RETRY_AFTER_DEFAULT_S;
    }
    add(text, "Retry-After: ");
    add_number(text, seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
    add(text, "\r\n");
}

static void add_challenge(struct text *text, const struct reply_error *error)
{
    add(text, "WWW-Authenticate: Bearer");
    if (error->sent_token) {
        add(text, " error=\"invalid_token\"");
    }
    add(text, "\r\n");
}

static void add_cors(struct text *text, const struct cors *cors, const char *methods)
{
    char lines[CORS_BYTES_MAX];

    if (cors != NULL) {
        add_bytes(text, lines, cors_render(cors, methods, lines));
    }
}

static size_t render_body(const struct reply_error *error, const char *message, int status,
                          char out[OPENAI_ERROR_BYTES_MAX])
{
    size_t size = OPENAI_ERROR_BYTES_MAX;

    if (error->openai != NULL) {
        return openai_error_render(error->openai, out);
    }
    int length = snprintf(out, size, "{\n  \"statusCode\": %d,\n  \"statusMessage\": \"%s\"\n}",
                          status, message);

    return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

/* NOLINTBEGIN(readability-non-const-parameter): <out> is written through struct text */

size_t reply_error_render(const struct reply_error *error, char out[REPLY_BYTES_MAX])
{
    struct text text = {out, 0};
    int status = reply_error_status(error);
    const char *message = phrase_of(error);
    const char *allow = error->allow == NULL ? "POST, OPTIONS" : error->allow;
    char body[OPENAI_ERROR_BYTES_MAX];
    size_t body_length = render_body(error, message, status, body);

    add(&text, "HTTP/1.1 ");
    add_number(&text, status);
    add(&text, " ");
    add(&text, message);
    add(&text, "\r\n");
    add_date(&text);
    if (status != STATUS_NO_CONTENT) {
        add(&text, "Content-Type: application/json\r\nContent-Length: ");
        add_number(&text, (int64_t)body_length);
        add(&text, "\r\n");
    }
    add(&text, "Cache-Control: no-store\r\nX-Request-Id: ");
    add(&text, error->request_id);
    add(&text, "\r\nX-Tidegate-Reason: ");
    add(&text, end_reason_token(error->reason));
    add(&text, "\r\n");
    if (status == 401) {
        add_challenge(&text, error);
    }
    if (status == 405 || status == STATUS_NO_CONTENT) {
        add(&text, "Allow: ");
        add(&text, allow);
        add(&text, "\r\n");
    }
    add_retry_after(&text, error);
    if (error->openai != NULL && error->is_final) {
        add(&text, "X-Should-Retry: false\r\n");
    }
    add_cors(&text, error->cors, allow);
    add(&text, error->is_persistent ? "\r\n" : "Connection: close\r\n\r\n");
    if (error->has_body && status != STATUS_NO_CONTENT) {
        add_bytes(&text, body, body_length);
    }
    return text.length;
}

size_t reply_page_head_render(const char *status, const char *request_id, bool is_persistent,
                              char out[REPLY_BYTES_MAX])
{
    struct text text = {out, 0};

    add(&text, "HTTP/1.1 ");
    add(&text, status);
    add(&text, "\r\n");
    add_date(&text);
    add(&text, "X-Request-Id: ");
    add(&text, request_id);
    add(&text, is_persistent ? "\r\n" : "\r\nConnection: close\r\n");
    return text.length;
}

/* What both kinds of 200 end with. <extra>: whole lines. */
static size_t end_head(struct text *text, const struct reply_head *head, struct span extra)
{
    add(text, "X-Request-Id: ");
    add(text, head->request_id);
    add(text, "\r\n");
    add_bytes(text, extra.data, extra.length);
    add_cors(text, head->cors, "");
    add(text, head->is_persistent ? "\r\n" : "Connection: close\r\n\r\n");
    return text->length;
}

size_t reply_stream_head_render(const struct format *format, const struct reply_head *head,
                                char out[REPLY_BYTES_MAX])
{
    struct text text = {out, 0};

    add(&text, "HTTP/1.1 200 OK\r\n");
    add_date(&text);
    add(&text, "Content-Type: ");
    add_bytes(&text, format->content_type.data, format->content_type.length);
    add(&text, "\r\nTransfer-Encoding: chunked\r\n"
               "Cache-Control: no-cache, no-transform\r\n"
               "X-Accel-Buffering: no\r\n");
    return end_head(&text, head, format->extra_fields);
}

size_t reply_json_head_render(size_t length, const struct reply_head *head,
                              char out[REPLY_BYTES_MAX])
{
    struct text text = {out, 0};

    add(&text, "HTTP/1.1 200 OK\r\n");
    add_date(&text);
    add(&text, "Content-Type: application/json\r\nContent-Length: ");
    add_number(&text, (int64_t)length);
    add(&text, "\r\nCache-Control: no-store\r\n");
    return end_head(&text, head, span_of("", 0));
}

/* NOLINTEND(readability-non-const-parameter) */
