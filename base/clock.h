/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the only place that asks what time it is.
 *
 * Deadlines use monotonic milliseconds; tokens and logs use wall time. A test
 * may replace both and move time by hand.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Monotonic milliseconds; the origin is arbitrary. Never goes backwards. */
int64_t clock_now_ms(void);

/* Monotonic microseconds, for durations that are measured rather than waited for. */
int64_t clock_now_us(void);

/* Wall time, milliseconds since the epoch, UTC. */
int64_t clock_wall_unix_ms(void);

/* Wall time, seconds since the epoch, UTC. */
int64_t clock_wall_unix_s(void);

/*
 * For tests: from now on the clocks stand at these values until set again.
 * Negative values hand the clock back to the system.
 */
void clock_set_for_test(int64_t monotonic_ms, int64_t wall_unix_ms);

#endif
