/* SPDX-License-Identifier: MIT */
/*
 * manual.c - the manual pages, written in man(7) macros.
 *
 * Options, keys and end reasons come from their tables, so a page cannot say what the
 * program does not do; a test compares the pages in the tree with what is printed here.
 */
#include "gateway/manual.h"

#include <string.h>

#include "gateway/config_key.h"
#include "gateway/config_list.h"
#include "gateway/config_table.h"
#include "gateway/end_reason.h"
#include "gateway/options.h"

#define ALLOWED_BYTES_MAX 256

/* A backslash would be an escape, a dot or quote at the start of a line a request. */
static void put_text(FILE *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        fputs("\\&", out);
    }
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
    }
}

static void put_line(FILE *out, const char *text)
{
    put_text(out, text);
    fputc('\n', out);
}

static void put_heading(FILE *out, const char *page, const char *section, const char *summary)
{
    fprintf(out,
            ".\\\" Made by tidegate itself; see --print-man and --print-conf-man.\n"
            ".TH %s %s \"\" \"Tidegate " TIDEGATE_VERSION "\" \"Tidegate\"\n.SH NAME\n",
            page, section);
    put_line(out, summary);
}

/* A term in bold and its paragraph. */
static void put_term(FILE *out, const char *term)
{
    fputs(".TP\n.B ", out);
    put_line(out, term);
}

/* -- tidegate(8) -- */

static void put_options(FILE *out)
{
    size_t count = 0;
    const struct option_text *texts = options_texts(&count);

    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < count; i++) {
        put_term(out, texts[i].words);
        put_line(out, texts[i].help);
    }
}

struct manual_row {
    const char *term;
    const char *text;
};

static void put_rows(FILE *out, const char *heading, const struct manual_row *rows, size_t count)
{
    fprintf(out, ".SH %s\n", heading);
    for (size_t i = 0; i < count; i++) {
        put_term(out, rows[i].term);
        put_line(out, rows[i].text);
    }
}

static void put_end_reasons(FILE *out)
{
    fputs(".SH END REASONS\nEvery request ends for exactly one of these, which stands in the "
          "access log (end), in the header field X\\-Tidegate\\-Reason and in the metric "
          "tidegate_exchanges_ended_total. Status 0: too late to send one.\n",
          out);
    for (int i = 0; i < END_REASON_COUNT; i++) {
        enum end_reason reason = (enum end_reason)i;
        put_term(out, end_reason_token(reason));
        fprintf(out, "status %d, fault: %s\n", end_reason_status(reason), end_reason_fault(reason));
    }
}

void manual_print_program(FILE *out)
{
    static const struct manual_row signals[] = {
        {"SIGTERM, SIGINT",
         "Stop accepting, let running answers finish within drain_timeout, end with status 0. A "
         "second one cuts them at once, a third one kills."},
        {"SIGHUP",
         "Read and check the conf file. If it is right, new workers take over with it and the old "
         "ones finish their answers; if not, nothing changes and the log says why."},
        {"SIGUSR1", "Reopen the access log."},
        {"SIGUSR2",
         "Start the program anew, from the same path with the same arguments, and hand it every "
         "listening socket. When it is ready, finish running answers and end with status 0; if "
         "it is not within upgrade_timeout, nothing changes and the log says why."},
    };
    static const struct manual_row statuses[] = {
        {"0", "After a drain; or what was asked for has been printed."},
        {"1", "It could not start, or was cut by a second signal."},
        {"2", "The command line or the conf file is wrong. Every problem is one line on standard "
              "error: file:line: key: problem (allowed: ...)."},
    };
    static const struct manual_row files[] = {
        {"tidegate.conf", "The conf file, named with -c. See tidegate.conf(5)."},
    };

    put_heading(out, "TIDEGATE", "8", "tidegate - edge gateway for Hugging Face chat");
    fputs(".SH SYNOPSIS\n.B tidegate \\-c\n.I FILE\n.RB [ \\-\\-foreground ]\n.br\n"
          ".B tidegate \\-t \\-c\n.I FILE\n.br\n.B tidegate token\n.RI [ OPTION ...]\n.br\n"
          ".B tidegate health\n.RI [ OPTION ...]\n.SH DESCRIPTION\n",
          out);
    put_line(out,
             "Checks the signed token (JWT, HS256) of a chat request, asks Hugging Face with a "
             "token of its own, and streams the answer back as it is made, at the pace its reader "
             "can take. A supervisor keeps the listening sockets and one worker process for each "
             "processor, and serves metrics and health on an admin listener.");
    put_options(out);
    put_rows(out, "SIGNALS", signals, sizeof(signals) / sizeof(signals[0]));
    put_rows(out, "EXIT STATUS", statuses, sizeof(statuses) / sizeof(statuses[0]));
    put_end_reasons(out);
    put_rows(out, "FILES", files, sizeof(files) / sizeof(files[0]));
    fputs(".SH SEE ALSO\n.BR tidegate.conf (5)\n", out);
}

