/* SPDX-License-Identifier: MIT */
/*
 * wire_oracle.c - a second, plain opinion on the bytes that leave the gateway.
 */
#include "tests/fuzz/wire_oracle.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

#define FIELDS_MAX 32
#define NO_LENGTH SIZE_MAX

static const struct span crlf = SPAN_LITERAL("\r\n");
static const struct span head_end = SPAN_LITERAL("\r\n\r\n");
static const struct span request_line = SPAN_LITERAL("POST /v1/chat/completions HTTP/1.1\r\n");
static const struct span body_start = SPAN_LITERAL("{\"model\":\"");

struct fields {
    struct span names[FIELDS_MAX];
    size_t count;
    size_t content_length; /* NO_LENGTH: none */
    bool is_chunked;
    bool closes;
};

/* Where <mark> begins in <text>; its length when nowhere. */
static size_t find(struct span text, struct span mark)
{
    const char *at =
        text.length == 0 ? NULL : memmem(text.data, text.length, mark.data, mark.length);

    return at == NULL ? text.length : (size_t)(at - text.data);
}

static bool starts_with(struct span text, struct span mark)
{
    return text.length >= mark.length && memcmp(text.data, mark.data, mark.length) == 0;
}

/* One is the beginning of the other: all that came so far is as it must be. */
static bool agrees(struct span text, struct span mark)
{
    size_t length = text.length < mark.length ? text.length : mark.length;

    return length == 0 || memcmp(text.data, mark.data, length) == 0;
}

static bool is_named(struct span name, const char *text)
{
    return name.length == strlen(text) && strncasecmp(name.data, text, name.length) == 0;
}

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool is_token(struct span name)
{
    static const char marks[] = "-_"; /* of all that RFC 9110 allows, we use no other */

    for (size_t i = 0; i < name.length; i++) {
        char byte = name.data[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
              (byte >= '0' && byte <= '9') || memchr(marks, byte, sizeof(marks) - 1) != NULL)) {
            return false;
        }
    }
    return name.length > 0;
}

/* Decimal digits alone, at most nine; NO_LENGTH when it is anything else. */
static size_t decimal(struct span text)
{
    size_t value = 0;

    if (text.length == 0 || text.length > 9) {
        return NO_LENGTH;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return NO_LENGTH;
        }
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    return value;
}

static const char *take_field(struct fields *fields, struct span line)
{
    size_t colon = find(line, span_from_string(": "));
    struct span name = span_of(line.data, colon);
    struct span value;

    if (colon == line.length || !is_token(name) || !is_printable(line)) {
        return "a field line that is no plain name: value";
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->names[i].length == name.length &&
            strncasecmp(fields->names[i].data, name.data, name.length) == 0) {
            return "a field twice";
        }
    }
    if (fields->count == FIELDS_MAX) {
        return "more fields than we ever send";
    }
    fields->names[fields->count++] = name;
    value = span_skip(line, colon + 2);
    if (is_named(name, "Content-Length")) {
        fields->content_length = decimal(value);
        return fields->content_length == NO_LENGTH ? "a bad Content-Length" : NULL;
    }
    if (is_named(name, "Transfer-Encoding")) {
        fields->is_chunked = is_named(value, "chunked");
        return fields->is_chunked ? NULL : "a Transfer-Encoding that is not chunked";
    }
    fields->closes |= is_named(name, "Connection") && is_named(value, "close");
    return NULL;
}

/* <lines>: the head behind its first line, each line with its CRLF. */
static const char *take_fields(struct fields *fields, struct span lines)
{
    *fields = (struct fields){.content_length = NO_LENGTH};
    while (lines.length > 0) {
        size_t length = find(lines, crlf);
        const char *problem = take_field(fields, span_of(lines.data, length));
        if (problem != NULL) {
            return problem;
        }
        lines = span_skip(lines, length + crlf.length);
    }
    if (fields->is_chunked && fields->content_length != NO_LENGTH) {
        return "two framings in one head";
    }
    return NULL;
}

