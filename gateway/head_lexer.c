/* SPDX-License-Identifier: MIT */
/*
 * head_lexer.c - strict RFC 9112 request head, any number of bytes at a time.
 *
 * Each state is a function that consumes one run of bytes and names the next
 * state; no decision looks further than the byte in hand, so the result cannot
 * depend on how the bytes were cut into reads. A refused byte is not taken.
 *
 * Two kinds of refusal: a broken grammar ends the head at once; a well-formed
 * wish that is not granted (Content-Length too large, unknown expectation) is
 * kept until the head is complete, so that the answer finds a client that has
 * finished speaking, and so that a framing error found later still wins.
 *
 * Only what the gateway needs is copied. The store is filled in the order of
 * the head, and a captured item that was only looked at is dropped again.
 */
#include "gateway/head_lexer.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/head_fields.h"
#include "gateway/head_grammar.h"
#include "gateway/head_store.h"

enum head_state {
    AT_START = 0,    /* first byte of a request line, or of one empty line before it */
    AT_START_LF,     /* LF of that empty line */
    AT_REQUEST_LINE, /* first byte of a request line, no more empty lines */
    IN_METHOD,
    AT_TARGET,        /* first byte of the target */
    AT_TARGET_SECOND, /* its second byte, which must not be a slash as well */
    IN_TARGET,
    IN_TARGET_HEX1, /* first digit after a percent sign */
    IN_TARGET_HEX2, /* second one */
    AT_TARGET_END,  /* the space behind the target "*" */
    IN_VERSION,
    AT_REQUEST_LF,
    AT_FIELD, /* first byte of a field line, or of the empty line */
    IN_NAME,
    AT_VALUE, /* white space before a value */
    IN_VALUE,
    AT_FIELD_LF,
    AT_END_LF, /* LF of the empty line that ends the head */

    /* Ends are negative: no step belongs to them. */
    ENDED_REFUSED = HEAD_STATE_REFUSED,
    ENDED_DONE = HEAD_STATE_DONE,
};

#define METHOD_BYTES_KEPT_MAX 32 /* longer than any that we tell apart */
#define VERSION_BYTES 8          /* HTTP/1.1 */
struct cursor {
    const char *at;
    const char *end;
};

static unsigned char byte_at(const struct cursor *in)
{
    return (unsigned char)*in->at;
}

static const char *problem_of_byte(unsigned char byte, const char *otherwise)
{
    if (byte == '\n') {
        return "line feed without carriage return";
    }
    if (byte == '\0') {
        return "NUL byte";
    }
    if (byte < 0x20 || byte == 0x7f) {
        return "control byte";
    }
    return otherwise;
}

static bool refuse_byte(struct head_lexer *lexer, unsigned char byte, const char *otherwise)
{
    return head_refuse(lexer, END_BAD_REQUEST, problem_of_byte(byte, otherwise));
}

/* The longest run of bytes of <kind> at the cursor, which moves behind it. */
static struct span take_run(struct cursor *in, unsigned kind)
{
    const char *from = in->at;

    while (in->at < in->end && head_byte_is(*in->at, kind)) {
        in->at++;
    }
    return span_of(from, (size_t)(in->at - from));
}

static bool expect_line_feed(struct head_lexer *lexer, struct cursor *in, enum head_state next)
{
    if (*in->at != '\n') {
        return head_refuse(lexer, END_BAD_REQUEST, "carriage return without line feed");
    }
    in->at++;
    lexer->state = (int)next;
    return true;
}

/* RFC 9112 section 2.2: one empty line before the request line is skipped. */
static bool at_start(struct head_lexer *lexer, struct cursor *in)
{
    if (*in->at == '\r' && lexer->state == AT_START) {
        in->at++;
        lexer->state = AT_START_LF;
        return true;
    }
    if (!head_byte_is(*in->at, BYTE_TOKEN)) {
        return refuse_byte(lexer, byte_at(in), "request line does not start with a method");
    }
    lexer->state = IN_METHOD;
    return true;
}

/* A method of any length is a method, and none of ours: 405 and not a broken grammar. */
static bool in_method(struct head_lexer *lexer, struct cursor *in)
{
    struct span run = take_run(in, BYTE_TOKEN);
    size_t room = METHOD_BYTES_KEPT_MAX - head_item(lexer).length;
    size_t kept = run.length < room ? run.length : room;

    if (kept > 0 && !head_store_append(lexer, run.data, kept)) {
        return false;
    }
    if (in->at == in->end) {
        return true;
    }
    if (*in->at != ' ') {
        return refuse_byte(lexer, byte_at(in), "bad byte in the method");
    }
    in->at++;
    head_item_keep(lexer, PIECE_METHOD, head_item(lexer).length);
    lexer->state = AT_TARGET;
    return true;
}

