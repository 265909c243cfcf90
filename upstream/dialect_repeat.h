/* SPDX-License-Identifier: MIT */
/*
 * dialect_repeat.h - reads an event that differs from an earlier one in its text alone.
 *
 * The events of one answer are the same bytes over and over, but for one string. Once such
 * an event has been read in full, the next one is known to be well-formed, and what it
 * means, when the bytes in front of the string and those behind it are the same and the
 * string itself is a lawful one: JSON with one string put in another's place is the same
 * JSON but for that string. So nothing is trusted here that has not been checked, and what
 * fits not to the byte is read in full.
 */
#ifndef UPSTREAM_DIALECT_REPEAT_H
#define UPSTREAM_DIALECT_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "upstream/dialect.h"

/* Of one answer. All zero: nothing is known yet. */
struct dialect_repeat {
    char *bytes;     /* owned: the event without its text */
    uint16_t before; /* bytes in front of the text, the quote included; 0: nothing is known */
    uint16_t behind; /* bytes behind it, from the other quote on */
    uint16_t room;   /* of <bytes> */
    bool is_chunk;   /* as in struct upstream_delta */
};

void dialect_repeat_fini(struct dialect_repeat *repeat);

/* Forget the event, as another answer begins; keeps the memory. */
void dialect_repeat_reset(struct dialect_repeat *repeat);

/*
 * Read <event> if it is like the one that was learnt. The result's text lives as long as
 * one of dialect.read(). False: read it in full; <result> is not written.
 */
bool dialect_repeat_read(const struct dialect_repeat *repeat, struct dialect_scratch *scratch,
                         const struct sse_event *event, struct dialect_result *result) MUST_USE;

/* <event> has been read in full, with this result: the next one may be like it. */
void dialect_repeat_learn(struct dialect_repeat *repeat, const struct sse_event *event,
                          const struct dialect_result *result);

#endif
