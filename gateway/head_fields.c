/* SPDX-License-Identifier: MIT */
/*
 * head_fields.c - what the fields of a request head mean to the gateway.
 *
 * Framing is decided here and nowhere else: RFC 9112 section 6.3 lets a server
 * repair some contradictions, and every repair is a second reading, so none is made.
 */
#include "gateway/head_fields.h"

#include <string.h>

#include "gateway/head_grammar.h"
#include "gateway/head_store.h"

static bool read_content_length(struct head_lexer *lexer, struct span value)
{
    enum head_length_status status = head_length_parse(value, &lexer->head.content_length);

    if (status == HEAD_LENGTH_BAD) {
        return head_refuse(lexer, END_BAD_REQUEST, "Content-Length is not plain digits");
    }
    if (status == HEAD_LENGTH_HUGE || lexer->head.content_length > lexer->limits->max_body_bytes) {
        head_refuse_later(lexer, END_TOO_LARGE, "Content-Length above the limit");
    }
    return true;
}

/* A field whose value is only looked at. */
static bool read_field(struct head_lexer *lexer, struct span value)
{
    struct request_head *head = &lexer->head;

    if (lexer->field == FIELD_CONTENT_LENGTH) {
        return read_content_length(lexer, value);
    }
    if (lexer->field == FIELD_TRANSFER_ENCODING && !span_equals_ignore_case(value, "chunked")) {
        return head_refuse(lexer, END_BAD_REQUEST, "Transfer-Encoding is not exactly chunked");
    }
    if (lexer->field == FIELD_EXPECT) {
        head->expects_continue = span_equals_ignore_case(value, "100-continue");
        if (!head->expects_continue) {
            head_refuse_later(lexer, END_EXPECTATION, "unknown expectation");
        }
    }
    if (lexer->field == FIELD_CONNECTION) {
        head->wants_close = head->wants_close || head_list_has(value, "close");
    }
    return true;
}

/* The last lines are the ones nearest proxies wrote; older ones make room. */
static void keep_forwarded(struct head_lexer *lexer, size_t length)
{
    if (lexer->forwarded_count == FORWARDED_LINES_MAX) {
        memmove(&lexer->pieces[PIECE_FORWARDED], &lexer->pieces[PIECE_FORWARDED + 1],
                (FORWARDED_LINES_MAX - 1) * sizeof(lexer->pieces[0]));
        lexer->forwarded_count--;
    }
    head_item_keep(lexer, PIECE_FORWARDED + (int)lexer->forwarded_count, length);
    lexer->forwarded_count++;
}

/* Part of a list would be another list: with more lines than there is room for, none is kept. */
static void keep_state(struct head_lexer *lexer, size_t length)
{
    if (lexer->state_count < TRACE_STATE_LINES_MAX) {
        head_item_keep(lexer, PIECE_TRACESTATE + (int)lexer->state_count, length);
    } else {
        head_item_drop(lexer);
    }
    lexer->state_count++;
}

static bool has_seen(const struct head_lexer *lexer, int field)
{
    return (lexer->seen & (1U << field)) != 0;
}

static bool has_byte(struct span text, char byte)
{
    return text.length > 0 && memchr(text.data, byte, text.length) != NULL;
}

/*
 * RFC 9110 section 5.6.3 allows a tab around any value, and readers that trim spaces
 * alone exist, evhttp among them. Where the value says how long the message is, or
 * whether it comes at all, nobody who means well sends one.
 */
static bool frames_message(int field)
{
    return field == FIELD_CONTENT_LENGTH || field == FIELD_TRANSFER_ENCODING ||
           field == FIELD_EXPECT;
}

bool head_fields_end_line(struct head_lexer *lexer)
{
    struct span value = span_trim(head_item(lexer)); /* the left end was skipped already */
    bool is_repeated;

    if (lexer->field == FIELD_OTHER) {
        return true;
    }
    if (frames_message(lexer->field) && (lexer->has_tab || has_byte(head_item(lexer), '\t'))) {
        return head_refuse(lexer, END_BAD_REQUEST, "tab beside a value that frames the message");
    }
    is_repeated = has_seen(lexer, lexer->field);
    lexer->seen |= 1U << lexer->field;
    if (is_repeated && head_field_is_single((enum head_field)lexer->field)) {
        if (lexer->field == FIELD_ORIGIN) {
            lexer->pieces[FIELD_ORIGIN].length = 0; /* the refusal names neither */
        }
        return head_refuse(lexer, END_BAD_REQUEST, "a field that may come once is repeated");
    }
    if (lexer->field == FIELD_HOST && !head_host_is_valid(value)) {
        return head_refuse(lexer, END_BAD_REQUEST, "Host is not a host and port");
    }
    if (lexer->field < HEAD_FIELDS_KEPT && !is_repeated) {
        head_item_keep(lexer, lexer->field, value.length);
        return true;
    }
    if (lexer->field == FIELD_X_FORWARDED_FOR) {
        keep_forwarded(lexer, value.length);
        return true;
    }
    if (lexer->field == FIELD_TRACESTATE) {
        keep_state(lexer, value.length);
        return true;
    }
    if (lexer->field < HEAD_FIELDS_KEPT) { /* two parents are none, and so is any other pair */
        lexer->pieces[lexer->field].length = 0;
    }
    head_item_drop(lexer); /* the bytes stay until more are stored */
    return read_field(lexer, value);
}

