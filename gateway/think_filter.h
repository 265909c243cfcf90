/* SPDX-License-Identifier: MIT */
/*
 * think_filter.h - tells the thinking of a reasoning model from its answer. Pure.
 *
 * Such models write <think>...</think> in front of the answer, and nowhere else, so that is
 * the only place where the tags are looked for. The tags may come in any number of
 * pieces. Nothing is copied: pieces point into the text given, or at a tag's own letters
 * when those turned out to be none. Only what may be the beginning of a tag waits for
 * the next piece.
 */
#ifndef GATEWAY_THINK_FILTER_H
#define GATEWAY_THINK_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum think_state {
    THINK_BEFORE = 0, /* nothing but white space so far */
    THINK_BEGIN,      /* white space behind <think> */
    THINK_INSIDE,
    THINK_END,   /* white space behind </think> */
    THINK_PLAIN, /* the answer: nothing is looked for any more */
};

/* All zero: at the start of an answer. */
struct think_filter {
    enum think_state state;
    unsigned matched; /* letters of the tag awaited that have come, and wait */
};

struct think_piece {
    struct span text;
    bool is_thinking;
};

#define THINK_PIECES_MAX 3

/* Split the next <text>; returns the number of pieces, none of them empty. */
size_t think_filter_split(struct think_filter *filter, struct span text,
                          struct think_piece pieces[THINK_PIECES_MAX]);

/* The end: true when something has waited for its rest, and is <piece>. */
bool think_filter_finish(struct think_filter *filter, struct think_piece *piece);

#endif
