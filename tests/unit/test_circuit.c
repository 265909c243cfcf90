/* SPDX-License-Identifier: MIT */
/*
 * test_circuit.c - when an upstream is asked, by a clock that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/circuit.h"

enum {
    LIMIT = 3,
    FIRST_MS = 1000,
    MOST_MS = 8000,
    BEGIN_MS = 50000 /* the clock's origin means nothing */
};

struct stage {
    struct circuit circuit;
    int64_t now_ms;
};

static struct stage fresh(void)
{
    struct stage stage = {.now_ms = BEGIN_MS};

    circuit_init(&stage.circuit, LIMIT, FIRST_MS, MOST_MS);
    return stage;
}

static struct circuit_pass enter(struct stage *stage)
{
    struct circuit_pass pass = {.is_held = false};

    assert_true(circuit_enter(&stage->circuit, stage->now_ms, &pass));
    assert_true(pass.is_held);
    return pass;
}

static void expect_refused(struct stage *stage)
{
    struct circuit_pass pass = {.is_held = false};

    assert_false(circuit_enter(&stage->circuit, stage->now_ms, &pass));
    assert_false(pass.is_held);
}

static void leave(struct stage *stage, struct circuit_pass *pass, enum upstream_health health)
{
    circuit_leave(&stage->circuit, pass, health, -1, stage->now_ms);
    assert_false(pass->is_held);
}

/* One whole attempt. */
static void attempt(struct stage *stage, enum upstream_health health)
{
    struct circuit_pass pass = enter(stage);

    leave(stage, &pass, health);
}

static void open_it(struct stage *stage)
{
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(stage->circuit.state, CIRCUIT_CLOSED);
        attempt(stage, UPSTREAM_SICK);
    }
    assert_int_equal(stage->circuit.state, CIRCUIT_OPEN);
}

/* Open for <length_ms> to five quarters of it. */
static void expect_open_for(const struct stage *stage, int64_t length_ms)
{
    int64_t wait_ms = circuit_wait_ms(&stage->circuit, stage->now_ms);

    assert_int_equal(stage->circuit.state, CIRCUIT_OPEN);
    assert_in_range(wait_ms, length_ms, length_ms + length_ms / 4);
}

static void wait_until_due(struct stage *stage)
{
    stage->now_ms += circuit_wait_ms(&stage->circuit, stage->now_ms);
}

static void failures_in_a_row_open_it_and_others_do_not(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < 50; i++) {
        attempt(&stage, UPSTREAM_SICK);
        attempt(&stage, UPSTREAM_SICK);
        attempt(&stage, UPSTREAM_ALIVE);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    open_it(&stage);
    expect_open_for(&stage, FIRST_MS);
}

static void what_says_nothing_neither_counts_nor_resets(void **state)
{
    struct stage stage = fresh();

    (void)state;
    attempt(&stage, UPSTREAM_SICK);
    attempt(&stage, UPSTREAM_UNTOLD);
    attempt(&stage, UPSTREAM_SICK);
    attempt(&stage, UPSTREAM_UNTOLD);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    attempt(&stage, UPSTREAM_SICK);
    assert_int_equal(stage.circuit.state, CIRCUIT_OPEN);
}

static void while_open_nobody_passes_and_then_one(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass probe;

    (void)state;
    open_it(&stage);
    for (int64_t left_ms = circuit_wait_ms(&stage.circuit, stage.now_ms); left_ms > 0; left_ms--) {
        expect_refused(&stage);
        stage.now_ms++;
    }
    probe = enter(&stage);
    assert_true(probe.is_probe);
    assert_int_equal(stage.circuit.state, CIRCUIT_HALF_OPEN);
    stage.now_ms += 24 * 3600 * 1000; /* one at a time, however long it takes */
    expect_refused(&stage);
    assert_true(circuit_wait_ms(&stage.circuit, stage.now_ms) < 0);
    leave(&stage, &probe, UPSTREAM_ALIVE);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    attempt(&stage, UPSTREAM_ALIVE);
}

