/* SPDX-License-Identifier: MIT */
/*
 * options.h - the command line. Pure, but for the help that it writes.
 */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attrs.h"

enum option_action {
    ACTION_RUN = 0,
    ACTION_CHECK,   /* -t */
    ACTION_VERSION, /* -V */
    ACTION_HELP,    /* -h */
    ACTION_TOKEN,   /* the subcommands, which have options of their own */
    ACTION_HEALTH,
    ACTION_PRINT_DEFAULT_CONF, /* --print-default-conf */
    ACTION_PRINT_MARKDOWN,     /* --print-configuration-md */
    ACTION_PRINT_MAN,          /* --print-man */
    ACTION_PRINT_CONF_MAN,     /* --print-conf-man */
};

struct options {
    enum option_action action;
    const char *conf_path; /* borrowed from argv; NULL when not given */
    bool is_foreground;
};

/*
 * Read the command line. False when it is wrong: <problem> then says why, in one
 * line without a line end.
 */
bool options_parse(int argc, char *const *argv, struct options *options, char *problem,
                   size_t problem_size) MUST_USE;

/* One option or subcommand, as help and manual show it. Static texts. */
struct option_text {
    const char *words;
    const char *help;
};

/* All of them, <count> rows; static. */
const struct option_text *options_texts(size_t *count);

/* What -h prints. */
void options_print_help(FILE *out);

#endif
