/* SPDX-License-Identifier: MIT */
/*
 * head_grammar.h - the words of a request head: byte classes, field names, values. Pure.
 *
 * The lexer knows where an item begins and ends; this file knows what may be in it.
 */
#ifndef GATEWAY_HEAD_GRAMMAR_H
#define GATEWAY_HEAD_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

/* Bits of the byte class table. */
enum head_byte_class {
    BYTE_TOKEN = 1,    /* tchar, RFC 9110 section 5.6.2 */
    BYTE_VALUE = 2,    /* visible ASCII, SP, HTAB, obs-text: RFC 9110 section 5.5 */
    BYTE_TARGET = 4,   /* pchar but "%", "/" and "?": RFC 3986 sections 3.3 and 3.4 */
    BYTE_REG_NAME = 8, /* unreserved and sub-delims: RFC 3986 section 3.2.2 */
    BYTE_HEX = 16,
    BYTE_DIGIT = 32,
};

extern const uint8_t head_byte_classes[256];

static inline bool head_byte_is(char byte, enum head_byte_class classes)
{
    return (head_byte_classes[(unsigned char)byte] & (unsigned)classes) != 0;
}

/* Fields the gateway reads. The first eight are kept, the others only looked at. */
enum head_field {
    FIELD_HOST = 0,
    FIELD_AUTHORIZATION,
    FIELD_CONTENT_TYPE,
    FIELD_ORIGIN,
    FIELD_TRACEPARENT,
    FIELD_USER_AGENT,
    FIELD_REQUEST_METHOD,  /* Access-Control-Request-Method */
    FIELD_REQUEST_HEADERS, /* Access-Control-Request-Headers */
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_CONNECTION,
    FIELD_X_FORWARDED_FOR, /* its last lines are kept */
    FIELD_TRACESTATE,      /* its lines are kept, when they are not too many */
    FIELD_OTHER,
};

#define HEAD_FIELDS_KEPT ((int)FIELD_CONTENT_LENGTH)
#define HEAD_FIELD_NAME_BYTES_MAX 30 /* access-control-request-headers */

/* Names compare without case. Any longer name is FIELD_OTHER. */
enum head_field head_field_find(struct span name);

/* True for a field that may come once only. */
bool head_field_is_single(enum head_field field);

/* uri-host [ ":" port ], not empty, without escapes: RFC 9110 section 7.2, RFC 3986 section 3.2.2. */
bool head_host_is_valid(struct span host);

/* "HTTP/" DIGIT "." DIGIT: RFC 9112 section 2.3. */
bool head_version_is_valid(struct span version);

enum head_length_status {
    HEAD_LENGTH_OK = 0,
    HEAD_LENGTH_BAD,  /* not 1*DIGIT: RFC 9110 section 8.6 */
    HEAD_LENGTH_HUGE, /* more than 64 bits hold */
};

/* <length> is written on HEAD_LENGTH_OK. */
enum head_length_status head_length_parse(struct span digits, uint64_t *length) MUST_USE;

/* True when the comma separated list has this element, without case: RFC 9110 section 5.6.1. */
bool head_list_has(struct span list, const char *element);

#endif
