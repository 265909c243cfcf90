/* SPDX-License-Identifier: MIT */
/*
 * heap.c - a binary heap of timers; see heap.h.
 */
#include "tests/bench/heap.h"

#include <stdlib.h>

#include "tests/bench/wire.h"

static void put(struct heap *heap, size_t place, struct due *due)
{
    heap->items[place] = due;
    due->place = place;
}

/* Carry what is at <place> up or down to where it belongs. */
static void settle(struct heap *heap, size_t place)
{
    struct due *due = heap->items[place];

    while (place > 1 && heap->items[place / 2]->at_ns > due->at_ns) {
        put(heap, place, heap->items[place / 2]);
        place /= 2;
    }
    while (2 * place <= heap->count) {
        size_t child = 2 * place;

        if (child < heap->count && heap->items[child + 1]->at_ns < heap->items[child]->at_ns) {
            child += 1;
        }
        if (heap->items[child]->at_ns >= due->at_ns) {
            break;
        }
        put(heap, place, heap->items[child]);
        place = child;
    }
    put(heap, place, due);
}

static void grow(struct heap *heap)
{
    size_t capacity = heap->capacity == 0 ? 1024 : 2 * heap->capacity;
    struct due **items = realloc(heap->items, (capacity + 1) * sizeof(struct due *));

    if (items == NULL) {
        bench_die("timers");
    }
    heap->items = items;
    heap->capacity = capacity;
}

void heap_set(struct heap *heap, struct due *due, int64_t at_ns)
{
    due->at_ns = at_ns;
    if (due->place == 0) {
        if (heap->count == heap->capacity) {
            grow(heap);
        }
        heap->count += 1;
        put(heap, heap->count, due);
    }
    settle(heap, due->place);
}

void heap_remove(struct heap *heap, struct due *due)
{
    size_t place = due->place;
    struct due *last = NULL;

    if (place == 0) {
        return;
    }
    due->place = 0;
    last = heap->items[heap->count];
    heap->count -= 1;
    if (last != due) {
        put(heap, place, last);
        settle(heap, place);
    }
}

struct due *heap_take(struct heap *heap, int64_t now_ns)
{
    struct due *first = heap->count == 0 ? NULL : heap->items[1];

    if (first == NULL || first->at_ns > now_ns) {
        return NULL;
    }
    heap_remove(heap, first);
    return first;
}

int64_t heap_wait_ns(const struct heap *heap, int64_t now_ns)
{
    if (heap->count == 0) {
        return -1;
    }
    return heap->items[1]->at_ns > now_ns ? heap->items[1]->at_ns - now_ns : 0;
}
