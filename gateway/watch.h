/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the strict lexers over one connection's input, ahead of evhttp.
 *
 * Fed with the bytes that have just been added to an input buffer, it follows one
 * request from its first byte to the end of its body and says where it stands. It
 * leaves the bytes as they are but for two things that RFC 9112 wants ignored and evhttp
 * would refuse: one empty line before a request is removed (section 2.2), and the ";" of
 * chunk extensions becomes a space, behind which evhttp reads no further (section 7.1.1).
 */
#ifndef GATEWAY_WATCH_H
#define GATEWAY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/chunk_lexer.h"
#include "gateway/end_reason.h"
#include "gateway/head_lexer.h"

struct evbuffer;

enum watch_state {
    WATCH_QUIET = 0, /* no byte of a request yet */
    WATCH_IN_HEAD,
    WATCH_IN_BODY,
    WATCH_COMPLETE, /* head and body are whole */
    WATCH_REFUSED,  /* see refusal and problem */
};

struct watch {
    enum watch_state state;
    enum end_reason refusal;
    const char *problem; /* static text */
    bool has_whole_head; /* what is refused, if anything, is the body */
    bool has_excess;     /* bytes came behind a complete request */
    bool skipped_line;   /* the one empty line is used up */
    struct head_lexer head;
    struct chunk_lexer chunks;
    uint64_t body_left; /* bytes, of a body with Content-Length */
};

/* <limits> is borrowed for the watch's life. */
void watch_init(struct watch *watch, const struct head_limits *limits);
void watch_reset(struct watch *watch); /* for the next request */
void watch_fini(struct watch *watch);

/* Look at the last <added> bytes of <input>. Returns the state reached. */
enum watch_state watch_feed(struct watch *watch, struct evbuffer *input, size_t added);

#endif
