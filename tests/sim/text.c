/* SPDX-License-Identifier: MIT */
/*
 * text.c - composes sentences and cuts them into tokens; see text.h.
 */
#include "tests/sim/text.h"

#include <string.h>

#include "tests/sim/random.h"
#include "tests/sim/text_words.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define QUOTE_BYTES_MAX 120 /* of the user's message, in the greeting */
#define TOPIC_BYTES_MAX 24
#define WORD_PIECE_LETTERS 9 /* longer words come in pieces, as from a real tokenizer */
#define NATURAL_SENTENCES 8  /* then an answer without a token count says goodbye */

static void add(struct text *text, struct span piece)
{
    size_t room = sizeof(text->sentence) - text->length;
    size_t length = piece.length < room ? piece.length : room;

    memcpy(text->sentence + text->length, piece.data, length);
    text->length += length;
}

static void add_string(struct text *text, const char *piece)
{
    add(text, span_from_string(piece));
}

static bool is_letter(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || ((unsigned char)c & 0x80) != 0;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The first <length> bytes of <s> at most, not ending inside a UTF-8 sequence. */
static struct span cut_at(struct span s, size_t length)
{
    if (s.length <= length) {
        return s;
    }
    while (length > 0 && is_continuation(s.data[length])) {
        length--;
    }
    return span_of(s.data, length);
}

/* The longest word the user wrote, or a word that always fits. */
static struct span topic(struct span prompt)
{
    struct span best = SPAN_LITERAL("this");
    size_t start = 0;

    for (size_t i = 0; i <= prompt.length; i++) {
        if (i < prompt.length && is_letter(prompt.data[i])) {
            continue;
        }
        if (i - start > best.length && i - start <= TOPIC_BYTES_MAX) {
            best = span_of(prompt.data + start, i - start);
        }
        start = i + 1;
    }
    return best;
}

static const char *pick(struct text *text, const char *const *list, size_t count)
{
    return list[random_below(&text->random, count)];
}

static void add_slot(struct text *text, char slot)
{
    switch (slot) {
    case 'n':
        add_string(text, pick(text, NOUNS, COUNT_OF(NOUNS)));
        break;
    case 'a':
        add_string(text, pick(text, ADJECTIVES, COUNT_OF(ADJECTIVES)));
        break;
    case 'v':
        add_string(text, pick(text, VERBS, COUNT_OF(VERBS)));
        break;
    case 'f':
        add_string(text, pick(text, FOREIGN, COUNT_OF(FOREIGN)));
        break;
    case 'e':
        add_string(text, pick(text, EMOJI, COUNT_OF(EMOJI)));
        break;
    case 't':
        add(text, topic(text->prompt));
        break;
    default:
        break;
    }
}

static void add_pattern(struct text *text, const char *pattern)
{
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '$' && at[1] != '\0') {
            at++;
            add_slot(text, *at);
        } else {
            add(text, span_of(at, 1));
        }
    }
}

/* What the user wrote on one line, shortened; nothing when there is nothing to quote. */
static void add_quote(struct text *text)
{
    struct span quote = cut_at(text->prompt, QUOTE_BYTES_MAX);

    for (size_t i = 0; i < quote.length; i++) {
        bool is_control = (unsigned char)quote.data[i] < 0x20;
        add(text, is_control ? span_of(" ", 1) : span_of(quote.data + i, 1));
    }
    if (quote.length < text->prompt.length) {
        add_string(text, "\xe2\x80\xa6");
    }
}

static void compose_greeting(struct text *text)
{
    add_string(text,
               "Hello! \xf0\x9f\x8c\x8a I am **hfsim**, the Hugging Face simulator: no model is "
               "running, and this answer is made up on the spot.");
    if (!span_is_empty(text->prompt)) {
        add_string(text, " You wrote: \xe2\x80\x9c");
        add_quote(text);
        add_string(text, "\xe2\x80\x9d.");
    }
    add_pattern(text, " A $a question deserves a $a answer.");
}

/* Compose the next sentence; false when the text is over. */
static bool compose(struct text *text)
{
    text->length = 0;
    text->at = 0;
    if (text->exact.data != NULL) {
        return false;
    }
    if (text->sentences == 0) {
        compose_greeting(text);
    } else if (!text->is_endless && text->sentences > NATURAL_SENTENCES) {
        return false;
    } else if (!text->is_endless && text->sentences == NATURAL_SENTENCES) {
        add_string(text, "\n\nSet `HF_TOKEN` and a real model will answer instead. "
                         "Until then: every token you saw came through the gateway, one by one. "
                         "\xf0\x9f\x99\x82");
    } else {
        add_pattern(text, pick(text, SENTENCES, COUNT_OF(SENTENCES)));
    }
    text->sentences++;
    return true;
}

/* Length of one UTF-8 sequence at the front, 1 for anything that is not one. */
static size_t sequence_length(struct span s)
{
    size_t n = 1;

    if (((unsigned char)s.data[0] & 0xc0) != 0xc0) {
        return 1;
    }
    while (n < s.length && n < 4 && is_continuation(s.data[n])) {
        n++;
    }
    return n;
}

/* Length of the letters at the front that make one token. */
static size_t word_piece(struct span s)
{
    size_t bytes = 0;
    size_t letters = 0;

    while (bytes < s.length && is_letter(s.data[bytes]) && letters < WORD_PIECE_LETTERS) {
        size_t length = sequence_length(span_skip(s, bytes));
        if (length == 4 && bytes > 0) {
            break; /* an emoji starts a token of its own */
        }
        bytes += length;
        letters++;
        if (length == 4) {
            break; /* and ends it */
        }
    }
    return bytes;
}

/* Length of the token at the front of <s>, which is not empty. */
static size_t token_length(struct span s)
{
    size_t lead = s.data[0] == ' ' && s.length > 1 ? 1 : 0;
    struct span rest = span_skip(s, lead);
    size_t length = word_piece(rest);

    if (length > 0) {
        return lead + length;
    }
    if (rest.data[0] >= '0' && rest.data[0] <= '9') {
        while (length < rest.length && length < 3 && rest.data[length] >= '0' &&
               rest.data[length] <= '9') {
            length++;
        }
        return lead + length;
    }
    while (length < rest.length && length < 4 && rest.data[length] == rest.data[0]) {
        length++; /* "**", "\n\n", "```" are one token */
    }
    return lead + length;
}

void text_init(struct text *text, const struct text_start *start)
{
    *text = (struct text){
        .random = start->seed,
        .is_endless = start->is_endless,
        .exact = start->is_exact ? start->exact : span_of(NULL, 0),
        .prompt = start->prompt,
    };
}

bool text_is_over(struct text *text)
{
    if (text->exact.data != NULL) {
        return text->at >= text->exact.length;
    }
    return text->at >= text->length && !compose(text);
}

struct span text_next(struct text *text)
{
    struct span rest;
    struct span token;

    if (text_is_over(text)) {
        return span_of("", 0);
    }
    rest = text->exact.data != NULL ? text->exact : span_of(text->sentence, text->length);
    rest = span_skip(rest, text->at);
    token = span_of(rest.data, token_length(rest));
    text->at += token.length;
    return token;
}
