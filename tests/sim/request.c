/* SPDX-License-Identifier: MIT */
/*
 * request.c - request heads and bodies; see request.h.
 */
#include "tests/sim/request.h"

#include <stdint.h>
#include <string.h>

#define CHUNK_LINE_BYTES_MAX 256

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token_byte(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (!is_token_byte(s.data[i])) {
            return false;
        }
    }
    return s.length > 0;
}

/* Visible ASCII only. */
static bool is_target(struct span s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~') {
            return false;
        }
    }
    return s.length > 0;
}

/* A line without its CRLF, taken off <rest>; false when there is no whole line or a bare LF. */
static bool next_line(struct span *rest, struct span *line)
{
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end == NULL ? 0 : (size_t)(end - rest->data);

    if (length == 0 || rest->data[length - 1] != '\r') {
        return false;
    }
    *line = span_of(rest->data, length - 1);
    *rest = span_skip(*rest, length + 1);
    return true;
}

static bool parse_request_line(struct span line, struct request_head *head)
{
    const char *first = memchr(line.data, ' ', line.length);
    struct span rest;
    const char *second = NULL;

    if (first == NULL) {
        return false;
    }
    head->method = span_of(line.data, (size_t)(first - line.data));
    rest = span_skip(line, head->method.length + 1);
    second = memchr(rest.data, ' ', rest.length);
    if (second == NULL) {
        return false;
    }
    head->target = span_of(rest.data, (size_t)(second - rest.data));
    rest = span_skip(rest, head->target.length + 1);
    head->is_http_1_0 = span_equals_string(rest, "HTTP/1.0");
    head->keeps_alive = !head->is_http_1_0;
    return is_token(head->method) && is_target(head->target) &&
           (head->is_http_1_0 || span_equals_string(rest, "HTTP/1.1"));
}

static bool is_field_value(struct span s)
{
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool split_field(struct span line, struct span *name, struct span *value)
{
    const char *colon = memchr(line.data, ':', line.length);

    if (colon == NULL) {
        return false;
    }
    *name = span_of(line.data, (size_t)(colon - line.data));
    *value = span_trim(span_skip(line, name->length + 1));
    return is_token(*name) && is_field_value(*value);
}

static bool parse_length(struct span value, size_t *length)
{
    size_t sum = 0;

    if (value.length == 0 || value.length > 12) {
        return false;
    }
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }
        sum = sum * 10 + (size_t)(value.data[i] - '0');
    }
    *length = sum;
    return true;
}

static bool take_field(struct request_head *head, struct span name, struct span value)
{
    if (span_equals_ignore_case(name, "content-length")) {
        if (head->has_length) {
            return false;
        }
        head->has_length = true;
        return parse_length(value, &head->length);
    }
    if (span_equals_ignore_case(name, "transfer-encoding")) {
        if (head->is_chunked || !span_equals_ignore_case(value, "chunked")) {
            return false;
        }
        head->is_chunked = true;
    } else if (span_equals_ignore_case(name, "connection")) {
        if (span_equals_ignore_case(value, "close")) {
            head->keeps_alive = false;
        } else if (span_equals_ignore_case(value, "keep-alive")) {
            head->keeps_alive = true;
        }
    } else if (span_equals_ignore_case(name, "expect")) {
        head->expects_continue = span_equals_ignore_case(value, "100-continue");
    } else if (span_equals_ignore_case(name, "content-type")) {
        head->content_type = value;
    }
    return true;
}

/* Offset just behind the empty line that ends the head, or 0. */
static size_t head_size(struct span input)
{
    const char *at = input.data;
    size_t left = input.length;

    for (;;) {
        const char *end = memchr(at, '\n', left);
        if (end == NULL) {
            return 0;
        }
        left -= (size_t)(end - at) + 1;
        at = end + 1;
        if (left >= 1 && at[0] == '\n') {
            return (size_t)(at - input.data) + 1;
        }
        if (left >= 2 && at[0] == '\r' && at[1] == '\n') {
            return (size_t)(at - input.data) + 2;
        }
    }
}

enum request_status request_head_parse(struct span input, struct request_head *head)
{
    size_t size = head_size(input);
    size_t hosts = 0;
    struct span rest = span_of(input.data, size);
    struct span line;

