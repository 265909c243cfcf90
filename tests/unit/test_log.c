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
#include <sys/socket.h>
#include <sys/stat.h>
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

static void numbers_are_written_whole(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } numbers[] = {{0, " n=0 "},
                   {7, " n=7 "},
                   {-10, " n=-10 "},
                   {INT64_MAX, " n=9223372036854775807 "},
                   {INT64_MIN, " n=-9223372036854775808 "}};
    struct log_line line;

    (void)state;
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        log_begin_access(&line, "exchange");
        log_int(&line, "n", numbers[i].value);
        log_string(&line, "v", "x");
        log_end(&line);
        assert_non_null(strstr(read_back(), numbers[i].text));
    }
}

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

/* The words of sd-daemon(3), and only to the socket that JOURNAL_STREAM names. */
static void the_journal_gets_the_level_in_front_and_no_time(void **state)
{
    char stream[64];
    char line[LOG_LINE_BYTES_MAX + 1];
    struct stat status;
    int ends[2];

    (void)state;
    log_count_losses(NULL); /* no word of what an earlier test has lost */
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    assert_int_equal(fstat(ends[1], &status), 0);
    for (int is_named = 0; is_named <= 1; is_named++) {
        for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
            const char *begin = format == LOG_JSON ? "<6>{\"lvl\":\"info\"," : "<6>lvl=info ev=";
            const char *usual = format == LOG_JSON ? "{\"ts\":\"2" : "ts=2";
            ssize_t length;

            snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
                     (unsigned long long)status.st_ino + (is_named ? 0 : 1));
            setenv("JOURNAL_STREAM", stream, 1);
            log_setup_access(ends[1]);
            (void)line_of((enum log_format)format, "v", span_from_string("x"));
            length = recv(ends[0], line, sizeof(line) - 1, MSG_DONTWAIT);
            assert_true(length > 0);
            line[length] = '\0';
            begin = is_named ? begin : usual;
            assert_int_equal(strncmp(line, begin, strlen(begin)), 0);
            assert_int_equal(line[length - 1], '\n');
        }
    }
    unsetenv("JOURNAL_STREAM");
    log_setup_access(pipe_fds[1]);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_line_for_the_journal_stays_within_its_bound(void **state)
{
    char stream[64];
    char value[200];
    char line[LOG_LINE_BYTES_MAX + 100];
    struct stat status;
    struct log_line full;
    int ends[2];
    ssize_t length;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    assert_int_equal(fstat(ends[1], &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    memset(value, 'y', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_setup(LOG_DEBUG, LOG_JSON);
    log_setup_access(ends[1]);
    log_begin_access(&full, "exchange");
    for (int i = 0; i < 400; i++) {
        log_string(&full, "k", value + i % 199);
    }
    log_end(&full);
    length = recv(ends[0], line, sizeof(line), MSG_DONTWAIT);
    assert_in_range(length, LOG_LINE_BYTES_MAX - 100, LOG_LINE_BYTES_MAX);
    assert_memory_equal(line + length - 13, ",\"cut\":true}\n", 13);
    unsetenv("JOURNAL_STREAM");
    log_setup_access(pipe_fds[1]);
    close(ends[0]);
    close(ends[1]);
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
        cmocka_unit_test(numbers_are_written_whole),
        cmocka_unit_test(a_value_cannot_break_its_line),
        cmocka_unit_test(any_bytes_give_a_line_of_valid_json),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(a_full_line_is_still_one_line),
        cmocka_unit_test(a_full_pipe_drops_lines_and_counts_them),
        cmocka_unit_test(the_journal_gets_the_level_in_front_and_no_time),
        cmocka_unit_test(a_full_line_for_the_journal_stays_within_its_bound),
        cmocka_unit_test(a_repeated_warning_is_held_back_and_counted),
        cmocka_unit_test(below_the_level_nothing_is_built),
    };

    return cmocka_run_group_tests(tests, open_pipe, NULL);
}
