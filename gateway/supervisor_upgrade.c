/* SPDX-License-Identifier: MIT */
/*
 * supervisor_upgrade.c - SIGUSR2: a new program, by a new supervisor.
 *
 * The program that was started is started once more, from the same path with the same
 * arguments, and is handed every listening socket. Whatever stands at that path by now
 * reads the conf by its own rules and starts workers of its own. Until they are all
 * ready, and if they never are, nothing has changed here; then we drain and leave.
 * No socket is ever closed on the way, so no connection is refused or reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret_variable.h"
#include "gateway/log.h"
#include "gateway/notify.h"
#include "gateway/supervisor_state.h"

#define RUNNING_PROGRAM "/proc/self/exe"
#define PATH_BYTES_MAX 2048
#define EXIT_NOT_EXECUTED 127

/* -- which program -- */

/* By the file, not by the name: argv[0] is only what the caller says. */
static bool is_running_program(const char *path)
{
    struct stat running;
    struct stat other;

    return stat(RUNNING_PROGRAM, &running) == 0 && stat(path, &other) == 0 &&
           running.st_dev == other.st_dev && running.st_ino == other.st_ino;
}

/* Where a shell would have found <name>; NULL: nowhere. */
static char *find_in_path(const char *name)
{
    const char *path = getenv("PATH");
    char *copy = strdup(path == NULL ? "" : path);
    char *rest = copy;
    char *found = NULL;
    char candidate[PATH_BYTES_MAX];

    for (char *folder = strsep(&rest, ":"); found == NULL && folder != NULL;
         folder = strsep(&rest, ":")) {
        int length =
            snprintf(candidate, sizeof(candidate), "%s/%s", *folder == '\0' ? "." : folder, name);
        if (length < (int)sizeof(candidate) && is_running_program(candidate)) {
            found = strdup(candidate);
        }
    }
    free(copy);
    return found;
}

/*
 * The path as it was given goes first, for it may lead through a symbolic link that an
 * operator turns to the next release. The kernel's own word is the rest: once the file
 * has been replaced it names one that is gone, so it is asked at start.
 */
char *supervisor_find_program(const char *argv0)
{
    char resolved[PATH_BYTES_MAX];
    char *found = NULL;
    ssize_t length;

    if (argv0 != NULL && strchr(argv0, '/') != NULL) {
        found = is_running_program(argv0) ? strdup(argv0) : NULL;
    } else if (argv0 != NULL) {
        found = find_in_path(argv0);
    }
    if (found != NULL) {
        return found;
    }
    length = readlink(RUNNING_PROGRAM, resolved, sizeof(resolved) - 1);
    resolved[length < 0 ? 0 : length] = '\0';
    return strdup(resolved);
}

/* -- in the child -- */

