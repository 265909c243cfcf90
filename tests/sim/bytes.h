/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a growing byte buffer that is filled at its end and drained at its front.
 *
 * The simulator has nobody to report an allocation failure to, so running out
 * of memory ends the process with a message; callers never check.
 */
#ifndef TESTS_SIM_BYTES_H
#define TESTS_SIM_BYTES_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct bytes {
    char *data;      /* owned */
    size_t start;    /* offset of the first byte not yet drained */
    size_t length;   /* bytes between start and the end */
    size_t capacity; /* bytes allocated */
};

/* Room for <room> more bytes at the end; returns where they go. */
char *bytes_reserve(struct bytes *b, size_t room);

/* The <length> bytes written to bytes_reserve()'s answer now belong to the buffer. */
void bytes_commit(struct bytes *b, size_t length);

void bytes_add(struct bytes *b, const char *data, size_t length);
void bytes_add_span(struct bytes *b, struct span text);
void bytes_add_string(struct bytes *b, const char *text);
void bytes_printf(struct bytes *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* <length> times the byte <fill>. */
void bytes_add_fill(struct bytes *b, char fill, size_t length);

/* <text> as the inside of a JSON string; bytes beyond ASCII are passed through. */
void bytes_add_json(struct bytes *b, struct span text);

/* Drop <count> bytes, at most the length, at the front. */
void bytes_drop(struct bytes *b, size_t count);

/* Drop <count> bytes, at most the length, at the end. */
void bytes_cut_end(struct bytes *b, size_t count);

/* What is in it; valid until the next change. */
struct span bytes_span(const struct bytes *b);

/* Empty, memory kept. */
void bytes_clear(struct bytes *b);

/* Empty, memory returned. The buffer may be used again. */
void bytes_fini(struct bytes *b);

#endif
