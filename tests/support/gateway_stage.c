/* SPDX-License-Identifier: MIT */
/*
 * gateway_stage.c - builds the parts as worker.c does, but on the test's loop.
 */
#include "tests/support/gateway_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "auth/mint.h"
#include "base/clock.h"
#include "gateway/log.h"
#include "gateway/turn.h"

#define PATIENCE_MS 10000
#define TURN_MS 2

static const int window_bytes = 16384;
static const char secret_text[] = "a-secret-of-the-stage-that-is-long-enough";

static void step_upstreams(void *arg)
{
    upstream_context_flush(arg);
}

static void on_need_flush(void *arg)
{
    turn_request(arg);
}

static void load_config(struct gateway_stage *stage, const char *extra)
{
    char text[4096];

    (void)setenv("STAGE_SECRET", secret_text, 1);
    (void)snprintf(text, sizeof(text),
                   "listen = [ \"127.0.0.1:0\" ]; workers = \"1\";\n"
                   "auth: { secrets = ( { secret = \"env:STAGE_SECRET\"; } ); };\n"
                   "upstreams = ( { name = \"peer\"; token = \"\"; retries = 0;\n"
                   "  url = \"http://127.0.0.1:%d/v1/chat/completions\"; } );\n"
                   "models: { allow = [ \"acme/*\" ]; };\n%s\n",
                   stage->upstream_port, extra);
    stage->config = config_load_text("stage.conf", span_from_string(text), stderr);
    assert_non_null(stage->config);
}

static void make_auth(struct gateway_stage *stage)
{
    const struct auth_policy policy = {.leeway_s = 5, .require_exp = true, .require_sub = true};
    const struct mint_claims claims = {
        .subject = SPAN_LITERAL("u_1"),
        .issued_unix_s = clock_wall_unix_s(),
        .expires_unix_s = clock_wall_unix_s() + 3600,
    };

    stage->keys = auth_keys_new();
    assert_int_equal(auth_keys_add(stage->keys, span_of("", 0), span_from_string(secret_text)),
                     AUTH_KEYS_OK);
    stage->checker = auth_checker_new(stage->keys, &policy);
    stage->token = mint_token(span_from_string(secret_text), span_of("", 0), &claims);
    assert_non_null(stage->token);
}

void gateway_stage_remake_origin(struct gateway_stage *stage)
{
    const struct config_upstream *from = &stage->config->upstreams[0];
    const struct upstream_settings settings = {
        .name = from->name,
        .url = from->url,
        .connect_timeout_ms = from->connect_timeout_ms,
        .first_token_timeout_ms = from->first_token_timeout_ms,
        .idle_timeout_ms = from->idle_timeout_ms,
        .max_event_bytes = from->max_event_bytes,
        .max_answer_bytes = from->max_answer_bytes,
        .max_connections = 100,
        .max_idle = 10,
        .retries = 0,
    };
    char problem[256] = "";

    stage->origin = upstream_origin_new(stage->upstreams, &settings, problem, sizeof(problem));
    if (stage->origin == NULL) {
        fail_msg("%s", problem);
    }
}

