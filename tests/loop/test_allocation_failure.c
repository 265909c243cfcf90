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
 *
 * Once the call upstream is under way libevent's allocations (buffers, fields of the
 * answer, timers) fail as well, phase by phase: the last row of the fault matrix, whose
 * other rows are in tests/e2e/test_fault_matrix.py.
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
static bool libevent_fails; /* its allocations are counted too */
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

static void *libevent_malloc(size_t size)
{
    return libevent_fails && fails_now() ? NULL : __real_malloc(size);
}

static void *libevent_realloc(void *old, size_t size)
{
    return libevent_fails && fails_now() ? NULL : __real_realloc(old, size);
}

#define ROLE "34\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n\r\n"
#define HELLO "33\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\r\n"
#define FINISH "39\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\r\n"
#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"                                       \
    "Transfer-Encoding: chunked\r\n\r\n" ROLE HELLO FINISH "0\r\n\r\n"

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

#define COMPLETION                                                                                 \
    "{\"model\":\"acme/chatty\",\"temperature\":1,\"messages\":[{\"role\":\"user\","               \
    "\"content\":\"hi\"}]"
#define GATHERED_END "\"finish_reason\":\"stop\"}]}"

/* What is asked at the door of completions; NULL: the documented endpoint. */
static const char *completion;

static void send_hi(struct gateway_stage *stage, struct stage_client *client)
{
    char request[2048];

    if (completion == NULL) {
        client_send_chat(stage, client, "hi");
        return;
    }
    (void)snprintf(request, sizeof(request),
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   stage->token, strlen(completion), completion);
    client_send(client, request);
}

/* The last chunk has come: of a whole answer, or of one that has said how it failed. */
static bool is_ended(const struct stage_client *client)
{
    return strstr(client->received, "\r\n0\r\n\r\n") != NULL ||
           strstr(client->received, GATHERED_END) != NULL;
}

static bool is_refused(const struct stage_client *client)
{
    return strncmp(client->received, "HTTP/1.1 5", 10) == 0 &&
           strstr(client->received, completion == NULL ? "\"statusMessage\"" : "{\"error\":{") !=
               NULL;
}

/* One chat with memory running out at allocation <n>; false when none failed any more. */
static bool chat_fails_at(struct gateway_stage *stage, long n)
{
    struct stage_client client;

    client_connect(stage, &client);
    has_failed = false;
    countdown = n;
    send_hi(stage, &client);
    for (int i = 0; i < 2000 && !client.is_closed && !is_ended(&client) && !is_refused(&client);
         i++) {
        stage_turn(stage, &client);
    }
    countdown = -1;
    if (!client.is_closed && !is_ended(&client) && !is_refused(&client)) {
        fail_msg("allocation %ld: no answer and no close\nreceived: %s\nlog: %s", n,
                 client.received, stage->log);
    }
    client_close(&client);
    assert_true(until_live(stage, NULL, 0));
    return has_failed;
}

static void chat_works(struct gateway_stage *stage, const char *end)
{
    struct stage_client client;

    client_connect(stage, &client);
    send_hi(stage, &client);
    assert_true(until_received(stage, &client, "Hello"));
    assert_true(until_received(stage, &client, end));
    client_close(&client);
    assert_true(until_live(stage, NULL, 0));
}

static void sweep(int port, const char *conf, const char *end)
{
    struct gateway_stage stage;
    long n = 0;

    gateway_stage_init_with_upstream(&stage, conf, port);
    chat_works(&stage, end); /* what is allocated once is there */
    while (n < SWEEP_MAX && chat_fails_at(&stage, n)) {
        stage.log_length = 0;
        n++;
    }
    print_message("%ld allocations of one chat failed, one at a time: %s\n", n, conf);
    assert_in_range(n, 5, SWEEP_MAX - 1);
    assert_true(metrics_slot(stage.metrics, 0)->ends[END_NO_MEMORY] > 0);
    chat_works(&stage, end);
    gateway_stage_fini(&stage);
}

