/* SPDX-License-Identifier: MIT */
/*
 * main.c - from the command line to a running gateway.
 *
 * What must hold before anything else does: a process that can leave no core file
 * with secrets in it, a libevent that is new enough and whose words go to our log.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "base/clock.h"
#include "base/secret_variable.h"
#include "gateway/admin.h"
#include "gateway/config.h"
#include "gateway/config_listen.h"
#include "gateway/confine.h"
#include "gateway/file_limit.h"
#include "gateway/health_command.h"
#include "gateway/inherit.h"
#include "gateway/listener.h"
#include "gateway/listener_set.h"
#include "gateway/log.h"
#include "gateway/manual.h"
#include "gateway/metrics.h"
#include "gateway/notify.h"
#include "gateway/options.h"
#include "gateway/status.h"
#include "gateway/supervisor.h"
#include "gateway/token_command.h"
#include "gateway/worker.h"

#define EXIT_USAGE 2
#define EXIT_LIBEVENT_FATAL 70
#define LIBEVENT_OLDEST 0x02010c00U /* 2.1.12: older ones read a head in more than one way */

/* -- before anything else -- */

static void on_libevent_log(int severity, const char *message)
{
    enum log_level level = LOG_DEBUG;

    if (severity == EVENT_LOG_ERR) {
        level = LOG_ERROR;
    } else if (severity == EVENT_LOG_WARN) {
        level = LOG_WARN;
    } else if (severity == EVENT_LOG_MSG) {
        level = LOG_INFO;
    }
    log_event(level, "libevent", "message", message);
}

/* libevent has said why; it must not go on. */
static void on_libevent_fatal(int status)
{
    struct log_line line;

    log_begin(&line, LOG_ERROR, "libevent_fatal");
    log_int(&line, "status", status);
    log_end(&line);
    _exit(EXIT_LIBEVENT_FATAL);
}

static void forbid_core_files(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        log_event(LOG_WARN, "core_files_possible", "problem", strerror(errno));
    }
}

static bool libevent_is_new_enough(void)
{
    if (event_get_version_number() >= LIBEVENT_OLDEST) {
        return true;
    }
    log_event(LOG_ERROR, "libevent_too_old", "loaded", event_get_version());
    return false;
}

/* -- what -t, -V and -h ask for -- */

static int flush_stdout(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "tidegate: cannot write: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

static int print_version(void)
{
    printf("tidegate %s\n", TIDEGATE_VERSION);
    printf("libevent %s (built with %s)\n", event_get_version(), LIBEVENT_VERSION);
    printf("%s (built with %s)\n", OpenSSL_version(OPENSSL_VERSION), OPENSSL_VERSION_TEXT);
    return flush_stdout();
}

static int check(const char *path)
{
    struct config *config = config_load(path, stderr);

    if (config == NULL) {
        return EXIT_USAGE;
    }
    config_print(config, stdout);
    config_free(config);
    return flush_stdout();
}

/* -- running -- */

struct foreground {
    const struct config *config;
    struct metrics *metrics;
    struct board *board;         /* owned */
    struct inherited *inherited; /* borrowed */
    struct listener_set listeners;
    struct tls_tickets tickets;
    int admin_fd; /* -1: none */
    struct admin *admin;
};

/* One process is the gateway and its only worker. */
static void show_foreground(const struct foreground *foreground)
{
    const struct metrics_worker worker = {
        .pid = (uint64_t)getpid(),
        .generation = 1,
        .started_ms = (uint64_t)clock_now_ms(),
        .state = METRICS_WORKER_READY,
    };

    metrics_set_workers_ready(foreground->metrics, 1);
    metrics_set_workers(foreground->metrics, 1);
    metrics_set_state(foreground->metrics, METRICS_RUNNING);
    metrics_show_worker(foreground->metrics, 0, &worker);
}

static void on_foreground_ready(void *arg, struct event_base *base)
{
    struct foreground *foreground = arg;

    show_foreground(foreground);
    if (foreground->admin_fd >= 0) {
        const struct status shown = {.metrics = foreground->metrics, .conf = foreground->board};
        foreground->admin = admin_new(base, foreground->admin_fd, &shown);
        if (foreground->admin == NULL) {
            log_event(LOG_ERROR, "admin_failed", "problem", "no memory");
        }
    }
    log_event(LOG_INFO, "ready", "workers", "1");
    notify_ready();
}

/* Our copies of the sockets go too, or the kernel would go on queueing clients on them. */
static void on_foreground_drain(void *arg)
{
    struct foreground *foreground = arg;

    notify_stopping();
    metrics_set_draining(foreground->metrics);
    listener_set_close(&foreground->listeners);
}

/* The admin listener stays until the loop is over, so that a drain can be watched. */
static void on_foreground_stop(void *arg)
{
    struct foreground *foreground = arg;

    admin_free(foreground->admin);
    foreground->admin = NULL;
}

static bool open_foreground_admin(struct foreground *foreground)
{
    const struct config_address *address = &foreground->config->admin;

    if (address->socket_address_length == 0) {
        return true;
    }
    foreground->admin_fd = listener_open_admin(address, foreground->inherited);
    if (foreground->admin_fd < 0) {
        return false;
    }
    listener_log("admin_listening", foreground->admin_fd);
    return true;
}

static bool open_foreground(struct foreground *foreground)
{
    const struct config *config = foreground->config;

    if (foreground->metrics == NULL || foreground->board == NULL ||
        !tls_tickets_init(&foreground->tickets)) {
        log_event(LOG_ERROR, "start_failed", "problem", "no memory, or no random bytes");
        return false;
    }
    status_show_conf(foreground->board, config, 1);
    metrics_set_certificate_expiry(foreground->metrics, config_listen_expiry_unix_s(config));
    if (!listener_set_open(&foreground->listeners, config->listen, config->listen_count, 1,
                           foreground->inherited) ||
        !open_foreground_admin(foreground)) {
        return false;
    }
    listener_close_unused(foreground->inherited);
    return true;
}

static int run_foreground(const struct config *config, struct inherited *inherited)
{
    struct foreground foreground = {
        .config = config,
        .metrics = metrics_new(1),
        .board = status_board_new(),
        .inherited = inherited,
        .admin_fd = -1,
    };
    struct listener_set *listeners = &foreground.listeners;
    int status = EXIT_FAILURE;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN); /* an upgrade needs a supervisor; without one it would kill */
    if (open_foreground(&foreground)) {
        struct worker_setup setup = {
            .config = config,
            .metrics = metrics_slot(foreground.metrics, 0),
            .tickets = &foreground.tickets,
            .handover_fd = -1,
            .is_confined = true,
            .on_ready = on_foreground_ready,
            .on_ready_arg = &foreground,
            .on_drain = on_foreground_drain,
            .on_stop = on_foreground_stop,
        };
        setup.listener_count = listener_set_share(listeners, 0, &setup.listeners);
        status = worker_run(&setup);
    }
    listener_set_close(listeners);
    if (foreground.admin_fd >= 0) {
        (void)close(foreground.admin_fd);
    }
    metrics_free(foreground.metrics);
    board_free(foreground.board);
    tls_tickets_fini(&foreground.tickets);
    return status;
}

