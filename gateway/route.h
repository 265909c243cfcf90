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
    ROUTE_CHAT,             /* /api/ai/huggingface/{publisher}/{name}/chat */
    ROUTE_CHAT_COMPLETIONS, /* /api/ai/huggingface/{publisher}/{name}/chat/completions */
    ROUTE_COMPLETIONS,      /* /v1/chat/completions: the model is the body's */
    ROUTE_MODELS,           /* /v1/models */
    ROUTE_MODEL,            /* /v1/models/{publisher}/{name}; the slash may be escaped */
};

struct route {
    enum route_id id;
    bool is_openai;      /* one of the OpenAI-compatible doors, or a path beside them */
    bool query_is_valid; /* chat_id well-formed, once (at the doors: once at most); format, if
                            any, short enough */
    bool model_is_valid; /* both parts well-formed */
    char model[ROUTE_MODEL_BYTES_MAX + 1];     /* "publisher/name[:provider]" when valid */
    char chat_id[ROUTE_CHAT_ID_BYTES_MAX + 1]; /* when the query is valid */
    char format[ROUTE_FORMAT_BYTES_MAX + 1];   /* value of ?format=, "" when absent */
};

/*
 * Which route it is and nothing more: <route> holds no model and no query. <target> is
 * origin form, checked by the head lexer.
 */
void route_find(struct span target, struct route *route);

/* All of it. */
void route_parse(struct span target, struct route *route);

/* Read "publisher/name[:provider]", nothing escaped, into route->model. */
void route_parse_model(struct span model, struct route *route);

/* A word for the log; NULL for ROUTE_UNKNOWN. Static text. */
const char *route_name(enum route_id id);

/* Whether it is asked with GET (and HEAD) and not with POST. */
bool route_is_read(enum route_id id);

#endif
