/* SPDX-License-Identifier: MIT */
/*
 * worker.c - builds the parts of one event loop in order, runs it, drains it, and
 * takes the parts down in reverse.
 */
#include "gateway/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "auth/auth.h"
#include "auth/keys.h"
#include "base/bug.h"
#include "gateway/access_log.h"
#include "gateway/confine.h"
#include "gateway/edge.h"
#include "gateway/exchange.h"
#include "gateway/health.h"
#include "gateway/log.h"
#include "gateway/turn.h"
#include "gateway/worker_gauges.h"
#include "gateway/worker_log.h"
#include "upstream/upstream.h"

#define GAUGE_PERIOD_S 1
/* After the drain's end: how long the words of a cut answer may take to leave. */
#define CUT_GRACE_MS 1000
/* Turns of the loop that empty the accept queue before a drain, of 32 connections each. */
#define LAST_ACCEPTS_MAX 256
#define QUIET_TURNS 2 /* a connection is counted a turn after its accept, at the latest */

struct worker {
    const struct worker_setup *setup;
    const struct config *config;
    struct event_base *base;
    struct turn *turn;
    struct auth_keys *keys;
    struct auth_checker *checker;
    struct upstream_context *upstreams;
    struct upstream_origin **origins;
    size_t origin_count;
    struct health health; /* once all origins are there */
    struct worker_gauges usage;
    struct exchange_set *exchanges;
    struct edge *edge;
    struct event *terminate;  /* SIGTERM */
    struct event *interrupt;  /* SIGINT */
    struct event *quit;       /* SIGQUIT */
    struct event *gauges;     /* a timer */
    struct event *drain_step; /* a timer: the next turn's part of the way into the drain */
    struct event *drain_end;  /* a timer: what has not finished is cut */
    struct worker_log access_log;
    bool is_terminating;      /* SIGTERM came; leads to is_draining within two turns */
    unsigned quiet_turns;     /* in a row, without a new connection */
    unsigned last_accepts;    /* turns that may still accept, once terminating */
    uint64_t accepted_before; /* connections, up to the last turn */
    bool has_stopped_accepting;
    bool is_draining;
    bool is_cutting;
    bool is_leaving; /* the loop has been told to end; told twice, a timer would be left over */
};

static bool say_no_memory(const char *part)
{
    log_event(LOG_ERROR, "start_failed", "no_memory_for", part);
    return false;
}

/* -- signals, timers -- */

static void leave(struct worker *worker)
{
    if (!worker->is_leaving) {
        worker->is_leaving = true;
        (void)event_base_loopexit(worker->base, NULL);
    }
}

/* The last step of a turn: once draining, go when nothing is left. */
static void leave_when_idle(void *arg)
{
    struct worker *worker = arg;

    if (worker->is_draining && exchange_set_live(worker->exchanges) == 0 &&
        (worker->is_cutting || edge_connection_count(worker->edge) == 0)) {
        leave(worker);
    }
}

static void cut_rest(struct worker *worker)
{
    struct timeval grace = {CUT_GRACE_MS / 1000, (CUT_GRACE_MS % 1000) * 1000};

    if (worker->is_cutting) {
        exchange_set_end_all(worker->exchanges, END_DRAINING);
        leave(worker);
        return;
    }
    worker->is_cutting = true;
    if (exchange_set_live(worker->exchanges) > 0) {
        struct log_line line;
        log_begin(&line, LOG_WARN, "drain_cut");
        log_int(&line, "exchanges", (int64_t)exchange_set_live(worker->exchanges));
        log_end(&line);
    }
    exchange_set_end_all(worker->exchanges, END_DRAINING);
    (void)event_add(worker->drain_end, &grace);
    leave_when_idle(worker);
}

static void begin_drain(struct worker *worker)
{
    int64_t timeout_ms = worker->config->drain_timeout_ms;
    struct timeval timeout = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    struct log_line line;

    worker->is_terminating = true;
    worker->is_draining = true;
    log_begin(&line, LOG_INFO, "draining");
    log_int(&line, "exchanges", (int64_t)exchange_set_live(worker->exchanges));
    log_end(&line);
    edge_drain(worker->edge);
    if (worker->setup->on_drain != NULL) {
        worker->setup->on_drain(worker->setup->on_ready_arg);
    }
    health_retire(&worker->health);
    (void)event_add(worker->drain_end, &timeout);
    leave_when_idle(worker);
}

