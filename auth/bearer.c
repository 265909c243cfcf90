/* SPDX-License-Identifier: MIT */
/*
 * bearer.c - strict reading of "Bearer" credentials.
 *
 * Strict, because a list, parameters or a second word here would mean that
 * someone in front of us reads the field in another way than we do.
 */
#include "auth/bearer.h"

static const struct span scheme = SPAN_LITERAL("Bearer");

static bool is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" of RFC 9110 section 11.2. */
static bool is_token68(struct span text)
{
    size_t i = 0;

    while (i < text.length && (is_alphanumeric(text.data[i]) || text.data[i] == '-' ||
                               text.data[i] == '.' || text.data[i] == '_' || text.data[i] == '~' ||
                               text.data[i] == '+' || text.data[i] == '/')) {
        i++;
    }
    if (i == 0) {
        return false;
    }
    while (i < text.length && text.data[i] == '=') {
        i++;
    }
    return i == text.length;
}

enum auth_verdict bearer_parse(struct span value, struct span *token)
{
    struct span rest;

    if (value.data == NULL) {
        return AUTH_NO_CREDENTIALS;
    }
    value = span_trim(value);
    if (value.length <= scheme.length ||
        !span_equals_ignore_case(span_of(value.data, scheme.length), scheme.data)) {
        return AUTH_BAD_SCHEME;
    }
    rest = span_skip(value, scheme.length);
    if (rest.data[0] != ' ') { /* a longer scheme, or another byte where the space belongs */
        return is_alphanumeric(rest.data[0]) ? AUTH_BAD_SCHEME : AUTH_MALFORMED;
    }
    while (rest.length > 0 && rest.data[0] == ' ') {
        rest = span_skip(rest, 1);
    }
    if (rest.length > AUTH_TOKEN_BYTES_MAX) {
        return AUTH_TOO_LARGE;
    }
    if (!is_token68(rest)) {
        return AUTH_MALFORMED;
    }
    *token = rest;
    return AUTH_OK;
}
