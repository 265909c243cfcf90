/* SPDX-License-Identifier: MIT */
/*
 * chunk_lexer.h - strict chunked request bodies, RFC 9112 section 7.1. Pure.
 *
 * Sizes in hexadecimal digits alone, CRLF only, no trailer fields; extensions in
 * their exact grammar and few in all, to be ignored (section 7.1.1). It decodes nothing:
 * it only checks, counts and finds the end before evhttp reads the same bytes.
 */
#ifndef GATEWAY_CHUNK_LEXER_H
#define GATEWAY_CHUNK_LEXER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/end_reason.h"

enum chunk_status {
    CHUNK_MORE = 0,
    CHUNK_EXTENSION, /* the last byte taken is the ";" behind a size; feed the rest */
    CHUNK_DONE,      /* the last chunk and its empty trailer are complete */
    CHUNK_REFUSED,   /* see refusal */
};

struct chunk_lexer {
    enum end_reason refusal; /* after CHUNK_REFUSED: END_BAD_REQUEST or END_TOO_LARGE */
    const char *problem;     /* after CHUNK_REFUSED: static text for the log */
    int state;               /* private from here */
    unsigned digits;
    size_t extension_bytes; /* of all chunks */
    uint64_t chunk_left;
    uint64_t body_bytes;
    uint64_t max_body_bytes;
};

void chunk_lexer_init(struct chunk_lexer *lexer, uint64_t max_body_bytes);

/* Feed bytes; <taken> receives how many were used. */
enum chunk_status chunk_lexer_feed(struct chunk_lexer *lexer, struct span bytes,
                                   size_t *taken) MUST_USE;

#endif
