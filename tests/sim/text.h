/* SPDX-License-Identifier: MIT */
/*
 * text.h - what the simulator says, token by token, made up as it goes.
 *
 * The text is never held as a whole: a sentence is composed when it is needed,
 * so an endless answer costs as little as a short one. The same start gives the
 * same tokens, and a struct copy continues where the original stood.
 */
#ifndef TESTS_SIM_TEXT_H
#define TESTS_SIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define TEXT_SENTENCE_BYTES 512

struct text {
    uint64_t random;
    bool is_endless;    /* go on until nobody asks for more */
    struct span exact;  /* borrowed; say this and nothing else */
    struct span prompt; /* borrowed; what the user wrote, directive cut off */
    size_t sentences;   /* made so far */
    char sentence[TEXT_SENTENCE_BYTES];
    size_t length; /* bytes in sentence */
    size_t at;     /* bytes of it said */
};

struct text_start {
    uint64_t seed;
    bool is_endless;
    bool is_exact;
    struct span exact;
    struct span prompt;
};

void text_init(struct text *text, const struct text_start *start);

/*
 * The next token: a piece of a word with its leading space, a number, a mark.
 * Never cuts a UTF-8 sequence that is whole. The span points into <text> (or the
 * exact text) and is valid until the next call. Empty when the text has ended.
 */
struct span text_next(struct text *text);

/* True when text_next() would give nothing more. Does not move. */
bool text_is_over(struct text *text);

#endif
