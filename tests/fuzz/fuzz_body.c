/* SPDX-License-Identifier: MIT */
/*
 * fuzz_body.c - any bytes as a chunked request body.
 *
 * The verdict and the bytes taken must be the same whether the body comes whole, byte by
 * byte or in pieces, and the same as those of a second reading, which looks at the
 * grammar of RFC 9112 section 7.1 with everything in hand. The first byte makes the pieces.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/chunk_lexer.h"
#include "tests/fuzz/fuzz_target.h"

#define BODY_BYTES_MAX 512
#define EXTENSION_BYTES_MAX 4096 /* in all, but for the first semicolon of each chunk */

struct outcome {
    enum chunk_status status;
    enum end_reason refusal;
    size_t taken;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Feed in pieces of at most <most> bytes; 0: whole. */
static struct outcome run(struct span body, size_t most, unsigned random)
{
    struct chunk_lexer lexer;
    struct outcome outcome = {.status = CHUNK_MORE};

    chunk_lexer_init(&lexer, BODY_BYTES_MAX);
    while ((outcome.status == CHUNK_MORE || outcome.status == CHUNK_EXTENSION) &&
           outcome.taken < body.length) {
        struct span piece = span_skip(body, outcome.taken);
        size_t taken = 0;
        random = random * 1103515245U + 12345U;
        if (most > 0 && 1 + (random >> 16) % most < piece.length) {
            piece.length = 1 + (random >> 16) % most;
        }
        outcome.status = chunk_lexer_feed(&lexer, piece, &taken);
        must(taken <= piece.length);
        must(outcome.status != CHUNK_MORE || taken == piece.length);
        outcome.taken += taken;
        must(outcome.status != CHUNK_EXTENSION || body.data[outcome.taken - 1] == ';');
    }
    if (outcome.status == CHUNK_EXTENSION) {
        outcome.status = CHUNK_MORE; /* nothing follows the semicolon */
    }
    must(lexer.body_bytes <= BODY_BYTES_MAX);
    if (outcome.status == CHUNK_REFUSED) {
        outcome.refusal = lexer.refusal;
        must(lexer.problem != NULL);
        must(lexer.refusal == END_BAD_REQUEST || lexer.refusal == END_TOO_LARGE);
    }
    return outcome;
}

/* -- the second reading -- */

struct reading {
    const char *text;
    size_t length;
    size_t at;
    bool is_refused;
    bool is_too_large;
    size_t extension_bytes;
};

/* True when <byte> stands there; otherwise it is cut short, or refused. */
static bool expect(struct reading *reading, char byte)
{
    if (reading->at == reading->length) {
        return false;
    }
    if (reading->text[reading->at] != byte) {
        reading->is_refused = true;
        return false;
    }
    reading->at++;
    return true;
}

/* 1*16HEXDIG; false when cut short or refused. The value cannot overflow. */
static bool read_size(struct reading *reading, unsigned long long *size)
{
    char digits[17] = "";
    size_t count = 0;

    while (reading->at < reading->length && count < 16 &&
           strchr("0123456789abcdefABCDEF", reading->text[reading->at]) != NULL &&
           reading->text[reading->at] != '\0') {
        digits[count++] = reading->text[reading->at++];
    }
    if (reading->at == reading->length) {
        return false;
    }
    *size = strtoull(digits, NULL, 16);
    reading->is_refused = count == 0;
    return count > 0;
}

static bool is_text(char byte)
{
    return (unsigned char)byte >= ' ' ? byte != 0x7f : byte == '\t';
}

static bool is_token(char byte)
{
    return byte > ' ' && byte < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;
}

/* One byte of an extension that must be of some kind; false when cut short or refused. */
static bool take(struct reading *reading, bool (*fits)(char byte))
{
    if (reading->at == reading->length) {
        return false;
    }
    if (!fits(reading->text[reading->at])) {
        reading->is_refused = true;
    } else if (++reading->extension_bytes > EXTENSION_BYTES_MAX) {
        reading->is_too_large = true;
    } else {
        reading->at++;
        return true;
    }
    return false;
}

static bool stands_at(const struct reading *reading, char byte)
{
    return reading->at < reading->length && reading->text[reading->at] == byte;
}

static bool is_any(char byte)
{
    (void)byte;
    return true;
}

static bool read_token(struct reading *reading)
{
    do {
        if (!take(reading, is_token)) {
            return false;
        }
    } while (reading->at < reading->length && is_token(reading->text[reading->at]));
    return reading->at < reading->length;
}

static bool read_quoted(struct reading *reading)
{
    if (!take(reading, is_any)) { /* the quotes that stand there */
        return false;
    }
    while (!stands_at(reading, '"')) {
        bool is_pair = stands_at(reading, '\\');
        if (!take(reading, is_text) || (is_pair && !take(reading, is_text))) {
            return false;
        }
    }
    return take(reading, is_any);
}

/* *( ";" name [ "=" value ] ); false when cut short or refused. */
static bool read_extensions(struct reading *reading)
{
    for (bool is_first = true; stands_at(reading, ';'); is_first = false) {
        if (is_first) {
            reading->at++;
        } else if (!take(reading, is_any)) {
            return false;
        }
        if (!read_token(reading)) {
            return false;
        }
        if (stands_at(reading, '=') &&
            (!take(reading, is_any) ||
             !(stands_at(reading, '"') ? read_quoted(reading) : read_token(reading)))) {
            return false;
        }
    }
    return reading->at < reading->length;
}

static struct outcome outcome_of(const struct reading *reading, bool is_done, bool is_too_large)
{
    struct outcome outcome = {.status = CHUNK_MORE, .taken = reading->at};

    if (is_done) {
        outcome.status = CHUNK_DONE;
    } else if (reading->is_refused || reading->is_too_large || is_too_large) {
        outcome.status = CHUNK_REFUSED;
        outcome.refusal = reading->is_too_large || is_too_large ? END_TOO_LARGE : END_BAD_REQUEST;
    }
    return outcome;
}

static struct outcome read_again(struct span body)
{
    struct reading reading = {.text = body.data, .length = body.length};
    unsigned long long size = 0;
    unsigned long long sum = 0;

    while (read_size(&reading, &size) && read_extensions(&reading)) {
        if (reading.text[reading.at] == '\r' && size > BODY_BYTES_MAX - sum) {
            return outcome_of(&reading, false, true);
        }
        if (!expect(&reading, '\r') || !expect(&reading, '\n')) {
            break;
        }
        if (size == 0) {
            bool is_done = expect(&reading, '\r') && expect(&reading, '\n');
            return outcome_of(&reading, is_done, false);
        }
        if (size > reading.length - reading.at) {
            reading.at = reading.length;
            break;
        }
        reading.at += (size_t)size;
        sum += size;
        if (!expect(&reading, '\r') || !expect(&reading, '\n')) {
            break;
        }
    }
    return outcome_of(&reading, false, false);
}

static bool is_same(struct outcome a, struct outcome b)
{
    return a.status == b.status && a.refusal == b.refusal && a.taken == b.taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body;
    struct outcome whole;

    if (size == 0) {
        return 0;
    }
    body = span_of((const char *)data + 1, size - 1);
    whole = run(body, 0, 0);
    must(is_same(whole, run(body, 1, 0)));
    must(is_same(whole, run(body, 1 + data[0] % 16U, data[0])));
    must(is_same(whole, read_again(body)));
    return 0;
}
