/* SPDX-License-Identifier: MIT */
/*
 * format_write.h - the pieces that formats write with: bytes, numbers, JSON strings.
 *
 * Each writes to <out>, which has room enough, and returns the bytes written. Nothing
 * here allocates or prints.
 */
#ifndef GATEWAY_FORMAT_WRITE_H
#define GATEWAY_FORMAT_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

#define FORMAT_NUMBER_BYTES_MAX 20

static inline size_t format_put(char *out, struct span bytes)
{
    if (bytes.length > 0) {
        memcpy(out, bytes.data, bytes.length);
    }
    return bytes.length;
}

/* A string literal without its NUL. */
#define FORMAT_PUT_LITERAL(out, text) (memcpy((out), (text), sizeof(text) - 1), sizeof(text) - 1)

/* Decimal; FORMAT_NUMBER_BYTES_MAX at most. */
size_t format_put_number(char *out, int64_t number);

/* A count, or null when it is less than 0: the provider did not tell. */
size_t format_put_count(char *out, int64_t count);

/* What a client is told of an answer that has failed; <token> is that of an end reason. */
size_t format_put_failure(char *out, const char *token);

/*
 * The inside of a JSON string (RFC 8259 section 7). U+0085, U+2028 and U+2029 are
 * escaped although JSON does not ask for it: line splitters of some clients break there.
 */
size_t format_put_json(char *out, struct span text);

/* Most bytes that format_put_json() writes for <text>: exact enough not to waste room. */
size_t format_json_bound(struct span text);

#endif
