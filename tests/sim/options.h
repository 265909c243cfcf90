/* SPDX-License-Identifier: MIT */
/*
 * options.h - the command line.
 */
#ifndef TESTS_SIM_OPTIONS_H
#define TESTS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/scenario.h"
#include "tests/sim/tls.h"

#define OPTIONS_LISTENERS_MAX 8

enum listen_kind {
    LISTEN_DEFAULT = 0, /* plain, or TLS with --tls */
    LISTEN_TLS,
    LISTEN_DEAF, /* connections are queued by the kernel and never accepted */
};

struct options {
    struct {
        const char *address; /* borrowed from argv; HOST:PORT */
        enum listen_kind kind;
    } listeners[OPTIONS_LISTENERS_MAX];
    size_t listener_count;
    bool is_tls; /* --tls */
    struct tls_options tls;
    const char *tapes_folder; /* borrowed from argv, or NULL */
    int64_t idle_ms;          /* close kept connections after this; 0: never */
    int send_buffer_bytes;    /* SO_SNDBUF; 0: the system's */
    bool dies_with_parent;
    struct scenario scenario; /* what every request starts from */
};

enum options_status {
    OPTIONS_OK = 0,
    OPTIONS_HELP, /* help was printed */
    OPTIONS_BAD,  /* and why was printed on stderr */
};

/* <argv> must outlive the options. options_fini() is due whatever comes back. */
enum options_status options_parse(struct options *options, int argc, char **argv) MUST_USE;
void options_fini(struct options *options);

#endif
