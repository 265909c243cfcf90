/* SPDX-License-Identifier: MIT */
/*
 * test_sse.c - the event-stream scanner, WHATWG HTML section 9.2.6.
 *
 * Every input is fed whole, byte by byte and cut at every place, always against
 * an unreadable page, and must give the same transcript.
 */
#include "upstream/sse.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/answer_run.h"
#include "tests/unit/guard_page.h"

#define MAX_EVENT_BYTES ((size_t)64 * 1024)
#define TRANSCRIPT_BYTES_MAX ((size_t)32 * 1024)
#define FEED_ROOM ((size_t)64 * 1024)

/* What the callbacks saw: "<data>" for an event, "!" before an error field, "E" before an
 * event named error, "#" for a comment. */
struct transcript {
    char text[TRANSCRIPT_BYTES_MAX];
    size_t length;
    int stop_after; /* events until the owner wants to stop, 0 for never */
    const char *fed;
    const char *fed_end;
    int in_place; /* events whose data lay in the fed bytes */
    enum sse_status status;
};

static void note(struct transcript *seen, struct span text)
{
    assert_true(text.length < sizeof(seen->text) - seen->length);
    if (text.length > 0) {
        memcpy(seen->text + seen->length, text.data, text.length);
    }
    seen->length += text.length;
    seen->text[seen->length] = '\0';
}

static bool on_event(void *owner, const struct sse_event *event)
{
    struct transcript *seen = owner;

    note(seen, span_from_string(event->is_error_event ? "E" : ""));
    note(seen, span_from_string(event->has_error_field ? "!" : ""));
    note(seen, span_from_string("<"));
    note(seen, event->data);
    note(seen, span_from_string(">"));
    if (event->data.data >= seen->fed && event->data.data < seen->fed_end) {
        seen->in_place++;
    }
    return seen->stop_after == 0 || --seen->stop_after > 0;
}

static void on_comment(void *owner)
{
    note(owner, span_from_string("#"));
}

static const struct sse_events callbacks = {.on_event = on_event, .on_comment = on_comment};

/* One scanner and one guarded page for all feeds of a test. */
struct fixture {
    struct sse_scanner *scanner;
    struct transcript seen;
    struct guard_page guard;
};

static struct fixture *fixture_new(size_t max_event_bytes)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->scanner = sse_new(max_event_bytes, &callbacks, &f->seen);
    assert_non_null(f->scanner);
    f->guard = guard_page_new(FEED_ROOM);
    return f;
}

static void fixture_free(struct fixture *f)
{
    sse_free(f->scanner);
    guard_page_free(&f->guard);
    free(f);
}

static void begin(struct fixture *f)
{
    sse_reset(f->scanner);
    f->seen.length = 0;
    f->seen.text[0] = '\0';
    f->seen.in_place = 0;
    f->seen.status = SSE_OK;
}

static void feed(struct fixture *f, struct span bytes)
{
    struct span placed = guard_page_place(&f->guard, bytes);

    f->seen.fed = placed.data;
    f->seen.fed_end = placed.data + placed.length;
    f->seen.status = sse_feed(f->scanner, placed);
}

static const char *finish(struct fixture *f)
{
    f->seen.fed = NULL;
    f->seen.fed_end = NULL;
    f->seen.status = sse_finish(f->scanner);
    return f->seen.text;
}

static const char *feed_whole(struct fixture *f, struct span input)
{
    begin(f);
    feed(f, input);
    return finish(f);
}

static const char *feed_in_two(struct fixture *f, struct span input, size_t cut)
{
    begin(f);
    feed(f, span_of(input.data, cut));
    feed(f, span_skip(input, cut));
    return finish(f);
}

static const char *feed_in_steps(struct fixture *f, struct span input, size_t step)
{
    begin(f);
    while (input.length > 0) {
        size_t length = step < input.length ? step : input.length;
        feed(f, span_of(input.data, length));
        input = span_skip(input, length);
    }
    return finish(f);
}

static unsigned differs(const char *row, const char *how, size_t at, const char *got,
                        const char *expected)
{
    if (strcmp(got, expected) == 0) {
        return 0;
    }
    print_error("row '%s', %s %zu: got %s, expected %s\n", row, how, at, got, expected);
    return 1;
}