static void every_allocation_may_fail(void **state)
{
    int port = 0;
    pid_t upstream = start_upstream(&port);

    (void)state;
    sweep(port, "", "5\r\nHello\r\n0\r\n\r\n");
    sweep(port, "stream: { format = \"data\"; coalesce = \"1ms\"; };", "}}\n\r\n0\r\n\r\n");
    sweep(port, "stream: { format = \"ui\"; };", "[DONE]\n\n\r\n0\r\n\r\n");
    sweep(port, "stream: { format = \"openai\"; };", "[DONE]\n\n\r\n0\r\n\r\n");
    (void)kill(upstream, SIGKILL);
    (void)waitpid(upstream, NULL, 0);
}

static void every_allocation_of_a_completion_may_fail(void **state)
{
    int port = 0;
    pid_t upstream = start_upstream(&port);

    (void)state;
    completion = COMPLETION ",\"stream\":true}";
    sweep(port, "", "[DONE]\n\n\r\n0\r\n\r\n");
    completion = COMPLETION "}";
    sweep(port, "", GATHERED_END);
    completion = NULL;
    (void)kill(upstream, SIGKILL);
    (void)waitpid(upstream, NULL, 0);
}

/* -- phase by phase -- */

#define WORDS_BYTES 12000 /* of one event: more than the stage's buffer holds */
#define ROUNDS_MAX 4000
#define SMALL_BUFFER "stream: { buffer = \"8k\"; };"
#define LARGE_BUFFER "stream: { buffer = \"16m\"; };"

enum phase {
    FIRST_TOKEN = 0, /* the request is sent, no answer yet */
    STREAMING,       /* some text has gone out */
    PAUSED,          /* the client does not read, the upstream is not read */
    FLUSHING,        /* all is in the client's output */
};

static const struct {
    enum phase phase;
    const char *name;
    const char *conf;
    unsigned words;      /* long events that are sent before memory runs out */
    unsigned more_words; /* and behind that */
    bool is_finished;    /* the end is sent before as well */
    bool is_frozen;      /* the client does not read before */
} phases[] = {
    {FIRST_TOKEN, "first token", SMALL_BUFFER, 0, 1, false, false},
    {STREAMING, "streaming", SMALL_BUFFER, 1, 1, false, false},
    {PAUSED, "paused", SMALL_BUFFER, 40, 1, false, true},
    {FLUSHING, "flushing", LARGE_BUFFER, 500, 0, true, true},
};

/* The upstream of these chats is held by the test; its socket is not on the loop. */
struct hand {
    int listener;
    int call;
};

