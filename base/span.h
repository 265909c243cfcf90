/* SPDX-License-Identifier: MIT */
/*
 * span.h - a borrowed piece of text: pointer and length, not NUL-terminated.
 *
 * A span never owns; whoever makes one says how long the bytes behind it stay.
 * The empty span may have any pointer, NULL included.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *data; /* borrowed */
    size_t length;    /* bytes */
};

/* A span over a string literal, usable in constant initialisers. */
#define SPAN_LITERAL(text)                                                                         \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static inline struct span span_of(const char *data, size_t length)
{
    struct span s = {data, length};
    return s;
}

/* <text> is NUL-terminated; NULL gives the empty span. */
static inline struct span span_from_string(const char *text)
{
    return span_of(text, text == NULL ? 0 : strlen(text));
}

static inline bool span_is_empty(struct span s)
{
    return s.length == 0;
}

/* Byte for byte; not constant in time, so never for secrets. */
static inline bool span_equals(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool span_equals_string(struct span a, const char *text)
{
    return span_equals(a, span_from_string(text));
}

/* ASCII letters compare without case. */
static inline bool span_equals_ignore_case(struct span a, const char *text)
{
    return a.length == strlen(text) && (a.length == 0 || strncasecmp(a.data, text, a.length) == 0);
}

static inline bool span_starts_with(struct span s, const char *prefix)
{
    size_t length = strlen(prefix);
    return s.length >= length && memcmp(s.data, prefix, length) == 0;
}

/* The span without its first <count> bytes; <count> is at most its length. */
static inline struct span span_skip(struct span s, size_t count)
{
    return count == 0 ? s : span_of(s.data + count, s.length - count); /* no data, nothing to add */
}

/* Without spaces and tabs at both ends (OWS of RFC 9110 section 5.6.3). */
static inline struct span span_trim(struct span s)
{
    while (s.length > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s = span_skip(s, 1);
    }
    while (s.length > 0 && (s.data[s.length - 1] == ' ' || s.data[s.length - 1] == '\t')) {
        s.length--;
    }
    return s;
}

#endif
