/* SPDX-License-Identifier: MIT */
/*
 * turn.h - what is done once at the end of a loop turn.
 *
 * Callbacks of a turn only mark what they changed: streams with bytes to write,
 * objects that have ended. One event, activated behind them in the same turn,
 * then writes each stream once and frees what is dead, when no callback of
 * theirs is on the stack any more.
 */
#ifndef GATEWAY_TURN_H
#define GATEWAY_TURN_H

#include <stdint.h>

#include "base/attrs.h"

struct event_base;
struct turn;

#define TURN_STEPS_MAX 8

struct turn *turn_new(struct event_base *base) MUST_USE; /* NULL when memory is out */
void turn_free(struct turn *turn);                       /* accepts NULL */

/* Steps run in the order in which they were added. At most TURN_STEPS_MAX. */
void turn_add_step(struct turn *turn, void (*run)(void *arg), void *arg);

/* Ask for the steps to run at the end of this turn. Cheap when asked twice. */
void turn_request(struct turn *turn);

/* When the steps that run now were first asked for; monotonic microseconds. */
int64_t turn_requested_us(const struct turn *turn);

/* Run the steps now, repeating while they ask for more; for shutdown. */
void turn_run_now(struct turn *turn);

#endif
