/* SPDX-License-Identifier: MIT */
/*
 * main.c - hfsim, the Hugging Face simulator: build the parts in order, run, tear down.
 *
 * See README.md beside this file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/sim/loop.h"
#include "tests/sim/options.h"
#include "tests/sim/server.h"

struct signal_watch {
    struct watch watch; /* first: the loop's pointer is ours */
    struct loop *loop;
};

static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events; /* any of the signals means the same */
    loop_stop(((struct signal_watch *)watch)->loop);
}

/* SIGTERM and SIGINT become readable; false when that cannot be. */
static bool watch_signals(struct signal_watch *signals, struct loop *loop)
{
    sigset_t set;

    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigemptyset(&set) != 0 ||
        sigaddset(&set, SIGTERM) != 0 || sigaddset(&set, SIGINT) != 0 ||
        sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    signals->loop = loop;
    signals->watch.on_ready = on_signal;
    signals->watch.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->watch.fd < 0) {
        return false;
    }
    loop_watch(loop, &signals->watch, EPOLLIN);
    return true;
}

/* As many descriptors as the system lets us have. */
static void raise_limits(void)
{
    struct rlimit limit = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* the old limit then stays */
    }
}

static int run(const struct options *options)
{
    static struct server server; /* too large for the stack */
    struct signal_watch signals = {0};
    struct loop *loop = loop_new();
    int status = EXIT_FAILURE;

    if (watch_signals(&signals, loop) && server_init(&server, options, loop)) {
        loop_run(loop, server_after_turn, &server);
        status = EXIT_SUCCESS;
    }
    if (server.loop != NULL) {
        server_fini(&server);
    }
    if (signals.watch.fd > 0) {
        (void)close(signals.watch.fd); /* nothing to do about a failure */
    }
    loop_free(loop);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = 2;

    switch (options_parse(&options, argc, argv)) {
    case OPTIONS_OK:
        raise_limits();
        if (options.dies_with_parent) {
            (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* Linux has it since 2.1.57 */
        }
        status = run(&options);
        break;
    case OPTIONS_HELP:
        status = EXIT_SUCCESS;
        break;
    case OPTIONS_BAD:
        break;
    }
    options_fini(&options);
    return status;
}
