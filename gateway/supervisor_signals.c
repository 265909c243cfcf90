/* SPDX-License-Identifier: MIT */
/*
 * supervisor_signals.c - what each signal asks for.
 *
 * Signals come through a descriptor, so that all that ever happens in the supervisor
 * happens between two polls.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/log.h"
#include "gateway/supervisor_state.h"

#define CUT_WITHIN_MS 3000

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

bool supervisor_open_signals(struct supervisor *supervisor)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(handled_signals) / sizeof(handled_signals[0]); i++) {
        sigaddset(&set, handled_signals[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signal_fd >= 0;
}

/* The first drains, the second cuts, the third kills. */
static void on_stop_signal(struct supervisor *supervisor)
{
    int64_t now_ms = clock_now_ms();

    supervisor->stop_signals++;
    if (supervisor->stop_signals == 1) {
        supervisor_stop(supervisor, EXIT_SUCCESS);
        return;
    }
    supervisor->exit_status = EXIT_FAILURE;
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid == 0) {
            continue;
        }
        child_stop(child, now_ms); /* marks those that were not asked before */
        child->kill_at_ms = now_ms + CUT_WITHIN_MS;
        if (supervisor->stop_signals > 2) {
            (void)kill(child->pid, SIGKILL); /* a zombie at worst; it is reaped all the same */
        } else if (child->role == CHILD_WORKER) {
            child_cut(child); /* the admin process has nothing to cut, and SIGQUIT would kill it */
        }
    }
}

static void on_signal(struct supervisor *supervisor, uint32_t number)
{
    switch (number) {
    case SIGTERM:
    case SIGINT:
        on_stop_signal(supervisor);
        break;
    case SIGHUP:
        supervisor_reload_begin(supervisor);
        break;
    case SIGUSR1:
        supervisor_reopen_logs(supervisor);
        break;
    case SIGUSR2:
        supervisor_upgrade_begin(supervisor);
        break;
    case SIGCHLD:
        supervisor_reap(supervisor);
        break;
    default: /* no other is in the set */
        break;
    }
}

void supervisor_take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        on_signal(supervisor, info.ssi_signo);
    }
}