/* -- tidegate.conf(5) -- */

static void put_name(FILE *out, const char *section, const char *name)
{
    fputs(".TP\n.B ", out);
    if (section[0] != '\0') {
        put_text(out, section);
        fputc('.', out);
    }
    put_line(out, name);
}

static void put_facts(FILE *out, const char *allowed, bool is_reloadable)
{
    fputs(".br\nAllowed: ", out);
    put_text(out, allowed);
    fprintf(out, ". Applied by: %s.\n", is_reloadable ? "reload" : "restart");
}

static void put_key(FILE *out, const struct config_key *key)
{
    const char *quote = config_key_is_number(key) ? "" : "\"";
    char allowed[ALLOWED_BYTES_MAX];

    config_key_allowed(key, allowed, sizeof(allowed));
    put_name(out, key->section, key->name);
    put_line(out, key->help);
    put_facts(out, allowed, key->is_reloadable);
    if (key->is_required) {
        fputs("Required.\n", out);
    } else {
        fprintf(out, "Default: %s", quote);
        put_text(out, key->default_text);
        fprintf(out, "%s.\n", quote);
    }
}

static void put_list(FILE *out, const struct config_list *list)
{
    put_name(out, list->section, list->name);
    put_line(out, list->help);
    put_facts(out, config_list_allowed(list), list->is_reloadable);
    fprintf(out, "%zu to %zu of them.", list->least, list->most);
    if (list->is_required) {
        fputs(" Required.\n", out);
    } else {
        fputs(" Default: ", out);
        put_text(out, list->default_items[0] == '\0' ? "none" : list->default_items);
        fputs(".\n", out);
    }
}

static void put_section(FILE *out, const char *section)
{
    for (size_t i = 0; i < config_list_count; i++) {
        if (strcmp(config_lists[i].section, section) == 0) {
            put_list(out, &config_lists[i]);
        }
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0) {
            put_key(out, &config_keys[i]);
        }
    }
}

static void put_records(FILE *out)
{
    for (size_t i = 0; i < config_list_count; i++) {
        const struct config_list *list = &config_lists[i];
        if (list->keys == NULL) {
            continue;
        }
        fprintf(out, ".SH EACH RECORD OF %s%s%s\n", list->section,
                list->section[0] == '\0' ? "" : ".", list->name);
        for (size_t j = 0; j < list->key_count; j++) {
            put_key(out, &list->keys[j]);
        }
    }
}

void manual_print_conf(FILE *out)
{
    put_heading(out, "TIDEGATE.CONF", "5", "tidegate.conf - conf file of tidegate");
    fputs(".SH DESCRIPTION\n", out);
    put_line(out, "Syntax: libconfig. Texts in quotes, key = value; groups in { }, lists of texts "
                  "in [ ], lists of records in ( ), comments after #. Durations and sizes carry a "
                  "unit (\"30s\", \"64k\"). Secrets are named, never written: env:NAME or "
                  "file:PATH. Paths that do not begin with / are relative to the conf file's "
                  "folder. tidegate -t -c FILE checks a file and prints what is in force.");
    fputs(".SH TOP LEVEL\n", out);
    put_section(out, "");
    for (size_t i = 0; i < config_section_count; i++) {
        fprintf(out, ".SH SECTION %s\n", config_sections[i].name);
        put_line(out, config_sections[i].help);
        put_section(out, config_sections[i].name);
    }
    put_records(out);
    fputs(".SH SEE ALSO\n.BR tidegate (8)\n", out);
}
