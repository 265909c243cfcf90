/* SPDX-License-Identifier: MIT */
/*
 * answer_reader.c - see answer_reader.h.
 */
#define _GNU_SOURCE /* memmem(), strcasestr() */
#include "tests/bench/answer_reader.h"

#include <stdlib.h>
#include <string.h>

void answer_reader_begin(struct answer_reader *reader, bool is_text)
{
    reader->place = ANSWER_IN_HEAD;
    reader->is_text = is_text;
    reader->closes = false;
    reader->is_done = false;
    reader->problem = NULL;
    reader->tokens = 0;
    reader->chunk_left = 0;
    reader->line_length = 0;
}

static void count_token(struct answer_reader *reader, const char *stamp, int64_t now_ns)
{
    reader->tokens += 1;
    if (reader->delays != NULL) {
        histogram_add(reader->delays, stamp_age_ns((const uint8_t *)stamp, now_ns));
    }
}

/* Bare text: nothing but tokens of one length. What is cut off waits in line. */
static void read_text(struct answer_reader *reader, const char *bytes, size_t length,
                      int64_t now_ns)
{
    for (size_t i = 0; i < length; i++) {
        reader->line[reader->line_length] = bytes[i];
        reader->line_length += 1;
        if (reader->line_length == TOKEN_LENGTH) {
            if (reader->line[0] != ' ' && reader->line[0] != '\n') {
                reader->problem = "text that is no token";
            }
            count_token(reader, reader->line + 1, now_ns);
            reader->line_length = 0;
        }
    }
}

static void read_event_line(struct answer_reader *reader, const char *line, size_t length,
                            int64_t now_ns)
{
    static const char content[] = "\"content\":\"";
    const char *at = memmem(line, length, content, sizeof(content) - 1);

    if (at == NULL) {
        reader->is_done = reader->is_done || memmem(line, length, "data: [DONE]", 12) != NULL;
        return;
    }
    at += sizeof(content) - 1;
    if (*at == '"') {
        return; /* the first event: only a role */
    }
    at += *at == '\\' ? 2 : 1;
    if ((size_t)(line + length - at) <= STAMP_LENGTH || at[STAMP_LENGTH] != '"') {
        reader->problem = "an event that is no token";
        return;
    }
    count_token(reader, at, now_ns);
}

/* Server-sent events, by lines; a line that is cut off waits in line. */
static void read_events(struct answer_reader *reader, const char *bytes, size_t length,
                        int64_t now_ns)
{
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t taken = end == NULL ? length : (size_t)(end - bytes) + 1;

        if (end != NULL && reader->line_length == 0) {
            read_event_line(reader, bytes, taken, now_ns);
        } else if (reader->line_length + taken > sizeof(reader->line)) {
            reader->problem = "an event that is too long";
            return;
        } else {
            memcpy(reader->line + reader->line_length, bytes, taken);
            reader->line_length += taken;
            if (end != NULL) {
                read_event_line(reader, reader->line, reader->line_length, now_ns);
                reader->line_length = 0;
            }
        }
        bytes += taken;
        length -= taken;
    }
}

static void on_head(struct answer_reader *reader)
{
    reader->line[reader->line_length] = '\0';
    if (strncmp(reader->line, "HTTP/1.1 200", 12) != 0) {
        reader->problem = reader->line; /* the caller prints it */
    } else if (strcasestr(reader->line, "\r\ntransfer-encoding: chunked\r\n") == NULL) {
        reader->problem = "not chunked";
    }
    reader->closes = strcasestr(reader->line, "\r\nconnection: close\r\n") != NULL;
    reader->line_length = 0;
    reader->place = ANSWER_IN_SIZE;
}

/* One byte of the head; the head is short, and read once for each answer. */
static void read_head_byte(struct answer_reader *reader, char byte)
{
    size_t length = reader->line_length;

    if (length == sizeof(reader->line) - 1) {
        reader->problem = "a head that is too long";
        return;
    }
    reader->line[length] = byte;
    reader->line_length = length + 1;
    if (byte == '\n' && length >= 3 && memcmp(reader->line + length - 3, "\r\n\r\n", 4) == 0) {
        on_head(reader);
    }
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* A byte between the data: of a size line, the line break after a chunk, the last line. */
static void read_frame_byte(struct answer_reader *reader, char byte)
{
    if (reader->place == ANSWER_AFTER_CHUNK) {
        reader->place = byte == '\n' ? ANSWER_IN_SIZE : ANSWER_AFTER_CHUNK;
    } else if (reader->place == ANSWER_IN_TRAILER) {
        reader->place = byte == '\n' ? ANSWER_COMPLETE : ANSWER_IN_TRAILER;
    } else if (byte == '\n') {
        reader->place = reader->chunk_left == 0 ? ANSWER_IN_TRAILER : ANSWER_IN_CHUNK;
    } else if (hex_value(byte) >= 0) {
        reader->chunk_left = reader->chunk_left << 4 | (size_t)hex_value(byte);
    } else if (byte != '\r') {
        reader->problem = "a chunk size that is none";
    }
}

static size_t read_chunk(struct answer_reader *reader, const char *bytes, size_t length,
                         int64_t now_ns)
{
    size_t taken = length < reader->chunk_left ? length : reader->chunk_left;

    if (reader->is_text) {
        read_text(reader, bytes, taken, now_ns);
    } else {
        read_events(reader, bytes, taken, now_ns);
    }
    reader->chunk_left -= taken;
    if (reader->chunk_left == 0) {
        reader->place = ANSWER_AFTER_CHUNK;
    }
    return taken;
}

void answer_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
                        int64_t now_ns)
{
    size_t at = 0;

    while (at < length && reader->problem == NULL && reader->place != ANSWER_COMPLETE) {
        if (reader->place == ANSWER_IN_CHUNK) {
            at += read_chunk(reader, bytes + at, length - at, now_ns);
        } else if (reader->place == ANSWER_IN_HEAD) {
            read_head_byte(reader, bytes[at]);
            at += 1;
        } else {
            read_frame_byte(reader, bytes[at]);
            at += 1;
        }
    }
    if (reader->problem != NULL || reader->place != ANSWER_COMPLETE) {
        return;
    }
    if (at < length) {
        reader->problem = "bytes after the end";
    } else if (reader->line_length != 0 || (!reader->is_text && !reader->is_done)) {
        reader->problem = "an answer that is cut";
    }
}