static void the_first_text_of_the_probe_closes_it(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass probe;

    (void)state;
    open_it(&stage);
    wait_until_due(&stage);
    probe = enter(&stage);
    circuit_note_text(&stage.circuit, &probe, stage.now_ms);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    attempt(&stage, UPSTREAM_ALIVE); /* while the probe still streams */
    leave(&stage, &probe, UPSTREAM_ALIVE);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

static void each_failed_probe_doubles_the_time_up_to_the_most(void **state)
{
    static const int64_t lengths[] = {1000, 2000, 4000, 8000, 8000, 8000};
    struct stage stage = fresh();

    (void)state;
    open_it(&stage);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        expect_open_for(&stage, lengths[i]);
        wait_until_due(&stage);
        attempt(&stage, UPSTREAM_SICK);
    }
    wait_until_due(&stage);
    attempt(&stage, UPSTREAM_ALIVE);
    open_it(&stage); /* a good answer has made it forget */
    expect_open_for(&stage, FIRST_MS);
}

static void what_only_begins_well_goes_on_doubling(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass probe;

    (void)state;
    open_it(&stage);
    wait_until_due(&stage);
    probe = enter(&stage);
    circuit_note_text(&stage.circuit, &probe, stage.now_ms);
    leave(&stage, &probe, UPSTREAM_SICK); /* cut: one failure of the closed circuit */
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    open_it(&stage);
    expect_open_for(&stage, 2 * FIRST_MS);
}

/* A client that leaves during the probe: nobody knows more, and the place is free at once. */
static void a_probe_that_says_nothing_gives_its_place_back(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass probe;

    (void)state;
    open_it(&stage);
    wait_until_due(&stage);
    for (int i = 0; i < 100; i++) {
        probe = enter(&stage);
        expect_refused(&stage);
        leave(&stage, &probe, UPSTREAM_UNTOLD);
        assert_int_equal(stage.circuit.state, CIRCUIT_OPEN);
        assert_int_equal(circuit_wait_ms(&stage.circuit, stage.now_ms), 0);
    }
    attempt(&stage, UPSTREAM_SICK);
    expect_open_for(&stage, 2 * FIRST_MS); /* those in between did not lengthen it */
}

static void calls_of_an_earlier_state_are_not_heard(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass good = enter(&stage);
    struct circuit_pass bad = enter(&stage);
    struct circuit_pass slow = enter(&stage);
    struct circuit_pass probe;

    (void)state;
    circuit_note_text(&stage.circuit, &good, stage.now_ms);
    open_it(&stage);
    leave(&stage, &good, UPSTREAM_ALIVE);
    assert_int_equal(stage.circuit.state, CIRCUIT_OPEN);
    expect_open_for(&stage, FIRST_MS);
    wait_until_due(&stage);
    probe = enter(&stage);
    circuit_note_text(&stage.circuit, &slow, stage.now_ms); /* not the probe's text */
    assert_int_equal(stage.circuit.state, CIRCUIT_HALF_OPEN);
    leave(&stage, &bad, UPSTREAM_SICK);
    leave(&stage, &slow, UPSTREAM_UNTOLD);
    assert_int_equal(stage.circuit.state, CIRCUIT_HALF_OPEN);
    expect_refused(&stage);
    leave(&stage, &probe, UPSTREAM_ALIVE);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

enum {
    PATIENCE_MS = 60000
};

/* One attempt that is given up after <silent_ms>. */
static void give_up(struct stage *stage, int64_t silent_ms)
{
    struct circuit_pass pass = enter(stage);

    stage->now_ms += silent_ms;
    circuit_give_up(&stage->circuit, &pass, silent_ms, PATIENCE_MS, stage->now_ms);
    assert_false(pass.is_held);
}

static void silence_that_clients_do_not_sit_out_adds_up(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < LIMIT * 3 - 1; i++) {
        give_up(&stage, PATIENCE_MS / 3);
        assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    }
    give_up(&stage, PATIENCE_MS / 3);
    expect_open_for(&stage, FIRST_MS);
}

