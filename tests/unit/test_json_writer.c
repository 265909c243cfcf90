/* SPDX-License-Identifier: MIT */
/* JSON is well-formed whatever it is made of, and says what was put in. */
#include "gateway/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

struct text {
    char *bytes;
    size_t length;
    struct json_writer writer;
};

static struct json_writer *begin(struct text *text)
{
    text->writer = (struct json_writer){.out = open_memstream(&text->bytes, &text->length)};
    assert_non_null(text->writer.out);
    return &text->writer;
}

static void end(struct text *text)
{
    size_t at = 0;

    assert_int_equal(fclose(text->writer.out), 0);
    if (json_check(span_of(text->bytes, text->length), JSON_DEPTH_MAX, &at) != JSON_OK) {
        fail_msg("not JSON at %zu: %s", at, text->bytes);
    }
}

static void values_stand_where_they_were_put(void **state)
{
    struct text text;
    struct json_writer *writer = begin(&text);

    (void)state;
    json_open_object(writer, NULL);
    json_open_array(writer, "a");
    json_close_array(writer);
    json_put_count(writer, "n", UINT64_MAX);
    json_put_ratio(writer, "s", 1500, 1000);
    json_put_real(writer, "r", 0.1234567);
    json_put_real(writer, "inf", (double)UINT64_MAX * 1e300 * 1e300);
    json_put_bool(writer, "t", true);
    json_put_text(writer, "null", NULL);
    json_open_array(writer, "list");
    json_put_bool(writer, NULL, false);
    json_open_object(writer, NULL);
    json_close_object(writer);
    json_put_raw(writer, NULL, "{\"x\":1}");
    json_close_array(writer);
    json_close_object(writer);
    end(&text);

    assert_string_equal(text.bytes, "{\"a\":[],\"n\":18446744073709551615,\"s\":1.5,\"r\":0.123457,"
                                    "\"inf\":null,\"t\":true,\"null\":null,"
                                    "\"list\":[false,{},{\"x\":1}]}");
    free(text.bytes);
}

/* Every byte, alone and around the places where a long text is cut into pieces. */
static void any_bytes_make_a_string(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        for (size_t before = 60; before < 68; before++) {
            char content[80];
            struct text text;
            struct json_writer *writer = begin(&text);
            memset(content, 'x', before);
            content[before] = (char)byte;
            content[before + 1] = '\0';
            json_put_text(writer, NULL, content);
            end(&text);
            free(text.bytes);
        }
    }
}

static void characters_are_never_cut_in_two(void **state)
{
    static const char wave[] = "\xf0\x9f\x8c\x8a"; /* one of four bytes */

    (void)state;
    for (size_t before = 56; before < 132; before++) {
        char content[160];
        struct text text;
        struct json_writer *writer = begin(&text);
        memset(content, 'x', before);
        memcpy(content + before, wave, sizeof(wave));
        json_put_text(writer, NULL, content);
        end(&text);
        assert_non_null(strstr(text.bytes, "x\\ud83c\\udf0a\""));
        assert_null(strstr(text.bytes, "\\ufffd"));
        free(text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_where_they_were_put),
        cmocka_unit_test(any_bytes_make_a_string),
        cmocka_unit_test(characters_are_never_cut_in_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