/* Feed <input> in every way; <expected> must come each time. Returns the failures. */
static unsigned run_every_way(struct fixture *f, const char *row, struct span input,
                              const char *expected, enum sse_status status)
{
    unsigned failures = differs(row, "whole", 0, feed_whole(f, input), expected);

    failures += f->seen.status == status ? 0 : 1;
    for (size_t cut = 0; cut <= input.length && failures == 0; cut++) {
        failures += differs(row, "cut at", cut, feed_in_two(f, input, cut), expected);
        failures += f->seen.status == status ? 0 : 1;
    }
    for (size_t step = 1; step <= 7 && failures == 0; step++) {
        failures += differs(row, "steps of", step, feed_in_steps(f, input, step), expected);
        failures += f->seen.status == status ? 0 : 1;
    }
    return failures;
}

struct row {
    const char *name;
    struct span input;
    const char *expected;
};

/* WHATWG HTML section 9.2.6, and what hf-wire 1.2 and 1.5 add to it. */
static const struct row rows[] = {
    {"one event", SPAN_LITERAL("data: a\n\n"), "<a>"},
    {"no space after the colon", SPAN_LITERAL("data:a\n\n"), "<a>"},
    {"only one space is taken", SPAN_LITERAL("data:  a \n\n"), "< a >"},
    {"a tab is not taken", SPAN_LITERAL("data:\ta\n\n"), "<\ta>"},
    {"CRLF", SPAN_LITERAL("data: a\r\n\r\ndata: b\r\n\r\n"), "<a><b>"},
    {"CR", SPAN_LITERAL("data: a\r\rdata: b\r\r"), "<a><b>"},
    {"mixed line ends", SPAN_LITERAL("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"), "<a><b><c>"},
    {"LF and CR are two line ends", SPAN_LITERAL("data: a\n\rdata: b\n\n"), "<a><b>"},
    {"two data lines", SPAN_LITERAL("data: a\ndata: b\n\n"), "<a\nb>"},
    {"three data lines", SPAN_LITERAL("data: a\ndata\ndata: c\n\n"), "<a\n\nc>"},
    {"CRLF joins with LF", SPAN_LITERAL("data: a\r\ndata: b\r\n\r\n"), "<a\nb>"},
    {"data without a colon", SPAN_LITERAL("data\n\n"), "<>"},
    {"two of them", SPAN_LITERAL("data\ndata\n\n"), "<\n>"},
    {"empty data", SPAN_LITERAL("data:\n\n"), "<>"},
    {"an event without data is nothing", SPAN_LITERAL("event: x\nid: 1\n\n\n\n"), ""},
    {"a comment", SPAN_LITERAL(": hi\n\n"), "#"},
    {"a bare colon", SPAN_LITERAL(":\n\n:\n\n"), "##"},
    {"a comment inside an event", SPAN_LITERAL("data: a\n: x\ndata: b\n\n"), "#<a\nb>"},
    {"unknown fields", SPAN_LITERAL("foo: 1\ndatum: 2\nDATA: 3\n data: 4\ndata: 5\n\n"), "<5>"},
    {"a name with a space is another name", SPAN_LITERAL("data : a\n\n"), ""},
    {"colons in the value", SPAN_LITERAL("data: a:b: c\n\n"), "<a:b: c>"},
    {"byte order mark",
     SPAN_LITERAL("\xEF\xBB\xBF"
                  "data: a\n\n"),
     "<a>"},
    {"a second mark is not one",
     SPAN_LITERAL("\xEF\xBB\xBF\xEF\xBB\xBF"
                  "data: a\n\n"),
     ""},
    {"a mark later is not one",
     SPAN_LITERAL("data: a\n\n\xEF\xBB\xBF"
                  "data: b\n\n"),
     "<a>"},
    {"half a mark",
     SPAN_LITERAL("\xEF\xBB"
                  "data: a\n\ndata: b\n\n"),
     "<b>"},
    {"half a mark, then nothing", SPAN_LITERAL("\xEF\xBB"), ""},
    {"a mark alone", SPAN_LITERAL("\xEF\xBB\xBF"), ""},
    {"NUL is a byte like others", SPAN_LITERAL("da\0ta: x\ndata: y\n\n"), "<y>"},
    {"no blank line at the end", SPAN_LITERAL("data: a\n\ndata: [DONE]\n"), "<a><[DONE]>"},
    {"no line end at the end", SPAN_LITERAL("data: a\n\ndata: [DONE]"), "<a><[DONE]>"},
    {"a CR at the end", SPAN_LITERAL("data: a\r"), "<a>"},
    {"nothing", SPAN_LITERAL(""), ""},
    {"line ends only", SPAN_LITERAL("\n\r\r\n\n"), ""},
    {"an error field", SPAN_LITERAL("error: {}\n\ndata: b\n\n"), "!<{}><b>"},
    {"an error field without a colon", SPAN_LITERAL("error\n\n"), "!<>"},
    {"an event named error", SPAN_LITERAL("event: error\ndata: x\n\ndata: y\n\n"), "E<x><y>"},
    {"the name may follow", SPAN_LITERAL("data: x\nevent:error\n\n"), "E<x>"},
    {"the last name counts", SPAN_LITERAL("event: error\nevent: m\ndata: x\n\n"), "<x>"},
    {"a name without data does not last", SPAN_LITERAL("event: error\n\ndata: x\n\n"), "<x>"},
};