static void silence_and_failures_are_one_count(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < LIMIT - 1; i++) {
        attempt(&stage, UPSTREAM_SICK);
    }
    give_up(&stage, PATIENCE_MS / 2);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    give_up(&stage, PATIENCE_MS / 2);
    expect_open_for(&stage, FIRST_MS);
}

/* Clients that leave at once, however many, must not be able to close an upstream's door. */
static void short_waits_never_count(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        give_up(&stage, PATIENCE_MS / 4 - 1);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    assert_int_equal(stage.circuit.silence_ms, 0);
}

static void any_text_ends_the_silence(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < 50; i++) {
        give_up(&stage, PATIENCE_MS * LIMIT - 1);
        struct circuit_pass pass = enter(&stage);
        circuit_note_text(&stage.circuit, &pass, stage.now_ms);
        leave(&stage, &pass, UPSTREAM_UNTOLD);
        give_up(&stage, PATIENCE_MS * LIMIT - 1);
        attempt(&stage, UPSTREAM_ALIVE);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

/* One client that leaves forty slow answers at once says nothing while others are answered. */
static void silence_beside_answers_never_counts(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass slow[40];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        slow[i] = enter(&stage);
    }
    stage.now_ms += PATIENCE_MS / 2 - 1;
    attempt(&stage, UPSTREAM_ALIVE);
    stage.now_ms += 1;
    for (size_t i = 0; i < 40; i++) {
        circuit_give_up(&stage.circuit, &slow[i], PATIENCE_MS / 2, PATIENCE_MS, stage.now_ms);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    assert_int_equal(stage.circuit.silence_ms, 0);
}

static void giving_up_with_text_or_as_the_probe_says_nothing(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass pass;

    (void)state;
    for (int i = 0; i < LIMIT + 1; i++) {
        pass = enter(&stage);
        circuit_note_text(&stage.circuit, &pass, stage.now_ms);
        circuit_give_up(&stage.circuit, &pass, PATIENCE_MS, PATIENCE_MS, stage.now_ms);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
    open_it(&stage);
    wait_until_due(&stage);
    pass = enter(&stage);
    assert_true(pass.is_probe);
    circuit_give_up(&stage.circuit, &pass, PATIENCE_MS, PATIENCE_MS, stage.now_ms);
    assert_int_equal(circuit_wait_ms(&stage.circuit, stage.now_ms), 0); /* for the next probe */
}

static void where_nothing_opens_it_silence_does_not_either(void **state)
{
    struct stage stage = {.now_ms = BEGIN_MS};

    (void)state;
    circuit_init(&stage.circuit, 0, FIRST_MS, MOST_MS);
    give_up(&stage, INT64_C(1) << 40);
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

/* One that cuts every answer begins each of them well: the starts must not hide the cuts. */
static void an_upstream_that_cuts_every_answer_is_found_out(void **state)
{
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < LIMIT; i++) {
        struct circuit_pass pass = enter(&stage);
        circuit_note_text(&stage.circuit, &pass, stage.now_ms);
        stage.now_ms += 500;
        leave(&stage, &pass, UPSTREAM_SICK);
    }
    expect_open_for(&stage, FIRST_MS);
}

static void many_streams_cut_in_one_moment_are_one_failure(void **state)
{
    struct circuit_pass passes[20];
    struct stage stage = fresh();

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        passes[i] = enter(&stage);
        circuit_note_text(&stage.circuit, &passes[i], stage.now_ms);
        stage.now_ms += 10;
    }
    for (size_t i = 0; i < 20; i++) {
        leave(&stage, &passes[i], UPSTREAM_SICK);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

static void many_starts_that_fail_at_once_open_it(void **state)
{
    struct circuit_pass passes[LIMIT];
    struct stage stage = fresh();

    (void)state;
    for (size_t i = 0; i < LIMIT; i++) {
        passes[i] = enter(&stage);
    }
    stage.now_ms += 60000; /* all silent for as long as they may be */
    for (size_t i = 0; i < LIMIT; i++) {
        leave(&stage, &passes[i], UPSTREAM_SICK);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_OPEN);
}

static void the_upstreams_own_wish_lengthens_it_within_the_most(void **state)
{
    struct stage stage = fresh();
    struct circuit_pass pass;

    (void)state;
    attempt(&stage, UPSTREAM_SICK);
    attempt(&stage, UPSTREAM_SICK);
    pass = enter(&stage);
    circuit_leave(&stage.circuit, &pass, UPSTREAM_SICK, 5000, stage.now_ms);
    assert_int_equal(circuit_wait_ms(&stage.circuit, stage.now_ms), 5000);
    wait_until_due(&stage);
    pass = enter(&stage);
    circuit_leave(&stage.circuit, &pass, UPSTREAM_SICK, 3600 * 1000, stage.now_ms);
    assert_int_equal(circuit_wait_ms(&stage.circuit, stage.now_ms), MOST_MS);
    wait_until_due(&stage);
    pass = enter(&stage);
    circuit_leave(&stage.circuit, &pass, UPSTREAM_SICK, 0, stage.now_ms);
    expect_open_for(&stage, 4 * FIRST_MS);
}

static void the_jitter_differs(void **state)
{
    int64_t first_ms = 0;
    int differ = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct stage stage = fresh();
        open_it(&stage);
        expect_open_for(&stage, FIRST_MS);
        if (i == 0) {
            first_ms = circuit_wait_ms(&stage.circuit, stage.now_ms);
        }
        differ += circuit_wait_ms(&stage.circuit, stage.now_ms) != first_ms;
    }
    assert_true(differ > 0);
}

static void a_limit_of_none_never_opens_it(void **state)
{
    struct stage stage = fresh();

    (void)state;
    circuit_init(&stage.circuit, 0, FIRST_MS, MOST_MS);
    for (int i = 0; i < 1000; i++) {
        attempt(&stage, UPSTREAM_SICK);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

static void leaving_without_a_pass_does_nothing(void **state)
{
    struct circuit_pass none = {.is_held = false};
    struct stage stage = fresh();

    (void)state;
    for (int i = 0; i < LIMIT; i++) {
        circuit_leave(&stage.circuit, &none, UPSTREAM_SICK, -1, stage.now_ms);
    }
    assert_int_equal(stage.circuit.state, CIRCUIT_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it_and_others_do_not),
        cmocka_unit_test(what_says_nothing_neither_counts_nor_resets),
        cmocka_unit_test(while_open_nobody_passes_and_then_one),
        cmocka_unit_test(the_first_text_of_the_probe_closes_it),
        cmocka_unit_test(each_failed_probe_doubles_the_time_up_to_the_most),
        cmocka_unit_test(what_only_begins_well_goes_on_doubling),
        cmocka_unit_test(a_probe_that_says_nothing_gives_its_place_back),
        cmocka_unit_test(calls_of_an_earlier_state_are_not_heard),
        cmocka_unit_test(silence_that_clients_do_not_sit_out_adds_up),
        cmocka_unit_test(silence_and_failures_are_one_count),
        cmocka_unit_test(short_waits_never_count),
        cmocka_unit_test(any_text_ends_the_silence),
        cmocka_unit_test(silence_beside_answers_never_counts),
        cmocka_unit_test(giving_up_with_text_or_as_the_probe_says_nothing),
        cmocka_unit_test(where_nothing_opens_it_silence_does_not_either),
        cmocka_unit_test(an_upstream_that_cuts_every_answer_is_found_out),
        cmocka_unit_test(many_streams_cut_in_one_moment_are_one_failure),
        cmocka_unit_test(many_starts_that_fail_at_once_open_it),
        cmocka_unit_test(the_upstreams_own_wish_lengthens_it_within_the_most),
        cmocka_unit_test(the_jitter_differs),
        cmocka_unit_test(a_limit_of_none_never_opens_it),
        cmocka_unit_test(leaving_without_a_pass_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
