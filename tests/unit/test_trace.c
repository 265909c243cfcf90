/* SPDX-License-Identifier: MIT */
/*
 * test_trace.c - which traces are gone on with, and which bytes of a client go on with them.
 *
 * The rows are the cases of https://www.w3.org/TR/trace-context-1/ and of its test suite,
 * and what a hostile client would try beside them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/trace.h"
#include "tests/unit/guard_page.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define ZEROS "00000000000000000000000000000000"
/* What random bytes of 1 to 24 make. */
#define NEW_ID "0102030405060708090a0b0c0d0e0f10"
#define NEW_SPAN "1112131415161718"

static void begin(struct trace *trace, struct span traceparent)
{
    uint8_t random[TRACE_RANDOM_BYTES];

    for (size_t i = 0; i < sizeof(random); i++) {
        random[i] = (uint8_t)(i + 1);
    }
    trace_begin(trace, traceparent, random);
}

struct parent_row {
    const char *what;
    const char *value;
    const char *sent; /* NULL: a trace begins here */
};

static const struct parent_row parent_rows[] = {
    /* section 3.2.5 */
    {"the example, sampled", "00-" ID "-" PARENT "-01", "00-" ID "-" NEW_SPAN "-01"},
    {"the example, not sampled", "00-" ID "-" PARENT "-00", "00-" ID "-" NEW_SPAN "-00"},
    /* section 3.2.2.5: other flags are reserved and set to zero */
    {"all flags", "00-" ID "-" PARENT "-ff", "00-" ID "-" NEW_SPAN "-01"},
    {"all flags but sampled", "00-" ID "-" PARENT "-fe", "00-" ID "-" NEW_SPAN "-00"},
    /* section 3.2.4: a later version */
    {"a later version", "cc-" ID "-" PARENT "-01", "00-" ID "-" NEW_SPAN "-01"},
    {"a later version with more", "cc-" ID "-" PARENT "-01-what-the-future-will-be-like",
     "00-" ID "-" NEW_SPAN "-01"},
    {"a later version with a dash", "fe-" ID "-" PARENT "-01-", "00-" ID "-" NEW_SPAN "-01"},
    {"a later version with no dash before more", "cc-" ID "-" PARENT "-01.what", NULL},
    {"a later version, too short", "cc-" ID "-" PARENT "-", NULL},
    {"the version that is none", "ff-" ID "-" PARENT "-01", NULL},
    {"the version that is none, with more", "ff-" ID "-" PARENT "-01-x", NULL},
    /* version 00 is exactly that long */
    {"more behind version 00", "00-" ID "-" PARENT "-01-what-the-future-will-be-like", NULL},
    {"a dash behind version 00", "00-" ID "-" PARENT "-01-", NULL},
    {"a digit behind version 00", "00-" ID "-" PARENT "-012", NULL},
    /* sections 3.2.2.3 and 3.2.2.4 */
    {"a trace id of zeros", "00-" ZEROS "-" PARENT "-01", NULL},
    {"a parent id of zeros", "00-" ID "-0000000000000000-01", NULL},
    {"a trace id of one bit", "00-00000000000000000000000000000001-" PARENT "-01",
     "00-00000000000000000000000000000001-" NEW_SPAN "-01"},
    /* HEXDIGLC */
    {"upper case in the trace id", "00-0AF7651916cd43dd8448eb211c80319c-" PARENT "-01", NULL},
    {"upper case in the parent id", "00-" ID "-B7ad6b7169203331-01", NULL},
    {"upper case in the flags", "00-" ID "-" PARENT "-0A", NULL},
    {"upper case in the version", "0A-" ID "-" PARENT "-01", NULL},
    {"no hex in the trace id", "00-.af7651916cd43dd8448eb211c80319c-" PARENT "-01", NULL},
    {"no hex in the parent id", "00-" ID "-.7ad6b7169203331-01", NULL},
    {"no hex in the flags", "00-" ID "-" PARENT "-.0", NULL},
    {"no hex in the version", ".0-" ID "-" PARENT "-01", NULL},
    {"a line feed inside", "00-" ID "-" PARENT "\n01", NULL},
    {"bytes above ASCII",
     "00-\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
     "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4-" PARENT "-01",
     NULL},
    /* lengths and dashes */
    {"nothing", "", NULL},
    {"a version of three digits", "000-" ID "-" PARENT "-01", NULL},
    {"a version of one digit", "0-" ID "-" PARENT "-01", NULL},
    {"a trace id that is too long", "00-" ID "0-" PARENT "-01", NULL},
    {"a trace id that is too short", "00-0af7651916cd43dd8448eb211c8031-" PARENT "-01", NULL},
    {"a parent id that is too long", "00-" ID "-" PARENT "0-01", NULL},
    {"flags of one digit", "00-" ID "-" PARENT "-1", NULL},
    {"spaces for dashes", "00 " ID " " PARENT " 01", NULL},
    {"a space in front", " 00-" ID "-" PARENT "-01", NULL},
    {"two of them in one", "00-" ID "-" PARENT "-01,00-" ID "-" PARENT "-01", NULL},
};

