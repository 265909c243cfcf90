/* SPDX-License-Identifier: MIT */
/*
 * config_reader.c - the bytes of a conf file, and the list of what is wrong with it.
 */
#include "gateway/config_reader.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_value.h"

bool config_reader_init(struct config_reader *reader, const char *path, FILE *problems)
{
    const char *slash = strrchr(path, '/');
    char *directory = NULL;

    if (slash == NULL) {
        directory = strdup(".");
    } else {
        directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (directory == NULL) {
        (void)fprintf(problems, "%s: out of memory\n", path); /* nowhere else to say it */
        return false;
    }
    *reader = (struct config_reader){.path = path, .directory = directory, .problems = problems};
    return true;
}

void config_reader_fini(struct config_reader *reader)
{
    free(reader->directory);
    reader->directory = NULL;
}

/* The stream is the only way out: if it fails, the count still stops the start. */
static void print_place(const struct config_reader *reader, unsigned line, const char *key)
{
    (void)fprintf(reader->problems, "%s:%u: ", reader->path, line);
    if (key != NULL) {
        (void)fprintf(reader->problems, "%s: ", key);
    }
}

void config_reader_warn(struct config_reader *reader, unsigned line, const char *key,
                        const char *problem)
{
    print_place(reader, line, key);
    (void)fprintf(reader->problems, "warning: %s\n", problem);
}

void config_reader_complain(struct config_reader *reader, unsigned line, const char *key,
                            const char *problem, const char *allowed)
{
    FILE *out = reader->problems;

    print_place(reader, line, key);
    (void)fprintf(out, "%s", problem);
    if (allowed != NULL && allowed[0] != '\0') {
        (void)fprintf(out, " (allowed: %s)", allowed);
    }
    (void)fputc('\n', out);
    reader->problem_count++;
}

static void complain_of_file(struct config_reader *reader, const char *problem)
{
    (void)fprintf(reader->problems, "%s: %s\n", reader->path, problem);
    reader->problem_count++;
}

char *config_reader_read_file(struct config_reader *reader, size_t *length)
{
    char *text = NULL;
    char *result = NULL;
    size_t count = 0;
    FILE *file = fopen(reader->path, "re");

    if (file == NULL) {
        complain_of_file(reader, strerror(errno));
        return NULL;
    }
    text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    if (text == NULL) {
        complain_of_file(reader, "out of memory");
        goto out;
    }
    count = fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    if (ferror(file) != 0) {
        complain_of_file(reader, "cannot be read");
        goto out;
    }
    if (count > CONFIG_FILE_BYTES_MAX) {
        complain_of_file(reader, "larger than 1 MiB");
        goto out;
    }
    text[count] = '\0';
    *length = count;
    result = text;
    text = NULL;
out:
    free(text);
    (void)fclose(file); /* only read from */
    return result;
}

/* Where the scan before libconfig stands. */
struct scan {
    const char *at; /* the text ends with a NUL, so looking one ahead is safe */
    const char *end;
    unsigned line;
};

static void skip_to_line_end(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at != '\n') {
        scan->at++;
    }
}

static void skip_block_comment(struct scan *scan)
{
    scan->at += 2;
    while (scan->at < scan->end && !(scan->at[0] == '*' && scan->at[1] == '/')) {
        scan->line += *scan->at == '\n' ? 1 : 0;
        scan->at++;
    }
    scan->at += scan->at < scan->end ? 2 : 0;
}

static void skip_string(struct scan *scan)
{
    scan->at++;
    while (scan->at < scan->end && *scan->at != '"') {
        scan->at += *scan->at == '\\' && scan->at + 1 < scan->end ? 1 : 0;
        scan->line += *scan->at == '\n' ? 1 : 0;
        scan->at++;
    }
    scan->at += scan->at < scan->end ? 1 : 0;
}

static void skip_name(struct scan *scan)
{
    while (isalnum((unsigned char)*scan->at) || strchr("-_*", *scan->at) != NULL) {
        if (scan->at == scan->end) {
            return;
        }
        scan->at++;
    }
}

