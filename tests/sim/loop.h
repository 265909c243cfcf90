/* SPDX-License-Identifier: MIT */
/*
 * loop.h - a small event loop: epoll for sockets, one heap for timers.
 *
 * Why not libevent: the gateway under test runs on libevent, and a simulator
 * that shares its event loop would share its blind spots. Thousands of paced
 * streams also want exactly one clock reading per turn and no event_del/_add
 * pair per token.
 *
 * The clock is read once per turn; everything that happens in a turn happens
 * at that time.
 */
#ifndef TESTS_SIM_LOOP_H
#define TESTS_SIM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* A descriptor the loop looks at; embedded in its owner. */
struct watch {
    int fd;
    uint32_t events; /* EPOLL* bits asked for now */
    /* Runs with the EPOLL* bits that came; may end the watch. */
    void (*on_ready)(struct watch *watch, uint32_t events);
};

/* One alarm; embedded in its owner. Zeroed means disarmed. */
struct timer {
    int64_t due_ms; /* monotonic */
    size_t place;   /* 1-based place in the heap, 0 when disarmed */
    void (*on_due)(struct timer *timer);
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Level-triggered. A failure of epoll itself ends the process with a message. */
void loop_watch(struct loop *loop, struct watch *watch, uint32_t events);
void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events); /* no call if equal */

/* Call before closing the descriptor. Its owner must stay until loop_run()'s next <after_turn>. */
void loop_unwatch(struct loop *loop, struct watch *watch);

/* Arm or move an alarm. A time that has passed fires in the next turn. */
void loop_arm(struct loop *loop, struct timer *timer, int64_t due_ms);
void loop_disarm(struct loop *loop, struct timer *timer);

/* Monotonic milliseconds at the start of this turn. */
int64_t loop_now_ms(const struct loop *loop);

/* Turn until loop_stop(); <after_turn> runs after every turn, when no callback is on the stack. */
void loop_run(struct loop *loop, void (*after_turn)(void *context), void *context);
void loop_stop(struct loop *loop);

#endif
