/* SPDX-License-Identifier: MIT */
/*
 * test_allocation_failure.c - memory runs out at every single place of a chat.
 *
 * The n-th allocation of our own code fails, for each n until a whole chat needs no
 * more. libevent's own are left alone: evhttp_request_new() itself crashes when one of
 * them fails, which only the supervisor can answer (docs/libevent-notes.md, 13).
 * Each time the client gets a whole answer, a refusal or a closed
 * connection, nothing leaks (the leak check of the sanitizer says so), and nothing
 * crashes; and the next chat works.
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

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/support/gateway_stage.h"

/* A bound for the sweep: far more than a chat needs. */
#define SWEEP_MAX 2000

static long countdown = -1; /* allocations that still succeed; below 0: all do */
static bool has_failed;

static bool fails_now(void)
{
    if (countdown < 0) {
        return false;
    }
    if (countdown-- > 0) {
        return false;
    }
    has_failed = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

#define HELLO "33\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\r\n"
#define FINISH "39\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\r\n"
#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"                                       \
    "Transfer-Encoding: chunked\r\n\r\n" HELLO FINISH "0\r\n\r\n"

/* The upstream is a process of its own, so that its memory does not run out. */
static void serve(int listener)
{
    for (;;) {
        char request[8192] = "";
        size_t length = 0;
        int fd = accept(listener, NULL, NULL);
        while (fd >= 0 && length < sizeof(request) - 1 && strstr(request, "\"hi\"}]") == NULL) {
            ssize_t got = recv(fd, request + length, sizeof(request) - 1 - length, 0);
            if (got <= 0) {
                break;
            }
            length += (size_t)got;
            request[length] = '\0';
        }
        (void)send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL);
        (void)close(fd);
    }
}

static pid_t start_upstream(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t child;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 100), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
    }
    (void)close(listener);
    return child;
}

static bool is_whole(const struct stage_client *client)
{
    return strstr(client->received, "5\r\nHello\r\n0\r\n\r\n") != NULL;
}

static bool is_refused(const struct stage_client *client)
{
    return strncmp(client->received, "HTTP/1.1 5", 10) == 0 &&
           strstr(client->received, "\"statusMessage\"") != NULL;
}

/* One chat with memory running out at allocation <n>; false when none failed any more. */
static bool chat_fails_at(struct gateway_stage *stage, long n)
{
    struct stage_client client;

    client_connect(stage, &client);
    has_failed = false;
    countdown = n;
    client_send_chat(stage, &client, "hi");
    for (int i = 0; i < 2000 && !client.is_closed && !is_whole(&client) && !is_refused(&client);
         i++) {
        stage_turn(stage, &client);
    }
    countdown = -1;
    if (!client.is_closed && !is_whole(&client) && !is_refused(&client)) {
        fail_msg("allocation %ld: no answer and no close\nreceived: %s\nlog: %s", n,
                 client.received, stage->log);
    }
    client_close(&client);
    assert_true(until_live(stage, NULL, 0));
    return has_failed;
}

static void chat_works(struct gateway_stage *stage)
{
    struct stage_client client;

    client_connect(stage, &client);
    client_send_chat(stage, &client, "hi");
    assert_true(until_received(stage, &client, "5\r\nHello\r\n0\r\n\r\n"));
    client_close(&client);
    assert_true(until_live(stage, NULL, 0));
}

static void every_allocation_may_fail(void **state)
{
    struct gateway_stage stage;
    long n = 0;
    int port = 0;
    pid_t upstream = start_upstream(&port);

    (void)state;
    gateway_stage_init_with_upstream(&stage, "", port);
    chat_works(&stage); /* what is allocated once is there */
    while (n < SWEEP_MAX && chat_fails_at(&stage, n)) {
        stage.log_length = 0;
        n++;
    }
    print_message("%ld allocations of one chat failed, one at a time\n", n);
    assert_in_range(n, 5, SWEEP_MAX - 1);
    assert_true(metrics_slot(stage.metrics, 0)->ends[END_NO_MEMORY] > 0);
    chat_works(&stage);
    gateway_stage_fini(&stage);
    (void)kill(upstream, SIGKILL);
    (void)waitpid(upstream, NULL, 0);
}

static void quiet(int severity, const char *message)
{
    (void)severity;
    (void)message;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };

    event_set_log_callback(quiet);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
