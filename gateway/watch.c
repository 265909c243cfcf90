/* SPDX-License-Identifier: MIT */
/*
 * watch.c - walks the new bytes of an evbuffer through the lexers, without a copy.
 */
#include "gateway/watch.h"

#include <event2/buffer.h>

#include "base/bug.h"
#include "base/span.h"

void watch_init(struct watch *watch, const struct head_limits *limits)
{
    *watch = (struct watch){.state = WATCH_QUIET};
    head_lexer_init(&watch->head, limits);
}

void watch_reset(struct watch *watch)
{
    head_lexer_reset(&watch->head);
    watch->state = WATCH_QUIET;
    watch->has_whole_head = false;
    watch->has_excess = false;
    watch->skipped_line = false;
}

void watch_fini(struct watch *watch)
{
    head_lexer_fini(&watch->head);
}

static void refuse(struct watch *watch, enum end_reason reason, const char *problem)
{
    watch->state = WATCH_REFUSED;
    watch->refusal = reason;
    watch->problem = problem;
}

static void begin_body(struct watch *watch)
{
    const struct request_head *head = &watch->head.head;

    watch->has_whole_head = true;
    switch (head->framing) {
    case BODY_NONE:
        watch->state = WATCH_COMPLETE;
        return;
    case BODY_LENGTH:
        watch->body_left = head->content_length;
        watch->state = watch->body_left == 0 ? WATCH_COMPLETE : WATCH_IN_BODY;
        return;
    case BODY_CHUNKED:
        chunk_lexer_init(&watch->chunks, watch->head.limits->max_body_bytes);
        watch->state = WATCH_IN_BODY;
        return;
    }
}

static size_t feed_head(struct watch *watch, struct span bytes)
{
    size_t taken = 0;

    switch (head_lexer_feed(&watch->head, bytes, &taken)) {
    case HEAD_MORE:
        watch->state = WATCH_IN_HEAD;
        break;
    case HEAD_DONE:
        begin_body(watch);
        break;
    case HEAD_REFUSED:
        refuse(watch, watch->head.refusal, watch->head.problem);
        break;
    }
    return taken;
}

static size_t feed_length(struct watch *watch, size_t available)
{
    size_t taken = available < watch->body_left ? available : (size_t)watch->body_left;

    watch->body_left -= taken;
    if (watch->body_left == 0) {
        watch->state = WATCH_COMPLETE;
    }
    return taken;
}

static size_t feed_chunks(struct watch *watch, char *bytes, size_t length)
{
    size_t taken = 0;

    switch (chunk_lexer_feed(&watch->chunks, span_of(bytes, length), &taken)) {
    case CHUNK_MORE:
        break;
    case CHUNK_EXTENSION:
        bytes[taken - 1] = ' '; /* evhttp has not seen it: it reads whole lines only */
        break;
    case CHUNK_DONE:
        watch->state = WATCH_COMPLETE;
        break;
    case CHUNK_REFUSED:
        refuse(watch, watch->chunks.refusal, watch->chunks.problem);
        break;
    }
    return taken;
}

/* Feed one contiguous piece; false when nothing more of the input matters. */
static bool feed_piece(struct watch *watch, char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length) {
        switch (watch->state) {
        case WATCH_QUIET:
        case WATCH_IN_HEAD:
            at += feed_head(watch, span_of(bytes + at, length - at));
            break;
        case WATCH_IN_BODY:
            at += watch->head.head.framing == BODY_LENGTH
                      ? feed_length(watch, length - at)
                      : feed_chunks(watch, bytes + at, length - at);
            break;
        case WATCH_COMPLETE:
            watch->has_excess = true;
            return false;
        case WATCH_REFUSED:
            return false;
        }
    }
    return true;
}

/*
 * Drop one CRLF in front of a request. Returns false while a lone CR waits for
 * what follows it; then nothing is fed yet.
 */
static bool skip_empty_line(struct watch *watch, struct evbuffer *input, size_t *unseen)
{
    char front[2] = {0, 0};
    ev_ssize_t count = evbuffer_copyout(input, front, sizeof(front));

    if (watch->skipped_line || count < 1 || front[0] != '\r') {
        return true;
    }
    if (count < 2) {
        return false;
    }
    if (front[1] == '\n') {
        size_t taken = 0;
        watch->skipped_line = true;
        /* The lexer must know, or it would let a second one pass, which evhttp answers itself. */
        (void)BUG_IF(head_lexer_feed(&watch->head, span_of(front, sizeof(front)), &taken) !=
                     HEAD_MORE);
        evbuffer_drain(input, 2);
        *unseen -= 2;
    }
    return true;
}

enum watch_state watch_feed(struct watch *watch, struct evbuffer *input, size_t added)
{
    size_t length = evbuffer_get_length(input);
    size_t unseen = added;

    if (watch->state == WATCH_QUIET) {
        /* Everything there is belongs to this request, a waiting CR included. */
        unseen = length;
        if (!skip_empty_line(watch, input, &unseen)) {
            return watch->state;
        }
        length = evbuffer_get_length(input);
    }
    while (unseen > 0) {
        struct evbuffer_ptr from;
        struct evbuffer_iovec piece;

        if (BUG_IF(evbuffer_ptr_set(input, &from, length - unseen, EVBUFFER_PTR_SET) != 0) ||
            BUG_IF(evbuffer_peek(input, (ev_ssize_t)unseen, &from, &piece, 1) < 1)) {
            refuse(watch, END_BAD_REQUEST, "input buffer cannot be read");
            break;
        }
        size_t here = piece.iov_len < unseen ? piece.iov_len : unseen;
        if (!feed_piece(watch, piece.iov_base, here)) {
            break;
        }
        unseen -= here;
    }
    return watch->state;
}
