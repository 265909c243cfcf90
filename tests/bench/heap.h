/* SPDX-License-Identifier: MIT */
/*
 * heap.h - timers: a binary heap of things that are due, the next one first.
 */
#ifndef TESTS_BENCH_HEAP_H
#define TESTS_BENCH_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct due {
    int64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not in it */
};

struct heap {
    struct due **items; /* owned array of borrowed timers; items[0] is unused */
    size_t count;
    size_t capacity;
};

/* <due> at <at_ns>, whether it was in the heap before or not. */
void heap_set(struct heap *heap, struct due *due, int64_t at_ns);

/* Out of the heap; fine when it is not in it. */
void heap_remove(struct heap *heap, struct due *due);

/* The next one that is due at <now_ns> or earlier, taken out; or NULL. */
struct due *heap_take(struct heap *heap, int64_t now_ns);

/* Nanoseconds until the next one, at least 0; -1: there is none. */
int64_t heap_wait_ns(const struct heap *heap, int64_t now_ns);

#endif