static void make_upstream(struct gateway_stage *stage)
{
    const struct upstream_hooks hooks = {.on_need_flush = on_need_flush, .hook_arg = stage->turn};

    stage->upstreams = upstream_context_new(stage->base, &hooks);
    gateway_stage_remake_origin(stage);
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void make_gateway(struct gateway_stage *stage)
{
    const struct exchange_services services = {
        .base = stage->base,
        .turn = stage->turn,
        .config = stage->config,
        .metrics = metrics_slot(stage->metrics, 0),
        .checker = stage->checker,
        .origins = &stage->origin,
        .origin_count = 1,
    };

    stage->exchanges = exchange_set_new(&services);
    stage->edge = edge_new(stage->base, stage->turn, stage->config, metrics_slot(stage->metrics, 0),
                           stage->exchanges);
    assert_non_null(stage->edge);
    turn_add_step(stage->turn, edge_flush, stage->edge);
    turn_add_step(stage->turn, step_upstreams, stage->upstreams);
    turn_add_step(stage->turn, edge_reap, stage->edge);
    turn_add_step(stage->turn, exchange_set_reap, stage->exchanges);
    assert_true(edge_listen(stage->edge, listen_on_loopback(&stage->port),
                            &stage->config->listen[0], &stage->tickets));
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(arg);
}

static void make_loop(struct gateway_stage *stage)
{
    struct event_config *choices = event_config_new();

    memset(stage, 0, sizeof(*stage));
    (void)signal(SIGPIPE, SIG_IGN);
    (void)event_config_set_flag(choices, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    stage->base = event_base_new_with_config(choices);
    event_config_free(choices);
    assert_int_equal(pipe2(stage->log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
    log_setup_access(stage->log_pipe[1]);
    stage->turn = turn_new(stage->base);
    stage->turn_end = evtimer_new(stage->base, on_turn_end, stage->base);
    stage->metrics = metrics_new(1);
}

static void make_rest(struct gateway_stage *stage, const char *extra)
{
    load_config(stage, extra);
    make_auth(stage);
    make_upstream(stage);
    make_gateway(stage);
}

void gateway_stage_init(struct gateway_stage *stage, const char *extra)
{
    make_loop(stage);
    stage->peer = scripted_upstream_new(stage->base, NULL);
    stage->upstream_port = scripted_upstream_port(stage->peer);
    make_rest(stage, extra);
}

void gateway_stage_init_with_upstream(struct gateway_stage *stage, const char *extra,
                                      int upstream_port)
{
    make_loop(stage);
    stage->upstream_port = upstream_port;
    make_rest(stage, extra);
}

static void read_log(struct gateway_stage *stage)
{
    ssize_t got = read(stage->log_pipe[0], stage->log + stage->log_length,
                       sizeof(stage->log) - 1 - stage->log_length);

    if (got > 0) {
        stage->log_length += (size_t)got;
        stage->log[stage->log_length] = '\0';
    }
}

static void assert_nothing_left(struct gateway_stage *stage)
{
    struct upstream_counts counts;
    const struct metrics_slot *metrics = metrics_slot(stage->metrics, 0);

    upstream_origin_counts(stage->origin, &counts);
    assert_int_equal(exchange_set_live(stage->exchanges), 0);
    assert_int_equal(exchange_set_backlog(stage->exchanges), 0);
    assert_int_equal(counts.calls, 0);
    assert_int_equal(metrics->exchanges, 0);
}

void gateway_stage_fini(struct gateway_stage *stage)
{
    assert_nothing_left(stage);
    edge_drain(stage->edge);
    turn_run_now(stage->turn);
    edge_free(stage->edge);
    assert_int_equal(metrics_slot(stage->metrics, 0)->connections, 0);
    exchange_set_free(stage->exchanges);
    upstream_origin_free(stage->origin);
    upstream_context_free(stage->upstreams);
    if (stage->peer != NULL) {
        scripted_upstream_free(stage->peer);
    }
    event_free(stage->turn_end);
    auth_checker_free(stage->checker);
    auth_keys_free(stage->keys);
    config_free(stage->config);
    metrics_free(stage->metrics);
    turn_free(stage->turn);
    event_base_free(stage->base);
    log_setup_access(-1);
    (void)close(stage->log_pipe[0]);
    (void)close(stage->log_pipe[1]);
    free(stage->token);
}

/* -- clients -- */

void client_connect(struct gateway_stage *stage, struct stage_client *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)stage->port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };

    memset(client, 0, sizeof(*client));
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A small window, or the kernel takes megabytes before anybody blocks. */
    assert_int_equal(
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(window_bytes)), 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    client->capacity = 65536;
    client->received = calloc(1, client->capacity);
}

void client_close(struct stage_client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
    free(client->received);
    client->received = NULL;
}

void client_send(struct stage_client *client, const char *text)
{
    size_t length = strlen(text);

    assert_int_equal(send(client->fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

void client_send_head(struct gateway_stage *stage, struct stage_client *client, size_t body_bytes)
{
    char head[2048];

    (void)snprintf(head, sizeof(head),
                   "POST /api/ai/huggingface/acme/chatty/chat?chat_id=c1 HTTP/1.1\r\n"
                   "Host: gateway\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   stage->token, body_bytes);
    client_send(client, head);
}

void client_send_chat(struct gateway_stage *stage, struct stage_client *client, const char *content)
{
    char body[1024];

    (void)snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
                   content);
    client_send_head(stage, client, strlen(body));
    client_send(client, body);
}

static void client_read(struct stage_client *client)
{
    static char bytes[65536];
    ssize_t got;

    while (client->fd >= 0 && !client->is_frozen && !client->is_closed &&
           (got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != -1) {
        if (got == 0) {
            client->is_closed = true;
            return;
        }
        if (client->length + (size_t)got + 1 > client->capacity) {
            client->capacity = 2 * (client->length + (size_t)got + 1);
            client->received = realloc(client->received, client->capacity);
        }
        memcpy(client->received + client->length, bytes, (size_t)got);
        client->length += (size_t)got;
        client->received[client->length] = '\0';
    }
    if (client->fd >= 0 && !client->is_frozen && !client->is_closed && errno == ECONNRESET) {
        client->is_closed = true;
        client->is_reset = true;
    }
}

void stage_turn(struct gateway_stage *stage, struct stage_client *client)
{
    struct timeval end = {0, TURN_MS * 1000};

    (void)event_add(stage->turn_end, &end); /* allocates nothing, unlike loopexit */
    (void)event_base_dispatch(stage->base);
    read_log(stage);
    if (client != NULL) {
        client_read(client);
    }
}

/* Turn until <CONDITION> holds or patience ends. */
#define TURN_UNTIL(CONDITION)                                                                      \
    do {                                                                                           \
        int64_t end_ms = clock_now_ms() + PATIENCE_MS;                                             \
        while (!(CONDITION) && clock_now_ms() < end_ms) {                                          \
            stage_turn(stage, client);                                                             \
        }                                                                                          \
    } while (0)

bool until_received(struct gateway_stage *stage, struct stage_client *client, const char *text)
{
    TURN_UNTIL(strstr(client->received, text) != NULL);
    return strstr(client->received, text) != NULL;
}

bool until_closed(struct gateway_stage *stage, struct stage_client *client)
{
    TURN_UNTIL(client->is_closed);
    return client->is_closed;
}

bool until_logged(struct gateway_stage *stage, struct stage_client *client, const char *text)
{
    TURN_UNTIL(strstr(stage->log, text) != NULL);
    if (strstr(stage->log, text) == NULL) {
        print_message("log so far:\n%s\n", stage->log);
    }
    return strstr(stage->log, text) != NULL;
}

bool until_live(struct gateway_stage *stage, struct stage_client *client, size_t exchanges)
{
    TURN_UNTIL(exchange_set_live(stage->exchanges) == exchanges);
    return exchange_set_live(stage->exchanges) == exchanges;
}

static unsigned upstream_requests(const struct gateway_stage *stage)
{
    struct peer_report report;

    scripted_upstream_report(stage->peer, &report);
    return report.requests;
}

static unsigned upstream_open(const struct gateway_stage *stage)
{
    struct peer_report report;

    scripted_upstream_report(stage->peer, &report);
    return report.open;
}

bool until_upstream_requests(struct gateway_stage *stage, unsigned count)
{
    struct stage_client *client = NULL;

    TURN_UNTIL(upstream_requests(stage) == count);
    return upstream_requests(stage) == count;
}

bool until_upstream_open(struct gateway_stage *stage, struct stage_client *client, unsigned count)
{
    TURN_UNTIL(upstream_open(stage) == count);
    return upstream_open(stage) == count;
}

void expect_end(struct gateway_stage *stage, enum end_reason reason)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "end=%s ", end_reason_token(reason));
    assert_true(until_logged(stage, NULL, text));
    assert_true(metrics_slot(stage->metrics, 0)->ends[reason] > 0);
}
