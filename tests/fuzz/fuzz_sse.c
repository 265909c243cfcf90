/* SPDX-License-Identifier: MIT */
/*
 * fuzz_sse.c - any answer body through the scanner, both dialects and the classifier.
 *
 * Besides the sanitizers these must hold: the same body gives the same events, the
 * same meanings and the same end whether it is fed whole or in pieces; no result
 * is longer than its event; a failure is never sorted as a success.
 * The sizes of the pieces come from a hash of the body, so a finding repeats.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_target.h"
#include "upstream/classify.h"
#include "upstream/dialect.h"
#include "upstream/sse.h"

/* Small, so that the bound is met. */
#define EVENT_BYTES_MAX 1024
#define PIECES_MAX 48
#define RUNS 3

/* Everything that was said about one body, as bytes that can be compared. */
struct transcript {
    char *bytes; /* owned */
    size_t length;
    size_t capacity;
    struct dialect_scratch *scratch; /* borrowed */
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void note(struct transcript *seen, const void *bytes, size_t length)
{
    if (length > seen->capacity - seen->length) {
        seen->capacity = 2 * (seen->capacity + length);
        char *grown = realloc(seen->bytes, seen->capacity);
        must(grown != NULL);
        seen->bytes = grown;
    }
    if (length > 0) {
        memcpy(seen->bytes + seen->length, bytes, length);
    }
    seen->length += length;
}

static void note_number(struct transcript *seen, long long number)
{
    note(seen, &number, sizeof(number));
}

static void note_span(struct transcript *seen, struct span text)
{
    note_number(seen, (long long)text.length);
    note(seen, text.data, text.length);
}

static void note_result(struct transcript *seen, const struct dialect_result *result)
{
    must(result->delta.text.length + result->delta.reasoning.length <= result->delta.data.length);
    must((result->kind == DIALECT_ERROR) == (result->failure != UPSTREAM_OK));
    must(result->kind != DIALECT_NO_MEMORY);
    must(result->finish == UPSTREAM_FINISH_NONE || result->is_complete);
    note_number(seen, (long long)result->kind);
    note_span(seen, result->delta.text);
    note_span(seen, result->delta.reasoning);
    note_number(seen, (long long)result->finish);
    note_number(seen, result->is_complete);
    note_number(seen, (long long)result->failure);
    note_number(seen, result->error_status);
    note_number(seen, result->has_usage ? result->usage.prompt_tokens : -2);
    note_number(seen, result->has_usage ? result->usage.completion_tokens : -2);
}

static bool on_event(void *owner, const struct sse_event *event)
{
    struct transcript *seen = owner;
    struct dialect_result result;

    must(event->data.length <= EVENT_BYTES_MAX);
    note_number(seen, event->has_error_field);
    note_number(seen, event->is_error_event);
    note_span(seen, event->data);
    dialect_chat.read(seen->scratch, event, &result);
    note_result(seen, &result);
    dialect_tgi.read(seen->scratch, event, &result);
    note_result(seen, &result);
    return true;
}

static void on_comment(void *owner)
{
    note(owner, ":", 1);
}

/* Feed <body> in pieces of at most <most> bytes; 0 feeds it whole. */
static void run(struct transcript *seen, struct span body, size_t most, uint64_t random)
{
    static const struct sse_events events = {.on_event = on_event, .on_comment = on_comment};
    struct sse_scanner *scanner = sse_new(EVENT_BYTES_MAX, &events, seen);
    enum sse_status status = SSE_OK;

    must(scanner != NULL);
    while (!span_is_empty(body)) {
        size_t length = body.length;
        if (most > 0) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            length = 1 + (size_t)(random >> 33) % most;
            length = length < body.length ? length : body.length;
        }
        /* A copy of its own size, so that the sanitizer sees its ends. */
        char *piece = malloc(length);
        must(piece != NULL);
        memcpy(piece, body.data, length);
        status = sse_feed(scanner, span_of(piece, length));
        free(piece);
        body = span_skip(body, length);
    }
    if (status == SSE_OK) {
        status = sse_finish(scanner);
    }
    note_number(seen, (long long)status);
    sse_free(scanner);
}

static uint64_t hash_of(struct span body)
{
    uint64_t hash = 14695981039346656037U; /* FNV-1a */

    for (size_t i = 0; i < body.length; i++) {
        hash = (hash ^ (unsigned char)body.data[i]) * 1099511628211U;
    }
    return hash;
}

static void check_classifier(struct span body)
{
    struct json_doc *doc = json_doc_new();

    must(doc != NULL);
    must(classify_answer(doc, 200, body) != UPSTREAM_OK);
    must(classify_answer(doc, 400, body) != UPSTREAM_OK);
    must(classify_answer(doc, 429, body) != UPSTREAM_OK);
    must(classify_retry_after(body, 1767225600) >= -1);
    json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of((const char *)data, size);
    struct dialect_scratch *scratch = dialect_scratch_new();
    struct transcript whole = {.scratch = scratch};
    uint64_t random = hash_of(body);

    must(scratch != NULL);
    run(&whole, body, 0, 0);
    for (size_t i = 0; i < RUNS; i++) {
        struct transcript pieces = {.scratch = scratch};
        size_t most = i == 0 ? 1 : 1 + (size_t)(random >> (8 * i)) % PIECES_MAX;
        run(&pieces, body, most, random + i);
        must(whole.length == pieces.length);
        must(memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
        free(pieces.bytes);
    }
    check_classifier(body);
    free(whole.bytes);
    dialect_scratch_free(scratch);
    return 0;
}