static void reset_signals(void)
{
    sigset_t none;

    (void)signal(SIGPIPE, SIG_DFL); /* what is ignored stays so in the next program */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static size_t list_fds(const struct supervisor *supervisor, int ready_write_fd,
                       struct inherited_fd *fds)
{
    const struct listener_set *set = &supervisor->listeners;
    size_t count = 0;

    for (size_t i = 0; i < set->socket_count; i++) {
        fds[count++] = (struct inherited_fd){.fd = set->sockets[i].fd, .role = INHERIT_LISTEN};
    }
    if (supervisor->admin_fd >= 0) {
        fds[count++] = (struct inherited_fd){.fd = supervisor->admin_fd, .role = INHERIT_ADMIN};
    }
    fds[count++] = (struct inherited_fd){.fd = ready_write_fd, .role = INHERIT_READY};
    return count;
}

_Noreturn static void become_successor(const struct supervisor *supervisor, int ready_write_fd)
{
    struct inherited_fd *fds = calloc(supervisor->listeners.socket_count + 2, sizeof(*fds));

    if (fds != NULL && inherit_pass(fds, list_fds(supervisor, ready_write_fd, fds)) &&
        secret_variables_show()) {
        reset_signals();
        (void)execv(supervisor->program, supervisor->start->argv);
    }
    log_event(LOG_ERROR, "upgrade_not_executed", "problem", strerror(errno));
    _exit(EXIT_NOT_EXECUTED);
}

/* -- the way there -- */

static void refuse(const char *problem)
{
    log_event(LOG_ERROR, "upgrade_refused", "problem", problem);
}

static bool start_successor(struct supervisor *supervisor)
{
    struct successor *successor = &supervisor->successor;
    int ends[2];

    if (pipe(ends) != 0) {
        return false;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC); /* its copy in the right place is not */
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    (void)fflush(NULL);
    successor->pid = fork();
    if (successor->pid == 0) {
        become_successor(supervisor, ends[1]);
    }
    (void)close(ends[1]);
    if (successor->pid < 0) {
        (void)close(ends[0]);
        successor->pid = 0;
        return false;
    }
    successor->ready_fd = ends[0];
    successor->give_up_at_ms = clock_now_ms() + supervisor->config->upgrade_timeout_ms;
    successor->kill_at_ms = 0;
    return true;
}

void supervisor_upgrade_begin(struct supervisor *supervisor)
{
    struct log_line line;

    if (supervisor->successor.pid != 0) {
        refuse(supervisor->is_replaced ? "a successor has taken over" : "one is under way");
        return;
    }
    if (supervisor->phase != SUPERVISOR_RUNNING) {
        supervisor->upgrade_wanted = supervisor->phase != SUPERVISOR_STOPPING;
        if (!supervisor->upgrade_wanted) {
            refuse("stopping");
        }
        return;
    }
    supervisor->upgrade_wanted = false;
    if (!start_successor(supervisor)) {
        refuse(strerror(errno));
        return;
    }
    supervisor->phase = SUPERVISOR_UPGRADING;
    log_begin(&line, LOG_INFO, "upgrading");
    log_string(&line, "program", supervisor->program);
    log_int(&line, "successor", supervisor->successor.pid);
    log_end(&line);
}

/* -- its ends -- */

static void close_ready(struct successor *successor)
{
    if (successor->ready_fd >= 0) {
        (void)close(successor->ready_fd);
        successor->ready_fd = -1;
    }
}

/* A SIGHUP that came meanwhile was meant for whoever serves from now on. */
static void hand_over(struct supervisor *supervisor)
{
    struct successor *successor = &supervisor->successor;
    struct log_line line;

    close_ready(successor);
    supervisor->is_replaced = true;
    log_begin(&line, LOG_INFO, "upgraded");
    log_int(&line, "successor", successor->pid);
    log_end(&line);
    notify_main_pid(successor->pid);
    if (supervisor->reload_wanted) {
        (void)kill(successor->pid, SIGHUP);
    }
    supervisor_stop(supervisor, EXIT_SUCCESS);
}

void supervisor_upgrade_take_ready(struct supervisor *supervisor)
{
    char word;

    if (read(supervisor->successor.ready_fd, &word, 1) == 1) {
        hand_over(supervisor);
    } else {
        close_ready(&supervisor->successor); /* SIGCHLD will tell why */
    }
}

static void abandon(struct supervisor *supervisor, const char *problem)
{
    log_event(LOG_ERROR, "upgrade_failed", "problem", problem);
    if (supervisor->phase == SUPERVISOR_UPGRADING) {
        supervisor->phase = SUPERVISOR_RUNNING;
    }
}

/* It may have clients by now, so it drains as we would. */
static void ask_to_end(struct supervisor *supervisor)
{
    struct successor *successor = &supervisor->successor;

    close_ready(successor);
    (void)kill(successor->pid, SIGTERM); /* a zombie at worst; it is reaped all the same */
    successor->give_up_at_ms = INT64_MAX;
    successor->kill_at_ms = supervisor_drain_limit_ms(supervisor);
}

void supervisor_upgrade_cancel(struct supervisor *supervisor)
{
    if (supervisor->successor.pid != 0 && supervisor->successor.kill_at_ms == 0) {
        ask_to_end(supervisor);
    }
}

int64_t supervisor_upgrade_due_ms(const struct supervisor *supervisor)
{
    const struct successor *successor = &supervisor->successor;

    if (successor->pid == 0 || supervisor->is_replaced) {
        return INT64_MAX;
    }
    return successor->kill_at_ms != 0 ? successor->kill_at_ms : successor->give_up_at_ms;
}

void supervisor_upgrade_watch(struct supervisor *supervisor, int64_t now_ms)
{
    struct successor *successor = &supervisor->successor;

    if (now_ms < supervisor_upgrade_due_ms(supervisor)) {
        return;
    }
    if (successor->kill_at_ms == 0) {
        abandon(supervisor, "the successor was not ready in time");
        ask_to_end(supervisor);
    } else {
        log_event(LOG_ERROR, "successor_killed", "problem", "it did not end in time");
        (void)kill(successor->pid, SIGKILL);
        successor->kill_at_ms = INT64_MAX;
    }
}

/* How a process ended, for people. */
static void describe_end(int wait_status, char *text, size_t size)
{
    if (WIFSIGNALED(wait_status)) {
        snprintf(text, size, "the successor died of a signal: %s",
                 strsignal(WTERMSIG(wait_status)));
    } else {
        snprintf(text, size, "the successor ended with status %d", WEXITSTATUS(wait_status));
    }
}

void supervisor_upgrade_reap(struct supervisor *supervisor, int wait_status)
{
    struct successor *successor = &supervisor->successor;
    bool was_asked = successor->kill_at_ms != 0;
    char problem[128];

    close_ready(successor);
    *successor = (struct successor){.ready_fd = -1};
    describe_end(wait_status, problem, sizeof(problem));
    if (supervisor->is_replaced) {
        log_event(LOG_ERROR, "successor_lost", "problem", problem); /* we cannot go back */
    } else if (was_asked) {
        log_event(LOG_INFO, "successor_ended", "problem", problem);
    } else {
        abandon(supervisor, problem);
    }
}