static int hex_value(char byte)
{
    const char *digits = "0123456789abcdef";
    const char *at = byte == '\0' ? NULL : strchr(digits, byte);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Skip one chunk; false when it is cut. Sets <size>, 0 for the last, or <problem>. */
static bool skip_chunk(struct span *left, size_t *size, const char **problem)
{
    size_t digits = 0;
    size_t whole;

    *size = 0;
    while (digits < left->length && digits < 8 && hex_value(left->data[digits]) >= 0) {
        *size = *size * 16 + (size_t)hex_value(left->data[digits]);
        digits++;
    }
    if (!agrees(span_skip(*left, digits), crlf) || (digits == 0 && left->length > 0)) {
        *problem = "a chunk size line that is not hexadecimal digits and CRLF";
        return false;
    }
    whole = digits + crlf.length + *size;
    if (left->length < whole) {
        return false;
    }
    if (!agrees(span_skip(*left, whole), crlf)) {
        *problem = "a chunk that does not end where it should";
        return false;
    }
    if (left->length < whole + crlf.length) {
        return false;
    }
    *left = span_skip(*left, whole + crlf.length);
    return true;
}

/* False when the body is cut, or wrong, which sets <problem>. */
static bool skip_chunked(struct span *left, const char **problem)
{
    size_t size = 1;

    while (size > 0) {
        if (!skip_chunk(left, &size, problem)) {
            return false;
        }
    }
    return true;
}

static bool skip_sized(struct span *left, size_t length, bool must_be_json, const char **problem)
{
    if (left->length < length) {
        return false;
    }
    if (must_be_json && json_check(span_of(left->data, length), JSON_DEPTH_MAX, NULL) != JSON_OK) {
        *problem = "a body that is not JSON";
        return false;
    }
    *left = span_skip(*left, length);
    return true;
}

/* "HTTP/1.1 200 ": the status, or 0. */
static size_t status_of(struct span line)
{
    static const struct span version = SPAN_LITERAL("HTTP/1.1 ");

    if (!starts_with(line, version) || line.length < version.length + 4 ||
        line.data[version.length + 3] != ' ' || !is_printable(line)) {
        return 0;
    }
    return decimal(span_of(line.data + version.length, 3));
}

static bool skip_answer(struct span *left, bool asked_for_heads, bool *closes, const char **problem)
{
    size_t length = find(*left, head_end);
    size_t line_length = find(*left, crlf);
    size_t status = status_of(span_of(left->data, line_length));
    struct fields fields;
    struct span behind;

    if (length == left->length) {
        *problem = agrees(*left, span_from_string("HTTP/1.1 ")) ? NULL : "no HTTP answer";
        return false;
    }
    if (status < 100 || status > 599) {
        *problem = "a bad status line";
        return false;
    }
    *problem =
        take_fields(&fields, span_of(left->data + line_length + crlf.length, length - line_length));
    if (*problem != NULL) {
        return false;
    }
    *closes = fields.closes;
    *left = span_skip(*left, length + head_end.length);
    if (status == 100 || status == 204) {
        *problem = fields.is_chunked || fields.content_length != NO_LENGTH
                       ? "a framing field where no body can be"
                       : NULL;
        return *problem == NULL;
    }
    behind = *left;
    if (asked_for_heads &&
        (behind.length == 0 || status_of(span_of(behind.data, find(behind, crlf))) > 0)) {
        return true;
    }
    if (fields.is_chunked) {
        return skip_chunked(left, problem);
    }
    if (fields.content_length == NO_LENGTH) {
        *problem = "an answer without framing";
        return false;
    }
    return skip_sized(left, fields.content_length, status >= 400, problem);
}

const char *wire_oracle_answers(struct span got, bool asked_for_heads)
{
    const char *problem = NULL;
    bool closes = false;

    while (got.length > 0) {
        if (closes) {
            return "bytes behind an answer that says close";
        }
        if (!skip_answer(&got, asked_for_heads, &closes, &problem)) {
            return problem;
        }
    }
    return NULL;
}

static bool skip_request(struct span *left, const char **problem)
{
    size_t length = find(*left, head_end);
    struct fields fields;

    if (!agrees(*left, request_line)) {
        *problem = "not the one request line";
        return false;
    }
    if (length == left->length) {
        return false;
    }
    *problem = take_fields(&fields, span_of(left->data + request_line.length,
                                            length + crlf.length - request_line.length));
    if (*problem == NULL && fields.content_length == NO_LENGTH) {
        *problem = "a request without Content-Length";
    }
    if (*problem != NULL) {
        return false;
    }
    *left = span_skip(*left, length + head_end.length);
    if (!agrees(*left, body_start)) {
        *problem = "a body that does not begin with the model";
        return false;
    }
    return skip_sized(left, fields.content_length, true, problem);
}

const char *wire_oracle_requests(struct span got)
{
    const char *problem = NULL;

    while (got.length > 0 && skip_request(&got, &problem)) {
    }
    return problem;
}
