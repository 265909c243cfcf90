/* SPDX-License-Identifier: MIT */
/*
 * guard_page.h - a copy of an input that ends where readable memory ends.
 *
 * A parser that reads one byte too far faults, with or without a sanitizer.
 */
#ifndef TESTS_UNIT_GUARD_PAGE_H
#define TESTS_UNIT_GUARD_PAGE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/span.h"

struct guard_page {
    char *map;   /* owned; the last page of it cannot be touched */
    size_t size; /* bytes in <map> */
    char *wall;  /* first byte of that page */
};

/* Room for inputs of <room> bytes at most. */
static inline struct guard_page guard_page_new(size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (room / page + 1) * page;
    struct guard_page guard = {.size = usable + page};

    guard.map = mmap(NULL, guard.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard.map == MAP_FAILED || mprotect(guard.map + usable, page, PROT_NONE) != 0) {
        abort();
    }
    guard.wall = guard.map + usable;
    return guard;
}

/* <text> again, its last byte right before the wall. Valid until the next call. */
static inline struct span guard_page_place(const struct guard_page *guard, struct span text)
{
    char *start = guard->wall - text.length;

    if (text.length > 0) {
        memcpy(start, text.data, text.length);
    }
    return span_of(start, text.length);
}

static inline void guard_page_free(struct guard_page *guard)
{
    munmap(guard->map, guard->size);
}

#endif
