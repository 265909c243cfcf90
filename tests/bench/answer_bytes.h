/* SPDX-License-Identifier: MIT */
/*
 * answer_bytes.h - the bytes of an answer, as a Hugging Face provider sends them: each event an
 * HTTP chunk of its own. And the moment in a token's text, which both ends understand.
 */
#ifndef TESTS_BENCH_ANSWER_BYTES_H
#define TESTS_BENCH_ANSWER_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* A token with the answer's tail after it is never longer. */
#define ANSWER_PIECE_MAX 1024

/* Text of a token: a space or a line break, then the moment. */
#define STAMP_LENGTH 6
#define TOKEN_LENGTH (1 + STAMP_LENGTH)

/* Once, before the others. */
void answer_prepare(void);

/* HTTP head and the event with the role. Each returns how much it wrote to <to>. */
size_t answer_head(uint8_t *to);

/* Token <number> of an answer; every 16th begins with a line break. */
size_t answer_token(uint8_t *to, int64_t number, int64_t now_ns);

/* Finish event, [DONE], last chunk. */
size_t answer_tail(uint8_t *to);

/* <ns> as letters, in microseconds modulo 2^36, and how long ago a stamp was, in nanoseconds. */
void stamp_write(uint8_t *to, int64_t ns);
int64_t stamp_age_ns(const uint8_t *stamp, int64_t now_ns);

#endif
