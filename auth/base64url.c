/* SPDX-License-Identifier: MIT */
/*
 * base64url.c - strict base64url for the segments of a token.
 *
 * Why not the OpenSSL decoder: it takes padding, line ends and loose trailing
 * bits, so one token would have many spellings, and whatever looks at the
 * spelling (a log, a cache, a deny list) could be dodged.
 */
#include "auth/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each byte in the alphabet of RFC 4648 section 5, or -1. */
/* clang-format off */
static const int16_t sextets[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
    -1,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, 63,
    -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};
/* clang-format on */

/* <count> characters, most significant first; negative when one is foreign. */
static int32_t read_sextets(const char *text, size_t count)
{
    int32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        int32_t sextet = sextets[(uint8_t)text[i]];

        if (sextet < 0) {
            return -1;
        }
        value = value * 64 + sextet;
    }
    return value;
}

/* The last 2 or 3 characters, which carry 1 or 2 bytes and 4 or 2 bits too many. */
static bool decode_tail(const char *text, size_t count, uint8_t *out)
{
    int32_t value = read_sextets(text, count);
    int32_t spare_bits = count == 2 ? 4 : 2;

    if (value < 0 || (value & ((1 << spare_bits) - 1)) != 0) {
        return false;
    }
    value >>= spare_bits;
    if (count == 3) {
        *out++ = (uint8_t)(value >> 8);
    }
    *out = (uint8_t)(value & 0xff);
    return true;
}

bool base64url_decode(struct span text, uint8_t *out, size_t *length)
{
    size_t tail = text.length % 4;
    size_t whole = text.length - tail;
    size_t written = 0;

    if (tail == 1) {
        return false;
    }
    for (size_t i = 0; i < whole; i += 4) {
        int32_t value = read_sextets(text.data + i, 4);

        if (value < 0) {
            return false;
        }
        out[written++] = (uint8_t)(value >> 16);
        out[written++] = (uint8_t)(value >> 8 & 0xff);
        out[written++] = (uint8_t)(value & 0xff);
    }
    if (tail != 0) {
        if (!decode_tail(text.data + whole, tail, out + written)) {
            return false;
        }
        written += tail - 1;
    }
    *length = written;
    return true;
}

/* Up to 3 bytes as up to 4 characters. */
static size_t encode_group(const char *bytes, size_t count, char *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < 3; i++) {
        value = value << 8 | (i < count ? (uint8_t)bytes[i] : 0U);
    }
    for (size_t i = 0; i <= count; i++) {
        out[i] = alphabet[value >> (18 - 6 * i) & 63];
    }
    return count + 1;
}

size_t base64url_encode(struct span bytes, char *out)
{
    size_t written = 0;

    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;

        written += encode_group(bytes.data + i, left < 3 ? left : 3, out + written);
    }
    return written;
}