/* RFC 9112 section 3.2: origin form alone, but for "OPTIONS *", which asks about the server. */
static bool at_target(struct head_lexer *lexer, struct cursor *in)
{
    bool is_asterisk = *in->at == '*' && head_fields_method(lexer) == METHOD_OPTIONS;

    if (*in->at != '/' && !is_asterisk) {
        return refuse_byte(lexer, byte_at(in), "target is not in origin form");
    }
    lexer->state = is_asterisk ? AT_TARGET_END : AT_TARGET_SECOND;
    return head_store_append(lexer, in->at++, 1);
}

static bool at_target_second(struct head_lexer *lexer, struct cursor *in)
{
    if (*in->at == '/') { /* reads as an authority to whoever resolves it as a reference */
        return head_refuse(lexer, END_BAD_REQUEST, "target starts with two slashes");
    }
    lexer->state = IN_TARGET;
    return true;
}

static bool target_append(struct head_lexer *lexer, struct cursor *in, struct span run)
{
    size_t room = lexer->limits->max_target_bytes - head_item(lexer).length;

    if (run.length > room) {
        in->at = run.data + room;
        return head_refuse(lexer, END_TARGET_TOO_LONG, "target above the limit");
    }
    return span_is_empty(run) || head_store_append(lexer, run.data, run.length);
}

static bool at_target_end(struct head_lexer *lexer, struct cursor *in)
{
    if (*in->at != ' ') {
        return refuse_byte(lexer, byte_at(in), "bad byte in the target");
    }
    in->at++;
    head_item_keep(lexer, PIECE_TARGET, head_item(lexer).length);
    lexer->state = IN_VERSION;
    return true;
}

static bool in_target(struct head_lexer *lexer, struct cursor *in)
{
    if (!target_append(lexer, in, take_run(in, BYTE_TARGET))) {
        return false;
    }
    if (in->at == in->end) {
        return true;
    }
    if (*in->at == '%') {
        lexer->state = IN_TARGET_HEX1;
        in->at++;
        return target_append(lexer, in, span_of(in->at - 1, 1));
    }
    return at_target_end(lexer, in);
}

static bool in_target_hex(struct head_lexer *lexer, struct cursor *in)
{
    bool is_second = lexer->state == IN_TARGET_HEX2;

    if (!head_byte_is(*in->at, BYTE_HEX)) {
        return refuse_byte(lexer, byte_at(in), "percent sign without two hexadecimal digits");
    }
    if (is_second && *in->at == '0' && lexer->store[lexer->store_length - 1] == '0') {
        return head_refuse(lexer, END_BAD_REQUEST, "encoded NUL in the target");
    }
    lexer->state = is_second ? IN_TARGET : IN_TARGET_HEX2;
    in->at++;
    return target_append(lexer, in, span_of(in->at - 1, 1));
}

static bool in_version(struct head_lexer *lexer, struct cursor *in)
{
    if (*in->at != '\r') {
        if (head_item(lexer).length == VERSION_BYTES || !head_byte_is(*in->at, BYTE_TARGET)) {
            return refuse_byte(lexer, byte_at(in), "not an HTTP version");
        }
        return head_store_append(lexer, in->at++, 1);
    }
    if (!head_version_is_valid(head_item(lexer))) {
        return head_refuse(lexer, END_BAD_REQUEST, "not an HTTP version");
    }
    if (!span_equals_string(head_item(lexer), "HTTP/1.1")) {
        return head_refuse(lexer, END_HTTP_VERSION, "HTTP version is not 1.1");
    }
    head_item_drop(lexer);
    in->at++;
    lexer->state = AT_REQUEST_LF;
    return true;
}

static bool at_field(struct head_lexer *lexer, struct cursor *in)
{
    if (*in->at == '\r') {
        in->at++;
        lexer->state = AT_END_LF;
        return true;
    }
    if (*in->at == ' ' || *in->at == '\t') { /* RFC 9112 section 5.2 */
        return head_refuse(lexer, END_BAD_REQUEST, "folded field line");
    }
    if (!head_byte_is(*in->at, BYTE_TOKEN)) {
        return refuse_byte(lexer, byte_at(in), "field line does not start with a name");
    }
    if (lexer->field_count == lexer->limits->max_fields) {
        return head_refuse(lexer, END_HEAD_TOO_LARGE, "too many fields");
    }
    lexer->field_count++;
    lexer->state = IN_NAME;
    return true;
}

/* One byte more of a name than the longest that matters tells it apart. */
static bool in_name(struct head_lexer *lexer, struct cursor *in)
{
    struct span run = take_run(in, BYTE_TOKEN);
    size_t room = HEAD_FIELD_NAME_BYTES_MAX + 1 - head_item(lexer).length;

    if (!span_is_empty(run) &&
        !head_store_append(lexer, run.data, run.length < room ? run.length : room)) {
        return false;
    }
    if (in->at == in->end) {
        return true;
    }
    if (*in->at != ':') {
        return refuse_byte(lexer, byte_at(in),
                           *in->at == ' ' || *in->at == '\t' ? "space in or after a field name"
                                                             : "bad byte in a field name");
    }
    in->at++;
    enum head_field field = head_field_find(head_item(lexer));
    lexer->field = (int)field;
    lexer->has_tab = false;
    head_item_drop(lexer);
    lexer->state = AT_VALUE;
    return true;
}

