/* SPDX-License-Identifier: MIT */
/*
 * fuzz_chat_request.c - any bytes as the body of a chat request.
 *
 * What passes must be fit to be copied into the upstream request as it is: each
 * text, put between quotes, is a JSON string, and lies inside the body.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/chat_request.h"
#include "tests/fuzz/fuzz_target.h"

enum {
    MESSAGES_MAX = 16
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_piece(struct span piece, struct span body)
{
    /* The quotes are still around it. */
    must(piece.data > body.data);
    must(piece.data + piece.length < body.data + body.length);
    must(json_check(span_of(piece.data - 1, piece.length + 2), 0, NULL) == JSON_OK);
}

static void check_request(const struct chat_request *request, struct span body)
{
    must(request->message_count >= 1 && request->message_count <= MESSAGES_MAX);
    for (size_t i = 0; i < request->message_count; i++) {
        const struct upstream_message *message = &request->messages[i];
        size_t bytes = 0;
        must(message->role == UPSTREAM_ROLE_USER || message->role == UPSTREAM_ROLE_ASSISTANT);
        for (size_t piece = 0; piece < message->content_count; piece++) {
            check_piece(message->content[piece], body);
            bytes += message->content[piece].length;
        }
        must(bytes > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct chat_request_parser *parser; /* kept: its memory is reused from run to run */
    struct span body = span_of((const char *)data, size);
    struct chat_request request = {NULL, 0};
    const char *problem = NULL;
    enum chat_request_status status;

    if (parser == NULL) {
        parser = chat_request_parser_new();
        must(parser != NULL);
    }
    status = chat_request_parse(parser, body, MESSAGES_MAX, &request, &problem);
    must((status == CHAT_REQUEST_NOT_JSON) == (json_check(body, JSON_DEPTH_MAX, NULL) != JSON_OK));
    if (status == CHAT_REQUEST_OK) {
        check_request(&request, body);
    } else {
        must(problem != NULL);
    }
    return 0;
}
