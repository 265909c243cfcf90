/* SPDX-License-Identifier: MIT */
/*
 * answer.h - the body of one made-up answer, piece by piece.
 *
 * A pull interface: each call of answer_next() appends one event (or a few KiB
 * of a giant one) and says what the sender has to do before the next call. The
 * whole body is never in memory, and a struct copy can be run to its end to
 * learn how long it will be.
 */
#ifndef TESTS_SIM_ANSWER_H
#define TESTS_SIM_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "tests/sim/bytes.h"
#include "tests/sim/call.h"
#include "tests/sim/scenario.h"
#include "tests/sim/text.h"

/* answer_next() appends about this many bytes at most. */
#define ANSWER_PIECE_BYTES 4096

/* What to do before asking for the next piece. */
enum answer_step {
    ANSWER_MORE = 0, /* ask again as soon as there is room */
    ANSWER_PACED,    /* a token was said: wait for the pace */
    ANSWER_END,      /* the body is complete */
    ANSWER_CUT,      /* close without an end */
    ANSWER_RESET,    /* reset the connection */
    ANSWER_STALL,    /* say nothing more, keep the connection */
};

enum answer_phase {
    PHASE_OPEN = 0,  /* byte order mark, role */
    PHASE_REASONING, /* deltas of reasoning */
    PHASE_TOOL,      /* fragments of a tool call */
    PHASE_GIANT_OPEN,
    PHASE_GIANT_BODY,
    PHASE_TEXT,
    PHASE_FINISH,
    PHASE_ECHO, /* TGI repeats the whole text in its last event */
    PHASE_ECHO_CLOSE,
    PHASE_USAGE,
    PHASE_DONE,
    PHASE_ENDED,
};

struct dialect; /* dialect.h */

struct answer {
    const struct dialect *dialect;
    const struct scenario *scenario; /* borrowed */
    const struct call *call;         /* borrowed */
    enum answer_phase phase;
    bool is_rehearsal;    /* faults are passed over; only the length is wanted */
    bool was_broken;      /* the event of broken JSON is out */
    bool has_capped;      /* max_tokens, not the text, ended the answer */
    int64_t tokens;       /* tokens of text said */
    int64_t tokens_limit; /* -1 when the text ends by itself */
    int64_t text_bytes;   /* bytes of text said */
    int64_t counter;      /* of what the phase repeats */
    int64_t created_unix_s;
    uint64_t id;
    struct text text;
    struct text echo; /* runs the text again for PHASE_ECHO */
};

/* What a new answer is made from; all borrowed until the answer has ended. */
struct answer_start {
    const struct scenario *scenario;
    const struct call *call;
    uint64_t id;
    int64_t created_unix_s;
};

void answer_init(struct answer *answer, const struct answer_start *start);

/* Append the next piece of the body to <out>. */
enum answer_step answer_next(struct answer *answer, struct bytes *out);

/* Append a comment line, as servers send it to keep a quiet connection alive. */
void answer_comment(const struct answer *answer, struct bytes *out);

/* True when the body is an event stream, so that comments may be sent. */
bool answer_is_event_stream(const struct answer *answer);

/* How long the whole body is, in bytes, faults passed over. <answer> does not move. */
int64_t answer_length(const struct answer *answer);

#endif
