/* SPDX-License-Identifier: MIT */
/*
 * json_string.c - the insides of JSON strings: check, unescape, compare.
 *
 * Surrogate escapes must pair and UTF-8 must be the one shortest form, because
 * what anything else means differs from parser to parser. So what passes the
 * check always unescapes to valid UTF-8, and unescaping needs no error handling.
 */
#include "base/json_internal.h"

#include <stdint.h>
#include <string.h>

enum {
    UNICODE_ESCAPE_BYTES = 6, /* "\uXXXX" */
    PAIR_BYTES = 12,          /* a surrogate pair: two of them */
    SURROGATE_HIGH_FIRST = 0xD800,
    SURROGATE_LOW_FIRST = 0xDC00,
    SURROGATE_LAST = 0xDFFF,
    UTF8_BYTES_MAX = 4,
};

/* Value of a hexadecimal digit, or -1. */
static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20; /* upper to lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after "\u"; JSON_OK and the code unit, or what is wrong. */
static enum json_problem read_hex4(const unsigned char *at, const unsigned char *end,
                                   unsigned *unit)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        if (at + i == end) {
            return JSON_CUT_OFF;
        }
        int digit = hex_value(at[i]);
        if (digit < 0) {
            return JSON_BAD_ESCAPE;
        }
        value = value << 4 | (unsigned)digit;
    }
    *unit = value;
    return JSON_OK;
}

/* The low half that must follow a high surrogate; <at> is behind the high one. */
static enum json_problem check_low_surrogate(const unsigned char *at, const unsigned char *end)
{
    static const unsigned char lead[] = {'\\', 'u'};
    unsigned unit = 0;

    for (size_t i = 0; i < sizeof(lead); i++) {
        if (at + i == end) {
            return JSON_CUT_OFF;
        }
        if (at[i] != lead[i]) {
            return JSON_BAD_ESCAPE;
        }
    }
    enum json_problem problem = read_hex4(at + sizeof(lead), end, &unit);
    if (problem != JSON_OK) {
        return problem;
    }
    return unit >= SURROGATE_LOW_FIRST && unit <= SURROGATE_LAST ? JSON_OK : JSON_BAD_ESCAPE;
}

/* At "\u", which begins a pair when it is a high surrogate. */
static enum json_problem check_unicode_escape(const unsigned char **at, const unsigned char *end)
{
    unsigned unit = 0;
    enum json_problem problem = read_hex4(*at + 2, end, &unit);

    if (problem != JSON_OK) {
        return problem;
    }
    if (unit >= SURROGATE_LOW_FIRST && unit <= SURROGATE_LAST) {
        return JSON_BAD_ESCAPE;
    }
    if (unit < SURROGATE_HIGH_FIRST || unit > SURROGATE_LAST) {
        *at += UNICODE_ESCAPE_BYTES;
        return JSON_OK;
    }
    problem = check_low_surrogate(*at + UNICODE_ESCAPE_BYTES, end);
    if (problem == JSON_OK) {
        *at += PAIR_BYTES;
    }
    return problem;
}