static void every_row_gives_the_same_events_however_it_is_cut(void **state)
{
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += run_every_way(f, rows[i].name, rows[i].input, rows[i].expected, SSE_OK);
    }

    fixture_free(f);
    assert_int_equal(failures, 0);
}

/* Every file of tests/data/sse through <check>; returns the sum of what it returns. */
static unsigned for_each_body(unsigned (*check)(struct fixture *f, const char *name,
                                                struct span body))
{
    static const char folder[] = TIDEGATE_SOURCE_DIR "/tests/data/sse";
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    DIR *directory = opendir(folder);
    unsigned failures = 0;
    unsigned files = 0;

    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[sizeof(folder) + 1 + sizeof(entry->d_name)];
        if (strstr(entry->d_name, ".body") == NULL) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name); /* always fits */
        struct span body = answer_load(path);
        assert_true(body.length > 0);
        failures += check(f, entry->d_name, body);
        answer_unload(body);
        files++;
    }
    (void)closedir(directory); /* read only */
    fixture_free(f);
    assert_true(files >= 20);
    return failures;
}

static unsigned check_every_cut(struct fixture *f, const char *name, struct span body)
{
    char *expected = strdup(feed_whole(f, body));
    unsigned failures = 0;

    assert_non_null(expected);
    if (strlen(expected) == 0) {
        print_error("'%s' has no events\n", name);
        failures++;
    }
    failures += run_every_way(f, name, body, expected, SSE_OK);
    free(expected);
    return failures;
}

static void every_body_gives_the_same_events_however_it_is_cut(void **state)
{
    (void)state;
    assert_int_equal(for_each_body(check_every_cut), 0);
}

static unsigned check_every_prefix(struct fixture *f, const char *name, struct span body)
{
    char *expected = strdup(feed_whole(f, body));
    unsigned failures = 0;

    assert_non_null(expected);
    for (size_t length = 0; length < body.length; length++) {
        begin(f);
        feed(f, span_of(body.data, length));
        if (strncmp(expected, f->seen.text, f->seen.length) != 0) {
            print_error("'%s', first %zu bytes: got %s\n", name, length, f->seen.text);
            failures++;
        }
        (void)finish(f);
    }
    free(expected);
    return failures;
}

static void every_prefix_gives_a_prefix_of_the_events(void **state)
{
    (void)state;
    assert_int_equal(for_each_body(check_every_prefix), 0);
}

static void event_in_one_piece_is_handed_out_in_place(void **state)
{
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    (void)state;

    (void)feed_whole(f, span_from_string("data: a\n\n: c\n\ndata:bc\r\n\r\ndata: d\ndata: e\n\n"));

    assert_int_equal(f->seen.in_place, 2);
    assert_string_equal(f->seen.text, "<a>#<bc><d\ne>");
    fixture_free(f);
}

