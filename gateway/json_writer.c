/* SPDX-License-Identifier: MIT */
/*
 * json_writer.c - see json_writer.h.
 */
#include "gateway/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gateway/log_escape.h"

/* Texts are escaped in pieces, so that none is too long. One character is six bytes at most
 * for each of its own, and never cut in two. */
#define PIECE_BYTES 64
#define ROOM_BYTES (6 * PIECE_BYTES + 2)

/* The most of <text> that ends between two characters, if it is UTF-8 at all. */
static size_t piece_length(struct span text)
{
    size_t length = text.length;

    if (length <= PIECE_BYTES) {
        return length;
    }
    for (length = PIECE_BYTES; length > PIECE_BYTES - 4; length--) {
        if (((unsigned char)text.data[length] & 0xc0U) != 0x80U) {
            return length;
        }
    }
    return PIECE_BYTES;
}

static void put_string(FILE *out, struct span rest)
{
    (void)fputc('"', out);
    while (rest.length > 0) {
        char bytes[ROOM_BYTES];
        struct log_room room = {.bytes = bytes, .capacity = sizeof(bytes)};
        size_t length = piece_length(rest);
        log_escape_json(&room, span_of(rest.data, length));
        (void)fwrite(bytes + 1, 1, room.length - 2, out); /* without its quotes */
        rest = span_skip(rest, length);
    }
    (void)fputc('"', out);
}

static void begin_value(struct json_writer *writer, const char *name)
{
    if (writer->needs_comma) {
        (void)fputc(',', writer->out);
    }
    if (name != NULL) {
        put_string(writer->out, span_from_string(name));
        (void)fputc(':', writer->out);
    }
    writer->needs_comma = true;
}

static void open_with(struct json_writer *writer, const char *name, char bracket)
{
    begin_value(writer, name);
    (void)fputc(bracket, writer->out);
    writer->needs_comma = false;
}

static void close_with(struct json_writer *writer, char bracket)
{
    (void)fputc(bracket, writer->out);
    writer->needs_comma = true;
}

void json_open_object(struct json_writer *writer, const char *name)
{
    open_with(writer, name, '{');
}

void json_close_object(struct json_writer *writer)
{
    close_with(writer, '}');
}

void json_open_array(struct json_writer *writer, const char *name)
{
    open_with(writer, name, '[');
}

void json_close_array(struct json_writer *writer)
{
    close_with(writer, ']');
}

void json_put_span(struct json_writer *writer, const char *name, struct span text)
{
    begin_value(writer, name);
    put_string(writer->out, text);
}

void json_put_text(struct json_writer *writer, const char *name, const char *text)
{
    if (text == NULL) {
        json_put_raw(writer, name, "null");
    } else {
        json_put_span(writer, name, span_from_string(text));
    }
}

void json_put_count(struct json_writer *writer, const char *name, uint64_t value)
{
    begin_value(writer, name);
    (void)fprintf(writer->out, "%" PRIu64, value);
}

void json_put_bool(struct json_writer *writer, const char *name, bool value)
{
    begin_value(writer, name);
    (void)fputs(value ? "true" : "false", writer->out);
}

void json_put_ratio(struct json_writer *writer, const char *name, uint64_t value, uint64_t divisor)
{
    begin_value(writer, name);
    (void)fprintf(writer->out, "%.15g", (double)value / (double)divisor);
}

void json_put_real(struct json_writer *writer, const char *name, double value)
{
    begin_value(writer, name);
    if (isfinite(value)) {
        (void)fprintf(writer->out, "%.6g", value);
    } else {
        (void)fputs("null", writer->out);
    }
}

void json_put_raw(struct json_writer *writer, const char *name, const char *json)
{
    begin_value(writer, name);
    (void)fputs(json, writer->out);
}
