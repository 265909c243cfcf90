/* SPDX-License-Identifier: MIT */
/*
 * test_tls_tickets.c - the keys of session tickets: new ones at a reload, others as time
 * goes by, and the same in every process. Whether tickets really open with them is looked
 * at in tests/e2e/test_tls_handshake.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/tls_tickets.h"

#define START_MS 1000000

static bool same_key(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* No part of one key is a part of the other. */
static bool are_apart(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a->name, b->name, sizeof(a->name)) != 0 &&
           memcmp(a->cipher_key, b->cipher_key, sizeof(a->cipher_key)) != 0 &&
           memcmp(a->mac_key, b->mac_key, sizeof(a->mac_key)) != 0 &&
           memcmp(a->cipher_key, a->mac_key, sizeof(a->mac_key)) != 0;
}

static int set_clock(void **state)
{
    (void)state;
    clock_set_for_test(START_MS, START_MS);
    return 0;
}

static void first_keys_are_random_and_have_none_before(void **state)
{
    struct tls_tickets one;
    struct tls_tickets two;

    (void)state;
    assert_true(tls_tickets_init(&one));
    assert_true(tls_tickets_init(&two));
    assert_true(are_apart(&one.newest, &two.newest));
    assert_false(one.has_former);
}

static void a_reload_makes_new_keys_and_keeps_the_former(void **state)
{
    struct tls_tickets now;
    struct tls_tickets next;
    struct tls_tickets after;

    (void)state;
    assert_true(tls_tickets_init(&now));
    assert_true(tls_tickets_rotate(&next, &now));
    assert_true(are_apart(&next.newest, &now.newest));
    assert_true(next.has_former && same_key(&next.former, &now.newest));
    assert_true(tls_tickets_rotate(&after, &next));
    assert_true(same_key(&after.former, &next.newest));
}

static void time_makes_the_same_next_keys_in_every_process(void **state)
{
    struct tls_tickets one;
    struct tls_tickets two;
    struct tls_tickets first;

    (void)state;
    assert_true(tls_tickets_init(&one));
    first = two = one;
    assert_true(tls_tickets_grow_old(&one, START_MS + TLS_TICKET_KEY_AGE_MS - 1));
    assert_true(same_key(&one.newest, &first.newest)); /* not yet */

    assert_true(tls_tickets_grow_old(&one, START_MS + TLS_TICKET_KEY_AGE_MS));
    assert_true(are_apart(&one.newest, &first.newest));
    assert_true(same_key(&one.former, &first.newest));
    assert_true(tls_tickets_grow_old(&one, START_MS + 3 * TLS_TICKET_KEY_AGE_MS + 5));

    /* A process that slept through it all comes to the same. */
    assert_true(tls_tickets_grow_old(&two, START_MS + 3 * TLS_TICKET_KEY_AGE_MS + 7));
    assert_true(same_key(&one.newest, &two.newest));
    assert_true(same_key(&one.former, &two.former));
    assert_true(are_apart(&one.former, &first.newest)); /* the first ones open nothing any more */
    assert_int_equal(one.since_ms, two.since_ms);
}

static void a_reload_after_a_while_keeps_the_keys_that_workers_have_come_to(void **state)
{
    struct tls_tickets supervisor;
    struct tls_tickets worker;
    struct tls_tickets next;

    (void)state;
    assert_true(tls_tickets_init(&supervisor));
    worker = supervisor;
    clock_set_for_test(START_MS + 2 * TLS_TICKET_KEY_AGE_MS, START_MS);
    assert_true(tls_tickets_grow_old(&worker, clock_now_ms()));
    assert_true(tls_tickets_rotate(&next, &supervisor));
    assert_true(same_key(&next.former, &worker.newest));
    assert_int_equal(next.since_ms, clock_now_ms());
}

static void what_is_over_is_wiped(void **state)
{
    static const struct tls_tickets nothing;
    struct tls_tickets tickets;

    (void)state;
    assert_true(tls_tickets_init(&tickets));
    tls_tickets_fini(&tickets);
    assert_memory_equal(&tickets.newest, &nothing.newest, sizeof(nothing.newest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_keys_are_random_and_have_none_before, set_clock),
        cmocka_unit_test_setup(a_reload_makes_new_keys_and_keeps_the_former, set_clock),
        cmocka_unit_test_setup(time_makes_the_same_next_keys_in_every_process, set_clock),
        cmocka_unit_test_setup(a_reload_after_a_while_keeps_the_keys_that_workers_have_come_to,
                               set_clock),
        cmocka_unit_test(what_is_over_is_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
