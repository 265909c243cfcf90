/* SPDX-License-Identifier: MIT */
/*
 * chunk_lexer.c - strict chunked request bodies, RFC 9112 section 7.1.
 *
 * Like head_lexer.c: no decision looks further than the byte in hand, so the
 * result cannot depend on how the bytes were cut. A refused byte is not taken.
 *
 *   SIZE --CR--> SIZE_LF --LF--> DATA --all--> DATA_CR --> DATA_LF --.
 *    ^  |         ^ |                                                |
 *    |  `-- ; --> extensions                                         |
 *    |             `--size 0--> LAST_CR --> LAST_LF --> DONE         |
 *    `---------------------------------------------------------------'
 */
#include "gateway/chunk_lexer.h"

#include "gateway/head_grammar.h"

enum chunk_state {
    IN_SIZE = 0, /* hexadecimal digits, then CR */
    AT_NAME,     /* first byte of an extension's name */
    IN_NAME,
    AT_VALUE, /* behind the "=" of an extension */
    IN_VALUE, /* a token */
    IN_QUOTED,
    IN_ESCAPE,
    AFTER_QUOTED,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_LAST_CR, /* of the empty line where trailer fields would be */
    AT_LAST_LF,
    ENDED_DONE,
    ENDED_REFUSED,
};

#define SIZE_DIGITS_MAX 16 /* 64 bits */
/* Signing clients send some 90 bytes a chunk; what nobody reads must stay small beside the body. */
#define EXTENSION_BYTES_MAX 4096

static bool refuse(struct chunk_lexer *lexer, enum end_reason reason, const char *problem)
{
    lexer->state = ENDED_REFUSED;
    lexer->refusal = reason;
    lexer->problem = problem;
    return false;
}

/* Value of a hexadecimal digit, or 16 when it is none. */
static unsigned digit_value(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return (unsigned)(byte - '0');
    }
    if (byte >= 'a' && byte <= 'f') {
        return (unsigned)(byte - 'a') + 10;
    }
    if (byte >= 'A' && byte <= 'F') {
        return (unsigned)(byte - 'A') + 10;
    }
    return 16;
}

static const char *problem_of_size_byte(const struct chunk_lexer *lexer, char byte)
{
    if (byte == '\n') {
        return "chunk size ends with a line feed alone";
    }
    return lexer->digits == 0 ? "chunk size does not start with a digit"
                              : "bad byte in a chunk size";
}

/* CR behind a size and its extensions. */
static bool end_size(struct chunk_lexer *lexer)
{
    if (lexer->chunk_left > lexer->max_body_bytes - lexer->body_bytes) {
        return refuse(lexer, END_TOO_LARGE, "chunked body above the limit");
    }
    lexer->state = AT_SIZE_LF;
    return true;
}

static bool in_size(struct chunk_lexer *lexer, char byte)
{
    unsigned value = digit_value(byte);

    if (value < 16) {
        if (lexer->digits == SIZE_DIGITS_MAX) {
            return refuse(lexer, END_BAD_REQUEST, "chunk size has too many digits");
        }
        lexer->digits++;
        lexer->chunk_left = lexer->chunk_left * 16 + value;
        return true;
    }
    if (byte == ';' && lexer->digits > 0) {
        lexer->state = AT_NAME;
        return true;
    }
    if (byte == '\r' && lexer->digits > 0) {
        return end_size(lexer);
    }
    return refuse(lexer, END_BAD_REQUEST, problem_of_size_byte(lexer, byte));
}

static enum chunk_state after_quoted_byte(enum chunk_state state, char byte)
{
    if (state == IN_QUOTED && byte == '"') {
        return AFTER_QUOTED;
    }
    if (state == IN_QUOTED && byte == '\\') {
        return IN_ESCAPE;
    }
    return head_byte_is(byte, BYTE_VALUE) ? IN_QUOTED : ENDED_REFUSED;
}

