/* SPDX-License-Identifier: MIT */
/*
 * test_libevent_facts.c - what stock evhttp does, pinned.
 *
 * The gateway's edge is built round these facts (docs/libevent-notes.md). When a new
 * libevent changes one of them, this file says so before an operator does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#define TURNS_MAX 400
#define TURN_MS 5

/* A stock evhttp server and one raw client on loopback. */
struct stage {
    struct event_base *base;
    struct evhttp *http;
    int client;
    int requests;                   /* handed to the handler */
    struct evhttp_request *in_hand; /* the last one */
    bool answers;                   /* the handler replies 200 at once */
    bool closed;                    /* the close callback ran */
    char received[4096];            /* by the client */
    size_t received_length;
};

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct stage *stage = arg;

    (void)evcon;
    stage->closed = true;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct stage *stage = arg;

    stage->requests++;
    stage->in_hand = request;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, stage);
    if (stage->answers) {
        evhttp_send_reply(request, 200, "OK", NULL);
    }
}

static struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static void stage_init(struct stage *stage)
{
    struct evhttp_bound_socket *bound;
    struct sockaddr_in address;

    memset(stage, 0, sizeof(*stage));
    stage->base = event_base_new();
    stage->http = evhttp_new(stage->base);
    evhttp_set_gencb(stage->http, on_request, stage);
    bound = evhttp_bind_socket_with_handle(stage->http, "127.0.0.1", 0);
    assert_non_null(bound);
    address = address_of(evhttp_bound_socket_get_fd(bound));
    stage->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(stage->client, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void stage_fini(struct stage *stage)
{
    evhttp_free(stage->http);
    event_base_free(stage->base);
    if (stage->client >= 0) {
        close(stage->client);
    }
}

static void client_sends(struct stage *stage, const char *bytes, size_t length)
{
    assert_int_equal(send(stage->client, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* One short turn of the loop; then whatever the client can read. */
static void turn(struct stage *stage)
{
    struct timeval end = {0, TURN_MS * 1000};
    ssize_t got;

    event_base_loopexit(stage->base, &end);
    event_base_dispatch(stage->base);
    if (stage->client < 0) {
        return;
    }
    got = recv(stage->client, stage->received + stage->received_length,
               sizeof(stage->received) - 1 - stage->received_length, MSG_DONTWAIT);
    if (got > 0) {
        stage->received_length += (size_t)got;
        stage->received[stage->received_length] = '\0';
    }
}

static bool until_requests(struct stage *stage, int wanted)
{
    for (int i = 0; i < TURNS_MAX && stage->requests < wanted; i++) {
        turn(stage);
    }
    return stage->requests >= wanted;
}

static bool until_received(struct stage *stage, const char *text)
{
    for (int i = 0; i < TURNS_MAX && strstr(stage->received, text) == NULL; i++) {
        turn(stage);
    }
    return strstr(stage->received, text) != NULL;
}

/* -- what it lets through: why there is a lexer -- */

struct smuggled {
    const char *name;
    const char *bytes;
    size_t length;
    int requests; /* that evhttp sees in these bytes */
};

#define ROW(name, bytes, requests)                                                                 \
    {                                                                                              \
        (name), (bytes), sizeof(bytes) - 1, (requests)                                             \
    }

static const struct smuggled smuggled[] = {
    ROW("signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 1),
    ROW("space before the colon hides the body's length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 27\r\n\r\n"
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        2),
    ROW("two lengths, the first wins",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 26\r\n\r\n"
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        2),
    ROW("unknown coding is no body",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        2),
    ROW("a line that begins with NUL ends the head",
        "POST / HTTP/1.1\r\nHost: a\r\n\0: x\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1),
    ROW("folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 1),
    ROW("bare LF", "GET / HTTP/1.1\nHost: a\n\n", 1),
    ROW("no Host", "GET / HTTP/1.1\r\n\r\n", 1),
    ROW("HTTP/1.9", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", 1),
    ROW("signed chunk size",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", 1),
};

static void evhttp_takes_what_two_parsers_read_in_two_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++) {
        struct stage stage;
        stage_init(&stage);
        stage.answers = true;
        client_sends(&stage, smuggled[i].bytes, smuggled[i].length);
        if (!until_requests(&stage, smuggled[i].requests)) {
            fail_msg("row '%s': evhttp saw %d requests, not %d", smuggled[i].name, stage.requests,
                     smuggled[i].requests);
        }
        stage_fini(&stage);
    }
}

/* -- reading while a request is in hand: why the connection is held -- */

static const char request_text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static void client_that_leaves_while_we_wait_is_not_noticed(void **state)
{
    struct stage stage;

    (void)state;
    stage_init(&stage);
    client_sends(&stage, request_text, sizeof(request_text) - 1);
    assert_true(until_requests(&stage, 1));
    close(stage.client);
    stage.client = -1;
    for (int i = 0; i < 20; i++) {
        turn(&stage);
    }
    assert_false(stage.closed);
    stage_fini(&stage);
}

/* In a child, since evhttp ends the process. */
static void reading_again_lets_one_pipelined_byte_end_the_process(void **state)
{
    struct stage stage;
    int status = 0;
    pid_t child;

    (void)state;
    stage_init(&stage);
    client_sends(&stage, request_text, sizeof(request_text) - 1);
    assert_true(until_requests(&stage, 1));
    child = fork();
    if (child == 0) {
        event_reinit(stage.base);
        bufferevent_enable(
            evhttp_connection_get_bufferevent(evhttp_request_get_connection(stage.in_hand)),
            EV_READ);
        client_sends(&stage, "G", 1);
        for (int i = 0; i < TURNS_MAX; i++) {
            turn(&stage);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    stage_fini(&stage);
}

static bool was_read;

static void on_our_read(struct bufferevent *bev, void *arg)
{
    (void)arg;
    was_read = true;
    evbuffer_drain(bufferevent_get_input(bev), evbuffer_get_length(bufferevent_get_input(bev)));
}

static bool was_event;

static void on_our_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    (void)arg;
    was_event = true;
}

static void with_our_callbacks_bytes_and_the_end_are_seen(void **state)
{
    struct stage stage;
    struct bufferevent *bev;

    (void)state;
    was_read = false;
    was_event = false;
    stage_init(&stage);
    client_sends(&stage, request_text, sizeof(request_text) - 1);
    assert_true(until_requests(&stage, 1));
    bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(stage.in_hand));
    bufferevent_setcb(bev, on_our_read, NULL, on_our_event, NULL);
    bufferevent_enable(bev, EV_READ);
    client_sends(&stage, "GARBAGE", 7);
    for (int i = 0; i < TURNS_MAX && !was_read; i++) {
        turn(&stage);
    }
    assert_true(was_read);
    shutdown(stage.client, SHUT_WR);
    for (int i = 0; i < TURNS_MAX && !was_event; i++) {
        turn(&stage);
    }
    assert_true(was_event);
    /* And freeing the connection frees the request that is in hand (the leak check says so). */
    evhttp_connection_free(evhttp_request_get_connection(stage.in_hand));
    stage_fini(&stage);
}

static void reply_end_with_an_empty_output_completes_at_once(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct stage stage;

    (void)state;
    stage_init(&stage);
    for (int i = 1; i <= 3; i++) {
        struct bufferevent *bev;
        struct evbuffer *output;

        stage.received_length = 0;
        stage.received[0] = '\0';
        client_sends(&stage, request_text, sizeof(request_text) - 1);
        assert_true(until_requests(&stage, i));
        bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(stage.in_hand));
        output = bufferevent_get_output(bev);
        bufferevent_setcb(bev, on_our_read, NULL, on_our_event, NULL);
        bufferevent_disable(bev, EV_WRITE);
        evbuffer_add(output, answer, sizeof(answer) - 1);
        evbuffer_unfreeze(output, 1);
        assert_int_equal(evbuffer_write(output, bufferevent_getfd(bev)), sizeof(answer) - 1);
        evbuffer_freeze(output, 1);
        evhttp_send_reply_end(stage.in_hand);
        assert_true(until_received(&stage, "\r\n\r\nhi"));
    }
    stage_fini(&stage);
}

/* -- the input callback: where the lexer sits -- */

static void on_input_take_over(struct evbuffer *input, const struct evbuffer_cb_info *info,
                               void *arg)
{
    (void)input;
    if (info->n_added > 0) {
        bufferevent_setcb(arg, on_our_read, NULL, on_our_event, NULL);
    }
}

static struct bufferevent *watched;

static struct bufferevent *make_watched(struct event_base *base, void *arg)
{
    (void)arg;
    watched = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    evbuffer_add_cb(bufferevent_get_input(watched), on_input_take_over, watched);
    return watched;
}

static void callbacks_swapped_inside_the_read_keep_the_bytes_from_evhttp(void **state)
{
    struct stage stage;
    bufferevent_data_cb read_cb;
    bufferevent_data_cb write_cb;
    bufferevent_event_cb event_cb;
    void *evcon = NULL;

    (void)state;
    was_read = false;
    stage_init(&stage);
    evhttp_set_bevcb(stage.http, make_watched, &stage);
    for (int i = 0; i < 4; i++) {
        turn(&stage);
    }
    bufferevent_getcb(watched, &read_cb, &write_cb, &event_cb, &evcon);
    assert_non_null(evcon); /* evhttp's callbacks carry its connection */
    client_sends(&stage, request_text, sizeof(request_text) - 1);
    for (int i = 0; i < TURNS_MAX && !was_read; i++) {
        turn(&stage);
    }
    assert_true(was_read);
    assert_int_equal(stage.requests, 0);
    evhttp_connection_free(evcon);
    stage_fini(&stage);
}

/* -- the end of a turn -- */

static char order[8];

static void note(char who)
{
    size_t length = strlen(order);

    assert_true(length + 1 < sizeof(order));
    order[length] = who;
    order[length + 1] = '\0';
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    note('2');
}

static void on_end_of_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    note('E');
}

static void on_first(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    note('1');
    event_active(arg, EV_TIMEOUT, 0);
}

static void an_event_activated_in_a_callback_runs_behind_the_others_of_its_turn(void **state)
{
    struct event_base *base = event_base_new();
    struct event *end = event_new(base, -1, 0, on_end_of_turn, NULL);
    struct event *first = event_new(base, -1, 0, on_first, end);
    struct event *second = event_new(base, -1, 0, on_second, NULL);

    (void)state;
    order[0] = '\0';
    event_active(first, EV_TIMEOUT, 0);
    event_active(second, EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_string_equal(order, "12E");
    event_free(first);
    event_free(second);
    event_free(end);
    event_base_free(base);
}

static void quiet_log(int severity, const char *message)
{
    (void)severity;
    (void)message;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evhttp_takes_what_two_parsers_read_in_two_ways),
        cmocka_unit_test(client_that_leaves_while_we_wait_is_not_noticed),
        cmocka_unit_test(reading_again_lets_one_pipelined_byte_end_the_process),
        cmocka_unit_test(with_our_callbacks_bytes_and_the_end_are_seen),
        cmocka_unit_test(reply_end_with_an_empty_output_completes_at_once),
        cmocka_unit_test(callbacks_swapped_inside_the_read_keep_the_bytes_from_evhttp),
        cmocka_unit_test(an_event_activated_in_a_callback_runs_behind_the_others_of_its_turn),
    };

    event_set_log_callback(quiet_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
