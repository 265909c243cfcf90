/* SPDX-License-Identifier: MIT */
/*
 * chat_request.c - the shape of a chat body, and spans of its texts.
 *
 * Nothing is copied or unescaped: the texts go upstream as the raw insides of
 * their JSON strings, which the strict pass has checked. A member that is
 * repeated counts with its last value, as in JSON.parse(), so that we and the
 * page that sent the body see the same message.
 *
 * Front ends differ. Older ones send "content"; some send "content" and "parts"
 * with the same text; newer ones send "parts" alone. So "content" counts when it
 * says something, and "parts" when it does not.
 */
#include "gateway/chat_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* More memory than this is given back after the request that needed it. */
enum {
    PIECES_FIRST = 64,
    PIECES_KEPT_MAX = 4096,
    MESSAGES_KEPT_MAX = 4096
};

struct chat_request_parser {
    struct json_doc *doc;              /* owned */
    struct upstream_message *messages; /* owned */
    size_t message_capacity;
    struct span *pieces; /* owned; the texts of all messages, one after the other */
    size_t piece_capacity;
    size_t piece_count;
    const char *problem; /* static text; valid when a step has failed */
};

struct chat_request_parser *chat_request_parser_new(void)
{
    struct chat_request_parser *parser = calloc(1, sizeof(*parser));

    if (parser == NULL) {
        return NULL;
    }
    parser->doc = json_doc_new();
    if (parser->doc == NULL) {
        free(parser);
        return NULL;
    }
    return parser;
}

void chat_request_parser_free(struct chat_request_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    json_doc_free(parser->doc);
    free(parser->messages);
    free(parser->pieces);
    free(parser);
}

static void release_large(struct chat_request_parser *parser)
{
    if (parser->piece_capacity > PIECES_KEPT_MAX) {
        free(parser->pieces);
        parser->pieces = NULL;
        parser->piece_capacity = 0;
    }
    if (parser->message_capacity > MESSAGES_KEPT_MAX) {
        free(parser->messages);
        parser->messages = NULL;
        parser->message_capacity = 0;
    }
}

static enum chat_request_status refuse(struct chat_request_parser *parser, const char *problem)
{
    parser->problem = problem;
    return CHAT_REQUEST_BAD_SHAPE;
}

static enum chat_request_status no_memory(struct chat_request_parser *parser)
{
    parser->problem = "out of memory";
    return CHAT_REQUEST_NO_MEMORY;
}

/* What String.prototype.trim() takes away: ECMA-262 WhiteSpace and LineTerminator, in UTF-8. */
static const char *const white_space[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
    "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89",
    "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
    "\xEF\xBB\xBF",
};

static bool is_white_space(struct span character)
{
    for (size_t i = 0; i < sizeof(white_space) / sizeof(white_space[0]); i++) {
        if (span_equals_string(character, white_space[i])) {
            return true;
        }
    }
    return false;
}

/* Bytes of the character, or of the escape, that a checked string begins with. */
static size_t character_length(struct span raw)
{
    unsigned char lead = (unsigned char)raw.data[0];

    if (lead == '\\') {
        return raw.data[1] == 'u' ? 6 : 2;
    }
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xE0) {
        return 2;
    }
    return lead < 0xF0 ? 3 : 4;
}

/*
 * True for the escape of a surrogate, which json_unescape() takes in pairs only.
 * No white space lies outside the first plane. "\uD8.." to "\uDF..": the digit
 * after D is 8, 9 or a letter.
 */
static bool is_surrogate_escape(struct span escape)
{
    return escape.length == 6 && (escape.data[2] | 0x20) == 'd' && escape.data[3] >= '8';
}

/* Nothing but white space after unescaping. <raw> is the inside of a checked string. */
static bool is_blank(struct span raw)
{
    char decoded[8];

    while (raw.length > 0) {
        struct span character = span_of(raw.data, character_length(raw));
        struct span value = character;

        if (character.data[0] == '\\') {
            if (is_surrogate_escape(character)) {
                return false;
            }
            value = span_of(decoded, json_unescape(character, decoded));
        }
        if (!is_white_space(value)) {
            return false;
        }
        raw = span_skip(raw, character.length);
    }
    return true;
}

