/* SPDX-License-Identifier: MIT */
/*
 * chat_request.h - the JSON body of a chat request, validated. Pure.
 *
 * {"messages": [{"role": "user"|"assistant", "content": "..."}]}, where a message
 * may carry "parts" instead of "content" (its text parts are joined). Other
 * members are ignored, but the whole body must be valid JSON.
 */
#ifndef GATEWAY_CHAT_REQUEST_H
#define GATEWAY_CHAT_REQUEST_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "upstream/upstream.h"

struct chat_request_parser; /* reusable memory; one per event loop */

struct chat_request_parser *chat_request_parser_new(void) MUST_USE; /* NULL: no memory */
void chat_request_parser_free(struct chat_request_parser *parser);  /* accepts NULL */

/* Borrowed from the parser and the body; valid until the next parse. */
struct chat_request {
    const struct upstream_message *messages;
    size_t message_count;
};

enum chat_request_status {
    CHAT_REQUEST_OK = 0,
    CHAT_REQUEST_NOT_JSON,
    CHAT_REQUEST_BAD_SHAPE, /* JSON, but not of the shape above */
    CHAT_REQUEST_NO_MEMORY,
};

/*
 * <body> is borrowed. <problem>, when not NULL, receives a static text that says
 * what is wrong (for the log; it never holds body bytes).
 */
enum chat_request_status chat_request_parse(struct chat_request_parser *parser, struct span body,
                                            size_t max_messages, struct chat_request *request,
                                            const char **problem) MUST_USE;

#endif
