/* SPDX-License-Identifier: MIT */
/*
 * answer_reader.h - one answer as the bench client reads it: HTTP head, chunks, tokens.
 *
 * It believes nothing: a status that is not 200, a chunk that is cut, a token that is missing,
 * an end without [DONE] make the answer bad, and one bad answer makes the run invalid.
 */
#ifndef TESTS_BENCH_ANSWER_READER_H
#define TESTS_BENCH_ANSWER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/answer_bytes.h"
#include "tests/bench/histogram.h"

#define ANSWER_HEAD_MAX 2048

enum answer_place {
    ANSWER_IN_HEAD = 0,
    ANSWER_IN_SIZE,
    ANSWER_IN_CHUNK,
    ANSWER_AFTER_CHUNK,
    ANSWER_IN_TRAILER,
    ANSWER_COMPLETE
};

struct answer_reader {
    enum answer_place place;
    bool is_text;        /* bare text, else server-sent events with JSON */
    bool closes;         /* the head said so */
    bool is_done;        /* [DONE] was there */
    const char *problem; /* NULL: good so far */
    int64_t tokens;
    size_t chunk_left;
    size_t line_length;       /* of head, size line or event line, whichever is read */
    struct histogram *delays; /* borrowed; NULL: not measured */
    char line[ANSWER_HEAD_MAX];
};

void answer_reader_begin(struct answer_reader *reader, bool is_text);

/*
 * Read on. Bytes after the end make the answer bad, since nobody asked for more. Done when
 * <place> is ANSWER_COMPLETE or <problem> is set.
 */
void answer_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
                        int64_t now_ns);

#endif
