/* SPDX-License-Identifier: MIT */
/*
 * log_escape.c - any bytes as text that is safe inside a log line.
 */
#include "gateway/log_escape.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT 0xfffdU

void log_room_put(struct log_room *room, const char *data, size_t length)
{
    if (length > room->capacity - room->length) {
        room->is_full = true;
        return;
    }
    memcpy(room->bytes + room->length, data, length);
    room->length += length;
}

void log_room_puts(struct log_room *room, const char *text)
{
    log_room_put(room, text, strlen(text));
}

static bool is_printable(char byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

/* The two-character escape that both formats share, or NULL. */
static const char *short_escape(char byte)
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static bool is_bare(struct span value)
{
    for (size_t i = 0; i < value.length; i++) {
        char byte = value.data[i];
        if (!is_printable(byte) || byte == ' ' || byte == '=' || byte == '"' || byte == '\\') {
            return false;
        }
    }
    return value.length > 0;
}

static void put_hex(struct log_room *room, const char *prefix, unsigned value, unsigned digits)
{
    log_room_puts(room, prefix);
    for (unsigned left = digits; left > 0; left--) {
        log_room_put(room, &"0123456789abcdef"[value >> (4 * (left - 1)) & 0xfU], 1);
    }
}

void log_escape_logfmt(struct log_room *room, struct span value)
{
    if (is_bare(value)) {
        log_room_put(room, value.data, value.length);
        return;
    }
    log_room_puts(room, "\"");
    for (size_t i = 0; i < value.length; i++) {
        const char *escape = short_escape(value.data[i]);
        if (escape != NULL) {
            log_room_puts(room, escape);
        } else if (is_printable(value.data[i])) {
            log_room_put(room, &value.data[i], 1);
        } else {
            put_hex(room, "\\x", (unsigned char)value.data[i], 2);
        }
    }
    log_room_puts(room, "\"");
}

/* How many continuation bytes follow this lead byte; 0 when it is none. RFC 3629 section 4. */
static size_t continuation_count(unsigned lead)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 1;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 2;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

/* The character at the start of <text>; its length goes to <used>, 1 when it is none. */
static uint32_t decode_utf8(struct span text, size_t *used)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned lead = (unsigned char)text.data[0];
    size_t count = continuation_count(lead);
    uint32_t character = lead & (0x3fU >> count);

    *used = 1;
    if (count == 0 || text.length <= count) {
        return REPLACEMENT;
    }
    for (size_t i = 1; i <= count; i++) {
        unsigned byte = (unsigned char)text.data[i];
        if ((byte & 0xc0U) != 0x80U) {
            return REPLACEMENT;
        }
        character = character << 6 | (byte & 0x3fU);
    }
    if (character < least[count] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff)) {
        return REPLACEMENT;
    }
    *used = count + 1;
    return character;
}

static void put_json_character(struct log_room *room, uint32_t character)
{
    if (character > 0xffff) {
        put_hex(room, "\\u", 0xd800U + ((character - 0x10000U) >> 10), 4);
        put_hex(room, "\\u", 0xdc00U + ((character - 0x10000U) & 0x3ffU), 4);
        return;
    }
    put_hex(room, "\\u", character, 4);
}

void log_escape_json(struct log_room *room, struct span value)
{
    size_t at = 0;

    log_room_puts(room, "\"");
    while (at < value.length) {
        const char *escape = short_escape(value.data[at]);
        size_t used = 1;
        if (escape != NULL) {
            log_room_puts(room, escape);
        } else if (is_printable(value.data[at])) {
            log_room_put(room, &value.data[at], 1);
        } else if ((unsigned char)value.data[at] < 0x80) {
            put_json_character(room, (unsigned char)value.data[at]);
        } else {
            put_json_character(room, decode_utf8(span_skip(value, at), &used));
        }
        at += used;
    }
    log_room_puts(room, "\"");
}
