/* SPDX-License-Identifier: MIT */
/*
 * head_grammar.c - the words of a request head.
 *
 * The byte classes are one constant table, so that a run of bytes is scanned with
 * one look-up for each.
 */
#include "gateway/head_grammar.h"

#include <arpa/inet.h>

/* Every byte is of one of these kinds; the comments name the members. */
#define X__ 0                          /* never: control bytes but HTAB, DEL */
#define VAL BYTE_VALUE                 /* only in values: SP, HTAB, " < > [ \ ] { }, obs-text */
#define TOK (BYTE_TOKEN | BYTE_VALUE)  /* # % ^ ` | */
#define TGT (BYTE_VALUE | BYTE_TARGET) /* / : ? @ */
#define SUB (TGT | BYTE_REG_NAME)      /* ( ) , ; = */
#define LET (SUB | BYTE_TOKEN)         /* letters, ! $ & ' * + - . _ ~ */
#define HEX (LET | BYTE_HEX)           /* A to F, a to f */
#define DIG (HEX | BYTE_DIGIT)         /* 0 to 9 */

/* clang-format off */
const uint8_t head_byte_classes[256] = {
    /* 00 */ X__, X__, X__, X__, X__, X__, X__, X__, X__, VAL, X__, X__, X__, X__, X__, X__,
    /* 10 */ X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__, X__,
    /* 20 */ VAL, LET, VAL, TOK, LET, TOK, LET, LET, SUB, SUB, LET, LET, SUB, LET, LET, TGT,
    /* 30 */ DIG, DIG, DIG, DIG, DIG, DIG, DIG, DIG, DIG, DIG, TGT, SUB, VAL, SUB, VAL, TGT,
    /* 40 */ TGT, HEX, HEX, HEX, HEX, HEX, HEX, LET, LET, LET, LET, LET, LET, LET, LET, LET,
    /* 50 */ LET, LET, LET, LET, LET, LET, LET, LET, LET, LET, LET, VAL, VAL, VAL, TOK, LET,
    /* 60 */ TOK, HEX, HEX, HEX, HEX, HEX, HEX, LET, LET, LET, LET, LET, LET, LET, LET, LET,
    /* 70 */ LET, LET, LET, LET, LET, LET, LET, LET, LET, LET, LET, VAL, TOK, VAL, LET, X__,
    /* 80 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* 90 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* a0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* b0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* c0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* d0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* e0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
    /* f0 */ VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL, VAL,
};
/* clang-format on */

struct field_name {
    enum head_field field;
    bool is_single;
    struct span name;
};

/* In the order of enum head_field. */
static const struct field_name field_names[] = {
    {FIELD_HOST, true, SPAN_LITERAL("host")},
    {FIELD_AUTHORIZATION, true, SPAN_LITERAL("authorization")},
    {FIELD_CONTENT_TYPE, true, SPAN_LITERAL("content-type")},
    {FIELD_ORIGIN, true, SPAN_LITERAL("origin")},
    {FIELD_TRACEPARENT, false, SPAN_LITERAL("traceparent")},
    {FIELD_USER_AGENT, false, SPAN_LITERAL("user-agent")},
    {FIELD_REQUEST_METHOD, false, SPAN_LITERAL("access-control-request-method")},
    {FIELD_REQUEST_HEADERS, false, SPAN_LITERAL("access-control-request-headers")},
    {FIELD_CONTENT_LENGTH, true, SPAN_LITERAL("content-length")},
    {FIELD_TRANSFER_ENCODING, true, SPAN_LITERAL("transfer-encoding")},
    {FIELD_EXPECT, true, SPAN_LITERAL("expect")},
    {FIELD_CONNECTION, false, SPAN_LITERAL("connection")},
    {FIELD_X_FORWARDED_FOR, false, SPAN_LITERAL("x-forwarded-for")},
    {FIELD_TRACESTATE, false, SPAN_LITERAL("tracestate")},
};

#define FIELD_NAME_COUNT (sizeof(field_names) / sizeof(field_names[0]))

enum head_field head_field_find(struct span name)
{
    for (size_t i = 0; i < FIELD_NAME_COUNT; i++) {
        if (span_equals_ignore_case(name, field_names[i].name.data)) {
            return field_names[i].field;
        }
    }
    return FIELD_OTHER;
}

bool head_field_is_single(enum head_field field)
{
    return field != FIELD_OTHER && field_names[field].is_single;
}

static bool all_of(struct span text, enum head_byte_class kind)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!head_byte_is(text.data[i], kind)) {
            return false;
        }
    }
    return true;
}

/*
 * *( unreserved / sub-delims ), and at least one of them. Escapes are refused: clients
 * decode a host before they send it, so one that is left would hide something.
 */
static bool reg_name_is_valid(struct span name)
{
    return name.length > 0 && all_of(name, BYTE_REG_NAME);
}

/* The inside of [ ]. IPvFuture is refused: nothing has ever used it. */
static bool ipv6_is_valid(struct span inside)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (inside.length >= sizeof(text) || memchr(inside.data, '\0', inside.length) != NULL) {
        return false;
    }
    memcpy(text, inside.data, inside.length);
    text[inside.length] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* ":" *DIGIT, or nothing at all. */
static bool port_is_valid(struct span port)
{
    uint64_t number;

    if (port.length <= 1) {
        return port.length == 0 || port.data[0] == ':';
    }
    return port.data[0] == ':' &&
           head_length_parse(span_skip(port, 1), &number) == HEAD_LENGTH_OK && number <= UINT16_MAX;
}

bool head_host_is_valid(struct span host)
{
    if (span_starts_with(host, "[")) {
        const char *end = memchr(host.data, ']', host.length);
        if (end == NULL) {
            return false;
        }
        size_t inside = (size_t)(end - host.data) - 1;
        return ipv6_is_valid(span_of(host.data + 1, inside)) &&
               port_is_valid(span_skip(host, inside + 2));
    }
    const char *colon = host.length == 0 ? NULL : memchr(host.data, ':', host.length);
    size_t length = colon == NULL ? host.length : (size_t)(colon - host.data);
    return reg_name_is_valid(span_of(host.data, length)) && port_is_valid(span_skip(host, length));
}

bool head_version_is_valid(struct span version)
{
    return version.length == 8 && span_starts_with(version, "HTTP/") && version.data[6] == '.' &&
           head_byte_is(version.data[5], BYTE_DIGIT) && head_byte_is(version.data[7], BYTE_DIGIT);
}

enum head_length_status head_length_parse(struct span digits, uint64_t *length)
{
    uint64_t value = 0;
    bool is_huge = false;

    if (digits.length == 0 || !all_of(digits, BYTE_DIGIT)) {
        return HEAD_LENGTH_BAD;
    }
    for (size_t i = 0; i < digits.length; i++) {
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        is_huge = is_huge || value > (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (is_huge) {
        return HEAD_LENGTH_HUGE;
    }
    *length = value;
    return HEAD_LENGTH_OK;
}

bool head_list_has(struct span list, const char *element)
{
    while (list.length > 0) {
        const char *comma = memchr(list.data, ',', list.length);
        size_t length = comma == NULL ? list.length : (size_t)(comma - list.data);
        if (span_equals_ignore_case(span_trim(span_of(list.data, length)), element)) {
            return true;
        }
        list = span_skip(list, comma == NULL ? length : length + 1);
    }
    return false;
}
