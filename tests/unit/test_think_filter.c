/* SPDX-License-Identifier: MIT */
/*
 * test_think_filter.c - thinking and answer come out the same however the text is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/think_filter.h"

struct row {
    const char *text;
    const char *thinking;
    const char *answer;
};

static const struct row rows[] = {
    {"", "", ""},
    {"Hello", "", "Hello"},
    {" Hello", "", " Hello"},
    {"<think>a</think>b", "a", "b"},
    {"<think>\nOkay.\n</think>\n\nTide", "Okay.\n", "Tide"},
    {"<think>\n\n</think>\n\nTide", "", "Tide"},
    {"<think></think>Tide", "", "Tide"},
    {"<think>only thinking", "only thinking", ""},
    {"<think>", "", ""},
    {"<think>a</think>", "a", ""},
    {"<think>a</think>  \r\n\t", "a", ""},
    {"\n <think>a</think>b", "a", "\n b"},
    {"<think>a < b </ c <think> </thin</think>x", "a < b </ c <think> </thin", "x"},
    {"<think><</</think>x", "<</", "x"},
    {"<think></</think>x", "</", "x"},
    {"<think>a</think>b <think>c</think>", "a", "b <think>c</think>"},
    {"Say <think>c</think>", "", "Say <think>c</think>"},
    {"<thin", "", "<thin"},
    {"<thinking>x", "", "<thinking>x"},
    {"<<think>x", "", "<<think>x"},
    {"<Think>x", "", "<Think>x"},
    {"</think>x", "", "</think>x"},
    {"<think>cut </thi", "cut </thi", ""},
    {"<think>\xe6\xbd\xae</think>\xf0\x9f\x8c\x8a", "\xe6\xbd\xae", "\xf0\x9f\x8c\x8a"},
};

struct heard {
    char thinking[256];
    char answer[256];
    size_t pieces;
};

static void hear(struct heard *heard, const struct think_piece *piece)
{
    char *to = piece->is_thinking ? heard->thinking : heard->answer;

    assert_true(piece->text.length > 0);
    memcpy(to + strlen(to), piece->text.data, piece->text.length);
    heard->pieces++;
}

static void feed(struct think_filter *filter, struct span text, struct heard *heard)
{
    struct think_piece pieces[THINK_PIECES_MAX];
    /* Memory of its own, so that a byte beyond it is a fault. */
    char *copy = malloc(text.length + 1);

    memcpy(copy, text.data, text.length);
    size_t count = think_filter_split(filter, span_of(copy, text.length), pieces);
    assert_true(count <= THINK_PIECES_MAX);
    for (size_t i = 0; i < count; i++) {
        hear(heard, &pieces[i]);
    }
    free(copy);
}

static void finish(struct think_filter *filter, struct heard *heard)
{
    struct think_piece piece;

    if (think_filter_finish(filter, &piece)) {
        hear(heard, &piece);
    }
}

static void expect(const struct row *row, const struct heard *heard, size_t first, size_t second)
{
    if (strcmp(heard->thinking, row->thinking) != 0 || strcmp(heard->answer, row->answer) != 0) {
        fail_msg("'%s' cut at %zu and %zu: '%s' and '%s'", row->text, first, second,
                 heard->thinking, heard->answer);
    }
}

static void every_two_cuts_yield_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span text = span_from_string(rows[i].text);
        for (size_t first = 0; first <= text.length; first++) {
            for (size_t second = first; second <= text.length; second++) {
                struct think_filter filter = {0};
                struct heard heard = {0};
                feed(&filter, span_of(text.data, first), &heard);
                feed(&filter, span_of(text.data + first, second - first), &heard);
                feed(&filter, span_skip(text, second), &heard);
                finish(&filter, &heard);
                expect(&rows[i], &heard, first, second);
            }
        }
    }
}

static void byte_by_byte_yields_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct think_filter filter = {0};
        struct heard heard = {0};
        for (const char *at = rows[i].text; *at != '\0'; at++) {
            feed(&filter, span_of(at, 1), &heard);
        }
        finish(&filter, &heard);
        expect(&rows[i], &heard, 1, 1);
    }
}

/* A token of a model that does not think is never held back, and never cut in two. */
static void what_is_no_tag_passes_at_once_and_whole(void **state)
{
    static const char *const firsts[] = {"Hello",    " Hello", "\n\n", " ",
                                         "a<think>", "\n- x",  "<b>"};

    (void)state;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct think_filter filter = {0};
        struct heard heard = {0};
        feed(&filter, span_from_string(firsts[i]), &heard);
        assert_string_equal(heard.answer, firsts[i]);
        assert_int_equal(heard.pieces, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_two_cuts_yield_the_same),
        cmocka_unit_test(byte_by_byte_yields_the_same),
        cmocka_unit_test(what_is_no_tag_passes_at_once_and_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
