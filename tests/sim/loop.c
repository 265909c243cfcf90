/* SPDX-License-Identifier: MIT */
/*
 * loop.c - epoll and a binary heap of timers; see loop.h.
 */
#include "tests/sim/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_PER_TURN 256

struct loop {
    int epoll_fd;
    bool is_stopped;
    int64_t now_ms;
    struct timer **heap; /* owned array of borrowed timers; heap[0] is unused */
    size_t count;        /* timers armed */
    size_t capacity;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "hfsim: %s: %s\n", what, strerror(errno)); /* last words */
    exit(1);
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        die("loop");
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        die("epoll_create1");
    }
    loop->now_ms = clock_now_ms();
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop != NULL) {
        (void)close(loop->epoll_fd); /* nothing to do about a failure */
        free(loop->heap);
        free(loop);
    }
}

static void control(struct loop *loop, struct watch *watch, int operation)
{
    struct epoll_event event = {.events = watch->events, .data = {.ptr = watch}};

    if (epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) != 0) {
        die("epoll_ctl");
    }
}

void loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
    watch->events = events;
    control(loop, watch, EPOLL_CTL_ADD);
}

void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events)
{
    if (watch->events != events) {
        watch->events = events;
        control(loop, watch, EPOLL_CTL_MOD);
    }
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    control(loop, watch, EPOLL_CTL_DEL);
}

static void heap_put(struct loop *loop, struct timer *timer, size_t place)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct loop *loop, struct timer *timer)
{
    size_t place = timer->place;

    while (place > 1 && loop->heap[place / 2]->due_ms > timer->due_ms) {
        heap_put(loop, loop->heap[place / 2], place);
        place /= 2;
    }
    heap_put(loop, timer, place);
}

static void sift_down(struct loop *loop, struct timer *timer)
{
    size_t place = timer->place;

    while (place * 2 <= loop->count) {
        size_t child = place * 2;
        if (child < loop->count && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms) {
            child++;
        }
        if (loop->heap[child]->due_ms >= timer->due_ms) {
            break;
        }
        heap_put(loop, loop->heap[child], place);
        place = child;
    }
    heap_put(loop, timer, place);
}

static void heap_grow(struct loop *loop)
{
    size_t capacity = loop->capacity == 0 ? 64 : loop->capacity * 2;
    struct timer **grown = realloc(loop->heap, capacity * sizeof(struct timer *));

    if (grown == NULL) {
        die("timers");
    }
    loop->heap = grown;
    loop->capacity = capacity;
}

void loop_arm(struct loop *loop, struct timer *timer, int64_t due_ms)
{
    if (timer->place == 0) {
        if (loop->count + 1 >= loop->capacity) {
            heap_grow(loop);
        }
        loop->count++;
        heap_put(loop, timer, loop->count);
    }
    timer->due_ms = due_ms;
    sift_up(loop, timer);
    sift_down(loop, timer);
}

void loop_disarm(struct loop *loop, struct timer *timer)
{
    size_t place = timer->place;
    struct timer *last = NULL;

    if (place == 0) {
        return;
    }
    last = loop->heap[loop->count];
    loop->count--;
    timer->place = 0;
    if (last != timer) {
        heap_put(loop, last, place);
        sift_up(loop, last);
        sift_down(loop, last);
    }
}

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

static int wait_ms(const struct loop *loop)
{
    int64_t left = 0;

    if (loop->count == 0) {
        return -1;
    }
    left = loop->heap[1]->due_ms - clock_now_ms();
    if (left < 0) {
        return 0;
    }
    return left > INT_MAX ? INT_MAX : (int)left;
}

static void fire_timers(struct loop *loop)
{
    /* A timer armed by a callback for a time already past waits for the next turn. */
    size_t budget = loop->count;

    while (budget > 0 && loop->count > 0 && loop->heap[1]->due_ms <= loop->now_ms) {
        struct timer *timer = loop->heap[1];
        loop_disarm(loop, timer);
        timer->on_due(timer);
        budget--;
    }
}

void loop_run(struct loop *loop, void (*after_turn)(void *context), void *context)
{
    struct epoll_event events[EVENTS_PER_TURN];

    while (!loop->is_stopped) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop));
        if (count < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        loop->now_ms = clock_now_ms();
        fire_timers(loop);
        for (int i = 0; i < count; i++) {
            struct watch *watch = events[i].data.ptr;
            watch->on_ready(watch, events[i].events);
        }
        after_turn(context);
    }
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}
