/* SPDX-License-Identifier: MIT */
/*
 * fuzz_upstream.c - any bytes as what an upstream sends, through a whole worker.
 *
 * The first byte says how they come: in which format the answer is asked for, in pieces
 * of which size, and how the upstream leaves. A good client has asked and reads; the
 * same client asks again afterwards, so that what an answer leaves behind on a kept
 * connection would become the next one.
 */
#include <stdlib.h>

#include "tests/fuzz/fuzz_stage.h"
#include "tests/fuzz/fuzz_target.h"

#define PIECES_MAX 64

static const char good_body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
static const char good_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    "33\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\r\n"
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

enum {
    ASK_DATA = 0x01,
    LEAVE_OPEN = 0x02,
    LEAVE_BY_RESET = 0x04,
    IN_PIECES = 0x08,
    PIECE_SHIFT = 4,
    ASK_EVENTS = 0x80 /* ui, or openai with ASK_DATA */
};

static const char *format_of(unsigned how)
{
    if ((how & ASK_EVENTS) != 0) {
        return (how & ASK_DATA) != 0 ? "&format=openai" : "&format=ui";
    }
    return (how & ASK_DATA) != 0 ? "&format=data" : "";
}

static void answer(struct fuzz_stage *stage, unsigned how, struct span bytes)
{
    size_t piece = (size_t)1 << (how >> PIECE_SHIFT & 7U);

    for (int i = 0; (how & IN_PIECES) != 0 && i < PIECES_MAX && bytes.length > piece; i++) {
        fuzz_stage_upstream_send(stage, span_of(bytes.data, piece));
        bytes = span_skip(bytes, piece);
    }
    fuzz_stage_upstream_send(stage, bytes);
    if ((how & LEAVE_OPEN) != 0) {
        return;
    }
    if ((how & LEAVE_BY_RESET) != 0) {
        fuzz_stage_upstream_reset(stage);
    } else {
        fuzz_stage_upstream_close(stage);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_set_up;
    struct fuzz_stage *stage;

    if (size == 0) {
        return 0;
    }
    if (!is_set_up) {
        fuzz_stage_set_up();
        is_set_up = true;
    }
    stage = fuzz_stage_new();
    fuzz_stage_ask(stage, 0, span_from_string(format_of(data[0])), span_from_string(good_body));
    answer(stage, data[0], span_of((const char *)data + 1, size - 1));
    fuzz_stage_ask(stage, 0, span_of("", 0), span_from_string(good_body));
    fuzz_stage_upstream_send(stage, span_from_string(good_answer));
    fuzz_stage_free(stage);
    return 0;
}
