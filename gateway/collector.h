/* SPDX-License-Identifier: MIT */
/*
 * collector.h - an answer gathered from its pieces, for a client that wants it in one. Pure.
 *
 *   collector_add()*  ->  collector_render():  {"object":"chat.completion", ...}
 *
 * Text and thinking are joined, pieces of tool calls put together by their index, and of what
 * stands beside the choices the first (id, model) or the last (usage) is kept. The bytes of
 * one answer are bounded; members that nobody here knows are dropped.
 */
#ifndef GATEWAY_COLLECTOR_H
#define GATEWAY_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/json.h"
#include "gateway/format.h"
#include "upstream/upstream.h"

struct collector;

/* <doc>: memory for looking at events, borrowed. NULL: no memory. */
struct collector *collector_new(size_t bytes_max, struct json_doc *doc) MUST_USE;
void collector_free(struct collector *collector); /* accepts NULL */

/* Another upstream is asked: what was gathered is void. */
void collector_reset(struct collector *collector);

enum collector_status {
    COLLECTOR_OK = 0,
    COLLECTOR_FULL, /* the answer is larger than bytes_max */
    COLLECTOR_NO_MEMORY,
};

enum collector_status collector_add(struct collector *collector,
                                    const struct upstream_delta *delta) MUST_USE;

/* Bytes gathered so far. */
size_t collector_bytes(const struct collector *collector);

/*
 * The whole answer, which <end> has completed; what the provider did not tell of itself is
 * taken from <stream>. False when memory is out. <answer> is the collector's own.
 */
bool collector_render(struct collector *collector, const struct format_stream *stream,
                      const struct upstream_end *end, struct span *answer) MUST_USE;

#endif
