/* SPDX-License-Identifier: MIT */
/*
 * call.h - what a request asks of the simulator: its route, and the body's meaning.
 */
#ifndef TESTS_SIM_CALL_H
#define TESTS_SIM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/json.h"
#include "base/span.h"
#include "tests/sim/bytes.h"

enum call_route {
    ROUTE_CHAT = 0,     /* POST .../chat/completions */
    ROUTE_TGI_STREAM,   /* POST .../generate_stream */
    ROUTE_TGI_GENERATE, /* POST .../generate */
    ROUTE_TGI_ROOT,     /* POST / or /models/...: "stream" in the body decides */
    ROUTE_STATS,        /* GET /sim/stats */
    ROUTE_LAST,         /* GET /sim/last */
    ROUTE_RESET,        /* POST /sim/reset */
    ROUTE_WRONG_METHOD,
    ROUTE_UNKNOWN,
};

enum call_route call_route_of(struct span method, struct span target);

/* True for the routes that answer with made-up text. */
bool call_route_talks(enum call_route route);

#define CALL_MODEL_BYTES_MAX 200

struct call {
    enum call_route route;
    bool is_stream;
    bool wants_usage;    /* stream_options.include_usage */
    size_t messages;     /* entries of "messages" */
    int64_t max_tokens;  /* -1 when not said */
    struct bytes model;  /* as sent, cut to CALL_MODEL_BYTES_MAX */
    struct bytes prompt; /* text of the last user message, or "inputs" */
};

enum call_status {
    CALL_OK = 0,
    CALL_BAD_JSON,    /* not JSON at all */
    CALL_NO_MESSAGES, /* no "messages" array, or no "inputs" */
    CALL_NO_MODEL,
};

/*
 * Read the body of a talking route into <call>, whose route is set. <doc> is the
 * caller's arena. call_fini() is due whatever comes back.
 */
enum call_status call_parse(struct call *call, struct json_doc *doc, struct span body) MUST_USE;
void call_fini(struct call *call);

#endif
