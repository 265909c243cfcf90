/* SPDX-License-Identifier: MIT */
/*
 * board.c - see board.h.
 *
 * A sequence lock: the number is odd while the text changes, and a reader whose copy was
 * made over two numbers takes another. Were the writer killed in the middle, which is the
 * end of its readers as well, the copy would be given up after some tries.
 */
#include "gateway/board.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TRIES_MAX 1000
#define CAPACITY_MAX ((size_t)64 * 1024 * 1024) /* more than anybody asks for */

struct board {
    size_t capacity;
    uint64_t sequence;
    uint64_t length;
    char text[];
};

struct board *board_new(size_t capacity)
{
    struct board *board = mmap(NULL, sizeof(*board) + capacity, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (board == MAP_FAILED) {
        return NULL;
    }
    board->capacity = capacity; /* the mapping is all zero */
    return board;
}

void board_free(struct board *board)
{
    if (board != NULL) {
        (void)munmap(board, sizeof(*board) + board->capacity); /* our own mapping: cannot fail */
    }
}

void board_show(struct board *board, const char *text, size_t length)
{
    uint64_t sequence = board->sequence;

    if (length > board->capacity) {
        length = 0;
    }
    __atomic_store_n(&board->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(board->text, text, length);
    __atomic_store_n(&board->length, length, __ATOMIC_RELAXED);
    __atomic_store_n(&board->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* False when the text changed meanwhile. */
static bool copy_once(const struct board *board, size_t capacity, char *copy)
{
    uint64_t before = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
    uint64_t length = __atomic_load_n(&board->length, __ATOMIC_RELAXED);

    if (before % 2 != 0 || length > capacity) { /* a worker that went astray can write here */
        return false;
    }
    memcpy(copy, board->text, length);
    copy[length] = '\0';
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&board->sequence, __ATOMIC_RELAXED) == before;
}

char *board_read(const struct board *board)
{
    size_t capacity = board->capacity < CAPACITY_MAX ? board->capacity : CAPACITY_MAX;
    char *copy = malloc(capacity + 1);

    if (copy == NULL) {
        return NULL;
    }
    for (int i = 0; i < TRIES_MAX; i++) {
        if (copy_once(board, capacity, copy)) {
            return copy;
        }
    }
    copy[0] = '\0';
    return copy;
}
