/* SPDX-License-Identifier: MIT */
/*
 * options.c - the command line.
 *
 * A table and a loop instead of getopt: half a dozen options, of which most name
 * what to do instead of running.
 */
#include "gateway/options.h"

#include <stdio.h>
#include <string.h>

struct option_row {
    const char *name;
    const char *long_name; /* NULL: none */
    enum option_action action;
};

static const struct option_row actions[] = {
    {"-t", "--test", ACTION_CHECK},
    {"-V", "--version", ACTION_VERSION},
    {"-h", "--help", ACTION_HELP},
    {"--print-default-conf", NULL, ACTION_PRINT_DEFAULT_CONF},
    {"--print-configuration-md", NULL, ACTION_PRINT_MARKDOWN},
    {"--print-man", NULL, ACTION_PRINT_MAN},
    {"--print-conf-man", NULL, ACTION_PRINT_CONF_MAN},
};

static const struct option_text texts[] = {
    {"-c, --conf FILE", "the conf file"},
    {"--foreground", "one worker in this process, no supervisor"},
    {"-t, --test", "check the conf file and print what it comes to, secrets masked"},
    {"-V, --version", "print versions, as built and as loaded"},
    {"-h, --help", "print this"},
    {"--print-default-conf", "print a conf file with every key at its default"},
    {"--print-configuration-md", "print the page that describes every key"},
    {"--print-man", "print the manual page tidegate(8)"},
    {"--print-conf-man", "print the manual page tidegate.conf(5)"},
    {"token", "mint a development token; see tidegate token -h"},
    {"health", "ask a running gateway how it is; see tidegate health -h"},
};

const struct option_text *options_texts(size_t *count)
{
    *count = sizeof(texts) / sizeof(texts[0]);
    return texts;
}

void options_print_help(FILE *out)
{
    fputs("usage: tidegate -c FILE [--foreground]\n"
          "       tidegate -t -c FILE\n"
          "       tidegate token [OPTION...]\n"
          "       tidegate health [OPTION...]\n\n",
          out);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fprintf(out, "  %-26s %s\n", texts[i].words, texts[i].help);
    }
    fputs(
        "\n"
        "Signals: SIGTERM drains and ends (a second one cuts), SIGHUP reads the conf file again,\n"
        "SIGUSR1 reopens the access log, SIGUSR2 starts this program anew and hands over to it.\n"
        "Exit status: 0 after a drain; 1 when it could not start or was cut; 2 for a wrong "
        "command\nline or conf file. More: man tidegate.\n",
        out);
}

static bool is_one_of(const char *word, const char *name, const char *long_name)
{
    return strcmp(word, name) == 0 || (long_name != NULL && strcmp(word, long_name) == 0);
}

static const struct option_row *find_action(const char *word)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (is_one_of(word, actions[i].name, actions[i].long_name)) {
            return &actions[i];
        }
    }
    return NULL;
}

static bool find_subcommand(const char *word, enum option_action *action)
{
    if (strcmp(word, "token") == 0) {
        *action = ACTION_TOKEN;
        return true;
    }
    if (strcmp(word, "health") == 0) {
        *action = ACTION_HEALTH;
        return true;
    }
    return false;
}

/* Written so that no byte of the command line can do anything to a terminal. */
static bool wrong(char *problem, size_t size, const char *what, const char *word)
{
    size_t length;

    snprintf(problem, size, "%s: %s", what, word);
    length = strlen(problem);
    for (size_t i = 0; i < length; i++) {
        if (problem[i] < 0x20 || problem[i] > 0x7e) {
            problem[i] = '?';
        }
    }
    return false;
}

static bool is_action_taken(const struct options *options)
{
    return options->action != ACTION_RUN;
}

bool options_parse(int argc, char *const *argv, struct options *options, char *problem,
                   size_t problem_size)
{
    struct options found = {.action = ACTION_RUN};

    if (argc > 1 && find_subcommand(argv[1], &options->action)) {
        return true;
    }
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = find_action(argv[i]);
        if (row != NULL) {
            if (is_action_taken(&found) && found.action != row->action) {
                return wrong(problem, problem_size, "this goes with no other action", argv[i]);
            }
            found.action = row->action;
        } else if (strcmp(argv[i], "--foreground") == 0) {
            found.is_foreground = true;
        } else if (!is_one_of(argv[i], "-c", "--conf")) {
            return wrong(problem, problem_size, "unknown option", argv[i]);
        } else if (i + 1 == argc || argv[i + 1][0] == '\0') {
            return wrong(problem, problem_size, "this wants the name of a file", argv[i]);
        } else if (found.conf_path != NULL) {
            return wrong(problem, problem_size, "a second conf file", argv[i + 1]);
        } else {
            found.conf_path = argv[++i];
        }
    }
    if ((found.action == ACTION_RUN || found.action == ACTION_CHECK) && found.conf_path == NULL) {
        return wrong(problem, problem_size, "no conf file", "give one with -c FILE");
    }
    *options = found;
    return true;
}
