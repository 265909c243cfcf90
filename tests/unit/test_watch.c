/* SPDX-License-Identifier: MIT */
/*
 * test_watch.c - one request followed through an input buffer, however it is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <event2/buffer.h>

#include "gateway/watch.h"

static const struct head_limits limits = {
    .max_head_bytes = 4096,
    .max_target_bytes = 1024,
    .max_fields = 50,
    .max_body_bytes = 1000,
};

struct row {
    const char *name;
    const char *bytes;
    enum watch_state state;
    enum end_reason refusal; /* when WATCH_REFUSED */
    bool has_excess;
};

static const struct row rows[] = {
    {"no body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", WATCH_COMPLETE, END_DONE, false},
    {"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", WATCH_COMPLETE,
     END_DONE, false},
    {"length, body not whole", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
     WATCH_IN_BODY, END_DONE, false},
    {"chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     WATCH_COMPLETE, END_DONE, false},
    {"chunked, last chunk not whole",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
     WATCH_IN_BODY, END_DONE, false},
    {"chunked with extensions",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3;a=b;c\r\na;c\r\n0;d=\"; \"\r\n\r\n",
     WATCH_COMPLETE, END_DONE, false},
    {"bad chunk extension",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;\r\nabc\r\n0\r\n\r\n",
     WATCH_REFUSED, END_BAD_REQUEST, false},
    {"bad chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n",
     WATCH_REFUSED, END_BAD_REQUEST, false},
    {"pipelined", "GET / HTTP/1.1\r\nHost: a\r\n\r\nG", WATCH_COMPLETE, END_DONE, true},
    {"pipelined behind a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\naX",
     WATCH_COMPLETE, END_DONE, true},
    {"one empty line first (RFC 9112 section 2.2)", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     WATCH_COMPLETE, END_DONE, false},
    {"two empty lines first", "\r\n\r\n", WATCH_REFUSED, END_BAD_REQUEST, false},
    {"two empty lines and a request", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", WATCH_REFUSED,
     END_BAD_REQUEST, false},
    {"lone CR first", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", WATCH_REFUSED, END_BAD_REQUEST, false},
    {"body above the limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
     WATCH_REFUSED, END_TOO_LARGE, false},
    {"nothing", "", WATCH_QUIET, END_DONE, false},
    {"half a head", "GET / HTTP/1.1\r\nHo", WATCH_IN_HEAD, END_DONE, false},
};

static void check(const struct row *row, size_t first)
{
    struct evbuffer *input = evbuffer_new();
    size_t length = strlen(row->bytes);
    struct watch watch;

    watch_init(&watch, &limits);
    if (first > 0) {
        evbuffer_add(input, row->bytes, first);
        (void)watch_feed(&watch, input, first);
    }
    if (length > first) {
        evbuffer_add(input, row->bytes + first, length - first);
        (void)watch_feed(&watch, input, length - first);
    }
    if (watch.state != row->state || watch.has_excess != row->has_excess ||
        (row->state == WATCH_REFUSED && watch.refusal != row->refusal)) {
        fail_msg("row '%s' cut at %zu: state %d, excess %d, refusal %d (%s)", row->name, first,
                 (int)watch.state, watch.has_excess, (int)watch.refusal,
                 watch.problem == NULL ? "" : watch.problem);
    }
    watch_fini(&watch);
    evbuffer_free(input);
}

static void each_request_ends_in_its_state_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t first = 0; first <= strlen(rows[i].bytes); first++) {
            check(&rows[i], first);
        }
    }
}

static void bytes_may_lie_in_many_pieces_and_be_drained_meanwhile(void **state)
{
    static const char bytes[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct evbuffer *input = evbuffer_new();
    struct watch watch;

    (void)state;
    watch_init(&watch, &limits);
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        /* A reference makes a piece of its own. */
        evbuffer_add_reference(input, bytes + i, 1, NULL, NULL);
        (void)watch_feed(&watch, input, 1);
        if (i % 7 == 6) {
            evbuffer_drain(input, evbuffer_get_length(input)); /* as evhttp does */
        }
    }
    assert_int_equal(watch.state, WATCH_COMPLETE);
    assert_true(watch.head.head.method == METHOD_POST);
    watch_fini(&watch);
    evbuffer_free(input);
}

static void the_empty_line_is_removed_so_that_evhttp_does_not_see_it(void **state)
{
    struct evbuffer *input = evbuffer_new();
    struct watch watch;
    char front;

    (void)state;
    watch_init(&watch, &limits);
    evbuffer_add(input, "\r\nG", 3);
    (void)watch_feed(&watch, input, 3);
    assert_int_equal(evbuffer_copyout(input, &front, 1), 1);
    assert_int_equal(front, 'G');
    watch_fini(&watch);
    evbuffer_free(input);
}

/* evhttp reads a size up to a space and takes no semicolon; the data stay as they are. */
static void the_semicolon_of_an_extension_becomes_a_space(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char body[] = "3;a=b;c\r\n;;;\r\n0;d=\";\"\r\n\r\n";
    static const char seen[] = "3 a=b;c\r\n;;;\r\n0 d=\";\"\r\n\r\n";
    char left[sizeof(body)];

    (void)state;
    for (size_t first = 0; first < sizeof(body); first++) {
        struct evbuffer *input = evbuffer_new();
        struct watch watch;
        watch_init(&watch, &limits);
        evbuffer_add(input, head, sizeof(head) - 1);
        (void)watch_feed(&watch, input, sizeof(head) - 1);
        evbuffer_drain(input, sizeof(head) - 1);
        evbuffer_add(input, body, first);
        (void)watch_feed(&watch, input, first);
        evbuffer_add(input, body + first, sizeof(body) - 1 - first);
        assert_int_equal(watch_feed(&watch, input, sizeof(body) - 1 - first), WATCH_COMPLETE);
        assert_int_equal(evbuffer_copyout(input, left, sizeof(left)), sizeof(body) - 1);
        assert_memory_equal(left, seen, sizeof(body) - 1);
        watch_fini(&watch);
        evbuffer_free(input);
    }
}

static void a_watch_serves_the_next_request_after_a_reset(void **state)
{
    static const char request[] = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n";
    struct evbuffer *input = evbuffer_new();
    struct watch watch;

    (void)state;
    watch_init(&watch, &limits);
    for (int i = 0; i < 3; i++) {
        evbuffer_add(input, request, sizeof(request) - 1);
        assert_int_equal(watch_feed(&watch, input, sizeof(request) - 1), WATCH_COMPLETE);
        assert_true(span_equals_string(watch.head.head.target, "/one"));
        evbuffer_drain(input, sizeof(request) - 1);
        watch_reset(&watch);
    }
    watch_fini(&watch);
    evbuffer_free(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_ends_in_its_state_at_every_cut),
        cmocka_unit_test(bytes_may_lie_in_many_pieces_and_be_drained_meanwhile),
        cmocka_unit_test(the_empty_line_is_removed_so_that_evhttp_does_not_see_it),
        cmocka_unit_test(the_semicolon_of_an_extension_becomes_a_space),
        cmocka_unit_test(a_watch_serves_the_next_request_after_a_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
