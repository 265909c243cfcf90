/* SPDX-License-Identifier: MIT */
/*
 * route.h - what a request target asks for. Pure.
 *
 * The target is matched as it came: each segment is percent-decoded once and
 * only then checked, so no second spelling of a path exists.
 */
#ifndef GATEWAY_ROUTE_H
#define GATEWAY_ROUTE_H

#include <stdbool.h>

#include "base/span.h"

#define ROUTE_SEGMENT_BYTES_MAX 96
#define ROUTE_MODEL_BYTES_MAX (2 * ROUTE_SEGMENT_BYTES_MAX + 66) /* publisher/name:provider */
#define ROUTE_CHAT_ID_BYTES_MAX 128
#define ROUTE_FORMAT_BYTES_MAX 16

#define ROUTE_PLAYGROUND_TARGET "/" /* the whole of it: no query is looked at */

enum route_id {
    ROUTE_UNKNOWN = 0,
    ROUTE_CHAT, /* /api/ai/huggingface/{publisher}/{name}/chat */
};

struct route {
    enum route_id id;
    bool query_is_valid; /* chat_id once and well-formed; format, if any, short enough */
    bool model_is_valid; /* both segments well-formed */
    char model[ROUTE_MODEL_BYTES_MAX + 1];     /* "publisher/name[:provider]" when valid */
    char chat_id[ROUTE_CHAT_ID_BYTES_MAX + 1]; /* when the query is valid */
    char format[ROUTE_FORMAT_BYTES_MAX + 1];   /* value of ?format=, "" when absent */
};

/* <target> is origin form, checked by the head lexer. */
void route_parse(struct span target, struct route *route);

#endif
