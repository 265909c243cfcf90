/* SPDX-License-Identifier: MIT */
/*
 * answer_bytes.c - prepared pieces of an answer; see answer_bytes.h.
 */
#include "tests/bench/answer_bytes.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"            \
    "Transfer-Encoding: chunked\r\n\r\n"
#define EVENT                                                                                      \
    "data: {\"object\":\"chat.completion.chunk\",\"id\":\"chatcmpl-8f08b6d75001b1090\","           \
    "\"created\":1741627526,\"model\":\"bench/model\",\"system_fingerprint\":\"fp_5fb719f1e4\","   \
    "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n"
#define ROLE "\"role\":\"assistant\",\"content\":\"\""
#define CONTENT "\"content\":\""
#define LINE_BREAK_EACH 16
#define STAMP_MASK 0xfffffffffLL

struct piece {
    size_t length;
    size_t stamp_at;
    uint8_t bytes[ANSWER_PIECE_MAX];
};

static struct piece head;
static struct piece spaced;
static struct piece broken; /* with the line break */
static struct piece tail;

static const char letters[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void append(struct piece *piece, const char *text)
{
    size_t length = strlen(text);

    memcpy(piece->bytes + piece->length, text, length);
    piece->length += length;
}

static void append_chunk(struct piece *piece, const char *text)
{
    char size[16];

    (void)snprintf(size, sizeof(size), "%zx\r\n", strlen(text));
    append(piece, size);
    append(piece, text);
    append(piece, "\r\n");
}

static void append_event(struct piece *piece, const char *delta, const char *finish)
{
    char event[ANSWER_PIECE_MAX / 2];

    (void)snprintf(event, sizeof(event), EVENT, delta, finish);
    append_chunk(piece, event);
}

static void prepare_token(struct piece *piece, const char *first)
{
    char delta[64];

    (void)snprintf(delta, sizeof(delta), CONTENT "%s######\"", first);
    append_event(piece, delta, "null");
    for (piece->stamp_at = 0; piece->bytes[piece->stamp_at] != '#';) {
        piece->stamp_at += 1;
    }
}

void answer_prepare(void)
{
    append(&head, HEAD);
    append_event(&head, ROLE, "null");
    prepare_token(&spaced, " ");
    prepare_token(&broken, "\\n");
    append_event(&tail, "", "\"stop\"");
    append_chunk(&tail, "data: [DONE]\n\n");
    append(&tail, "0\r\n\r\n");
}

static size_t copy(uint8_t *to, const struct piece *piece)
{
    memcpy(to, piece->bytes, piece->length);
    return piece->length;
}

size_t answer_head(uint8_t *to)
{
    return copy(to, &head);
}

size_t answer_token(uint8_t *to, int64_t number, int64_t now_ns)
{
    const struct piece *piece = number % LINE_BREAK_EACH == LINE_BREAK_EACH - 1 ? &broken : &spaced;
    size_t length = copy(to, piece);

    stamp_write(to + piece->stamp_at, now_ns);
    return length;
}

size_t answer_tail(uint8_t *to)
{
    return copy(to, &tail);
}

void stamp_write(uint8_t *to, int64_t ns)
{
    int64_t us = ns / 1000;

    for (int i = STAMP_LENGTH - 1; i >= 0; i--) {
        to[i] = (uint8_t)letters[us & 63];
        us >>= 6;
    }
}

static int64_t letter_value(uint8_t letter)
{
    if (letter >= 'a') {
        return letter - 'a' + 26;
    }
    if (letter >= 'A' && letter != '_') {
        return letter - 'A';
    }
    if (letter == '_') {
        return 63;
    }
    return letter == '-' ? 62 : letter - '0' + 52;
}

int64_t stamp_age_ns(const uint8_t *stamp, int64_t now_ns)
{
    int64_t us = 0;

    for (int i = 0; i < STAMP_LENGTH; i++) {
        us = us << 6 | (letter_value(stamp[i]) & 63);
    }
    us = (now_ns / 1000 - us) & STAMP_MASK;
    return us > STAMP_MASK / 2 ? 0 : us * 1000; /* a rounded microsecond early is no age */
}