static void cut_now(struct worker *worker)
{
    if (!worker->is_draining) {
        begin_drain(worker);
    }
    cut_rest(worker);
}

/*
 * Who waits in the accept queue when the last process closes its socket is reset. So
 * the turns after the signal go on accepting until one finds nobody; then libevent has
 * a turn to forget the sockets (edge.h says why), and only then they are closed.
 */
static void on_drain_step(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    const struct metrics_slot *metrics = worker->setup->metrics;
    struct timeval at_once = {0, 0};

    (void)fd;
    (void)what;
    if (worker->is_draining) {
        return; /* a cut came in between */
    }
    if (worker->has_stopped_accepting) {
        begin_drain(worker);
        return;
    }
    worker->quiet_turns =
        worker->accepted_before == metrics->connections_accepted ? worker->quiet_turns + 1 : 0;
    worker->accepted_before = metrics->connections_accepted;
    if (worker->quiet_turns >= QUIET_TURNS || worker->last_accepts-- == 0) {
        worker->has_stopped_accepting = true;
        edge_stop_accepting(worker->edge);
    }
    (void)event_add(worker->drain_step, &at_once);
}

static void on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
    struct worker *worker = arg;
    struct timeval next_turn = {0, 0};

    (void)signal_number;
    (void)what;
    if (!worker->is_terminating) {
        worker->is_terminating = true;
        worker->last_accepts = LAST_ACCEPTS_MAX;
        worker->accepted_before = worker->setup->metrics->connections_accepted;
        (void)event_add(worker->drain_step, &next_turn);
    } else if (!worker->setup->is_supervised) {
        cut_now(worker);
    }
}

static void on_quit(evutil_socket_t signal_number, short what, void *arg)
{
    (void)signal_number;
    (void)what;
    cut_now(arg);
}

static void on_drain_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    cut_rest(arg);
}

static void on_gauges(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    struct metrics_slot *metrics = worker->setup->metrics;

    (void)fd;
    (void)what;
    health_refresh(&worker->health);
    worker_gauges_refresh(&worker->usage);
    metrics_store(&metrics->bytes_buffered, exchange_set_backlog(worker->exchanges));
    log_tell_losses();
}

static void on_need_flush(void *arg)
{
    struct worker *worker = arg;

    turn_request(worker->turn);
}

static void on_circuit(void *arg, const struct upstream_origin *origin, enum circuit_state state,
                       enum upstream_failure cause)
{
    struct worker *worker = arg;

    health_on_circuit(&worker->health, origin, state, cause);
}

/* Steps of a turn's end. Requests go upstream and answers to clients, then the dead are freed. */
static void flush_upstreams(void *arg)
{
    upstream_context_flush(arg);
}

/* -- the parts, in the order in which they are built -- */

