/* SPDX-License-Identifier: MIT */
/*
 * tally.h - how many things each key has in hand, up to a cap for one key. Pure.
 *
 * Keys come from strangers: which bucket one falls into is not theirs to choose, and a
 * key costs memory only while something of it is in hand.
 */
#ifndef GATEWAY_TALLY_H
#define GATEWAY_TALLY_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct tally;
struct tally_slot; /* one key's entry, counted */

enum tally_verdict {
    TALLY_OK = 0,
    TALLY_FULL, /* the key has its cap in hand */
    TALLY_NO_MEMORY,
};

/* NULL when memory is out. <cap> at least 1. */
struct tally *tally_new(size_t cap) MUST_USE;
void tally_free(struct tally *tally); /* every slot released; accepts NULL */

/* On TALLY_OK <slot> is to be released once. */
enum tally_verdict tally_acquire(struct tally *tally, struct span key,
                                 struct tally_slot **slot) MUST_USE;
void tally_release(struct tally *tally, struct tally_slot *slot); /* NULL slot: no-op */

/* Keys that have something in hand. */
size_t tally_keys(const struct tally *tally);

#endif
