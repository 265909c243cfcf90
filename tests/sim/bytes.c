/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - a growing byte buffer; see bytes.h.
 *
 * Drained bytes are reclaimed only when the buffer runs empty or needs room,
 * so a stream that alternates one append and one write never moves memory.
 */
#include "tests/sim/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES 512

static void out_of_memory(void)
{
    (void)fputs("hfsim: out of memory\n", stderr); /* nothing left to try if this fails */
    exit(1);
}

char *bytes_reserve(struct bytes *b, size_t room)
{
    size_t wanted = 0;

    if (room > SIZE_MAX / 4 - b->length) {
        out_of_memory();
    }
    if (b->capacity - b->start - b->length >= room && b->data != NULL) {
        return b->data + b->start + b->length;
    }
    if (b->start > 0 && b->data != NULL) {
        memmove(b->data, b->data + b->start, b->length);
        b->start = 0;
    }
    wanted = b->capacity < FIRST_CAPACITY_BYTES ? FIRST_CAPACITY_BYTES : b->capacity;
    while (wanted < b->length + room) {
        wanted *= 2;
    }
    if (wanted != b->capacity) {
        char *grown = realloc(b->data, wanted);
        if (grown == NULL) {
            out_of_memory();
        }
        b->data = grown;
        b->capacity = wanted;
    }
    return b->data + b->length;
}

void bytes_commit(struct bytes *b, size_t length)
{
    b->length += length;
}

void bytes_add(struct bytes *b, const char *data, size_t length)
{
    if (length > 0) {
        memcpy(bytes_reserve(b, length), data, length);
        b->length += length;
    }
}

void bytes_add_span(struct bytes *b, struct span text)
{
    bytes_add(b, text.data, text.length);
}

void bytes_add_string(struct bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

void bytes_printf(struct bytes *b, const char *format, ...)
{
    size_t room = 256; /* nearly always enough, so that the text is rendered once */
    va_list arguments;
    va_list again;
    int length = 0;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(bytes_reserve(b, room), room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length >= room) {
        room = (size_t)length + 1;
        (void)vsnprintf(bytes_reserve(b, room), room, format, again); /* measured just above */
    }
    b->length += length > 0 ? (size_t)length : 0;
    va_end(again);
}

void bytes_add_fill(struct bytes *b, char fill, size_t length)
{
    if (length > 0) {
        memset(bytes_reserve(b, length), fill, length);
        b->length += length;
    }
}

/* How many bytes at the front of <text> need no escape in a JSON string. */
static size_t plain_run(struct span text)
{
    size_t i = 0;

    while (i < text.length && (unsigned char)text.data[i] >= 0x20 && text.data[i] != '"' &&
           text.data[i] != '\\') {
        i++;
    }
    return i;
}

static void add_json_escape(struct bytes *b, char c)
{
    if (c == '\n') {
        bytes_add_string(b, "\\n");
    } else if (c == '\t') {
        bytes_add_string(b, "\\t");
    } else if (c == '"' || c == '\\') {
        char pair[2] = {'\\', c};
        bytes_add(b, pair, sizeof(pair));
    } else {
        bytes_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

void bytes_add_json(struct bytes *b, struct span text)
{
    while (text.length > 0) {
        size_t run = plain_run(text);
        bytes_add(b, text.data, run);
        text = span_skip(text, run);
        if (text.length > 0) {
            add_json_escape(b, text.data[0]);
            text = span_skip(text, 1);
        }
    }
}

void bytes_drop(struct bytes *b, size_t count)
{
    b->start += count;
    b->length -= count;
    if (b->length == 0) {
        b->start = 0;
    }
}

void bytes_cut_end(struct bytes *b, size_t count)
{
    b->length -= count;
}

struct span bytes_span(const struct bytes *b)
{
    return span_of(b->data == NULL ? "" : b->data + b->start, b->length);
}

void bytes_clear(struct bytes *b)
{
    b->start = 0;
    b->length = 0;
}

void bytes_fini(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}
