/* SPDX-License-Identifier: MIT */
/*
 * framing.c - strict reading of a response's framing, ahead of evhttp.
 *
 * One byte at a time where the grammar is, whole runs where the data is. Chunk
 * extensions are refused, because evhttp does not understand them; trailer fields
 * are checked and thrown away.
 */
#include "upstream/framing.h"

#include <string.h>

enum framing_state {
    IN_STATUS_LINE = 0, /* "HTTP/1.1 200" */
    LINE_START,         /* a field's name, or the CR of the empty line */
    IN_NAME,
    IN_VALUE, /* also the reason phrase */
    AT_LINE_LF,
    AT_EMPTY_LF,
    HEAD_WHOLE,
    IN_SIZE,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    IN_COUNTED,
    IN_OPEN,
    ENDED,
    BROKEN,
};

#define SIZE_DIGITS_MAX 16 /* 64 bits */
#define TRAILER_BYTES_MAX (32 * 1024)

/* d a digit, v the minor version; others stand for themselves (RFC 9112 section 4). */
static const char status_line[] = "HTTP/1.v ddd";
#define STATUS_LINE_LENGTH (sizeof(status_line) - 1)

void framing_begin_head(struct framing *framing)
{
    *framing = (struct framing){.state = IN_STATUS_LINE};
}

void framing_begin_body(struct framing *framing, enum framing_body body, uint64_t length,
                        uint64_t chunk_bytes_max)
{
    static const enum framing_state first[] = {
        [FRAMING_NO_BODY] = ENDED,
        [FRAMING_CHUNKED] = IN_SIZE,
        [FRAMING_COUNTED] = IN_COUNTED,
        [FRAMING_OPEN] = IN_OPEN,
    };

    framing->state = (int)first[body];
    framing->count = 0;
    framing->left = body == FRAMING_COUNTED ? length : 0;
    framing->chunk_bytes_max = chunk_bytes_max;
    if (body == FRAMING_COUNTED && length == 0) {
        framing->state = ENDED;
    }
}

static void refuse(struct framing *framing, const char *problem)
{
    framing->state = BROKEN;
    framing->problem = problem;
}

static void in_status_line(struct framing *framing, char byte)
{
    char expected = '\0';
    bool fits;

    if (framing->count < STATUS_LINE_LENGTH) {
        expected = status_line[framing->count];
    }
    switch (expected) {
    case 'd':
        fits = byte >= '0' && byte <= '9';
        break;
    case 'v':
        fits = byte == '0' || byte == '1';
        break;
    case '\0': /* behind the status; the phrase may be absent together with its space */
        fits = byte == ' ' || byte == '\r';
        framing->state = byte == '\r' ? AT_LINE_LF : IN_VALUE;
        break;
    default:
        fits = byte == expected;
        break;
    }
    framing->count++;
    if (!fits) {
        refuse(framing, "not a status line of HTTP/1.1");
    }
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static void in_field(struct framing *framing, char byte)
{
    unsigned char value = (unsigned char)byte;

    if (framing->is_trailer && ++framing->count > TRAILER_BYTES_MAX) {
        refuse(framing, "trailer above the bound");
        return;
    }
    if (framing->state == LINE_START && byte == '\r') {
        framing->state = AT_EMPTY_LF;
    } else if (framing->state == IN_NAME && byte == ':') {
        framing->state = IN_VALUE;
    } else if (framing->state != IN_VALUE) {
        framing->state = IN_NAME;
        if (!is_name_byte(byte)) {
            refuse(framing, "bad byte in a field's name, or a folded line");
        }
    } else if (byte == '\r') {
        framing->state = AT_LINE_LF;
    } else if ((value < 0x20 && byte != '\t') || value == 0x7f) {
        refuse(framing, "control byte in a head");
    }
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

static void in_size(struct framing *framing, char byte)
{
    unsigned value = digit_value(byte);

    if (value < 16 && framing->count < SIZE_DIGITS_MAX) {
        framing->count++;
        framing->left = framing->left * 16 + value;
        if (framing->left > framing->chunk_bytes_max) {
            refuse(framing, "chunk above the bound");
        }
    } else if (byte == '\r' && framing->count > 0) {
        framing->state = AT_SIZE_LF;
    } else {
        refuse(framing, "bad chunk size");
    }
}

/* The LF behind a CR, or the CR behind a chunk: nothing else will do. */
static void at_line_end(struct framing *framing, char byte)
{
    bool is_last = framing->state == AT_SIZE_LF && framing->left == 0;

    if (byte != (framing->state == AT_DATA_CR ? '\r' : '\n')) {
        refuse(framing, framing->state == AT_DATA_CR ? "chunk is longer than its size"
                                                     : "carriage return without line feed");
        return;
    }
    switch (framing->state) {
    case AT_EMPTY_LF:
        framing->state = framing->is_trailer ? ENDED : HEAD_WHOLE;
        break;
    case AT_SIZE_LF:
        framing->state = is_last ? LINE_START : IN_DATA;
        framing->is_trailer = is_last;
        framing->count = 0;
        break;
    case AT_DATA_CR:
        framing->state = AT_DATA_LF;
        break;
    case AT_DATA_LF:
        framing->state = IN_SIZE;
        framing->count = 0;
        break;
    default:
        framing->state = LINE_START;
        break;
    }
}

/* As much of the data as there is; at least one byte. */
static size_t skip_data(struct framing *framing, size_t available)
{
    size_t length = framing->left < available ? (size_t)framing->left : available;

    framing->left -= length;
    if (framing->left == 0) {
        framing->state = framing->state == IN_DATA ? AT_DATA_CR : ENDED;
    }
    return length;
}

static void take_byte(struct framing *framing, char byte)
{
    switch (framing->state) {
    case IN_STATUS_LINE:
        in_status_line(framing, byte);
        break;
    case LINE_START:
    case IN_NAME:
    case IN_VALUE:
        in_field(framing, byte);
        break;
    case IN_SIZE:
        in_size(framing, byte);
        break;
    default:
        at_line_end(framing, byte);
        break;
    }
}

bool framing_next(struct framing *framing, struct span *bytes, struct span *data)
{
    while (bytes->length > 0) {
        switch (framing->state) {
        case BROKEN:
        case HEAD_WHOLE:
        case IN_OPEN:
            return false;
        case ENDED:
            framing->has_excess = true;
            return false;
        case IN_DATA:
        case IN_COUNTED:
            *data = span_of(bytes->data, skip_data(framing, bytes->length));
            *bytes = span_skip(*bytes, data->length);
            return true;
        default:
            take_byte(framing, bytes->data[0]);
            *bytes = span_skip(*bytes, 1);
            break;
        }
    }
    return false;
}

bool framing_feed(struct framing *framing, struct span bytes)
{
    struct span data;

    while (framing_next(framing, &bytes, &data)) {
    }
    return framing->state != BROKEN;
}

bool framing_is_over(const struct framing *framing)
{
    return framing->state == ENDED;
}

bool framing_has_ended(const struct framing *framing)
{
    return framing->state == ENDED && !framing->has_excess;
}