/* The byte that "\<name>" stands for; NUL when there is no such escape. */
static char short_escape(unsigned char name)
{
    switch (name) {
    case '"':
    case '\\':
    case '/':
        return (char)name;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* At a backslash. */
static enum json_problem check_escape(const unsigned char **at, const unsigned char *end)
{
    if (end - *at < 2) {
        return JSON_CUT_OFF;
    }
    if ((*at)[1] == 'u') {
        return check_unicode_escape(at, end);
    }
    if (short_escape((*at)[1]) == '\0') {
        return JSON_BAD_ESCAPE;
    }
    *at += 2;
    return JSON_OK;
}

/* What may follow a lead byte: how long the sequence is, and the second byte's bounds. */
struct utf8_shape {
    size_t length; /* 0: not a lead byte */
    unsigned char low;
    unsigned char high;
};

/*
 * The grammar of RFC 3629 section 4. The bounds keep out overlong forms (E0, F0),
 * surrogates (ED) and what is beyond U+10FFFF (F4).
 */
static struct utf8_shape utf8_shape(unsigned char lead)
{
    struct utf8_shape shape = {.length = 0, .low = 0x80, .high = 0xBF};

    if (lead >= 0xC2 && lead <= 0xDF) {
        shape.length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        shape.length = 3;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        shape.length = 4;
    }
    if (lead == 0xE0) {
        shape.low = 0xA0;
    } else if (lead == 0xF0) {
        shape.low = 0x90;
    } else if (lead == 0xED) {
        shape.high = 0x9F;
    } else if (lead == 0xF4) {
        shape.high = 0x8F;
    }
    return shape;
}

/* At a byte above 0x7F. */
static enum json_problem check_utf8(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *sequence = *at;
    struct utf8_shape shape = utf8_shape(sequence[0]);

    if (shape.length == 0) {
        return JSON_BAD_UTF8;
    }
    for (size_t i = 1; i < shape.length; i++) {
        if (sequence + i == end) {
            return JSON_CUT_OFF;
        }
        if (sequence[i] < shape.low || sequence[i] > shape.high) {
            return JSON_BAD_UTF8;
        }
        shape.low = 0x80;
        shape.high = 0xBF;
    }
    *at += shape.length;
    return JSON_OK;
}

/*
 * Past the plain ASCII at <at>, eight bytes at a time: chat texts are long, and
 * this loop is where the pass spends its time. A byte below 0x20, a quote, a
 * backslash or a byte above 0x7F sets its top bit in <hit>; a borrow can only
 * start at such a byte, so there is no miss.
 */
static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t quote = (word ^ (ones * '"')) - ones;
        uint64_t backslash = (word ^ (ones * '\\')) - ones;
        uint64_t hit = (word | (word - ones * 0x20) | quote | backslash) & (ones * 0x80);
        if (hit != 0) {
            break;
        }
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* On JSON_OK <at> is at the closing quote; on JSON_CUT_OFF it is at <end> if nothing else is wrong. */
static enum json_problem check_inside(const unsigned char **at, const unsigned char *end)
{
    enum json_problem problem = JSON_OK;

    while (problem == JSON_OK) {
        *at = skip_plain(*at, end);
        if (*at == end) {
            return JSON_CUT_OFF;
        }
        if (**at == '"') {
            return JSON_OK;
        }
        if (**at == '\\') {
            problem = check_escape(at, end);
        } else if (**at < 0x20) {
            problem = JSON_CONTROL;
        } else {
            problem = check_utf8(at, end);
        }
    }
    return problem;
}

enum json_problem json_string_check(const unsigned char **at, const unsigned char *end)
{
    enum json_problem problem;

    (*at)++;
    problem = check_inside(at, end);
    *at += problem == JSON_OK ? 1 : 0;
    return problem;
}

bool json_is_string_inside(struct span raw)
{
    const unsigned char *at = (const unsigned char *)raw.data;
    const unsigned char *end = at + raw.length;

    return raw.length == 0 || (check_inside(&at, end) == JSON_CUT_OFF && at == end);
}

/* Code unit of the checked "\uXXXX" at <at>. */
static uint32_t unit_at(const char *at)
{
    uint32_t unit = 0;

    for (int i = 2; i < UNICODE_ESCAPE_BYTES; i++) {
        unit = unit << 4 | (uint32_t)hex_value((unsigned char)at[i]);
    }
    return unit;
}

/* RFC 3629 section 3. Returns the bytes written, at most UTF8_BYTES_MAX. */
static size_t encode_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/*
 * Decode the checked escape at the start of <raw>. Returns the bytes written to
 * <out>, at most UTF8_BYTES_MAX; <used> receives the escape's length.
 */
static size_t decode_escape(struct span raw, char *out, size_t *used)
{
    uint32_t point;

    if (raw.data[1] != 'u') {
        *used = 2;
        out[0] = short_escape((unsigned char)raw.data[1]);
        return 1;
    }
    point = unit_at(raw.data);
    *used = UNICODE_ESCAPE_BYTES;
    if (point >= SURROGATE_HIGH_FIRST && point <= SURROGATE_LAST) {
        uint32_t low = unit_at(raw.data + UNICODE_ESCAPE_BYTES);
        point = 0x10000 + ((point - SURROGATE_HIGH_FIRST) << 10) + (low - SURROGATE_LOW_FIRST);
        *used = PAIR_BYTES;
    }
    return encode_utf8(point, out);
}

size_t json_unescape(struct span raw, char *out)
{
    size_t written = 0;
    size_t used = 0;

    while (raw.length > 0) {
        const char *escape = memchr(raw.data, '\\', raw.length);
        size_t plain = escape == NULL ? raw.length : (size_t)(escape - raw.data);

        memcpy(out + written, raw.data, plain);
        written += plain;
        raw = span_skip(raw, plain);
        if (raw.length > 0) {
            written += decode_escape(raw, out + written, &used);
            raw = span_skip(raw, used);
        }
    }
    return written;
}

/* A string's unescaped bytes, one at a time: names are compared without a copy. */
struct byte_reader {
    struct span rest;
    char decoded[UTF8_BYTES_MAX]; /* of the last escape */
    size_t count;
    size_t next;
};

/* The next byte, 0 to 255, or -1 behind the last one. */
static int next_byte(struct byte_reader *reader)
{
    size_t used = 1;
    char plain;

    if (reader->next < reader->count) {
        return (unsigned char)reader->decoded[reader->next++];
    }
    if (reader->rest.length == 0) {
        return -1;
    }
    plain = reader->rest.data[0];
    if (plain == '\\') {
        reader->count = decode_escape(reader->rest, reader->decoded, &used);
        reader->next = 1;
        plain = reader->decoded[0];
    }
    reader->rest = span_skip(reader->rest, used);
    return (unsigned char)plain;
}

int json_string_compare(struct span left, struct span right)
{
    struct byte_reader a = {.rest = left};
    struct byte_reader b = {.rest = right};
    int from_a = 0;
    int from_b = 0;

    do {
        from_a = next_byte(&a);
        from_b = next_byte(&b);
    } while (from_a == from_b && from_a >= 0);
    return from_a - from_b;
}

bool json_string_matches(struct span raw, const char *text)
{
    size_t length = strlen(text);
    struct byte_reader reader = {.rest = raw};

    /* Unescaping makes a string shorter, if it changes it at all. */
    if (raw.length < length) {
        return false;
    }
    if (raw.length == length) {
        return length == 0 ||
               (memcmp(raw.data, text, length) == 0 && memchr(text, '\\', length) == NULL);
    }
    if (memchr(raw.data, '\\', raw.length) == NULL) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (next_byte(&reader) != (unsigned char)*text) {
            return false;
        }
    }
    return next_byte(&reader) < 0;
}