/* The bound is 8 bytes for a line and for the joined data. */
static void what_is_above_the_bound_is_refused_at_every_cut(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        const char *expected;
        enum sse_status status;
    } bounds[] = {
        {"a line at the bound", SPAN_LITERAL("data:123\n\n"), "<123>", SSE_OK},
        {"a line above it", SPAN_LITERAL("data:1234\n\n"), "", SSE_TOO_LARGE},
        {"a comment above it", SPAN_LITERAL("data:1\n\n:12345678\n"), "<1>", SSE_TOO_LARGE},
        {"an open line above it", SPAN_LITERAL("data:1\n\ndata:1234"), "<1>", SSE_TOO_LARGE},
        {"another field above it", SPAN_LITERAL("foo:56789\ndata:1\n\n"), "", SSE_TOO_LARGE},
        {"joined data at the bound", SPAN_LITERAL("data:123\ndata:567\ndata\n\n"), "<123\n567\n>",
         SSE_OK},
        {"joined data above it", SPAN_LITERAL("data:123\ndata:567\ndata\ndata\n\n"), "",
         SSE_TOO_LARGE},
        {"many small events", SPAN_LITERAL("data:1\n\ndata:2\n\ndata:3\n\ndata:4\n\n"),
         "<1><2><3><4>", SSE_OK},
    };
    struct fixture *f = fixture_new(8);
    unsigned failures = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        failures +=
            run_every_way(f, bounds[i].name, bounds[i].input, bounds[i].expected, bounds[i].status);
    }

    fixture_free(f);
    assert_int_equal(failures, 0);
}

static void nothing_is_fired_after_a_stop_until_reset(void **state)
{
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    (void)state;

    begin(f);
    f->seen.stop_after = 2;
    feed(f, span_from_string("data: a\n\ndata: b\n\n: no\n\ndata: c\n\n"));
    assert_int_equal(f->seen.status, SSE_STOPPED);
    feed(f, span_from_string("data: d\n\n"));
    assert_int_equal(f->seen.status, SSE_STOPPED);
    (void)finish(f);
    assert_int_equal(f->seen.status, SSE_STOPPED);
    assert_string_equal(f->seen.text, "<a><b>");

    assert_string_equal(feed_whole(f, span_from_string("data: e\n\n")), "<e>");
    assert_int_equal(f->seen.status, SSE_OK);
    fixture_free(f);
}

static void reset_forgets_whatever_was_open(void **state)
{
    static const char *const open[] = {"\xEF\xBB", "data: a\r",         "data: a\nevent: error\n",
                                       "da",       "error: a\ndata: b", ": com"};
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    (void)state;

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        begin(f);
        feed(f, span_from_string(open[i]));
        assert_string_equal(feed_whole(f, span_from_string("\n\ndata: z\n\n")), "<z>");
    }
    fixture_free(f);
}

static void event_of_many_reads_arrives_whole(void **state)
{
    struct fixture *f = fixture_new(MAX_EVENT_BYTES);
    static const char field[] = {'d', 'a', 't', 'a', ':', ' '};
    static char line[20000];
    (void)state;

    memset(line, 'x', sizeof(line));
    memcpy(line, field, sizeof(field));
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\n';
    (void)feed_in_steps(f, span_of(line, sizeof(line)), 97);

    assert_int_equal(f->seen.length, sizeof(line) - sizeof(field));
    assert_int_equal(f->seen.in_place, 0);
    assert_string_equal(feed_whole(f, span_from_string("data: z\n\n")), "<z>");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gives_the_same_events_however_it_is_cut),
        cmocka_unit_test(every_body_gives_the_same_events_however_it_is_cut),
        cmocka_unit_test(every_prefix_gives_a_prefix_of_the_events),
        cmocka_unit_test(event_in_one_piece_is_handed_out_in_place),
        cmocka_unit_test(what_is_above_the_bound_is_refused_at_every_cut),
        cmocka_unit_test(nothing_is_fired_after_a_stop_until_reset),
        cmocka_unit_test(reset_forgets_whatever_was_open),
        cmocka_unit_test(event_of_many_reads_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