/* The state that <byte> leads to; ENDED_REFUSED when it may not stand there. */
static enum chunk_state after_extension_byte(enum chunk_state state, char byte)
{
    if (state == IN_QUOTED || state == IN_ESCAPE) {
        return after_quoted_byte(state, byte);
    }
    if (head_byte_is(byte, BYTE_TOKEN) && state != AFTER_QUOTED) {
        return state == AT_NAME || state == IN_NAME ? IN_NAME : IN_VALUE;
    }
    if (byte == '"' && state == AT_VALUE) {
        return IN_QUOTED;
    }
    if (byte == '=' && state == IN_NAME) {
        return AT_VALUE;
    }
    return byte == ';' && state != AT_NAME && state != AT_VALUE ? AT_NAME : ENDED_REFUSED;
}

/*
 * RFC 9112 section 7.1.1, without its "bad white space". A line that another reader
 * ends elsewhere is how requests are hidden in extensions, so no control byte passes.
 */
static bool in_extension(struct chunk_lexer *lexer, char byte)
{
    enum chunk_state state = (enum chunk_state)lexer->state;

    if (byte == '\r' && (state == IN_NAME || state == IN_VALUE || state == AFTER_QUOTED)) {
        return end_size(lexer);
    }
    state = after_extension_byte(state, byte);
    if (state == ENDED_REFUSED) {
        return refuse(lexer, END_BAD_REQUEST, "bad byte in a chunk extension");
    }
    if (++lexer->extension_bytes > EXTENSION_BYTES_MAX) {
        return refuse(lexer, END_TOO_LARGE, "chunk extensions above the limit");
    }
    lexer->state = (int)state;
    return true;
}

/* One byte of framing: everything but data. */
static bool take_byte(struct chunk_lexer *lexer, char byte)
{
    static const struct {
        char expected;
        enum chunk_state next;
        const char *problem;
    } line_ends[] = {
        [AT_SIZE_LF] = {'\n', IN_DATA, "chunk size without line feed"},
        [AT_DATA_CR] = {'\r', AT_DATA_LF, "chunk is longer than its size"},
        [AT_DATA_LF] = {'\n', IN_SIZE, "chunk without line feed"},
        [AT_LAST_CR] = {'\r', AT_LAST_LF, "trailer field"},
        [AT_LAST_LF] = {'\n', ENDED_DONE, "last chunk without line feed"},
    };

    if (lexer->state == IN_SIZE) {
        return in_size(lexer, byte);
    }
    if (lexer->state < AT_SIZE_LF) {
        return in_extension(lexer, byte);
    }
    if (byte != line_ends[lexer->state].expected) {
        return refuse(lexer, END_BAD_REQUEST, line_ends[lexer->state].problem);
    }
    if (lexer->state == AT_SIZE_LF && lexer->chunk_left == 0) {
        lexer->state = AT_LAST_CR;
        return true;
    }
    lexer->state = (int)line_ends[lexer->state].next;
    lexer->digits = 0;
    return true;
}

/* As much of the chunk as there is; at least one byte. */
static size_t take_data(struct chunk_lexer *lexer, size_t available)
{
    size_t length = lexer->chunk_left < available ? (size_t)lexer->chunk_left : available;

    lexer->chunk_left -= length;
    lexer->body_bytes += length;
    if (lexer->chunk_left == 0) {
        lexer->state = AT_DATA_CR;
    }
    return length;
}

void chunk_lexer_init(struct chunk_lexer *lexer, uint64_t max_body_bytes)
{
    *lexer = (struct chunk_lexer){.state = IN_SIZE, .max_body_bytes = max_body_bytes};
}

enum chunk_status chunk_lexer_feed(struct chunk_lexer *lexer, struct span bytes, size_t *taken)
{
    size_t at = 0;

    while (at < bytes.length && lexer->state < ENDED_DONE) {
        bool was_size = lexer->state == IN_SIZE;
        if (lexer->state == IN_DATA) {
            at += take_data(lexer, bytes.length - at);
        } else if (take_byte(lexer, bytes.data[at])) {
            at++;
        }
        if (was_size && lexer->state == AT_NAME) {
            *taken = at;
            return CHUNK_EXTENSION;
        }
    }
    *taken = at;
    if (lexer->state < ENDED_DONE) {
        return CHUNK_MORE;
    }
    return lexer->state == ENDED_DONE ? CHUNK_DONE : CHUNK_REFUSED;
}
