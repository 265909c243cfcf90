/* SPDX-License-Identifier: MIT */
/*
 * answer_phase.h - between answer.c, which owns an answer, and answer_phase.c, which says it.
 */
#ifndef TESTS_SIM_ANSWER_PHASE_H
#define TESTS_SIM_ANSWER_PHASE_H

#include "tests/sim/answer.h"

void answer_enter(struct answer *answer, enum answer_phase phase);

/* Set <text> to the beginning of what this answer says. */
void answer_start_text(const struct answer *answer, struct text *text);

/* Append the next piece of the phase the answer is in, or move on to the next phase. */
enum answer_step answer_run_phase(struct answer *answer, struct bytes *out);

/* Whether a usage chunk and a [DONE] belong to this answer. */
bool answer_wants_usage(const struct answer *answer);
bool answer_wants_done(const struct answer *answer);

#endif
