/* SPDX-License-Identifier: MIT */
/*
 * completions_request.h - the body of a chat completion as OpenAI's clients send it. Pure.
 *
 * Checked is the whole of it: RFC 8259 JSON in UTF-8, no member twice anywhere, the
 * messages by role, the known parameters by type and range. What passed goes upstream as
 * it came, value by value, under names that are written here; nothing else of the body does.
 */
#ifndef GATEWAY_COMPLETIONS_REQUEST_H
#define GATEWAY_COMPLETIONS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "upstream/upstream.h"

struct completions_parser; /* reusable memory; one per event loop */

struct completions_parser *completions_parser_new(void) MUST_USE; /* NULL: no memory */
void completions_parser_free(struct completions_parser *parser);  /* accepts NULL */

/* Borrowed from the parser and the body; valid until the next parse. */
struct completions_request {
    struct span model; /* as the client means it; empty: none was named */
    bool is_streamed;
    bool wants_usage;                        /* stream_options.include_usage */
    const struct upstream_message *messages; /* for the dialect tgi, when tgi_cannot is NULL */
    size_t message_count;
    struct upstream_wishes wishes;
    const char *tgi_cannot; /* what that dialect has no way to say; NULL: nothing of the kind */
    const char *tgi_param;  /* the member that asks for it; NULL: none of those known */
};

enum completions_status {
    COMPLETIONS_OK = 0,
    COMPLETIONS_NOT_JSON,
    COMPLETIONS_BAD_SHAPE,
    COMPLETIONS_NO_MEMORY,
};

/* What a refused body is told. Valid until the next parse. */
struct completions_refusal {
    const char *problem; /* static text for the log; it never holds body bytes */
    const char *code;    /* static */
    char param[96];      /* the member that is to blame, "" for none */
    char message[512];   /* what is wrong and what is allowed; printable */
};

struct completions_rules {
    size_t max_messages;
    bool needs_model;     /* else a model that the body names is not looked at */
    bool refuses_unknown; /* parameters that are not in the table */
};

/* <refusal> is written unless COMPLETIONS_OK. */
enum completions_status completions_parse(struct completions_parser *parser, struct span body,
                                          const struct completions_rules *rules,
                                          struct completions_request *request,
                                          const struct completions_refusal **refusal) MUST_USE;

/* The refusal of a body that passed, where there are but upstreams of the dialect tgi. */
const struct completions_refusal *completions_refuse_tgi(struct completions_parser *parser);

#endif