/* libconfig keeps an int and lets larger numbers wrap round. */
static void check_number(struct config_reader *reader, struct scan *scan)
{
    char digits[24] = "";
    size_t length = 0;
    int64_t number = 0;

    while (isalnum((unsigned char)*scan->at) || *scan->at == '.') {
        if (length < sizeof digits - 1) {
            digits[length++] = *scan->at;
        }
        scan->at++;
    }
    if (length > strlen("0x7fffffff") ||
        (config_parse_count(digits, &number) == CONFIG_VALUE_OK && number > INT_MAX)) {
        config_reader_complain(reader, scan->line, NULL, "number too large", "at most 2147483647");
    }
}

static void scan_one(struct config_reader *reader, struct scan *scan)
{
    char c = *scan->at;

    if (c == '#' || (c == '/' && scan->at[1] == '/')) {
        skip_to_line_end(scan);
    } else if (c == '/' && scan->at[1] == '*') {
        skip_block_comment(scan);
    } else if (c == '"') {
        skip_string(scan);
    } else if (isdigit((unsigned char)c)) {
        check_number(reader, scan);
    } else if (isalpha((unsigned char)c) || c == '*') {
        skip_name(scan);
    } else {
        if (c == '@') {
            config_reader_complain(reader, scan->line, "@include", "not supported",
                                   "one file that holds everything");
        } else if (c == '\0') {
            config_reader_complain(reader, scan->line, NULL, "NUL byte", "text");
        }
        scan->line += c == '\n' ? 1 : 0;
        scan->at++;
    }
}

/* NUL bytes inside strings and comments are found by the length, not by the scan. */
static bool scan_text(struct config_reader *reader, struct span text)
{
    struct scan scan = {text.data, text.data + text.length, 1};

    while (scan.at < scan.end) {
        scan_one(reader, &scan);
    }
    if (reader->problem_count == 0 && strlen(text.data) != text.length) {
        config_reader_complain(reader, 1, NULL, "NUL byte in a string or a comment", "text");
    }
    return reader->problem_count == 0;
}

/* The only key that is set on this line, into <name>; false when there is none or several. */
static bool find_only_key(const char *text, unsigned line, char *name, size_t name_size)
{
    unsigned found = 0;

    for (unsigned i = 1; i < line && text != NULL; i++) {
        text = strchr(text, '\n');
        text += text != NULL ? 1 : 0;
    }
    while (text != NULL && *text != '\0' && *text != '\n') {
        struct scan scan = {text, text + strlen(text), 1};
        size_t length = 0;

        skip_name(&scan);
        length = (size_t)(scan.at - text);
        scan.at += strspn(scan.at, " \t");
        if (length > 0 && length < name_size && (*scan.at == '=' || *scan.at == ':')) {
            memcpy(name, text, length);
            name[length] = '\0';
            found++;
        }
        text += length > 0 ? length : 1;
    }
    return found == 1;
}

static void complain_of_syntax(struct config_reader *reader, const char *text, const config_t *tree)
{
    unsigned line = config_error_line(tree) > 0 ? (unsigned)config_error_line(tree) : 1;
    const char *words = config_error_text(tree) != NULL ? config_error_text(tree) : "syntax error";
    char name[64] = "";

    if (strcmp(words, "duplicate setting name") == 0) {
        bool is_known = find_only_key(text, line, name, sizeof name);
        config_reader_complain(reader, line, is_known ? name : "a key of this line", "repeated key",
                               "each key once");
    } else if (strcmp(words, "syntax error") == 0) {
        config_reader_complain(reader, line, NULL, "syntax error here or just before",
                               "key = value; \"text\" in quotes, groups in { }");
    } else {
        config_reader_complain(reader, line, NULL, words, NULL);
    }
}

bool config_reader_parse(struct config_reader *reader, struct span text, config_t *tree)
{
    char *copy = malloc(text.length + 1); /* libconfig wants a NUL at the end */
    bool is_parsed = false;

    if (copy == NULL) {
        complain_of_file(reader, "out of memory");
        return false;
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    if (scan_text(reader, span_of(copy, text.length))) {
        is_parsed = config_read_string(tree, copy) == CONFIG_TRUE;
        if (!is_parsed) {
            complain_of_syntax(reader, copy, tree);
        }
    }
    free(copy);
    return is_parsed;
}
