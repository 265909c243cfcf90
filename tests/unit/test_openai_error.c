/* SPDX-License-Identifier: MIT */
/*
 * test_openai_error.c - each end has words at the doors, and they are always JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "gateway/openai_error.h"

static const char *render(const struct openai_error *error)
{
    static char body[OPENAI_ERROR_BYTES_MAX + 1];

    body[openai_error_render(error, body)] = '\0';
    return body;
}

static void each_end_that_is_told_has_words_and_a_status(void **state)
{
    struct json_doc *doc = json_doc_new();

    (void)state;
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        struct openai_error error;
        openai_error_of((enum end_reason)reason, &error);
        const char *body = render(&error);
        assert_int_equal(json_parse(doc, span_from_string(body), 4), JSON_OK);
        if (end_reason_status((enum end_reason)reason) >= 400 &&
            (error.status < 400 || error.message[0] == '\0' || error.code[0] == '\0' ||
             strstr(body, error.code) == NULL)) {
            fail_msg("%s: %s", end_reason_token((enum end_reason)reason), body);
        }
    }
    json_doc_free(doc);
}

static void the_body_is_exact(void **state)
{
    struct openai_error error;

    (void)state;
    openai_error_of(END_UPSTREAM_CONNECT, &error);
    assert_int_equal(error.status, 502);
    assert_string_equal(render(&error),
                        "{\"error\":{\"message\":\"The provider cannot be reached.\","
                        "\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_connect\"}}");
    openai_error_of(END_MODEL_RETIRED, &error);
    assert_int_equal(error.status, 410);
    assert_non_null(strstr(render(&error), "\"param\":\"model\",\"code\":\"model_retired\""));
}

static void what_a_client_wrote_cannot_break_the_body(void **state)
{
    static char long_text[4096];
    const char *const texts[] = {"a\"b\\c", "a\r\nb\tc", "\xff\xC3\xA9", "\\", long_text};
    struct json_doc *doc = json_doc_new();

    (void)state;
    memset(long_text, '"', sizeof(long_text) - 1);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct openai_error error = {
            .status = 400, .type = "t", .code = "c", .param = texts[i], .message = texts[i]};
        assert_int_equal(json_parse(doc, span_from_string(render(&error)), 4), JSON_OK);
    }
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_that_is_told_has_words_and_a_status),
        cmocka_unit_test(the_body_is_exact),
        cmocka_unit_test(what_a_client_wrote_cannot_break_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