static bool append_piece(struct chat_request_parser *parser, struct span piece)
{
    if (parser->piece_count == parser->piece_capacity) {
        size_t capacity = parser->piece_capacity > 0 ? parser->piece_capacity * 2 : PIECES_FIRST;
        struct span *grown = reallocarray(parser->pieces, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        parser->pieces = grown;
        parser->piece_capacity = capacity;
    }
    parser->pieces[parser->piece_count++] = piece;
    return true;
}

/* One element of "parts". <has_text> is set when it adds something that is not blank. */
static enum chat_request_status parse_part(struct chat_request_parser *parser, json_ref part,
                                           bool *has_text)
{
    json_ref type = json_member(parser->doc, part, "type");
    json_ref text = json_member(parser->doc, part, "text");
    struct span raw = json_raw(parser->doc, text);

    if (!json_is(parser->doc, type, JSON_STRING)) {
        return refuse(parser, "a part is not an object with a type");
    }
    if (!json_string_equals(parser->doc, type, "text")) {
        return CHAT_REQUEST_OK; /* reasoning, tools, files, step marks: not for the model */
    }
    if (!json_is(parser->doc, text, JSON_STRING)) {
        return refuse(parser, "a text part has no text");
    }
    if (span_is_empty(raw)) {
        return CHAT_REQUEST_OK;
    }
    if (!append_piece(parser, raw)) {
        return no_memory(parser);
    }
    *has_text = *has_text || !is_blank(raw);
    return CHAT_REQUEST_OK;
}

static enum chat_request_status parse_parts(struct chat_request_parser *parser, json_ref parts)
{
    bool has_text = false;

    for (json_ref part = json_first(parser->doc, parts); part != JSON_NONE;
         part = json_next(parser->doc, part)) {
        enum chat_request_status status = parse_part(parser, part, &has_text);
        if (status != CHAT_REQUEST_OK) {
            return status;
        }
    }
    return has_text ? CHAT_REQUEST_OK : refuse(parser, "a message's parts have no text");
}

static enum chat_request_status parse_text(struct chat_request_parser *parser, json_ref message)
{
    json_ref content = json_member(parser->doc, message, "content");
    json_ref parts = json_member(parser->doc, message, "parts");
    struct span raw = json_raw(parser->doc, content);

    if (json_is(parser->doc, content, JSON_STRING) && !is_blank(raw)) {
        return append_piece(parser, raw) ? CHAT_REQUEST_OK : no_memory(parser);
    }
    if (json_is(parser->doc, parts, JSON_ARRAY)) {
        return parse_parts(parser, parts);
    }
    if (json_is(parser->doc, content, JSON_STRING)) {
        return refuse(parser, "a message's content is blank");
    }
    return refuse(parser, "a message has neither a content string nor a parts array");
}

static enum chat_request_status parse_message(struct chat_request_parser *parser, json_ref message,
                                              struct upstream_message *parsed)
{
    json_ref role = json_member(parser->doc, message, "role");
    size_t first_piece = parser->piece_count;
    enum chat_request_status status;

    if (!json_is(parser->doc, message, JSON_OBJECT)) {
        return refuse(parser, "a message is not an object");
    }
    if (json_string_equals(parser->doc, role, "user")) {
        parsed->role = UPSTREAM_ROLE_USER;
    } else if (json_string_equals(parser->doc, role, "assistant")) {
        parsed->role = UPSTREAM_ROLE_ASSISTANT;
    } else {
        return refuse(parser, "a message's role is neither user nor assistant");
    }
    status = parse_text(parser, message);
    parsed->content_count = parser->piece_count - first_piece;
    return status;
}

static bool reserve_messages(struct chat_request_parser *parser, size_t count)
{
    struct upstream_message *grown;

    if (count <= parser->message_capacity) {
        return true;
    }
    grown = reallocarray(parser->messages, count, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    parser->messages = grown;
    parser->message_capacity = count;
    return true;
}

/* Only now: the pieces moved while they grew. */
static void point_at_pieces(struct chat_request_parser *parser, size_t message_count)
{
    const struct span *piece = parser->pieces;

    for (size_t i = 0; i < message_count; i++) {
        parser->messages[i].content = piece;
        piece += parser->messages[i].content_count;
    }
}

static enum chat_request_status parse_messages(struct chat_request_parser *parser,
                                               size_t max_messages)
{
    json_ref messages = json_member(parser->doc, 0, "messages");
    size_t count = json_count(parser->doc, messages);
    size_t parsed = 0;

    if (!json_is(parser->doc, 0, JSON_OBJECT)) {
        return refuse(parser, "the body is not an object");
    }
    if (!json_is(parser->doc, messages, JSON_ARRAY)) {
        return refuse(parser, "there is no messages array");
    }
    if (count == 0) {
        return refuse(parser, "the messages array is empty");
    }
    if (count > max_messages) {
        return refuse(parser, "there are too many messages");
    }
    if (!reserve_messages(parser, count)) {
        return no_memory(parser);
    }
    for (json_ref at = json_first(parser->doc, messages); at != JSON_NONE;
         at = json_next(parser->doc, at)) {
        enum chat_request_status status = parse_message(parser, at, &parser->messages[parsed++]);
        if (status != CHAT_REQUEST_OK) {
            return status;
        }
    }
    point_at_pieces(parser, count);
    return CHAT_REQUEST_OK;
}

static enum chat_request_status parse_body(struct chat_request_parser *parser, struct span body,
                                           size_t max_messages)
{
    enum json_problem problem = json_parse(parser->doc, body, JSON_DEPTH_MAX);

    if (problem != JSON_OK) {
        parser->problem = json_problem_text(problem);
        return problem == JSON_NO_MEMORY ? CHAT_REQUEST_NO_MEMORY : CHAT_REQUEST_NOT_JSON;
    }
    return parse_messages(parser, max_messages);
}

enum chat_request_status chat_request_parse(struct chat_request_parser *parser, struct span body,
                                            size_t max_messages, struct chat_request *request,
                                            const char **problem)
{
    enum chat_request_status status;

    release_large(parser);
    parser->piece_count = 0;
    status = parse_body(parser, body, max_messages);
    if (status == CHAT_REQUEST_OK) {
        request->messages = parser->messages;
        request->message_count = json_count(parser->doc, json_member(parser->doc, 0, "messages"));
    } else if (problem != NULL) {
        *problem = parser->problem;
    }
    return status;
}
