/* SPDX-License-Identifier: MIT */
/*
 * fuzz_framing.c - any bytes as the framing of an upstream's response.
 *
 * The first byte says how the body is framed, and how long it is when it is counted.
 * Besides the sanitizers these must hold: whole or in pieces, the same bytes come to the
 * same verdict; what is broken says why and stays so.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_target.h"
#include "upstream/framing.h"

#define CHUNK_BYTES_MAX 4096
#define BODIES 4

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Where the head ends, or the length of <bytes>. */
static size_t head_length(struct span bytes)
{
    for (size_t at = 0; at + 4 <= bytes.length; at++) {
        if (memcmp(bytes.data + at, "\r\n\r\n", 4) == 0) {
            return at + 4;
        }
    }
    return bytes.length;
}

/* Feed <bytes> in pieces of <size>; a copy each, so that the sanitizer sees their ends. */
static bool feed(struct framing *framing, struct span bytes, size_t size)
{
    bool is_sound = true;

    while (!span_is_empty(bytes)) {
        size_t length = size < bytes.length ? size : bytes.length;
        char *piece = malloc(length);
        must(piece != NULL);
        memcpy(piece, bytes.data, length);
        bool goes_on = framing_feed(framing, span_of(piece, length));
        must(is_sound || !goes_on);
        is_sound = goes_on;
        free(piece);
        bytes = span_skip(bytes, length);
    }
    must(is_sound == (framing->problem == NULL));
    return is_sound;
}

static struct framing read_response(enum framing_body body, uint64_t length, struct span bytes,
                                    size_t size)
{
    size_t head = head_length(bytes);
    struct framing framing;

    framing_begin_head(&framing);
    if (feed(&framing, span_of(bytes.data, head), size) && head < bytes.length) {
        framing_begin_body(&framing, body, length, CHUNK_BYTES_MAX);
        (void)feed(&framing, span_skip(bytes, head), size);
    }
    return framing;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct span bytes = span_of((const char *)data + 1, size - 1);
    enum framing_body body = (enum framing_body)(data[0] % BODIES);
    uint64_t length = data[0] / BODIES;
    struct framing whole = read_response(body, length, bytes, size);

    for (size_t piece = 1; piece <= 7; piece += 3) {
        struct framing cut = read_response(body, length, bytes, piece);
        must(cut.problem == whole.problem && cut.has_excess == whole.has_excess);
        must(framing_has_ended(&cut) == framing_has_ended(&whole));
    }
    return 0;
}
