/* SPDX-License-Identifier: MIT */
/*
 * request.h - strict HTTP/1.1 request parsing, by RFC 9112.
 *
 * What the gateway sends must be exactly right, so nothing is forgiven here: a
 * request that a lenient server would accept is a bug of the gateway and is
 * answered with 400.
 */
#ifndef TESTS_SIM_REQUEST_H
#define TESTS_SIM_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "tests/sim/bytes.h"

#define REQUEST_HEAD_BYTES_MAX ((size_t)65536)
#define REQUEST_BODY_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* What the rest of the simulator needs of a head; spans borrow from the input. */
struct request_head {
    struct span method;
    struct span target;
    struct span content_type;
    bool is_http_1_0;
    bool keeps_alive;
    bool expects_continue;
    bool is_chunked;
    bool has_length;
    size_t length; /* Content-Length, valid with has_length */
    size_t size;   /* bytes of the head, empty line included */
};

enum request_status {
    REQUEST_OK = 0,
    REQUEST_INCOMPLETE,
    REQUEST_BAD,
    REQUEST_TOO_LARGE,
};

enum request_status request_head_parse(struct span input, struct request_head *head) MUST_USE;

/* Where the reader of a body stands. */
struct request_body {
    bool is_chunked;
    bool is_in_trailers;
    bool is_after_chunk; /* the line end of a chunk's data is due */
    size_t left;         /* bytes of the length or of the chunk still to come */
};

void request_body_init(struct request_body *reader, const struct request_head *head);

/*
 * Move what has come from <input> to <body>. REQUEST_OK when the body is
 * complete; bytes that follow it stay in <input>.
 */
enum request_status request_body_feed(struct request_body *reader, struct bytes *input,
                                      struct bytes *body) MUST_USE;

/* The next field of a parsed head: name and value; false at its end. <rest> starts as the head. */
bool request_next_field(struct span *rest, struct span *name, struct span *value);

#endif
