/* SPDX-License-Identifier: MIT */
/*
 * retry_budget.h - how many retries one upstream may be sent. Pure: the time is handed in.
 *
 * When every request fails, each retry doubles the load of an upstream that has too much
 * already. So a call's first attempt earns a part of a retry, a retry costs a whole one,
 * and a small floor lets a quiet gateway retry at all. Within T seconds and N calls there
 * are at most N * percent / 100 + T * 1 + 10 retries.
 *
 * Not counted: the one repeat after a kept connection turned out to be dead, and further
 * addresses of a host that cannot be connected to. In both nothing was worked on.
 */
#ifndef UPSTREAM_RETRY_BUDGET_H
#define UPSTREAM_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

#define RETRY_BUDGET_FLOOR_PER_S 1
#define RETRY_BUDGET_SAVED_MAX 10

struct retry_budget {
    unsigned percent;    /* of the calls, earned as retries */
    int64_t milli;       /* saved retries, in thousandths */
    int64_t refilled_ms; /* up to when the floor has been paid out */
};

/* Full, so that the first failure after a start can be retried. */
void retry_budget_init(struct retry_budget *budget, unsigned percent, int64_t now_ms);

/* A call's first attempt. */
void retry_budget_earn(struct retry_budget *budget);

/* Pay for a retry; false: there is none to be had. */
bool retry_budget_spend(struct retry_budget *budget, int64_t now_ms) MUST_USE;

#endif
