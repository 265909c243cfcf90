/* SPDX-License-Identifier: MIT */
/*
 * test_bearer.c - what counts as Bearer credentials.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/bearer.h"

struct row {
    const char *name;
    struct span value;
    enum auth_verdict verdict;
    const char *token; /* when AUTH_OK */
    const char *spec;
};

#define GOOD(name, value, token, spec)                                                             \
    {                                                                                              \
        name, SPAN_LITERAL(value), AUTH_OK, token, spec                                            \
    }
#define BAD(name, value, spec)                                                                     \
    {                                                                                              \
        name, SPAN_LITERAL(value), AUTH_BAD_SCHEME, NULL, spec                                     \
    }
/* Bearer it is, but no token: the client is told that its token is invalid. */
#define BROKEN(name, value, spec)                                                                  \
    {                                                                                              \
        name, SPAN_LITERAL(value), AUTH_MALFORMED, NULL, spec                                      \
    }

static const struct row rows[] = {
    {"no field at all", {NULL, 0}, AUTH_NO_CREDENTIALS, NULL, "RFC 6750 section 3.1"},
    GOOD("plain", "Bearer abc.def.ghi", "abc.def.ghi", "RFC 6750 section 2.1"),
    GOOD("lower case", "bearer abc", "abc", "RFC 9110 section 11.1"),
    GOOD("upper case", "BEARER abc", "abc", "RFC 9110 section 11.1"),
    GOOD("mixed case", "bEaReR abc", "abc", "RFC 9110 section 11.1"),
    GOOD("two spaces", "Bearer  abc", "abc", "RFC 9110 section 11.4"),
    GOOD("white space around the value", " \tBearer abc\t ", "abc", "RFC 9110 section 5.5"),
    GOOD("every token68 character", "Bearer aZ09-._~+/", "aZ09-._~+/", "RFC 9110 section 11.2"),
    GOOD("padding is grammar", "Bearer YQ==", "YQ==", "RFC 9110 section 11.2"),
    BAD("empty value", "", "RFC 9110 section 11.4"),
    BAD("blank value", "  ", "RFC 9110 section 11.4"),
    BAD("scheme alone", "Bearer", "RFC 6750 section 2.1"),
    BAD("scheme and a space", "Bearer ", "RFC 6750 section 2.1"),
    BAD("scheme and spaces", "Bearer    ", "RFC 6750 section 2.1"),
    BAD("no space", "Bearerabc", "RFC 6750 section 2.1"),
    BAD("half a scheme", "Bear", "RFC 6750 section 2.1"),
    BROKEN("tab for the space", "Bearer\tabc", "RFC 9110 section 11.4"),
    BROKEN("tab after the space", "Bearer \tabc", "RFC 9110 section 11.4"),
    BROKEN("colon after the scheme", "Bearer: abc", "RFC 6750 section 2.1"),
    BAD("Basic", "Basic dXNlcjpwYXNz", "RFC 6750 section 2.1"),
    BAD("a token in the Basic scheme", "Basic a.b.c", "RFC 6750 section 2.1"),
    BAD("a token in the Token scheme", "Token a.b.c", "RFC 6750 section 2.1"),
    BAD("a longer scheme", "Bearers a.b.c", "RFC 6750 section 2.1"),
    BAD("the token alone", "a.b.c", "RFC 6750 section 2.1"),
    BROKEN("two words", "Bearer abc def", "RFC 6750 section 2.1"),
    BROKEN("the scheme twice", "Bearer Bearer abc", "RFC 6750 section 2.1"),
    BROKEN("a list", "Bearer abc,def", "RFC 9110 section 11.4"),
    BROKEN("two credentials", "Bearer abc, Bearer def", "RFC 9110 section 11.4"),
    BROKEN("a parameter", "Bearer token=abc", "RFC 6750 section 2.1"),
    BROKEN("quotes", "Bearer \"abc\"", "RFC 6750 section 2.1"),
    BROKEN("padding alone", "Bearer ==", "RFC 9110 section 11.2"),
    BROKEN("padding inside", "Bearer YQ==YQ", "RFC 9110 section 11.2"),
    BROKEN("a NUL", "Bearer abc\0def", "RFC 9110 section 11.2"),
    BROKEN("a NUL behind", "Bearer abc\0", "RFC 9110 section 11.2"),
    BROKEN("a line end", "Bearer abc\r\n", "RFC 9110 section 11.2"),
    BROKEN("a byte above ASCII", "Bearer ab\xc3\xa9", "RFC 9110 section 11.2"),
    BROKEN("no-break space for the space",
           "Bearer\xc2\xa0"
           "abc",
           "RFC 9110 section 11.4"),
};

static void only_one_token_of_the_bearer_scheme_is_taken(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct span token = {NULL, 0};
        enum auth_verdict verdict = bearer_parse(row->value, &token);
        bool is_right = verdict == row->verdict;

        if (verdict == AUTH_OK && is_right) {
            is_right = span_equals_string(token, row->token);
        }
        if (!is_right || (verdict != AUTH_OK && token.data != NULL)) {
            print_error("row failed: %s (%s): got %s\n", row->name, row->spec,
                        auth_verdict_token(verdict));
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* design section 7: at most 8 KiB, however many spaces stand in front. */
static void a_token_above_its_bound_is_too_large(void **state)
{
    static char value[3 * AUTH_TOKEN_BYTES_MAX];
    const struct span prefix = SPAN_LITERAL("Bearer ");
    struct span token = {NULL, 0};

    (void)state;
    memset(value, 'a', sizeof value);
    memcpy(value, prefix.data, prefix.length);
    assert_int_equal(bearer_parse(span_of(value, 7 + AUTH_TOKEN_BYTES_MAX), &token), AUTH_OK);
    assert_int_equal(token.length, AUTH_TOKEN_BYTES_MAX);
    assert_int_equal(bearer_parse(span_of(value, 7 + AUTH_TOKEN_BYTES_MAX + 1), &token),
                     AUTH_TOO_LARGE);

    memset(value + 7, ' ', AUTH_TOKEN_BYTES_MAX);
    assert_int_equal(bearer_parse(span_of(value, 7 + AUTH_TOKEN_BYTES_MAX + 10), &token), AUTH_OK);
    assert_int_equal(token.length, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_token_of_the_bearer_scheme_is_taken),
        cmocka_unit_test(a_token_above_its_bound_is_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
