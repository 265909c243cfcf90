/* SPDX-License-Identifier: MIT */
/*
 * options.c - the command line: the program's own options, and every word of a scenario.
 */
#include "tests/sim/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One option: its value, when it takes one, is given to <set>, which says whether it is good. */
struct option_row {
    const char *name;
    const char *value; /* what --help calls it; NULL when it takes none */
    const char *help;
    bool (*set)(struct options *options, const char *value);
};

static bool add_listener(struct options *options, const char *address, enum listen_kind kind)
{
    if (options->listener_count == OPTIONS_LISTENERS_MAX || strrchr(address, ':') == NULL) {
        return false;
    }
    options->listeners[options->listener_count].address = address;
    options->listeners[options->listener_count].kind = kind;
    options->listener_count++;
    return true;
}

static bool set_listen(struct options *options, const char *value)
{
    return add_listener(options, value, LISTEN_DEFAULT);
}

static bool set_listen_tls(struct options *options, const char *value)
{
    return add_listener(options, value, LISTEN_TLS);
}

static bool set_listen_deaf(struct options *options, const char *value)
{
    return add_listener(options, value, LISTEN_DEAF);
}

static bool set_tls(struct options *options, const char *value)
{
    (void)value; /* takes none */
    options->is_tls = true;
    return true;
}

static bool set_tls_cert(struct options *options, const char *value)
{
    options->tls.cert_file = value;
    return true;
}

static bool set_tls_key(struct options *options, const char *value)
{
    options->tls.key_file = value;
    return true;
}

static bool set_tls_ca_out(struct options *options, const char *value)
{
    options->tls.ca_out = value;
    return true;
}

static bool set_tls_name(struct options *options, const char *value)
{
    options->tls.name = value;
    return value[0] != '\0' && strlen(value) <= 250;
}

static bool set_tls_expired(struct options *options, const char *value)
{
    (void)value; /* takes none */
    options->tls.is_expired = true;
    return true;
}

static bool set_tls_max(struct options *options, const char *value)
{
    static const struct {
        const char *name;
        int version;
    } VERSIONS[] = {{"1.0", TLS1_VERSION},
                    {"1.1", TLS1_1_VERSION},
                    {"1.2", TLS1_2_VERSION},
                    {"1.3", TLS1_3_VERSION}};

    for (size_t i = 0; i < sizeof(VERSIONS) / sizeof(VERSIONS[0]); i++) {
        if (strcmp(VERSIONS[i].name, value) == 0) {
            options->tls.max_version = VERSIONS[i].version;
            return true;
        }
    }
    return false;
}

static bool set_tapes(struct options *options, const char *value)
{
    options->tapes_folder = value;
    return true;
}

static bool parse_number(const char *text, long largest, long *number)
{
    char *end = NULL;

    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number >= 0 && *number <= largest;
}

static bool set_idle(struct options *options, const char *value)
{
    long number = 0;
    bool is_good = parse_number(value, 86400000, &number);

    options->idle_ms = number;
    return is_good;
}

static bool set_send_buffer(struct options *options, const char *value)
{
    long number = 0;
    bool is_good = parse_number(value, 1L << 30, &number);

    options->send_buffer_bytes = (int)number;
    return is_good;
}

static bool set_die_with_parent(struct options *options, const char *value)
{
    (void)value; /* takes none */
    options->dies_with_parent = true;
    return true;
}

static const struct option_row ROWS[] = {
    {"listen", "HOST:PORT", "serve here; port 0: any free one (repeatable)", set_listen},
    {"listen-tls", "HOST:PORT", "serve TLS here (repeatable)", set_listen_tls},
    {"listen-deaf", "HOST:PORT", "listen here but never accept (repeatable)", set_listen_deaf},
    {"tls", NULL, "--listen means TLS", set_tls},
    {"tls-ca-out", "FILE", "write the throw-away CA's certificate here", set_tls_ca_out},
    {"tls-name", "NAME", "the only name in the throw-away certificate", set_tls_name},
    {"tls-expired", NULL, "the throw-away certificate ended yesterday", set_tls_expired},
    {"tls-max", "VERSION", "speak at most TLS 1.0, 1.1, 1.2 or 1.3", set_tls_max},
    {"tls-cert", "FILE", "serve this certificate chain instead", set_tls_cert},
    {"tls-key", "FILE", "and its key", set_tls_key},
    {"tapes", "DIR", "folder of NAME.body + NAME.meta.json for tape=", set_tapes},
    {"idle", "MS", "close kept connections after this much idleness", set_idle},
    {"send-buffer", "BYTES", "SO_SNDBUF of accepted connections", set_send_buffer},
    {"die-with-parent", NULL, "end when the process that started this one ends",
     set_die_with_parent},
};

enum {
    ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]),
};

static void print_help(void)
{
    (void)printf("hfsim: a simulator of Hugging Face's chat answers\n\n"
                 "usage: hfsim --listen HOST:PORT [options]\n\nOptions:\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s %s", ROWS[i].name,
                       ROWS[i].value == NULL ? "" : ROWS[i].value);
        (void)printf("  --%-24s %s\n", name, ROWS[i].help);
    }
    (void)printf("  --%-24s %s\n", "help", "this");
    (void)printf("\nWords of a scenario: here as --word VALUE (for every answer), or in the last\n"
                 "user message as \"@sim word=value ...\" (for that answer):\n");
    scenario_print_help(stdout);
}

static const struct option_row *find_row(struct span name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (span_equals_string(name, ROWS[i].name)) {
            return &ROWS[i];
        }
    }
    return NULL;
}

static bool complain(const char *argument, const char *problem)
{
    (void)fprintf(stderr, "hfsim: %s: %s\n", argument, problem);
    return false;
}

/* One option at argv[*at], as "--name=value" or "--name value"; moves past what it used. */
static bool parse_one(struct options *options, char **argv, int *at)
{
    const char *argument = argv[*at];
    size_t length = strcspn(argument, "=");
    const char *value = argument[length] == '=' ? argument + length + 1 : NULL;
    char problem[200] = "not an option (see --help)";
    const struct option_row *row = NULL;

    if (strncmp(argument, "--", 2) != 0) {
        return complain(argument, problem);
    }
    row = find_row(span_of(argument + 2, length - 2));
    (*at)++;
    if (row == NULL || row->value != NULL) {
        if (value == NULL && argv[*at] != NULL) {
            value = argv[*at];
            (*at)++;
        }
        if (value == NULL) {
            return complain(argument, "a value must follow");
        }
    }
    if (row != NULL) {
        return row->set(options, value) || complain(argument, "not a good value (see --help)");
    }
    return scenario_set(&options->scenario, span_of(argument + 2, length - 2),
                        span_from_string(value), problem, sizeof(problem)) ||
           complain(argument, problem);
}

enum options_status options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){0};
    scenario_init(&options->scenario);
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0) {
            print_help();
            return OPTIONS_HELP;
        }
        if (!parse_one(options, argv, &at)) {
            return OPTIONS_BAD;
        }
    }
    if (options->listener_count == 0) {
        (void)complain("--listen HOST:PORT", "is needed");
        return OPTIONS_BAD;
    }
    return OPTIONS_OK;
}

void options_fini(struct options *options)
{
    scenario_fini(&options->scenario);
}
