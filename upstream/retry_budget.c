/* SPDX-License-Identifier: MIT */
/*
 * retry_budget.c - a token bucket in thousandths of a retry.
 */
#include "upstream/retry_budget.h"

#define MILLI 1000
#define MILLI_PER_PERCENT (MILLI / 100)

static void add(struct retry_budget *budget, int64_t milli)
{
    const int64_t most = (int64_t)RETRY_BUDGET_SAVED_MAX * MILLI;

    budget->milli = milli < most - budget->milli ? budget->milli + milli : most;
}

void retry_budget_init(struct retry_budget *budget, unsigned percent, int64_t now_ms)
{
    budget->percent = percent;
    budget->milli = (int64_t)RETRY_BUDGET_SAVED_MAX * MILLI;
    budget->refilled_ms = now_ms;
}

void retry_budget_earn(struct retry_budget *budget)
{
    add(budget, (int64_t)budget->percent * MILLI_PER_PERCENT);
}

bool retry_budget_spend(struct retry_budget *budget, int64_t now_ms)
{
    add(budget, (now_ms - budget->refilled_ms) * RETRY_BUDGET_FLOOR_PER_S);
    budget->refilled_ms = now_ms;
    if (budget->milli < MILLI) {
        return false;
    }
    budget->milli -= MILLI;
    return true;
}
