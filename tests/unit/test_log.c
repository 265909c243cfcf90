/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - one line per event, whatever is in the values, and never a wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/log.h"
#include "gateway/log_repeat.h"

static int pipe_fds[2];
static char written[65536];

static const char *read_back(void)
{
    ssize_t got = read(pipe_fds[0], written, sizeof(written) - 1);

    written[got > 0 ? got : 0] = '\0';
    return written;
}

static const char *line_of(enum log_format format, const char *key, struct span value)
{
    struct log_line line;

    log_setup(LOG_DEBUG, format);
    log_begin_access(&line, "exchange");
    log_span(&line, key, value);
    log_int(&line, "n", -7);
    log_end(&line);
    return read_back();
}

struct row {
    const char *name;
    struct span value;
    const char *logfmt; /* how the field looks */
};

static const struct row rows[] = {
    {"plain", SPAN_LITERAL("abc-1.2_3"), " v=abc-1.2_3 "},
    {"space", SPAN_LITERAL("a b"), " v=\"a b\" "},
    {"quote", SPAN_LITERAL("a\"b"), " v=\"a\\\"b\" "},
    {"equals", SPAN_LITERAL("a=b"), " v=\"a=b\" "},
    {"line feed", SPAN_LITERAL("a\nlvl=error"), "a\\nlvl=error"},
    {"carriage return", SPAN_LITERAL("a\rb"), "a\\rb"},
    {"empty", SPAN_LITERAL(""), " v=\"\" "},
};

static void a_value_cannot_break_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *line = line_of(LOG_LOGFMT, "v", rows[i].value);
        if (strstr(line, rows[i].logfmt) == NULL || strchr(line, '\n')[1] != '\0') {
            fail_msg("row '%s': %s", rows[i].name, line);
        }
    }
}

static void any_bytes_give_a_line_of_valid_json(void **state)
{
    struct json_doc *doc = json_doc_new();
    unsigned seed = 3;

    (void)state;
    for (int round = 0; round < 500; round++) {
        char value[80];
        for (size_t i = 0; i < sizeof(value); i++) {
            value[i] = (char)((seed = seed * 1103515245U + 12345U) >> 16);
        }
        const char *line = line_of(LOG_JSON, "v", span_of(value, (size_t)round % sizeof(value)));
        size_t length = strlen(line);
        assert_true(length > 0 && line[length - 1] == '\n');
        assert_int_equal(json_parse(doc, span_of(line, length - 1), 4), JSON_OK);
        assert_true(json_string_equals(doc, json_member(doc, 0, "ev"), "exchange"));
        assert_true(json_is(doc, json_member(doc, 0, "n"), JSON_NUMBER));
        /* In logfmt the same bytes stay one line of printable ASCII. */
        line = line_of(LOG_LOGFMT, "v", span_of(value, (size_t)round % sizeof(value)));
        for (size_t i = 0; line[i] != '\0' && line[i] != '\n'; i++) {
            assert_in_range((unsigned char)line[i], 0x20, 0x7e);
        }
    }
    json_doc_free(doc);
}

static void a_long_value_is_cut(void **state)
{
    char value[4000];

    (void)state;
    memset(value, 'x', sizeof(value));
    assert_true(strlen(line_of(LOG_LOGFMT, "v", span_of(value, sizeof(value)))) <
                LOG_VALUE_BYTES_MAX + 200);
}

static void a_full_line_is_still_one_line(void **state)
{
    struct log_line line;
    char value[200];

    (void)state;
    memset(value, 'y', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_setup(LOG_DEBUG, LOG_JSON);
    log_begin_access(&line, "exchange");
    for (int i = 0; i < 40; i++) {
        log_string(&line, "key", value);
    }
    log_end(&line);
    (void)read_back();
    assert_true(strlen(written) <= LOG_LINE_BYTES_MAX);
    assert_int_equal(written[strlen(written) - 1], '\n');
}

static void a_full_pipe_drops_lines_and_counts_them(void **state)
{
    unsigned long before = log_dropped();
    int lines = 0;

    (void)state;
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    /* Nobody reads: a line that blocked would stop this test for ever. */
    while (log_dropped() == before && lines < 100000) {
        struct log_line line;
        log_begin_access(&line, "exchange");
        log_string(&line, "filler", "0123456789012345678901234567890123456789");
        log_end(&line);
        lines++;
    }
    assert_true(log_dropped() > before);
    while (read(pipe_fds[0], written, sizeof(written)) == (ssize_t)sizeof(written)) {
    }
}

static void a_repeated_warning_is_held_back_and_counted(void **state)
{
    struct log_repeat repeat = {.over = 0};
    struct log_repeat_summary summary;
    int admitted = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        admitted += log_repeat_admit(&repeat, "accept_failed", 1000) ? 1 : 0;
    }
    assert_int_equal(admitted, LOG_REPEAT_LINES_MAX);
    assert_true(log_repeat_admit(&repeat, "another", 1000));
    assert_false(log_repeat_next_summary(&repeat, 1500, &summary));
    assert_true(log_repeat_next_summary(&repeat, 1000 + LOG_REPEAT_WINDOW_MS, &summary));
    assert_string_equal(summary.event, "accept_failed");
    assert_int_equal(summary.count, 100 - LOG_REPEAT_LINES_MAX);
    assert_true(log_repeat_admit(&repeat, "accept_failed", 1001 + LOG_REPEAT_WINDOW_MS));
}

static void below_the_level_nothing_is_built(void **state)
{
    (void)state;
    log_setup(LOG_WARN, LOG_LOGFMT);
    assert_true(log_is_enabled(LOG_ERROR));
    assert_true(log_is_enabled(LOG_WARN));
    assert_false(log_is_enabled(LOG_INFO));
    assert_false(log_is_enabled(LOG_DEBUG));
}

static int open_pipe(void **state)
{
    (void)state;
    if (pipe(pipe_fds) != 0 || fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) != 0) {
        return -1;
    }
    log_setup_access(pipe_fds[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_cannot_break_its_line),
        cmocka_unit_test(any_bytes_give_a_line_of_valid_json),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(a_full_line_is_still_one_line),
        cmocka_unit_test(a_full_pipe_drops_lines_and_counts_them),
        cmocka_unit_test(a_repeated_warning_is_held_back_and_counted),
        cmocka_unit_test(below_the_level_nothing_is_built),
    };

    return cmocka_run_group_tests(tests, open_pipe, NULL);
}