static bool make_base(struct worker *worker)
{
    struct event_config *choices = event_config_new();

    if (choices == NULL) {
        return say_no_memory("event loop");
    }
    (void)event_config_set_flag(choices, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(choices, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    worker->base = event_base_new_with_config(choices);
    event_config_free(choices);
    worker->turn = worker->base == NULL ? NULL : turn_new(worker->base);
    return worker->turn != NULL || say_no_memory("event loop");
}

static bool make_checker(struct worker *worker)
{
    const struct config *config = worker->config;
    const struct auth_policy policy = {
        .issuer = span_from_string(config->auth_issuer),
        .audience = span_from_string(config->auth_audience),
        .leeway_s = config->auth_leeway_ms / 1000,
        .require_exp = config->require_exp,
        .require_sub = config->require_sub,
        .require_nbf = config->require_nbf,
        .require_iat = config->require_iat,
    };

    worker->keys = auth_keys_new();
    if (worker->keys == NULL) {
        return say_no_memory("keys");
    }
    for (size_t i = 0; i < config->secret_count; i++) {
        const struct config_secret *secret = &config->secrets[i];
        if (auth_keys_add(worker->keys, span_from_string(secret->kid),
                          secret_span(&secret->secret)) != AUTH_KEYS_OK) {
            log_event(LOG_ERROR, "start_failed", "bad_secret", secret->kid);
            return false;
        }
    }
    worker->checker = auth_checker_new(worker->keys, &policy);
    return worker->checker != NULL || say_no_memory("token checker");
}

static bool make_origin(struct worker *worker, const struct config_upstream *from)
{
    const struct upstream_settings settings = {
        .name = from->name,
        .url = from->url,
        .dialect = from->dialect,
        .prompt_template = from->prompt_template,
        .token = secret_span(&from->token),
        .bill_to = from->bill_to,
        .ca_file = from->ca_file,
        .connect_timeout_ms = from->connect_timeout_ms,
        .first_token_timeout_ms = from->first_token_timeout_ms,
        .idle_timeout_ms = from->idle_timeout_ms,
        .max_event_bytes = from->max_event_bytes,
        .max_answer_bytes = from->max_answer_bytes,
        .max_connections = (unsigned)from->max_connections,
        .max_idle = (unsigned)from->max_idle,
        .retries = (unsigned)from->retries,
        .retry_budget = (unsigned)from->retry_budget,
        .failures = (unsigned)from->failures,
        .open_time_ms = from->open_time_ms,
        .open_time_max_ms = from->open_time_max_ms,
        .max_new_tokens = from->max_new_tokens,
    };
    char problem[256];

    worker->origins[worker->origin_count] =
        upstream_origin_new(worker->upstreams, &settings, problem, sizeof(problem));
    if (worker->origins[worker->origin_count] == NULL) {
        struct log_line line;
        log_begin(&line, LOG_ERROR, "start_failed");
        log_string(&line, "upstream", from->name);
        log_string(&line, "problem", problem);
        log_end(&line);
        return false;
    }
    worker->origin_count++;
    return true;
}

static bool make_upstreams(struct worker *worker)
{
    const struct upstream_hooks hooks = {
        .on_need_flush = on_need_flush, .on_circuit = on_circuit, .hook_arg = worker};

    worker->upstreams = upstream_context_new(worker->base, &hooks);
    worker->origins = calloc(worker->config->upstream_count, sizeof(struct upstream_origin *));
    if (worker->upstreams == NULL || worker->origins == NULL) {
        return say_no_memory("upstreams");
    }
    for (size_t i = 0; i < worker->config->upstream_count; i++) {
        if (!make_origin(worker, &worker->config->upstreams[i])) {
            return false;
        }
    }
    health_init(&worker->health, worker->config, worker->setup->metrics, worker->origins);
    return true;
}

static bool make_service(struct worker *worker)
{
    const struct exchange_services services = {
        .base = worker->base,
        .turn = worker->turn,
        .config = worker->config,
        .metrics = worker->setup->metrics,
        .checker = worker->checker,
        .origins = worker->origins,
        .origin_count = worker->origin_count,
    };

    worker->exchanges = exchange_set_new(&services);
    if (worker->exchanges == NULL) {
        return say_no_memory("exchanges");
    }
    worker->edge = edge_new(worker->base, worker->turn, worker->config, worker->setup->metrics,
                            worker->exchanges);
    if (worker->edge == NULL) {
        return say_no_memory("edge");
    }
    turn_add_step(worker->turn, edge_flush, worker->edge);
    turn_add_step(worker->turn, flush_upstreams, worker->upstreams);
    turn_add_step(worker->turn, edge_reap, worker->edge);
    turn_add_step(worker->turn, exchange_set_reap, worker->exchanges);
    turn_add_step(worker->turn, leave_when_idle, worker);
    return true;
}

static bool make_events(struct worker *worker)
{
    struct timeval period = {GAUGE_PERIOD_S, 0};

    worker->terminate = evsignal_new(worker->base, SIGTERM, on_terminate, worker);
    worker->interrupt = evsignal_new(worker->base, SIGINT, on_terminate, worker);
    worker->quit = evsignal_new(worker->base, SIGQUIT, on_quit, worker);
    worker->gauges = event_new(worker->base, -1, EV_PERSIST, on_gauges, worker);
    worker->drain_step = evtimer_new(worker->base, on_drain_step, worker);
    worker->drain_end = evtimer_new(worker->base, on_drain_end, worker);
    if (worker->terminate == NULL || worker->interrupt == NULL || worker->quit == NULL ||
        worker->gauges == NULL || worker->drain_step == NULL || worker->drain_end == NULL ||
        !worker_log_watch(&worker->access_log, worker->base)) {
        return say_no_memory("signals");
    }
    (void)event_add(worker->terminate, NULL);
    (void)event_add(worker->interrupt, NULL);
    (void)event_add(worker->quit, NULL);
    (void)event_add(worker->gauges, &period);
    return true;
}

static bool listen_all(struct worker *worker)
{
    for (size_t i = 0; i < worker->setup->listener_count; i++) {
        const struct listener *listener = &worker->setup->listeners[i];
        int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0 || !edge_listen(worker->edge, fd, &worker->config->listen[listener->address],
                                   worker->setup->tickets)) {
            log_event(LOG_ERROR, "start_failed", "problem", "cannot listen on the socket");
            return false;
        }
    }
    return true;
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

/* From here on nothing calls us: what follows may free in any order. */
static void free_events(struct worker *worker)
{
    free_event(worker->gauges);
    free_event(worker->drain_step);
    free_event(worker->drain_end);
    free_event(worker->terminate);
    free_event(worker->interrupt);
    free_event(worker->quit);
    (void)signal(SIGTERM, SIG_IGN); /* nothing is left to be ended sooner */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
}

/* Whether it would call somebody: neither libevent's own, nor being freed by it. */
static int can_call(const struct event_base *base, const struct event *event, void *arg)
{
    (void)base;
    (void)arg;
    return (event->ev_evcallback.evcb_flags & (EVLIST_INTERNAL | EVLIST_FINALIZING)) == 0;
}

/*
 * libevent lets go of a name look-up under way in a callback of the next turn, so there is
 * one more when all parts are gone. It could not do harm unless something is still waited
 * for in the loop, which would then call into what is freed: rather lose some memory.
 */
static void free_base(struct event_base *base)
{
    if (base == NULL) {
        return;
    }
    if (!BUG_IF(event_base_foreach_event(base, can_call, NULL) != 0)) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    event_base_free(base);
}

static void take_down(struct worker *worker)
{
    worker->is_leaving = true;
    free_events(worker);
    if (worker->exchanges != NULL) {
        exchange_set_end_all(worker->exchanges, END_DRAINING);
        exchange_set_end_all(worker->exchanges, END_DRAINING); /* those that said so first */
    }
    if (worker->edge != NULL) {
        turn_run_now(worker->turn);
    }
    edge_free(worker->edge);
    exchange_set_free(worker->exchanges);
    for (size_t i = 0; i < worker->origin_count; i++) {
        upstream_origin_free(worker->origins[i]);
    }
    free(worker->origins);
    upstream_context_free(worker->upstreams);
    auth_checker_free(worker->checker);
    auth_keys_free(worker->keys);
    worker_log_close(&worker->access_log);
    turn_free(worker->turn);
    free_base(worker->base);
}

static bool confine_self(const struct worker *worker)
{
    const struct confine_plan plan = {
        .config = worker->config,
        .connects = true,
        .reopens_log =
            worker->setup->handover_fd < 0 && access_log_is_file(worker->config->log_access),
        .is_sanitized = IS_SANITIZED,
    };

    return !worker->setup->is_confined || confine(&plan);
}

int worker_run(const struct worker_setup *setup)
{
    struct worker worker = {.setup = setup, .config = setup->config};
    bool is_ready;

    log_count_losses(&setup->metrics->log_lines_dropped);
    worker_gauges_init(&worker.usage, setup->metrics);
    (void)signal(SIGPIPE, SIG_IGN);
    is_ready = worker_log_open(&worker.access_log, setup->config->log_access, setup->handover_fd) &&
               make_base(&worker) && make_checker(&worker) && make_upstreams(&worker) &&
               make_service(&worker) && make_events(&worker) && listen_all(&worker) &&
               confine_self(&worker);
    if (is_ready) {
        if (setup->on_ready != NULL) {
            setup->on_ready(setup->on_ready_arg, worker.base);
        }
        (void)event_base_dispatch(worker.base);
        health_refresh(&worker.health); /* what has been counted since the last time */
        if (setup->on_stop != NULL) {
            setup->on_stop(setup->on_ready_arg);
        }
        log_event(LOG_INFO, "worker_stopped", NULL, NULL);
    }
    take_down(&worker);
    worker_gauges_fini(&worker.usage);
    log_count_losses(NULL);
    return is_ready ? 0 : 1;
}
