/* SPDX-License-Identifier: MIT */
/*
 * format_write.c - see format_write.h.
 */
#include "gateway/format_write.h"

#include <stdbool.h>

/* One input byte becomes six at most: \u001f. */
#define ESCAPED_BYTES_MAX 6
/* Up to here the worst case is cheaper to reserve than to find out. */
#define SMALL_BYTES 256

size_t format_put_number(char *out, int64_t number)
{
    char digits[FORMAT_NUMBER_BYTES_MAX];
    char *at = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--at = '-';
    }
    return format_put(out, span_of(at, (size_t)(digits + sizeof(digits) - at)));
}

size_t format_put_count(char *out, int64_t count)
{
    return count < 0 ? FORMAT_PUT_LITERAL(out, "null") : format_put_number(out, count);
}

size_t format_put_failure(char *out, const char *token)
{
    size_t length = FORMAT_PUT_LITERAL(out, "The answer is not whole (");

    length += format_put(out + length, span_from_string(token));
    return length + FORMAT_PUT_LITERAL(out + length, ").");
}

/* True for bytes that stand for themselves and begin no character that is escaped. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0xc2 && byte != 0xe2;
}

/* Escape one byte that is not plain; <left> counts it and what follows. Sets <used>. */
static size_t escape(const unsigned char *at, size_t left, size_t *used, char *out)
{
    static const char hex[] = "0123456789abcdef";

    *used = 1;
    switch (*at) {
    case '"':
        return FORMAT_PUT_LITERAL(out, "\\\"");
    case '\\':
        return FORMAT_PUT_LITERAL(out, "\\\\");
    case '\n':
        return FORMAT_PUT_LITERAL(out, "\\n");
    case '\r':
        return FORMAT_PUT_LITERAL(out, "\\r");
    case '\t':
        return FORMAT_PUT_LITERAL(out, "\\t");
    default:
        break;
    }
    if (*at == 0xc2 && left >= 2 && at[1] == 0x85) {
        *used = 2;
        return FORMAT_PUT_LITERAL(out, "\\u0085");
    }
    if (*at == 0xe2 && left >= 3 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *used = 3;
        return format_put(out, span_of(at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6));
    }
    if (*at >= 0x20) {
        *out = (char)*at;
        return 1;
    }
    char code[6] = {'\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 0xf]};
    return format_put(out, span_of(code, sizeof(code)));
}

size_t format_put_json(char *out, struct span text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.length;
    size_t length = 0;

    while (at < end) {
        const unsigned char *run = at;
        size_t used;
        while (at < end && is_plain(*at)) {
            at++;
        }
        length += format_put(out + length, span_of((const char *)run, (size_t)(at - run)));
        if (at < end) {
            length += escape(at, (size_t)(end - at), &used, out + length);
            at += used;
        }
    }
    return length;
}

size_t format_json_bound(struct span text)
{
    size_t bound = text.length;

    if (text.length <= SMALL_BYTES) {
        return text.length * ESCAPED_BYTES_MAX;
    }
    for (size_t i = 0; i < text.length; i++) {
        bound += is_plain((unsigned char)text.data[i]) ? 0 : ESCAPED_BYTES_MAX - 1;
    }
    return bound;
}