static void hand_open(struct hand *hand, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);

    hand->call = -1;
    hand->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(hand->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(hand->listener, 100), 0);
    assert_int_equal(getsockname(hand->listener, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
}

static void hand_drop(struct hand *hand)
{
    if (hand->call >= 0) {
        (void)close(hand->call);
    }
    hand->call = -1;
}

/* Send with turns between, as the gateway reads; what it never takes is dropped. */
static void hand_send(struct gateway_stage *stage, struct hand *hand, struct stage_client *client,
                      const char *bytes, size_t length)
{
    for (int i = 0; length > 0 && i < 20; i++) {
        ssize_t sent = send(hand->call, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
        stage_turn(stage, client);
    }
}

static void hand_send_words(struct gateway_stage *stage, struct hand *hand,
                            struct stage_client *client, unsigned count)
{
    static const char before[] = "data: {\"choices\":[{\"delta\":{\"content\":\"";
    static const char after[] = "\"}}]}\n\n\r\n";
    static char words[WORDS_BYTES + 1];
    static char event[WORDS_BYTES + 128];
    int length;

    memset(words, 'w', WORDS_BYTES);
    length = snprintf(event, sizeof(event), "%zx\r\n%s%s%s",
                      sizeof(before) - 1 + WORDS_BYTES + sizeof(after) - 3, before, words, after);
    for (unsigned i = 0; i < count; i++) {
        hand_send(stage, hand, client, event, (size_t)length);
    }
}

static void hand_send_end(struct gateway_stage *stage, struct hand *hand,
                          struct stage_client *client)
{
    static const char end[] = FINISH "0\r\n\r\n";

    hand_send(stage, hand, client, end, sizeof(end) - 1);
}

static void hand_accept(struct gateway_stage *stage, struct hand *hand)
{
    char request[8192];

    for (int i = 0; hand->call < 0 && i < ROUNDS_MAX; i++) {
        stage_turn(stage, NULL);
        hand->call = accept(hand->listener, NULL, NULL);
    }
    assert_true(hand->call >= 0);
    for (int i = 0; recv(hand->call, request, sizeof(request), MSG_DONTWAIT) <= 0; i++) {
        assert_true(i < ROUNDS_MAX);
        stage_turn(stage, NULL);
    }
}

static void send_closing_chat(struct gateway_stage *stage, struct stage_client *client)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    char head[2048];

    /* evhttp makes a request object for the next request, and does not survive failing. */
    (void)snprintf(head, sizeof(head),
                   "POST /api/ai/huggingface/acme/chatty/chat?chat_id=c1 HTTP/1.1\r\n"
                   "Host: gateway\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   stage->token, sizeof(body) - 1);
    client_send(client, head);
    client_send(client, body);
}

/* The test's own memory must not run out. */
static void make_room(struct stage_client *client)
{
    client->capacity = (size_t)600 * WORDS_BYTES;
    client->received = realloc(client->received, client->capacity);
    assert_non_null(client->received);
}

/* One chat in which allocation <n> after the phase has begun fails; false when none did. */
static bool phase_fails_at(struct gateway_stage *stage, struct hand *hand, size_t row, long n)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    struct stage_client client;

    client_connect(stage, &client);
    client.is_frozen = phases[row].is_frozen;
    make_room(&client);
    send_closing_chat(stage, &client);
    hand_accept(stage, hand);
    if (phases[row].words > 0) {
        hand_send(stage, hand, &client, head, sizeof(head) - 1);
        hand_send_words(stage, hand, &client, phases[row].words);
    }
    if (phases[row].is_finished) {
        hand_send_end(stage, hand, &client);
    }
    assert_int_equal(exchange_set_live(stage->exchanges), 1);
    has_failed = false;
    countdown = n;
    libevent_fails = true;
    client.is_frozen = false;
    if (phases[row].words == 0) {
        hand_send(stage, hand, &client, head, sizeof(head) - 1);
    }
    hand_send_words(stage, hand, &client, phases[row].more_words);
    if (!phases[row].is_finished) {
        hand_send_end(stage, hand, &client);
    }
    hand_drop(hand);
    for (int i = 0; i < ROUNDS_MAX && !client.is_closed; i++) {
        stage_turn(stage, &client);
    }
    countdown = -1;
    libevent_fails = false;
    assert_true(until_closed(stage, &client)); /* whole, refused or cut: it ends */
    client_close(&client);
    assert_true(until_live(stage, NULL, 0));
    return has_failed;
}

static void memory_may_run_out_in_every_phase(void **state)
{
    struct gateway_stage stage;
    struct hand hand;
    int port = 0;

    (void)state;
    hand_open(&hand, &port);
    for (size_t row = 0; row < sizeof(phases) / sizeof(phases[0]); row++) {
        long n = 0;
        gateway_stage_init_with_upstream(&stage, phases[row].conf, port);
        while (n < SWEEP_MAX && phase_fails_at(&stage, &hand, row, n)) {
            stage.log_length = 0;
            n++;
        }
        print_message("%s: %ld allocations failed, one at a time\n", phases[row].name, n);
        /* evhttp tells of some failures as of a broken or cut answer. */
        assert_true(phases[row].phase == FLUSHING ||
                    metrics_slot(stage.metrics, 0)->ends[END_NO_MEMORY] > 0);
        assert_in_range(n, phases[row].phase == FLUSHING ? 0 : 1, SWEEP_MAX - 1);
        gateway_stage_fini(&stage);
    }
    (void)close(hand.listener);
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
        cmocka_unit_test(every_allocation_of_a_completion_may_fail),
        cmocka_unit_test(memory_may_run_out_in_every_phase),
    };

    event_set_mem_functions(libevent_malloc, libevent_realloc, free);
    event_set_log_callback(quiet);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
