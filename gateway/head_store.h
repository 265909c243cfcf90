/* SPDX-License-Identifier: MIT */
/*
 * head_store.h - what a head lexer has captured so far, and how it refuses. Pure.
 *
 * Private to head_lexer.c and head_fields.c. The item in hand is what was appended
 * since the last one was kept or dropped.
 */
#ifndef GATEWAY_HEAD_STORE_H
#define GATEWAY_HEAD_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/head_grammar.h"
#include "gateway/head_lexer.h"

/* Values of lexer->state that end it; head_lexer.c numbers the others from 0. */
#define HEAD_STATE_REFUSED (-1)
#define HEAD_STATE_DONE (-2)

/* Pieces beside the kept fields, which have the first numbers. */
enum {
    PIECE_METHOD = HEAD_FIELDS_KEPT,
    PIECE_TARGET,
    PIECE_FORWARDED,                                          /* FORWARDED_LINES_MAX of them */
    PIECE_TRACESTATE = PIECE_FORWARDED + FORWARDED_LINES_MAX, /* TRACE_STATE_LINES_MAX of them */
};

_Static_assert(PIECE_TRACESTATE + TRACE_STATE_LINES_MAX == HEAD_PIECES, "room for every piece");

/* Ends the head at once. Always false, so that a step can return it. */
bool head_refuse(struct head_lexer *lexer, enum end_reason reason, const char *problem);

/* A refusal that waits for the end of the head; the first one stands. */
void head_refuse_later(struct head_lexer *lexer, enum end_reason reason, const char *problem);

/* Append to the item in hand. False: refused, memory is out. */
bool head_store_append(struct head_lexer *lexer, const char *data, size_t length) MUST_USE;

/* The item in hand; valid until the next append. */
struct span head_item(const struct head_lexer *lexer);
void head_item_drop(struct head_lexer *lexer);

/* Keep the first <length> bytes of the item in hand as <piece>. */
void head_item_keep(struct head_lexer *lexer, int piece, size_t length);

#endif