static enum head_method method_of(struct span name)
{
    static const struct {
        const char *name;
        enum head_method method;
    } methods[] = {
        {"POST", METHOD_POST},
        {"GET", METHOD_GET},
        {"HEAD", METHOD_HEAD},
        {"OPTIONS", METHOD_OPTIONS},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (span_equals_string(name, methods[i].name)) {
            return methods[i].method;
        }
    }
    return METHOD_OTHER;
}

static struct span piece_span(const struct head_lexer *lexer, int piece)
{
    return span_of(lexer->store + lexer->pieces[piece].at, lexer->pieces[piece].length);
}

static struct span field_span(const struct head_lexer *lexer, int field)
{
    return has_seen(lexer, field) ? piece_span(lexer, field) : span_of(NULL, 0);
}

enum head_method head_fields_method(const struct head_lexer *lexer)
{
    return lexer->pieces[PIECE_METHOD].length == 0 ? METHOD_OTHER
                                                   : method_of(piece_span(lexer, PIECE_METHOD));
}

void head_fields_name_known(struct head_lexer *lexer)
{
    if (lexer->pieces[PIECE_METHOD].length == 0) {
        return;
    }
    lexer->head.method_name = piece_span(lexer, PIECE_METHOD);
    lexer->head.method = method_of(lexer->head.method_name);
    lexer->head.target = piece_span(lexer, PIECE_TARGET);
    lexer->head.origin = field_span(lexer, FIELD_ORIGIN);
}

static void fill_head(struct head_lexer *lexer)
{
    struct request_head *head = &lexer->head;

    head_fields_name_known(lexer);
    head->host = field_span(lexer, FIELD_HOST);
    head->authorization = field_span(lexer, FIELD_AUTHORIZATION);
    head->content_type = field_span(lexer, FIELD_CONTENT_TYPE);
    head->traceparent = field_span(lexer, FIELD_TRACEPARENT);
    head->user_agent = field_span(lexer, FIELD_USER_AGENT);
    head->requested_method = field_span(lexer, FIELD_REQUEST_METHOD);
    head->requested_fields = field_span(lexer, FIELD_REQUEST_HEADERS);
    head->forwarded.count = lexer->forwarded_count;
    for (size_t i = 0; i < head->forwarded.count; i++) {
        head->forwarded.lines[i] = piece_span(lexer, PIECE_FORWARDED + (int)i);
    }
    head->tracestate.count = lexer->state_count <= TRACE_STATE_LINES_MAX ? lexer->state_count : 0;
    for (size_t i = 0; i < head->tracestate.count; i++) {
        head->tracestate.lines[i] = piece_span(lexer, PIECE_TRACESTATE + (int)i);
    }
    if (has_seen(lexer, FIELD_TRANSFER_ENCODING)) {
        head->framing = BODY_CHUNKED;
    } else if (has_seen(lexer, FIELD_CONTENT_LENGTH)) {
        head->framing = BODY_LENGTH;
    }
}

bool head_fields_end(struct head_lexer *lexer)
{
    const struct request_head *head = &lexer->head;

    fill_head(lexer);
    if (!has_seen(lexer, FIELD_HOST)) { /* RFC 9112 section 3.2 */
        return head_refuse(lexer, END_BAD_REQUEST, "no Host field");
    }
    if (head->framing == BODY_CHUNKED && has_seen(lexer, FIELD_CONTENT_LENGTH)) {
        return head_refuse(lexer, END_BAD_REQUEST, "Transfer-Encoding beside Content-Length");
    }
    if ((head->method == METHOD_GET || head->method == METHOD_HEAD) &&
        (head->framing == BODY_CHUNKED || head->content_length > 0 ||
         lexer->refusal == END_TOO_LARGE)) {
        return head_refuse(lexer, END_BAD_REQUEST, "GET or HEAD with a body");
    }
    if (lexer->problem != NULL) {
        return head_refuse(lexer, lexer->refusal, lexer->problem);
    }
    return true;
}
