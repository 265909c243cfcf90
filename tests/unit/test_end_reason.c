/* SPDX-License-Identifier: MIT */
/*
 * test_end_reason.c - the table of ends is sound, and every upstream failure has one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/end_reason.h"

static void tokens_are_words_and_differ(void **state)
{
    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        const char *token = end_reason_token((enum end_reason)i);
        assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyz_"), strlen(token));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(token, end_reason_token((enum end_reason)j));
        }
    }
}

static void faults_are_four(void **state)
{
    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        const char *fault = end_reason_fault((enum end_reason)i);
        assert_true(strcmp(fault, "client") == 0 || strcmp(fault, "upstream") == 0 ||
                    strcmp(fault, "gateway") == 0 || strcmp(fault, "none") == 0);
    }
}

static void a_status_has_a_message_and_no_status_has_none(void **state)
{
    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        int status = end_reason_status((enum end_reason)i);
        assert_true(status == 0 || (status >= 200 && status <= 599));
        assert_int_equal(status == 0, end_reason_message((enum end_reason)i)[0] == '\0');
    }
}

/* Alerts match these; the order of the table is a promise too. */
static void the_tokens_of_the_contract_stand(void **state)
{
    (void)state;
    assert_string_equal(end_reason_token(END_DONE), "done");
    assert_string_equal(end_reason_token(END_CLIENT_STALLED), "client_stalled");
    assert_string_equal(end_reason_token(END_UPSTREAM_TRUNCATED), "upstream_truncated");
    assert_int_equal(END_DONE, 0);
}

static void every_upstream_failure_ends_somewhere_sensible(void **state)
{
    (void)state;
#define X(id, token, retry, health)                                                                \
    {                                                                                              \
        enum end_reason reason = end_reason_of_upstream(id);                                       \
        assert_int_equal(reason == END_DONE, (id) == UPSTREAM_OK);                                 \
        assert_true(strcmp(end_reason_fault(reason), "client") != 0);                              \
    }
    UPSTREAM_FAILURES(X)
#undef X
    assert_int_equal(end_reason_of_upstream(UPSTREAM_QUOTA), END_UPSTREAM_RATE_LIMITED);
    assert_int_equal(end_reason_of_upstream(UPSTREAM_FULL), END_GATEWAY_FULL);
}

static void what_the_provider_says_of_the_request_keeps_its_status(void **state)
{
    (void)state;
    assert_false(end_reason_is_upstream_failure(END_UPSTREAM_RATE_LIMITED));
    assert_false(end_reason_is_upstream_failure(END_UPSTREAM_MODEL_UNKNOWN));
    assert_false(end_reason_is_upstream_failure(END_UPSTREAM_MODEL_RETIRED));
    assert_true(end_reason_is_upstream_failure(END_UPSTREAM_CONNECT));
    assert_true(end_reason_is_upstream_failure(END_UPSTREAM_NONSENSE));
    assert_true(end_reason_is_upstream_failure(END_UPSTREAM_CIRCUIT_OPEN));
    assert_false(end_reason_is_upstream_failure(END_GATEWAY_FULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_words_and_differ),
        cmocka_unit_test(faults_are_four),
        cmocka_unit_test(a_status_has_a_message_and_no_status_has_none),
        cmocka_unit_test(the_tokens_of_the_contract_stand),
        cmocka_unit_test(every_upstream_failure_ends_somewhere_sensible),
        cmocka_unit_test(what_the_provider_says_of_the_request_keeps_its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
