/* SPDX-License-Identifier: MIT */
/*
 * base64url.h - base64url without padding, in its one canonical spelling.
 *
 * RFC 7515 section 2 (base64url with no padding), RFC 4648 section 5.
 */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

/* Room that decoding <length> characters, or encoding <length> bytes, never exceeds. */
#define BASE64URL_DECODED_BYTES(length) ((length) / 4 * 3 + 2)
#define BASE64URL_ENCODED_BYTES(length) (((length) / 3 + 1) * 4)

/*
 * Decode <text> into <out>, which has room for BASE64URL_DECODED_BYTES(text.length).
 *
 * False, with <length> untouched and <out> in any state, when <text> is not what
 * base64url_encode() would write for some bytes: padding, white space, a foreign
 * character, a lone last character, or bits set that no byte uses. The empty text
 * is the empty string of bytes. RFC 4648 sections 3.2, 3.3 and 3.5.
 */
bool base64url_decode(struct span text, uint8_t *out, size_t *length) MUST_USE;

/*
 * Encode <bytes> into <out>, which has room for BASE64URL_ENCODED_BYTES(bytes.length).
 * Returns the characters written; no NUL follows.
 */
size_t base64url_encode(struct span bytes, char *out);

#endif