static bool at_value(struct head_lexer *lexer, struct cursor *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t')) {
        lexer->has_tab = lexer->has_tab || *in->at == '\t';
        in->at++;
    }
    if (in->at < in->end) {
        lexer->state = IN_VALUE;
    }
    return true;
}

static bool in_value(struct head_lexer *lexer, struct cursor *in)
{
    struct span run = take_run(in, BYTE_VALUE);

    if (lexer->field != FIELD_OTHER && !span_is_empty(run) &&
        !head_store_append(lexer, run.data, run.length)) {
        return false;
    }
    if (in->at == in->end) {
        return true;
    }
    if (*in->at != '\r') {
        return refuse_byte(lexer, byte_at(in), "bad byte in a field value");
    }
    in->at++;
    lexer->state = AT_FIELD_LF;
    return true;
}

/* A line is judged as a whole, so its last byte is the one that is refused. */
static bool at_field_lf(struct head_lexer *lexer, struct cursor *in)
{
    const char *line_feed = in->at;

    if (!expect_line_feed(lexer, in, AT_FIELD)) {
        return false;
    }
    if (!head_fields_end_line(lexer)) {
        in->at = line_feed;
        return false;
    }
    return true;
}

static bool at_end_lf(struct head_lexer *lexer, struct cursor *in)
{
    return expect_line_feed(lexer, in, ENDED_DONE) && head_fields_end(lexer);
}

static bool at_line_lf(struct head_lexer *lexer, struct cursor *in)
{
    return expect_line_feed(lexer, in, lexer->state == AT_START_LF ? AT_REQUEST_LINE : AT_FIELD);
}

/* One for each state before the end. */
static bool (*const steps[])(struct head_lexer *lexer, struct cursor *in) = {
    [AT_START] = at_start,
    [AT_START_LF] = at_line_lf,
    [AT_REQUEST_LINE] = at_start,
    [IN_METHOD] = in_method,
    [AT_TARGET] = at_target,
    [AT_TARGET_SECOND] = at_target_second,
    [IN_TARGET] = in_target,
    [IN_TARGET_HEX1] = in_target_hex,
    [IN_TARGET_HEX2] = in_target_hex,
    [AT_TARGET_END] = at_target_end,
    [IN_VERSION] = in_version,
    [AT_REQUEST_LF] = at_line_lf,
    [AT_FIELD] = at_field,
    [IN_NAME] = in_name,
    [AT_VALUE] = at_value,
    [IN_VALUE] = in_value,
    [AT_FIELD_LF] = at_field_lf,
    [AT_END_LF] = at_end_lf,
};

static enum head_status status_of(const struct head_lexer *lexer)
{
    if (lexer->state == ENDED_DONE) {
        return HEAD_DONE;
    }
    return lexer->state == ENDED_REFUSED ? HEAD_REFUSED : HEAD_MORE;
}

void head_lexer_init(struct head_lexer *lexer, const struct head_limits *limits)
{
    memset(lexer, 0, sizeof(*lexer));
    lexer->limits = limits;
}

void head_lexer_fini(struct head_lexer *lexer)
{
    free(lexer->store);
    lexer->store = NULL;
}

void head_lexer_reset(struct head_lexer *lexer)
{
    const struct head_limits *limits = lexer->limits;

    head_lexer_fini(lexer);
    head_lexer_init(lexer, limits);
}

bool head_lexer_is_fresh(const struct head_lexer *lexer)
{
    return lexer->state == AT_START;
}

enum head_status head_lexer_feed(struct head_lexer *lexer, struct span bytes, size_t *taken)
{
    size_t room = lexer->limits->max_head_bytes - lexer->head_bytes;
    size_t allowed = bytes.length < room ? bytes.length : room;
    struct cursor in = {bytes.data, bytes.data + allowed};

    while (in.at < in.end && lexer->state >= 0) {
        if (!steps[lexer->state](lexer, &in)) {
            break;
        }
    }
    *taken = allowed == 0 ? 0 : (size_t)(in.at - bytes.data);
    lexer->head_bytes += *taken;
    if (lexer->state >= 0 && bytes.length > room) {
        (void)head_refuse(lexer,
                          lexer->state == IN_TARGET ? END_TARGET_TOO_LONG : END_HEAD_TOO_LARGE,
                          "request head above the limit");
    }
    head_fields_name_known(lexer);
    return status_of(lexer);
}
