/* SPDX-License-Identifier: MIT */
/*
 * upstream_stage.c - upstream/ alone on the test's own event loop, before a scripted peer.
 */
#include "tests/support/upstream_stage.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct stage *stage = arg;

    (void)fd;
    (void)what;
    upstream_context_flush(stage->context);
}

static void on_need_flush(void *arg)
{
    struct stage *stage = arg;

    event_active(stage->flush, EV_TIMEOUT, 0);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(arg);
}

void make_origin(struct stage *stage)
{
    char problem[200] = "";

    stage->origin = upstream_origin_new(stage->context, &stage->settings, problem, sizeof(problem));
    if (stage->origin == NULL) {
        fail_msg("%s", problem);
    }
}

static void init(struct stage *stage, const struct test_certificate *served,
                 const struct test_certificate *trusted, const char *host)
{
    const struct upstream_hooks hooks = {.on_need_flush = on_need_flush, .hook_arg = stage};

    memset(stage, 0, sizeof(*stage));
    (void)signal(SIGPIPE, SIG_IGN);
    stage->base = event_base_new();
    stage->turn_end = evtimer_new(stage->base, on_turn_end, stage->base);
    stage->flush = event_new(stage->base, -1, 0, on_flush, stage);
    stage->peer = scripted_upstream_new(stage->base, served);
    stage->context = upstream_context_new(stage->base, &hooks);
    (void)snprintf(stage->url, sizeof(stage->url), "%s://%s:%u/v1",
                   served == NULL ? "http" : "https", host, scripted_upstream_port(stage->peer));
    stage->settings = (struct upstream_settings){
        .name = "peer",
        .url = stage->url,
        .token = SPAN_LITERAL("hf_test"),
        .ca_file = trusted == NULL ? NULL : test_certificate_file(trusted),
        .connect_timeout_ms = 2000,
        .first_token_timeout_ms = 5000,
        .idle_timeout_ms = 5000,
        .max_event_bytes = 64 * 1024,
        .max_answer_bytes = 64 * 1024 * 1024,
        .max_connections = 4,
        .max_idle = 2,
    };
    make_origin(stage);
}

void stage_init(struct stage *stage)
{
    init(stage, NULL, NULL, "127.0.0.1");
}

void stage_init_tls(struct stage *stage, const struct test_certificate *served,
                    const struct test_certificate *trusted, const char *host)
{
    init(stage, served, trusted, host);
}

struct upstream_counts counts_of(const struct stage *stage)
{
    struct upstream_counts counts;

    upstream_origin_counts(stage->origin, &counts);
    return counts;
}

void stage_fini(struct stage *stage)
{
    upstream_context_flush(stage->context);
    assert_int_equal(counts_of(stage).calls, 0);
    assert_int_equal(counts_of(stage).connections, counts_of(stage).idle);
    upstream_origin_free(stage->origin);
    upstream_context_free(stage->context);
    scripted_upstream_free(stage->peer);
    event_free(stage->flush);
    event_free(stage->turn_end);
    event_base_free(stage->base);
}

void turn(struct stage *stage)
{
    struct timeval end = {0, 2000};

    (void)event_add(stage->turn_end, &end);
    (void)event_base_dispatch(stage->base);
}

static void on_delta(void *owner, const struct upstream_delta *delta)
{
    struct caller *caller = owner;

    assert_int_equal(caller->ends, 0);
    caller->events++;
    caller->bytes += delta->text.length;
    if (caller->forget_text) {
        caller->text_length = 0;
    }
    assert_true(caller->text_length + delta->text.length < sizeof(caller->text));
    if (delta->text.length > 0) {
        memcpy(caller->text + caller->text_length, delta->text.data, delta->text.length);
        caller->text_length += delta->text.length;
        caller->text[caller->text_length] = '\0';
        caller->deltas++;
    }
    if (caller->cancel_at_delta != 0 && caller->deltas == caller->cancel_at_delta) {
        upstream_cancel(caller->call);
        caller->call = NULL;
    } else if (caller->pause_at_delta != 0 && caller->deltas == caller->pause_at_delta) {
        upstream_pause(caller->call);
    }
}

static void on_end(void *owner, const struct upstream_end *end)
{
    struct caller *caller = owner;

    caller->ends++;
    caller->end = *end;
    upstream_cancel(caller->call);
    caller->call = NULL;
}

static const struct upstream_events events = {.on_delta = on_delta, .on_end = on_end};

void start(struct stage *stage, struct caller *caller)
{
    static const struct span content = SPAN_LITERAL("hi");
    const struct upstream_message message = {UPSTREAM_ROLE_USER, &content, 1};
    const struct upstream_call call = {
        .events = &events,
        .owner = caller,
        .model = SPAN_LITERAL("acme/m"),
        .messages = &message,
        .message_count = 1,
        .request_id = SPAN_LITERAL("id-1"),
    };

    caller->stage = stage;
    caller->call = upstream_start(stage->origin, &call);
    assert_non_null(caller->call);
    assert_int_equal(caller->deltas + caller->ends, 0); /* contract 1 */
}

/* One call against <script>; returns how it ended. */
enum upstream_failure run(struct stage *stage, struct caller *caller,
                          const struct peer_step *script)
{
    scripted_upstream_play(stage->peer, script);
    start(stage, caller);
    UNTIL(stage, caller->ends == 1);
    for (int i = 0; i < 5; i++) {
        turn(stage); /* contract 3: nothing more */
    }
    assert_int_equal(caller->ends, 1);
    return caller->end.failure;
}

struct peer_report report_of(const struct stage *stage)
{
    struct peer_report report;

    scripted_upstream_report(stage->peer, &report);
    return report;
}
