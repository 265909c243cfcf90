/* SPDX-License-Identifier: MIT */
/*
 * test_admission.c - caps are exact, and every place comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/admission.h"

static void the_cap_for_all_is_exact(void **state)
{
    struct admission *admission = admission_new(&(struct admission_caps){3, 3, 1});
    struct tally_slot *slots[4] = {NULL};

    (void)state;
    assert_int_equal(admission_acquire(admission, "a", &slots[0]), ADMISSION_OK);
    assert_int_equal(admission_acquire(admission, "b", &slots[1]), ADMISSION_OK);
    assert_int_equal(admission_acquire(admission, "c", &slots[2]), ADMISSION_OK);
    assert_int_equal(admission_acquire(admission, "d", &slots[3]), ADMISSION_FULL);
    assert_int_equal(admission_in_flight(admission), 3);
    admission_release(admission, slots[1]);
    assert_int_equal(admission_acquire(admission, "d", &slots[3]), ADMISSION_OK);
    admission_release(admission, slots[0]);
    admission_release(admission, slots[2]);
    admission_release(admission, slots[3]);
    assert_int_equal(admission_in_flight(admission), 0);
    admission_free(admission);
}

static void one_subjects_cap_leaves_the_others_alone(void **state)
{
    struct admission *admission = admission_new(&(struct admission_caps){100, 2, 1});
    struct tally_slot *first = NULL;
    struct tally_slot *second = NULL;
    struct tally_slot *third = NULL;

    (void)state;
    assert_int_equal(admission_acquire(admission, "greedy", &first), ADMISSION_OK);
    assert_int_equal(admission_acquire(admission, "greedy", &second), ADMISSION_OK);
    assert_int_equal(admission_acquire(admission, "greedy", &third), ADMISSION_SUBJECT_FULL);
    assert_null(third); /* written only on success */
    assert_int_equal(admission_acquire(admission, "modest", &third), ADMISSION_OK);
    admission_release(admission, first);
    assert_int_equal(admission_acquire(admission, "greedy", &first), ADMISSION_OK);
    admission_release(admission, first);
    admission_release(admission, second);
    admission_release(admission, third);
    admission_free(admission);
}

static void thousands_of_subjects_come_and_go(void **state)
{
    enum {
        SUBJECTS = 5000
    };
    static struct tally_slot *slots[SUBJECTS];
    struct admission *admission = admission_new(&(struct admission_caps){SUBJECTS, 1, 1});
    char subject[32];

    (void)state;
    for (int i = 0; i < SUBJECTS; i++) {
        (void)snprintf(subject, sizeof(subject), "subject-%d", i);
        assert_int_equal(admission_acquire(admission, subject, &slots[i]), ADMISSION_OK);
    }
    for (int i = 0; i < SUBJECTS; i++) {
        admission_release(admission, slots[i]);
    }
    assert_int_equal(admission_in_flight(admission), 0);
    admission_release(admission, NULL);
    admission_free(admission);
    admission_free(NULL);
}

static void the_cap_on_waiting_is_exact(void **state)
{
    struct admission *admission = admission_new(&(struct admission_caps){10, 10, 2});

    (void)state;
    assert_true(admission_may_wait(admission));
    admission_begin_wait(admission);
    admission_begin_wait(admission);
    assert_false(admission_may_wait(admission));
    assert_int_equal(admission_waiting(admission), 2);
    admission_end_wait(admission);
    assert_true(admission_may_wait(admission));
    admission_end_wait(admission);
    assert_int_equal(admission_waiting(admission), 0);
    admission_free(admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cap_for_all_is_exact),
        cmocka_unit_test(one_subjects_cap_leaves_the_others_alone),
        cmocka_unit_test(the_cap_on_waiting_is_exact),
        cmocka_unit_test(thousands_of_subjects_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