static void each_traceparent_is_gone_on_with_or_not(void **state)
{
    struct guard_page guard = guard_page_new(256);

    (void)state;
    for (size_t i = 0; i < sizeof(parent_rows) / sizeof(parent_rows[0]); i++) {
        const struct parent_row *row = &parent_rows[i];
        const char *wanted = row->sent == NULL ? "00-" NEW_ID "-" NEW_SPAN "-00" : row->sent;
        char sent[TRACE_PARENT_LENGTH];
        struct trace trace;

        begin(&trace, guard_page_place(&guard, span_from_string(row->value)));
        trace_render_parent(&trace, sent);
        if (memcmp(sent, wanted, sizeof(sent)) != 0 || trace.is_continued != (row->sent != NULL)) {
            fail_msg("%s: sent %.55s, wanted %s", row->what, sent, wanted);
        }
        assert_true(trace.is_on);
    }
    guard_page_free(&guard);
}

/* Every prefix, and every other byte in every place: none is read past, none gets through. */
static void one_byte_off_is_never_passed_on(void **state)
{
    static const char good[] = "00-" ID "-" PARENT "-01";
    struct guard_page guard = guard_page_new(256);
    struct trace trace;

    (void)state;
    for (size_t length = 0; length < sizeof(good) - 1; length++) {
        begin(&trace, guard_page_place(&guard, span_of(good, length)));
        assert_false(trace.is_continued);
    }
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof(good)];
            char sent[TRACE_PARENT_LENGTH];

            memcpy(text, good, sizeof(text));
            text[i] = (char)byte;
            begin(&trace, guard_page_place(&guard, span_of(text, sizeof(text) - 1)));
            trace_render_parent(&trace, sent);
            for (size_t j = 0; j < sizeof(sent); j++) {
                assert_non_null(memchr("0123456789abcdef-", sent[j], 17));
            }
            assert_memory_equal(sent + 36, NEW_SPAN, 16);
        }
    }
    guard_page_free(&guard);
}

static void ids_of_zeros_are_never_made(void **state)
{
    static const uint8_t zeros[TRACE_RANDOM_BYTES];
    char sent[TRACE_PARENT_LENGTH];
    struct trace trace;

    (void)state;
    trace_begin(&trace, span_of(NULL, 0), zeros);
    trace_render_parent(&trace, sent);

    assert_memory_equal(sent, "00-00000000000000000000000000000001-0000000000000001-00",
                        sizeof(sent));
}

/* -- tracestate -- */

#define TIMES_10(text) text text text text text text text text text text
#define A_240 TIMES_10(TIMES_10("aa") "aaaa")
#define A_256 A_240 "aaaaaaaaaaaaaaaa"

