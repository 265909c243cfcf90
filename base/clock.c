/* SPDX-License-Identifier: MIT */
/*
 * clock.c - monotonic and wall time, or the times that a test has set.
 *
 * Deadlines never look at wall time: an operator or NTP may move it, and every
 * stream would end at once or never.
 */
#include "base/clock.h"

#include <time.h>

#include "base/bug.h"

enum {
    MS_PER_S = 1000,
    US_PER_MS = 1000,
    NS_PER_US = 1000
};

/* Negative: the system's clock is used. */
static int64_t test_monotonic_ms = -1;
static int64_t test_wall_ms = -1;

static int64_t read_us(clockid_t id)
{
    struct timespec now = {0, 0};

    /* Fails only for clocks that the system does not have, and it has these two. */
    BUG_IF(clock_gettime(id, &now) != 0);
    return (int64_t)now.tv_sec * MS_PER_S * US_PER_MS + now.tv_nsec / NS_PER_US;
}

int64_t clock_now_us(void)
{
    if (test_monotonic_ms >= 0) {
        return test_monotonic_ms * US_PER_MS;
    }
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / US_PER_MS;
}

int64_t clock_wall_unix_ms(void)
{
    if (test_wall_ms >= 0) {
        return test_wall_ms;
    }
    return read_us(CLOCK_REALTIME) / US_PER_MS;
}

int64_t clock_wall_unix_s(void)
{
    return clock_wall_unix_ms() / MS_PER_S;
}

void clock_set_for_test(int64_t monotonic_ms, int64_t wall_unix_ms)
{
    test_monotonic_ms = monotonic_ms;
    test_wall_ms = wall_unix_ms;
}
