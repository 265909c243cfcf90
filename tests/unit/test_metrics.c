/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - what single upstreams are counted as, over slots, reloads and deaths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/metrics.h"
#include "upstream/upstream.h"

static void expect_line(const struct metrics *metrics, const char *line, int times)
{
    size_t length = 0;
    char *text = metrics_render(metrics, &length);
    int found = 0;

    assert_non_null(text);
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        found++;
    }
    if (found != times) {
        print_error("'%s' %d times in\n%s\n", line, found, text);
    }
    free(text);
    assert_int_equal(found, times);
}

static struct metrics_upstream *use(struct metrics *metrics, size_t slot, const char *name,
                                    enum circuit_state state)
{
    struct metrics_upstream *upstream = metrics_upstream(metrics_slot(metrics, slot), name);

    metrics_store(&upstream->circuit, METRICS_CIRCUIT(state));
    return upstream;
}

static void the_slots_of_one_name_are_one_series(void **state)
{
    struct metrics *metrics = metrics_new(3);

    (void)state;
    metrics_add(&use(metrics, 0, "one", CIRCUIT_OPEN)->openings, 2);
    (void)use(metrics, 1, "two", CIRCUIT_CLOSED); /* another order, as after a reload */
    metrics_add(&use(metrics, 1, "one", CIRCUIT_OPEN)->openings, 3);
    (void)use(metrics, 2, "one", CIRCUIT_HALF_OPEN);
    expect_line(metrics, "\ntidegate_upstream_circuit_openings_total{upstream=\"one\"} 5\n", 1);
    expect_line(metrics, "\ntidegate_upstream_circuit_openings_total{upstream=\"two\"} 0\n", 1);
    expect_line(metrics, "{upstream=\"one\",state=\"open\"} 2\n", 1);
    expect_line(metrics, "{upstream=\"one\",state=\"half_open\"} 1\n", 1);
    expect_line(metrics, "{upstream=\"one\",state=\"closed\"} 0\n", 1);
    expect_line(metrics, "{upstream=\"two\",state=\"closed\"} 1\n", 1);
    metrics_free(metrics);
}

static void a_dead_worker_has_no_circuits_but_its_counts_stay(void **state)
{
    struct metrics *metrics = metrics_new(1);

    (void)state;
    metrics_add(&use(metrics, 0, "one", CIRCUIT_OPEN)->retries, 7);
    metrics_worker_ended(metrics, 0, true);
    expect_line(metrics, "{upstream=\"one\",state=\"open\"} 0\n", 1);
    expect_line(metrics, "\ntidegate_upstream_retries_total{upstream=\"one\"} 7\n", 1);
    (void)use(metrics, 0, "one", CIRCUIT_CLOSED);
    expect_line(metrics, "\ntidegate_upstream_retries_total{upstream=\"one\"} 7\n", 1);
    metrics_free(metrics);
}

/* Conf files may come and go with ever new names; those in use never lose their place. */
static void names_that_nobody_uses_make_place(void **state)
{
    struct metrics *metrics = metrics_new(1);
    char name[METRICS_UPSTREAM_NAME_BYTES];

    (void)state;
    for (int reload = 0; reload < 50; reload++) {
        for (int i = 0; i < METRICS_UPSTREAMS / 2; i++) {
            (void)snprintf(name, sizeof(name), "upstream-%d-%d", reload, i);
            (void)use(metrics, 0, name, CIRCUIT_CLOSED);
        }
        for (int i = 0; i < METRICS_UPSTREAMS / 2; i++) {
            char line[128];
            (void)snprintf(line, sizeof(line), "{upstream=\"upstream-%d-%d\",state=\"closed\"} 1\n",
                           reload, i);
            expect_line(metrics, line, 1);
        }
        metrics_worker_ended(metrics, 0, false);
    }
    metrics_free(metrics);
}

static void expect_readiness(const struct metrics *metrics, enum metrics_readiness readiness)
{
    assert_string_equal(metrics_readiness_text(metrics_readiness(metrics)),
                        metrics_readiness_text(readiness));
}

/* Two slots with the same caps: 3 connections, 2 exchanges, 1 that waits. */
static struct metrics *with_caps(void)
{
    struct metrics *metrics = metrics_new(2);

    for (size_t i = 0; i < 2; i++) {
        struct metrics_slot *slot = metrics_slot(metrics, i);
        metrics_store(&slot->connections_max, 3);
        metrics_store(&slot->exchanges_max, 2);
        metrics_store(&slot->waiting_max, 1);
    }
    return metrics;
}

static void ready_is_who_could_ask_somebody(void **state)
{
    struct metrics *metrics = with_caps();

    (void)state;
    clock_set_for_test(5000, 5000);
    expect_readiness(metrics, METRICS_NO_WORKER);
    metrics_set_workers_ready(metrics, 2);
    expect_readiness(metrics, METRICS_NO_UPSTREAM); /* neither has said so */
    metrics_store(&metrics_slot(metrics, 0)->usable_from_ms, 5001);
    expect_readiness(metrics, METRICS_NO_UPSTREAM);
    metrics_store(&metrics_slot(metrics, 1)->usable_from_ms, 5000);
    expect_readiness(metrics, METRICS_READY); /* one is enough */
    metrics_worker_ended(metrics, 1, true);
    expect_readiness(metrics, METRICS_NO_UPSTREAM);
    clock_set_for_test(5001, 5001); /* the probe is due */
    expect_readiness(metrics, METRICS_READY);
    metrics_store(&metrics_slot(metrics, 0)->usable_from_ms, (uint64_t)INT64_MAX);
    expect_readiness(metrics, METRICS_NO_UPSTREAM); /* and under way */
    metrics_store(&metrics_slot(metrics, 0)->usable_from_ms, 1);
    metrics_set_draining(metrics);
    expect_readiness(metrics, METRICS_DRAINING);
    clock_set_for_test(-1, -1);
    metrics_free(metrics);
}

static void ready_is_who_has_room(void **state)
{
    struct metrics *metrics = with_caps();
    struct metrics_slot *slot = metrics_slot(metrics, 0);

    (void)state;
    metrics_set_workers_ready(metrics, 1);
    metrics_store(&slot->usable_from_ms, 1);
    metrics_store(&slot->admitted, 1);
    expect_readiness(metrics, METRICS_READY);
    metrics_store(&slot->admitted, 2);
    expect_readiness(metrics, METRICS_FULL);
    metrics_store(&metrics_slot(metrics, 1)->usable_from_ms, 1); /* a second one, with room */
    expect_readiness(metrics, METRICS_READY);
    metrics_worker_ended(metrics, 1, true);
    expect_readiness(metrics, METRICS_FULL);
    metrics_store(&slot->admitted, 0);
    metrics_store(&slot->waiting, 1);
    expect_readiness(metrics, METRICS_FULL);
    metrics_store(&slot->waiting, 0);
    metrics_store(&slot->connections, 3);
    expect_readiness(metrics, METRICS_FULL);
    metrics_store(&slot->connections_owing, 1); /* which makes room */
    expect_readiness(metrics, METRICS_READY);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slots_of_one_name_are_one_series),
        cmocka_unit_test(a_dead_worker_has_no_circuits_but_its_counts_stay),
        cmocka_unit_test(names_that_nobody_uses_make_place),
        cmocka_unit_test(ready_is_who_has_room),
        cmocka_unit_test(ready_is_who_could_ask_somebody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