struct state_row {
    const char *what;
    const char *lines[TRACE_STATE_LINES_MAX]; /* NULL behind the last */
    const char *sent;
};

static const struct state_row state_rows[] = {
    {"no field", {NULL}, ""},
    {"an empty field", {""}, ""},
    {"one member", {"rojo=00f067aa0ba902b7"}, "rojo=00f067aa0ba902b7"},
    {"two", {"rojo=1,congo=t61rcWkgMzE"}, "rojo=1,congo=t61rcWkgMzE"},
    {"lines are one list, in order", {"a=1", "b=2,c=3", "d=4"}, "a=1,b=2,c=3,d=4"},
    {"an empty line among them", {"a=1", "", "b=2"}, "a=1,b=2"},
    {"white space around members", {"a=1 \t , \t b=2,\tc=3 "}, "a=1,b=2,c=3"},
    {"empty members", {"a=1,, ,b=2,"}, "a=1,b=2"},
    {"a space inside a value", {"a=1 2 3,b=2"}, "a=1 2 3,b=2"},
    {"a space before a value", {"a= 1"}, "a= 1"},
    {"every byte of a key",
     {"abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"},
     "abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"},
    {"a tenant", {"0tenant@system=1"}, "0tenant@system=1"},
    {"the longest system", {"t@a1234567890123=1"}, "t@a1234567890123=1"},
    {"the longest tenant", {A_240 "a@v=1"}, A_240 "a@v=1"},
    {"the longest key", {A_256 "=1"}, A_256 "=1"},
    {"the longest value", {"a=" A_256}, "a=" A_256},
    {"a repeated key: the first is the newest", {"a=1,b=2,a=3"}, "a=1,b=2"},
    /* one bad member, and nothing of it is trusted */
    {"no equals sign", {"a=1,b"}, ""},
    {"two", {"a=1,b=2=3"}, ""},
    {"no key", {"=1"}, ""},
    {"no value", {"a="}, ""},
    {"a value of spaces", {"a=  "}, ""},
    {"upper case in a key", {"A=1"}, ""},
    {"a simple key that begins with a digit", {"1a=1"}, ""},
    {"a system that begins with a digit", {"t@1a=1"}, ""},
    {"an empty tenant", {"@a=1"}, ""},
    {"an empty system", {"a@=1"}, ""},
    {"two at signs", {"a@b@c=1"}, ""},
    {"a space before the equals sign", {"a =1"}, ""},
    {"a key that is too long", {A_256 "a=1"}, ""},
    {"a tenant that is too long", {A_240 "aa@v=1"}, ""},
    {"a system that is too long", {"t@a12345678901234=1"}, ""},
    {"a value that is too long", {"a=" A_256 "a"}, ""},
    {"a tab inside a value", {"a=1\t2"}, ""},
    {"a line feed in a value", {"a=1\nx: y"}, ""},
    {"a carriage return in a value", {"a=1\rx: y"}, ""},
    {"DEL", {"a=1\x7f"}, ""},
    {"bytes above ASCII in a value", {"a=\xc3\xa9"}, ""},
    {"bytes above ASCII in a key", {"\xc3\xa9=1"}, ""},
    {"a quote of another grammar", {"a=\"1\""}, "a=\"1\""},
    {"a bad line behind a good one", {"a=1", "B=2"}, ""},
};

static size_t render(const struct guard_page *guards, const struct state_row *row, char *out)
{
    struct trace_state list = {.count = 0};

    while (list.count < TRACE_STATE_LINES_MAX && row->lines[list.count] != NULL) {
        struct span line = span_from_string(row->lines[list.count]);
        list.lines[list.count] = guard_page_place(&guards[list.count], line);
        list.count++;
    }
    return trace_render_state(&list, out);
}

