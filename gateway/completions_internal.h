/* SPDX-License-Identifier: MIT */
/*
 * completions_internal.h - what the files of the completions parser share.
 *
 *   completions_request.c      the body as a whole, and every refusal
 *   completions_parameters.c   the members beside the messages
 *   completions_messages.c     the messages
 */
#ifndef GATEWAY_COMPLETIONS_INTERNAL_H
#define GATEWAY_COMPLETIONS_INTERNAL_H

#include "base/json.h"
#include "gateway/completions_request.h"

/* More members of one body are no request but an attack. */
#define COMPLETIONS_MEMBERS_MAX 96

struct completions_parser {
    struct json_doc *doc;           /* owned */
    struct completions_rules rules; /* of the body at hand, as all below */
    struct completions_request request;
    struct completions_refusal refusal;
    enum completions_status status;
    struct upstream_member chat[COMPLETIONS_MEMBERS_MAX];
    struct upstream_member tgi[COMPLETIONS_MEMBERS_MAX];
    char *model; /* owned; unescaped */
    size_t model_capacity;
    struct upstream_message *messages; /* owned */
    size_t message_capacity;
    struct span *pieces; /* owned; the texts of all messages, one after the other */
    size_t piece_capacity;
    size_t piece_count;
    char where[96]; /* "messages[3]": of the message at hand */
};

/*
 * Note a refusal; always false, so that a check can return it. <param> "" or NULL: no
 * member is to blame. <problem> and <code> are static, the message is printf's.
 */
bool completions_refuse(struct completions_parser *parser, const char *problem, const char *code,
                        const char *param, const char *format, ...) PRINTF_LIKE(5, 6);

/* The most frequent one: <param> "must be <wanted>; here it is <what it is>". */
bool completions_refuse_value(struct completions_parser *parser, const char *param, json_ref value,
                              const char *wanted);

bool completions_no_memory(struct completions_parser *parser);

/*
 * The dialect tgi has no way to say <what>, static, which <param> (static, or NULL) asks for.
 * The first one is kept.
 */
void completions_tgi_cannot(struct completions_parser *parser, const char *param, const char *what);

/* An object's member that is present and not null; JSON_NONE otherwise. */
json_ref completions_member(const struct completions_parser *parser, json_ref object,
                            const char *name);

/* The value with the quotes that json_raw() leaves out. */
struct span completions_raw(const struct completions_parser *parser, json_ref value);

/* True for letters, digits, . _ - only, nothing escaped, 1 to 64 of them. */
bool completions_is_plain_name(const struct completions_parser *parser, json_ref name);

/* Both: false when the body is refused. */
bool completions_parse_parameters(struct completions_parser *parser) MUST_USE;
bool completions_parse_messages(struct completions_parser *parser, json_ref messages) MUST_USE;

#endif
