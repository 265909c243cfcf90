/* SPDX-License-Identifier: MIT */
/*
 * fuzz_head.c - any bytes as requests on a connection, through both lexers.
 *
 * The first byte chooses where the rest is cut in two. The verdict must not depend on
 * the cut, no byte behind the end of a head is taken, and what was captured lies
 * within the bounds.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/chunk_lexer.h"
#include "gateway/head_lexer.h"
#include "gateway/route.h"
#include "tests/fuzz/fuzz_target.h"

static const struct head_limits limits = {
    .max_head_bytes = 2048,
    .max_target_bytes = 512,
    .max_fields = 20,
    .max_body_bytes = 4096,
};

struct outcome {
    enum head_status head;
    enum end_reason refusal;
    size_t taken;
    enum chunk_status chunk;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Feed a whole piece, however often the lexer stops to show an extension. */
static enum chunk_status feed_chunks(struct chunk_lexer *lexer, struct span piece)
{
    enum chunk_status status = CHUNK_EXTENSION;

    while (status == CHUNK_EXTENSION) {
        size_t taken = 0;
        status = chunk_lexer_feed(lexer, piece, &taken);
        require(taken <= piece.length);
        require(status != CHUNK_EXTENSION || piece.data[taken - 1] == ';');
        piece = span_skip(piece, taken);
    }
    return status;
}

static enum chunk_status run_chunks(struct span bytes, size_t first)
{
    struct chunk_lexer lexer;
    enum chunk_status status = CHUNK_MORE;

    chunk_lexer_init(&lexer, limits.max_body_bytes);
    if (first > bytes.length) {
        first = bytes.length;
    }
    if (first > 0) {
        status = feed_chunks(&lexer, span_of(bytes.data, first));
    }
    if (status == CHUNK_MORE && first < bytes.length) {
        status = feed_chunks(&lexer, span_skip(bytes, first));
    }
    return status;
}

static void look_at(const struct request_head *head)
{
    struct route route;

    require(head->target.length > 0 && head->target.length <= limits.max_target_bytes);
    require(head->target.data[0] == '/' || head->method == METHOD_OPTIONS);
    require(head->host.data != NULL);
    require(head->framing != BODY_LENGTH || head->content_length <= limits.max_body_bytes);
    route_parse(head->target, &route);
    require(strlen(route.model) <= ROUTE_MODEL_BYTES_MAX);
}

static struct outcome run(struct span bytes, size_t first)
{
    struct head_lexer lexer;
    struct outcome outcome = {.head = HEAD_MORE, .chunk = CHUNK_MORE};
    size_t taken = 0;

    head_lexer_init(&lexer, &limits);
    if (first > 0) {
        outcome.head = head_lexer_feed(&lexer, span_of(bytes.data, first), &taken);
        outcome.taken = taken;
        require(taken <= first);
    }
    if (outcome.head == HEAD_MORE && first < bytes.length) {
        outcome.head = head_lexer_feed(&lexer, span_skip(bytes, first), &taken);
        outcome.taken += taken;
        require(taken <= bytes.length - first);
    }
    if (outcome.head == HEAD_DONE) {
        look_at(&lexer.head);
        if (lexer.head.framing == BODY_CHUNKED) {
            outcome.chunk = run_chunks(span_skip(bytes, outcome.taken), first);
        }
    } else if (outcome.head == HEAD_REFUSED) {
        outcome.refusal = lexer.refusal;
        require(lexer.problem != NULL && end_reason_status(lexer.refusal) >= 400);
    }
    head_lexer_fini(&lexer);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes;
    struct outcome whole;
    struct outcome cut;

    if (size < 1) {
        return 0;
    }
    bytes = span_of((const char *)data + 1, size - 1);
    whole = run(bytes, 0);
    cut = run(bytes, bytes.length == 0 ? 0 : data[0] % (bytes.length + 1));
    require(whole.head == cut.head && whole.chunk == cut.chunk && whole.refusal == cut.refusal);
    require(whole.head != HEAD_DONE || whole.taken == cut.taken);
    return 0;
}