static void each_tracestate_is_passed_on_or_not(void **state)
{
    struct guard_page guards[TRACE_STATE_LINES_MAX];

    (void)state;
    for (size_t i = 0; i < TRACE_STATE_LINES_MAX; i++) {
        guards[i] = guard_page_new(2048);
    }
    for (size_t i = 0; i < sizeof(state_rows) / sizeof(state_rows[0]); i++) {
        const struct state_row *row = &state_rows[i];
        char out[TRACE_STATE_BYTES_MAX];
        size_t length = render(guards, row, out);

        if (!span_equals_string(span_of(out, length), row->sent)) {
            fail_msg("%s: sent '%.*s', wanted '%s'", row->what, (int)length, out, row->sent);
        }
    }
    for (size_t i = 0; i < TRACE_STATE_LINES_MAX; i++) {
        guard_page_free(&guards[i]);
    }
}

static void make_members(char *text, size_t room, unsigned count, const char *value)
{
    size_t length = 0;

    for (unsigned i = 0; i < count; i++) {
        length +=
            (size_t)snprintf(text + length, room - length, "%sk%u=%s", i == 0 ? "" : ",", i, value);
    }
}

static void a_list_has_thirty_two_members_at_most(void **state)
{
    struct trace_state list = {.count = 1};
    char text[1024];
    char out[TRACE_STATE_BYTES_MAX];

    (void)state;
    make_members(text, sizeof(text), 32, "1");
    list.lines[0] = span_from_string(text);
    assert_true(span_equals_string(span_of(out, trace_render_state(&list, out)), text));

    make_members(text, sizeof(text), 33, "1");
    list.lines[0] = span_from_string(text);
    assert_int_equal(trace_render_state(&list, out), 0);
}

static void what_does_not_fit_is_cut_between_members(void **state)
{
    struct trace_state list = {.count = 1};
    char text[2048];
    char out[TRACE_STATE_BYTES_MAX];
    size_t length;

    (void)state;
    make_members(text, sizeof(text), 8, TIMES_10("0123456789")); /* 103 bytes and a comma each */
    list.lines[0] = span_from_string(text);
    length = trace_render_state(&list, out);
    assert_int_equal(length, 4 * 103 + 3);
    assert_memory_equal(out, text, length);

    /* To the byte: 512 are passed on whole. */
    (void)snprintf(text, sizeof(text), "a=%s,b=%.*s", A_256, 512 - 258 - 3, A_256);
    list.lines[0] = span_from_string(text);
    assert_int_equal(list.lines[0].length, TRACE_STATE_BYTES_MAX);
    assert_int_equal(trace_render_state(&list, out), TRACE_STATE_BYTES_MAX);

    /* What is behind the cut is still looked at. */
    (void)snprintf(text, sizeof(text), "a=%s,b=%s,c=1,D=1", A_256, A_256);
    list.lines[0] = span_from_string(text);
    assert_int_equal(trace_render_state(&list, out), 0);
}

/* Any byte in any place of a list: what is sent is printable ASCII, or nothing is. */
static void one_byte_off_leaves_printable_text_or_nothing(void **state)
{
    static const char good[] = "a=1 2,t@s=x, b=3";

    (void)state;
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof(good)];
            char out[TRACE_STATE_BYTES_MAX];
            struct trace_state list = {.count = 1};
            size_t length;

            memcpy(text, good, sizeof(text));
            text[i] = (char)byte;
            list.lines[0] = span_of(text, sizeof(text) - 1);
            length = trace_render_state(&list, out);
            for (size_t j = 0; j < length; j++) {
                assert_true(out[j] >= ' ' && out[j] <= '~');
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_traceparent_is_gone_on_with_or_not),
        cmocka_unit_test(one_byte_off_is_never_passed_on),
        cmocka_unit_test(ids_of_zeros_are_never_made),
        cmocka_unit_test(each_tracestate_is_passed_on_or_not),
        cmocka_unit_test(a_list_has_thirty_two_members_at_most),
        cmocka_unit_test(what_does_not_fit_is_cut_between_members),
        cmocka_unit_test(one_byte_off_leaves_printable_text_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
