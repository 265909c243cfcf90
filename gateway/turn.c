/* SPDX-License-Identifier: MIT */
/*
 * turn.c - the end-of-turn event.
 *
 * Why an event and not a prepare hook: libevent runs an event that a callback
 * activates behind all others that are active already, in the same turn, and
 * that is just the place where each stream's bytes are complete.
 */
#include "gateway/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/bug.h"
#include "base/clock.h"

struct turn_step {
    void (*run)(void *arg);
    void *arg;
};

struct turn {
    struct event *end; /* owned */
    struct turn_step steps[TURN_STEPS_MAX];
    size_t step_count;
    bool is_requested;
    int64_t requested_us;
};

static void run_steps(struct turn *turn)
{
    turn->is_requested = false;
    for (size_t i = 0; i < turn->step_count; i++) {
        turn->steps[i].run(turn->steps[i].arg);
    }
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_steps(arg);
}

struct turn *turn_new(struct event_base *base)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    if (turn == NULL) {
        return NULL;
    }
    turn->end = event_new(base, -1, 0, on_turn_end, turn);
    if (turn->end == NULL) {
        free(turn);
        return NULL;
    }
    return turn;
}

void turn_free(struct turn *turn)
{
    if (turn == NULL) {
        return;
    }
    event_free(turn->end);
    free(turn);
}

void turn_add_step(struct turn *turn, void (*run)(void *arg), void *arg)
{
    if (BUG_IF(turn->step_count == TURN_STEPS_MAX)) {
        return;
    }
    turn->steps[turn->step_count].run = run;
    turn->steps[turn->step_count].arg = arg;
    turn->step_count++;
}

void turn_request(struct turn *turn)
{
    if (!turn->is_requested) {
        turn->is_requested = true;
        turn->requested_us = clock_now_us();
        event_active(turn->end, EV_TIMEOUT, 0);
    }
}

int64_t turn_requested_us(const struct turn *turn)
{
    return turn->requested_us;
}

void turn_run_now(struct turn *turn)
{
    /* Each step can only ask again for work that it has made less. */
    enum {
        ROUNDS_MAX = 64
    };

    turn->is_requested = true;
    for (int round = 0; turn->is_requested && round < ROUNDS_MAX; round++) {
        run_steps(turn);
    }
}
