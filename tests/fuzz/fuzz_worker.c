/* SPDX-License-Identifier: MIT */
/*
 * fuzz_worker.c - any bytes, from two clients and an upstream, through a whole worker.
 *
 * The input is a script: what stands before the first MARK is sent by the first client,
 * and each MARK with the letter behind it begins the next move (see run_move()). In what
 * a client sends, TOKEN stands for a valid token: nobody finds one by trying, and the
 * stage holds the gateway to that. Both are bytes that occur in no UTF-8 text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_stage.h"
#include "tests/fuzz/fuzz_target.h"

#define MARK 0xf5
#define TOKEN 0xf6
#define MOVES_MAX 48
#define DRIP_BYTES_MAX 64
#define CHUNK_OVERHEAD 32

static const char good_body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

/* <bytes> with each TOKEN replaced; owned by the caller. */
static char *put_tokens(struct fuzz_stage *stage, struct span bytes, size_t *length)
{
    const char *token = fuzz_stage_token(stage);
    size_t token_length = strlen(token);
    size_t count = 0;
    char *out;

    for (size_t i = 0; i < bytes.length; i++) {
        count += (unsigned char)bytes.data[i] == TOKEN;
    }
    out = malloc(bytes.length + count * token_length + 1);
    if (out == NULL) {
        abort();
    }
    *length = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        if ((unsigned char)bytes.data[i] == TOKEN) {
            memcpy(out + *length, token, token_length);
            *length += token_length;
            fuzz_stage_note_token(stage);
        } else {
            out[(*length)++] = bytes.data[i];
        }
    }
    return out;
}

static void send_all(struct fuzz_stage *stage, size_t index, struct span bytes)
{
    size_t length;
    char *text = put_tokens(stage, bytes, &length);

    fuzz_stage_send(stage, index, span_of(text, length));
    free(text);
}

/* Byte by byte, with turns between, as far as patience goes. */
static void drip(struct fuzz_stage *stage, struct span bytes)
{
    size_t at = 0;

    while (at < bytes.length && at < DRIP_BYTES_MAX) {
        send_all(stage, 0, span_of(bytes.data + at, 1));
        at++;
    }
    send_all(stage, 0, span_skip(bytes, at));
}

static void upstream_event(struct fuzz_stage *stage, struct span data)
{
    char size[CHUNK_OVERHEAD];

    if (data.length == 0) {
        fuzz_stage_upstream_send(stage, span_from_string(stream_head));
        return;
    }
    (void)snprintf(size, sizeof(size), "%zx\r\n", data.length);
    fuzz_stage_upstream_send(stage, span_from_string(size));
    fuzz_stage_upstream_send(stage, data);
    fuzz_stage_upstream_send(stage, span_from_string("\r\n"));
}

static void run_move(struct fuzz_stage *stage, char letter, struct span bytes)
{
    switch (letter) {
    case 'a': /* the first client sends */
        send_all(stage, 0, bytes);
        break;
    case 'b': /* the second */
        send_all(stage, 1, bytes);
        break;
    case 'd': /* the first, byte by byte */
        drip(stage, bytes);
        break;
    case 'g': /* a good head, and these bytes as the body */
        fuzz_stage_ask(stage, 0, span_of("", 0), bytes);
        break;
    case 'm': /* a good request, and these bytes behind its query */
        fuzz_stage_ask(stage, 0, bytes, span_from_string(good_body));
        break;
    case 'u': /* the upstream sends */
        fuzz_stage_upstream_send(stage, bytes);
        break;
    case 'h': /* the upstream sends one whole chunk; an empty one is a good head */
        upstream_event(stage, bytes);
        break;
    case 'f':
        fuzz_stage_upstream_close(stage);
        break;
    case 'r':
        fuzz_stage_upstream_reset(stage);
        break;
    case 'x':
        fuzz_stage_close(stage, 0);
        break;
    case 'y':
        fuzz_stage_reset(stage, 0);
        break;
    case 'w':
        fuzz_stage_half_close(stage, 0);
        break;
    case 'z':
        fuzz_stage_freeze(stage, 0);
        break;
    case 's':
        fuzz_stage_drain(stage);
        break;
    case 'e':
        fuzz_stage_cut_rest(stage);
        break;
    default:
        break;
    }
}

/* The bytes up to the next MARK, which are taken from <left>. */
static struct span take_piece(struct span *left)
{
    const char *mark = left->length == 0 ? NULL : memchr(left->data, MARK, left->length);
    struct span piece = *left;

    if (mark != NULL) {
        piece.length = (size_t)(mark - left->data);
    }
    *left = span_skip(*left, piece.length);
    return piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_set_up;
    struct span left = span_of((const char *)data, size);
    struct fuzz_stage *stage;

    if (!is_set_up) {
        fuzz_stage_set_up();
        is_set_up = true;
    }
    stage = fuzz_stage_new();
    send_all(stage, 0, take_piece(&left));
    for (int moves = 0; moves < MOVES_MAX && left.length >= 2; moves++) {
        char letter = left.data[1];
        left = span_skip(left, 2);
        run_move(stage, letter, take_piece(&left));
    }
    fuzz_stage_free(stage);
    return 0;
}
