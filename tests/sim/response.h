/* SPDX-License-Identifier: MIT */
/*
 * response.h - one answer on its way out: interim answers, head, framed body, tail.
 *
 * A pull interface again: the connection asks for bytes only when what it asked
 * for before has left, which is what bounds the memory of a stream and lets a
 * slow reader slow us down.
 */
#ifndef TESTS_SIM_RESPONSE_H
#define TESTS_SIM_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "tests/sim/answer.h"
#include "tests/sim/bytes.h"
#include "tests/sim/call.h"
#include "tests/sim/scenario.h"
#include "tests/sim/tape.h"

/* What the connection does next. */
enum response_act {
    RESPONSE_MORE = 0, /* ask again while there is room */
    RESPONSE_WRITE,    /* write what there is before asking again, so that it travels alone */
    RESPONSE_WAIT,     /* ask again at wait_until_ms */
    RESPONSE_STALL,    /* never ask again */
    RESPONSE_KEEP,     /* complete; the connection lives on */
    RESPONSE_CLOSE,    /* complete; close properly */
    RESPONSE_CUT,      /* not complete; close */
    RESPONSE_RESET,    /* not complete; reset */
};

enum response_stage {
    STAGE_FIRST = 0, /* before the first byte */
    STAGE_HEAD,
    STAGE_HEAD_FILL, /* inside the giant header field */
    STAGE_HEAD_END,
    STAGE_BODY,
    STAGE_TAIL,
    STAGE_OVER,
};

struct response {
    struct scenario scenario;
    struct call call;
    bool is_blob; /* the body is <blob>, not <answer> */
    struct answer answer;
    struct span blob;        /* borrowed from <blob_owned> or a tape */
    struct bytes blob_owned; /* owned */
    bool is_tape;            /* cut and paced */
    int status;
    char content_type[128];
    char location[160];       /* of a redirect, or empty */
    enum sim_framing framing; /* settled, whatever the scenario wished */
    bool has_closing_head;    /* the head says Connection: close */
    enum response_stage stage;
    bool is_body_over;
    enum response_act ending; /* how the connection goes on after the tail */
    int64_t left;             /* bytes of the giant header, or of the blob, still to come */
    int64_t due_ms;           /* when the next piece may be made */
    int64_t comment_due_ms;   /* when quiet has lasted long enough for a comment */
    int64_t wait_until_ms;    /* valid with RESPONSE_WAIT */
    uint64_t cuts;            /* random state of the cuts */
    uint64_t events;          /* pieces of body made */
    bool was_bad_chunk_sent;
    struct bytes body; /* made but not framed yet */
};

/* What a response is made from; all borrowed during the call only, but for tapes. */
struct response_start {
    const struct scenario *defaults;
    const struct tapes *tapes; /* borrowed until response_fini() */
    uint64_t number;           /* of talking requests since reset, from 0 */
    int64_t now_ms;
    bool is_http_1_0;
    bool keeps_alive;
};

/*
 * Plan the answer to a talking request. response->call holds the call;
 * <status> is what call_parse() said of it. The response is then its owner's
 * until response_fini().
 */
void response_plan(struct response *response, const struct response_start *start,
                   enum call_status status);

/* Plan an answer that is ready: response->blob_owned holds its body. */
void response_plan_ready(struct response *response, const struct response_start *start, int status,
                         const char *content_type);

/* Append the next bytes to <out>. */
enum response_act response_next(struct response *response, struct bytes *out, int64_t now_ms);

void response_fini(struct response *response);

#endif
