/* SPDX-License-Identifier: MIT */
/*
 * mint.c - write, encode and sign a small token.
 *
 * All room is computed beforehand: texts at twice their length, because an escape
 * is a backslash more, and the fixed parts at a bound that is far above them.
 */
#include "auth/mint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/base64url.h"
#include "auth/hs256.h"

/* Member names, punctuation and two 20-digit numbers take about 110 bytes. */
#define FIXED_BYTES 256

struct writer {
    char *bytes; /* owned; NULL when memory is out */
    size_t length;
    size_t capacity;
};

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static void put(struct writer *writer, const char *text)
{
    size_t length = strlen(text);

    if (length > writer->capacity - writer->length) {
        return; /* never, by the computation at the top; short rather than beyond */
    }
    memcpy(writer->bytes + writer->length, text, length);
    writer->length += length;
}

static void put_number_member(struct writer *writer, const char *name, int64_t value)
{
    char text[64];

    (void)snprintf(text, sizeof text, "\"%s\":%" PRId64 ",", name, value);
    put(writer, text);
}

/* "name":"text", with a comma behind; nothing for the empty text. */
static void put_text_member(struct writer *writer, const char *name, struct span text)
{
    if (span_is_empty(text)) {
        return;
    }
    put(writer, "\"");
    put(writer, name);
    put(writer, "\":\"");
    for (size_t i = 0; i < text.length; i++) {
        char c[2] = {text.data[i], '\0'};

        if (c[0] == '"' || c[0] == '\\') {
            put(writer, "\\");
        }
        put(writer, c);
    }
    put(writer, "\",");
}

/* The last member's comma becomes the end of the object. */
static void put_end(struct writer *writer)
{
    writer->bytes[writer->length - 1] = '}';
}

static void put_header(struct writer *writer, struct span kid)
{
    put(writer, "{\"alg\":\"HS256\",\"typ\":\"JWT\",");
    put_text_member(writer, "kid", kid);
    put_end(writer);
}

static void put_claims(struct writer *writer, const struct mint_claims *claims)
{
    put(writer, "{");
    put_text_member(writer, "sub", claims->subject);
    put_text_member(writer, "iss", claims->issuer);
    put_text_member(writer, "aud", claims->audience);
    put_number_member(writer, "iat", claims->issued_unix_s);
    put_number_member(writer, "exp", claims->expires_unix_s);
    put_end(writer);
}

/* Append <bytes> in base64url. */
static void put_encoded(struct writer *token, struct span bytes)
{
    if (BASE64URL_ENCODED_BYTES(bytes.length) <= token->capacity - token->length) {
        token->length += base64url_encode(bytes, token->bytes + token->length);
    }
}

/* Sign what <token> holds and append the MAC. RFC 7515 section 5.1. */
static bool put_mac(struct writer *token, struct span secret)
{
    struct hs256 *key = hs256_new(secret);
    uint8_t mac[HS256_MAC_BYTES];
    bool is_signed = key != NULL && hs256_sign(key, span_of(token->bytes, token->length), mac);

    hs256_free(key);
    if (!is_signed) {
        return false;
    }
    put(token, ".");
    put_encoded(token, span_of((const char *)mac, sizeof mac));
    return true;
}

static struct writer writer_of(size_t capacity)
{
    struct writer writer = {malloc(capacity), 0, capacity};

    return writer;
}

char *mint_token(struct span secret, struct span kid, const struct mint_claims *claims)
{
    const size_t texts =
        kid.length + claims->subject.length + claims->issuer.length + claims->audience.length;
    struct writer json;
    struct writer token;
    char *result = NULL;

    if (!is_printable(kid) || !is_printable(claims->subject) || !is_printable(claims->issuer) ||
        !is_printable(claims->audience)) {
        return NULL;
    }
    json = writer_of(FIXED_BYTES + 2 * texts);
    token = writer_of(2 * (FIXED_BYTES + 2 * texts));
    if (json.bytes == NULL || token.bytes == NULL) {
        goto out;
    }
    put_header(&json, kid);
    put_encoded(&token, span_of(json.bytes, json.length));
    put(&token, ".");
    json.length = 0;
    put_claims(&json, claims);
    put_encoded(&token, span_of(json.bytes, json.length));
    if (!put_mac(&token, secret)) {
        goto out;
    }
    token.bytes[token.length] = '\0';
    result = token.bytes;
    token.bytes = NULL;

out:
    free(json.bytes);
    free(token.bytes);
    return result;
}