    *head = (struct request_head){.size = size};
    if (size == 0) {
        return input.length > REQUEST_HEAD_BYTES_MAX ? REQUEST_TOO_LARGE : REQUEST_INCOMPLETE;
    }
    if (size > REQUEST_HEAD_BYTES_MAX) {
        return REQUEST_TOO_LARGE;
    }
    if (!next_line(&rest, &line) || !parse_request_line(line, head)) {
        return REQUEST_BAD;
    }
    while (rest.length > 2) {
        struct span name;
        struct span value;
        if (!next_line(&rest, &line) || !split_field(line, &name, &value) ||
            !take_field(head, name, value)) {
            return REQUEST_BAD;
        }
        hosts += span_equals_ignore_case(name, "host") ? 1 : 0;
    }
    if ((head->is_chunked && head->has_length) || (!head->is_http_1_0 && hosts != 1)) {
        return REQUEST_BAD; /* RFC 9112 sections 6.1 and 3.2 */
    }
    return head->has_length && head->length > REQUEST_BODY_BYTES_MAX ? REQUEST_TOO_LARGE
                                                                     : REQUEST_OK;
}

bool request_next_field(struct span *rest, struct span *name, struct span *value)
{
    struct span line;

    while (rest->length > 2 && next_line(rest, &line)) {
        if (split_field(line, name, value)) {
            return true; /* the request line has no colon before a space and is passed over */
        }
    }
    return false;
}

void request_body_init(struct request_body *reader, const struct request_head *head)
{
    *reader = (struct request_body){.is_chunked = head->is_chunked,
                                    .left = head->has_length ? head->length : 0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

/* Size line of a chunk; extensions are refused, as the gateway sends none. */
static bool parse_chunk_size(struct span line, size_t *size)
{
    size_t sum = 0;

    if (line.length == 0 || line.length > 8) {
        return false;
    }
    for (size_t i = 0; i < line.length; i++) {
        int digit = hex_digit(line.data[i]);
        if (digit < 0) {
            return false;
        }
        sum = sum * 16 + (size_t)digit;
    }
    *size = sum;
    return true;
}

enum line_status {
    LINE_TAKEN = 0,
    LINE_WAS_LAST,
    LINE_INCOMPLETE,
    LINE_BAD,
};

/* One line of the chunked coding: a size, the end of a chunk's data, or a trailer. */
static enum line_status feed_line(struct request_body *reader, struct bytes *input)
{
    struct span rest = bytes_span(input);
    struct span line;

    if (memchr(rest.data, '\n', rest.length) == NULL) {
        return rest.length > CHUNK_LINE_BYTES_MAX ? LINE_BAD : LINE_INCOMPLETE;
    }
    if (!next_line(&rest, &line)) {
        return LINE_BAD;
    }
    if (reader->is_in_trailers) {
        bytes_drop(input, line.length + 2);
        return line.length == 0 ? LINE_WAS_LAST : LINE_TAKEN;
    }
    if (reader->is_after_chunk) {
        reader->is_after_chunk = false;
        bytes_drop(input, 2);
        return line.length == 0 ? LINE_TAKEN : LINE_BAD;
    }
    if (!parse_chunk_size(line, &reader->left)) {
        return LINE_BAD;
    }
    reader->is_in_trailers = reader->left == 0;
    bytes_drop(input, line.length + 2);
    return LINE_TAKEN;
}

static void move_data(struct request_body *reader, struct bytes *input, struct bytes *body)
{
    size_t length = reader->left < input->length ? reader->left : input->length;

    bytes_add(body, bytes_span(input).data, length);
    bytes_drop(input, length);
    reader->left -= length;
}

enum request_status request_body_feed(struct request_body *reader, struct bytes *input,
                                      struct bytes *body)
{
    if (!reader->is_chunked) {
        move_data(reader, input, body);
        return reader->left == 0 ? REQUEST_OK : REQUEST_INCOMPLETE;
    }
    for (;;) {
        if (reader->left > 0) {
            if (reader->left > REQUEST_BODY_BYTES_MAX - body->length) {
                return REQUEST_TOO_LARGE;
            }
            move_data(reader, input, body);
            if (reader->left > 0) {
                return REQUEST_INCOMPLETE;
            }
            reader->is_after_chunk = true;
        }
        switch (feed_line(reader, input)) {
        case LINE_TAKEN:
            break;
        case LINE_WAS_LAST:
            return REQUEST_OK;
        case LINE_INCOMPLETE:
            return REQUEST_INCOMPLETE;
        case LINE_BAD:
            return REQUEST_BAD;
        }
    }
}
