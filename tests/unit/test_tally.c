/* SPDX-License-Identifier: MIT */
/*
 * test_tally.c - a key's cap is exact, and a key without anything in hand costs nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/tally.h"

static void a_key_has_its_cap_and_no_more(void **state)
{
    struct tally *tally = tally_new(2);
    const struct span greedy = SPAN_LITERAL("greedy");
    const struct span modest = SPAN_LITERAL("modest");
    struct tally_slot *slots[3] = {NULL};

    (void)state;
    assert_int_equal(tally_acquire(tally, greedy, &slots[0]), TALLY_OK);
    assert_int_equal(tally_acquire(tally, greedy, &slots[1]), TALLY_OK);
    assert_int_equal(tally_acquire(tally, greedy, &slots[2]), TALLY_FULL);
    assert_null(slots[2]); /* written only on success */
    assert_int_equal(tally_acquire(tally, modest, &slots[2]), TALLY_OK);
    assert_int_equal(tally_keys(tally), 2);
    tally_release(tally, slots[0]);
    assert_int_equal(tally_acquire(tally, greedy, &slots[0]), TALLY_OK);
    for (int i = 0; i < 3; i++) {
        tally_release(tally, slots[i]);
    }
    assert_int_equal(tally_keys(tally), 0);
    tally_free(tally);
}

static void keys_are_bytes_and_not_text(void **state)
{
    struct tally *tally = tally_new(1);
    struct tally_slot *slots[3] = {NULL};

    (void)state;
    assert_int_equal(tally_acquire(tally, span_of("a\0b", 3), &slots[0]), TALLY_OK);
    assert_int_equal(tally_acquire(tally, span_of("a\0c", 3), &slots[1]), TALLY_OK);
    assert_int_equal(tally_acquire(tally, span_of("", 0), &slots[2]), TALLY_OK);
    for (int i = 0; i < 3; i++) {
        tally_release(tally, slots[i]);
    }
    tally_release(tally, NULL);
    tally_free(tally);
    tally_free(NULL);
}

static void thousands_of_keys_come_and_go(void **state)
{
    enum {
        KEYS = 20000
    };
    static struct tally_slot *slots[KEYS];
    struct tally *tally = tally_new(1);

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(tally_acquire(tally, span_of((const char *)&i, sizeof(i)), &slots[i]),
                         TALLY_OK);
    }
    assert_int_equal(tally_keys(tally), KEYS);
    for (int i = 0; i < KEYS; i++) {
        tally_release(tally, slots[i]);
    }
    assert_int_equal(tally_keys(tally), 0);
    tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_its_cap_and_no_more),
        cmocka_unit_test(keys_are_bytes_and_not_text),
        cmocka_unit_test(thousands_of_keys_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
