/* SPDX-License-Identifier: MIT */
/*
 * fuzz_stage.h - a whole worker for one input of a fuzz target: real loop, evhttp, edge,
 * exchanges and upstream, with raw clients and a raw upstream that the target moves.
 *
 * Nothing waits: each move is followed by loop turns until its bytes have been dealt
 * with, and no clock of the gateway is short enough to fire. So an input that found
 * something finds it again.
 */
#ifndef TESTS_FUZZ_FUZZ_STAGE_H
#define TESTS_FUZZ_FUZZ_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define FUZZ_CLIENTS 2

struct fuzz_stage;

/* Once, in front of all else: libevent's fatal errors abort, its warnings are swallowed. */
void fuzz_stage_set_up(void);

struct fuzz_stage *fuzz_stage_new(void);

/*
 * Every peer leaves; then nothing may be left in the gateway: no exchange, call,
 * connection, byte or descriptor; and what it sent must be what the oracle allows.
 */
void fuzz_stage_free(struct fuzz_stage *stage);

/* A valid token of this stage, without "Bearer". */
const char *fuzz_stage_token(const struct fuzz_stage *stage);

/* Whether a valid token has been sent: before that, nothing may reach the upstream. */
void fuzz_stage_note_token(struct fuzz_stage *stage);

/* -- moves; on a peer that is not there they do nothing -- */

/* Send on client <index>, who connects when it has not. Waits for nobody to read. */
void fuzz_stage_send(struct fuzz_stage *stage, size_t index, struct span bytes);
void fuzz_stage_close(struct fuzz_stage *stage, size_t index);
void fuzz_stage_reset(struct fuzz_stage *stage, size_t index);
void fuzz_stage_half_close(struct fuzz_stage *stage, size_t index);
void fuzz_stage_freeze(struct fuzz_stage *stage, size_t index); /* reads no more, or again */

/* The newest connection that the gateway has made upstream. */
void fuzz_stage_upstream_send(struct fuzz_stage *stage, struct span bytes);
void fuzz_stage_upstream_close(struct fuzz_stage *stage);
void fuzz_stage_upstream_reset(struct fuzz_stage *stage);

/* As on SIGTERM, and as at the end of the drain. */
void fuzz_stage_drain(struct fuzz_stage *stage);
void fuzz_stage_cut_rest(struct fuzz_stage *stage);

/* A whole good chat request of client <index>; <query> is put behind chat_id. */
void fuzz_stage_ask(struct fuzz_stage *stage, size_t index, struct span query, struct span body);

#endif
