/* SPDX-License-Identifier: MIT */
/*
 * test_retry_budget.c - however much fails, retries stay below their bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/retry_budget.h"

enum {
    BEGIN_MS = 50000
};

/* <calls> calls within <length_ms>, each failing <wanted> times more: the retries sent. */
static int64_t retries_of(struct retry_budget *budget, int64_t from_ms, int calls,
                          int64_t length_ms, int wanted)
{
    int64_t sent = 0;

    for (int i = 0; i < calls; i++) {
        int64_t now_ms = from_ms + length_ms * i / calls;
        retry_budget_earn(budget);
        for (int j = 0; j < wanted && retry_budget_spend(budget, now_ms); j++) {
            sent++;
        }
    }
    return sent;
}

struct row {
    unsigned percent;
    int calls;
    int64_t length_ms;
    int wanted;
};

static const struct row rows[] = {
    {20, 10000, 10000, 5}, {20, 10000, 10000, 1}, {20, 100, 0, 5},     {0, 1000, 10000, 1},
    {10, 1000, 60000, 2},  {100, 1000, 1000, 5},  {20, 3, 3600000, 5}, {1, 100000, 1000, 1},
};

static void an_outage_is_never_multiplied(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct retry_budget budget;
        int64_t bound = (int64_t)row->calls * row->percent / 100 +
                        row->length_ms / 1000 * RETRY_BUDGET_FLOOR_PER_S + RETRY_BUDGET_SAVED_MAX;
        retry_budget_init(&budget, row->percent, BEGIN_MS);
        int64_t sent = retries_of(&budget, BEGIN_MS, row->calls, row->length_ms, row->wanted);
        if (sent > bound) {
            print_error("row %zu: %lld retries, at most %lld\n", i, (long long)sent,
                        (long long)bound);
        }
        assert_true(sent <= bound);
    }
}

static void what_is_earned_can_be_spent(void **state)
{
    struct retry_budget budget;
    int64_t sent;

    (void)state;
    retry_budget_init(&budget, 20, BEGIN_MS);
    sent = retries_of(&budget, BEGIN_MS, 10000, 1000, 1);
    assert_in_range(sent, 2000, 2011); /* a fifth, the saved ones, and one of the floor */
}

static void a_quiet_gateway_may_retry_all_the_same(void **state)
{
    struct retry_budget budget;

    (void)state;
    retry_budget_init(&budget, 0, BEGIN_MS);
    for (int i = 0; i < RETRY_BUDGET_SAVED_MAX; i++) {
        assert_true(retry_budget_spend(&budget, BEGIN_MS));
    }
    assert_false(retry_budget_spend(&budget, BEGIN_MS));
    assert_false(retry_budget_spend(&budget, BEGIN_MS + 999));
    assert_true(retry_budget_spend(&budget, BEGIN_MS + 1000));
    assert_false(retry_budget_spend(&budget, BEGIN_MS + 1000));
}

static void good_times_do_not_save_for_a_flood(void **state)
{
    struct retry_budget budget;
    int sent = 0;

    (void)state;
    retry_budget_init(&budget, 100, BEGIN_MS);
    for (int i = 0; i < 1000000; i++) {
        retry_budget_earn(&budget);
    }
    while (retry_budget_spend(&budget, BEGIN_MS + 24 * 3600 * 1000)) {
        sent++;
    }
    assert_int_equal(sent, RETRY_BUDGET_SAVED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_is_never_multiplied),
        cmocka_unit_test(what_is_earned_can_be_spent),
        cmocka_unit_test(a_quiet_gateway_may_retry_all_the_same),
        cmocka_unit_test(good_times_do_not_save_for_a_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