static void log_start(const struct config *config, const struct options *options)
{
    struct log_line line;

    log_begin(&line, LOG_INFO, "starting");
    log_string(&line, "version", TIDEGATE_VERSION);
    log_string(&line, "libevent", event_get_version());
    log_string(&line, "openssl", OpenSSL_version(OPENSSL_FULL_VERSION_STRING));
    log_string(&line, "conf", options->conf_path);
    log_int(&line, "workers", options->is_foreground ? 1 : config->workers);
    log_end(&line);
}

static int run_by_way(const struct options *options, char *const *argv, struct config *config,
                      struct inherited *inherited)
{
    const struct supervisor_start start = {
        .conf_path = options->conf_path, .argv = argv, .inherited = inherited};
    int status;

    if (!options->is_foreground) {
        return supervisor_run(&start, config);
    }
    status = run_foreground(config, inherited);
    config_free(config);
    return status;
}

static int run(const struct options *options, char *const *argv)
{
    struct inherited inherited;
    struct config *config;
    int status;

    if (!libevent_is_new_enough()) {
        return EXIT_FAILURE;
    }
    if (!inherit_receive(&inherited)) {
        log_event(LOG_ERROR, "start_failed", "problem", "no memory");
        return EXIT_FAILURE;
    }
    config = config_load(options->conf_path, stderr);
    if (config == NULL) {
        inherit_fini(&inherited);
        return EXIT_USAGE;
    }
    secret_variables_hide(); /* before there is a child to show them as well */
    log_setup(config->log_level, config->log_format);
    log_start(config, options);
    if (!confine_announce(config)) {
        config_free(config);
        inherit_fini(&inherited);
        return EXIT_FAILURE;
    }
    file_limit_raise();
    file_limit_report(config);
    status = run_by_way(options, argv, config, &inherited);
    inherit_fini(&inherited);
    return status;
}

static int act(const struct options *options, int argc, char **argv)
{
    switch (options->action) {
    case ACTION_RUN:
        return run(options, argv);
    case ACTION_CHECK:
        return check(options->conf_path);
    case ACTION_VERSION:
        return print_version();
    case ACTION_HELP:
        options_print_help(stdout);
        return flush_stdout();
    case ACTION_TOKEN:
        return token_command(argc - 1, argv + 1);
    case ACTION_HEALTH:
        return health_command(argc - 1, argv + 1);
    case ACTION_PRINT_DEFAULT_CONF:
        config_print_default_file(stdout);
        return flush_stdout();
    case ACTION_PRINT_MARKDOWN:
        config_print_markdown(stdout);
        return flush_stdout();
    case ACTION_PRINT_MAN:
        manual_print_program(stdout);
        return flush_stdout();
    case ACTION_PRINT_CONF_MAN:
        manual_print_conf(stdout);
        return flush_stdout();
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options options = {.action = ACTION_RUN};
    char problem[256];

    log_setup(LOG_INFO, LOG_LOGFMT); /* until the conf has been read */
    forbid_core_files();
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    if (!options_parse(argc, argv, &options, problem, sizeof(problem))) {
        fprintf(stderr, "tidegate: %s\nTry: tidegate -h\n", problem);
        return EXIT_USAGE;
    }
    return act(&options, argc, argv);
}
