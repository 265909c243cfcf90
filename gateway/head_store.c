/* SPDX-License-Identifier: MIT */
/*
 * head_store.c - what a head lexer has captured so far, and how it refuses.
 *
 * Pieces are kept as offsets, because the store moves when it grows.
 */
#include "gateway/head_store.h"

#include <stdlib.h>
#include <string.h>

#define STORE_BYTES_FIRST 512

bool head_refuse(struct head_lexer *lexer, enum end_reason reason, const char *problem)
{
    lexer->state = HEAD_STATE_REFUSED;
    lexer->refusal = reason;
    lexer->problem = problem;
    return false;
}

void head_refuse_later(struct head_lexer *lexer, enum end_reason reason, const char *problem)
{
    if (lexer->problem == NULL) {
        lexer->refusal = reason;
        lexer->problem = problem;
    }
}

bool head_store_append(struct head_lexer *lexer, const char *data, size_t length)
{
    size_t needed = lexer->store_length + length;

    if (needed > lexer->store_capacity) {
        size_t capacity = lexer->store_capacity == 0 ? STORE_BYTES_FIRST : lexer->store_capacity;
        while (capacity < needed) {
            capacity *= 2; /* bounded: no more is captured than max_head_bytes */
        }
        char *store = realloc(lexer->store, capacity);
        if (store == NULL) {
            return head_refuse(lexer, END_NO_MEMORY, "no memory for a request head");
        }
        lexer->store = store;
        lexer->store_capacity = capacity;
    }
    memcpy(lexer->store + lexer->store_length, data, length);
    lexer->store_length = needed;
    return true;
}

struct span head_item(const struct head_lexer *lexer)
{
    if (lexer->store == NULL) {
        return span_of(NULL, 0); /* nothing was kept yet; NULL + 0 is undefined */
    }
    return span_of(lexer->store + lexer->mark, lexer->store_length - lexer->mark);
}

void head_item_drop(struct head_lexer *lexer)
{
    lexer->store_length = lexer->mark;
}

void head_item_keep(struct head_lexer *lexer, int piece, size_t length)
{
    lexer->pieces[piece].at = (uint32_t)lexer->mark;
    lexer->pieces[piece].length = (uint32_t)length;
    lexer->mark = lexer->store_length;
}
