/* SPDX-License-Identifier: MIT */
/*
 * config_key.c - what each kind of key does.
 *
 * Texts go through one door whether they come from the file or are defaults, so a
 * default that its own row would refuse cannot exist (a test loads them all).
 */
/* For sched_getaffinity(). */
#define _GNU_SOURCE
#include "gateway/config_key.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_text.h"
#include "gateway/config_value.h"
#include "gateway/format.h"
#include "upstream/request_body.h"

/* Processors that this process may run on, as a container or taskset allows. */
static int64_t online_processors(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1; /* more than 1024 processors, or no such call */
    }
    return CPU_COUNT(&set);
}

static bool complain(char problem[CONFIG_PROBLEM_BYTES_MAX], const char *words)
{
    (void)snprintf(problem, CONFIG_PROBLEM_BYTES_MAX, "%s", words); /* cut at worst */
    return false;
}

static bool complain_of_value(char problem[CONFIG_PROBLEM_BYTES_MAX],
                              enum config_value_status status)
{
    return complain(problem, config_value_status_text(status));
}

/* <text> becomes a copy in the field. */
static bool keep_text(const char *text, char **field, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return complain_of_value(problem, CONFIG_VALUE_NO_MEMORY);
    }
    free(*field);
    *field = copy;
    return true;
}

static enum config_value_status parse_number(const struct config_key *key, const char *text,
                                             int64_t *number)
{
    enum config_value_status status = CONFIG_VALUE_OK;

    if (key->kind == CONFIG_KIND_COUNT || key->kind == CONFIG_KIND_WORKERS) {
        status = config_parse_count(text, number);
    } else if (key->kind == CONFIG_KIND_SIZE) {
        status = config_parse_size(text, number);
    } else {
        status = config_parse_duration(text, number);
    }
    if (status == CONFIG_VALUE_OK && (*number < key->min || *number > key->max)) {
        return CONFIG_VALUE_OUT_OF_RANGE;
    }
    return status;
}

static bool set_number(const struct config_key *key, const char *text, void *field,
                       char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    int64_t number = 0;
    enum config_value_status status = CONFIG_VALUE_OK;

    if (key->kind == CONFIG_KIND_WORKERS && strcmp(text, "auto") == 0) {
        number = online_processors();
        number = number > key->max ? key->max : number;
    } else if (key->kind == CONFIG_KIND_DURATION_OR_OFF && strcmp(text, "off") == 0) {
        number = 0;
    } else {
        status = parse_number(key, text, &number);
    }
    if (status != CONFIG_VALUE_OK) {
        return complain_of_value(problem, status);
    }
    if (key->kind == CONFIG_KIND_WHOLE_SECONDS && number % 1000 != 0) {
        return complain(problem, "not whole seconds");
    }
    if (key->kind == CONFIG_KIND_SIZE) {
        *(size_t *)field = (size_t)number;
    } else {
        *(int64_t *)field = number;
    }
    return true;
}

static bool set_address(const struct config_key *key, const char *text,
                        struct config_address *field, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    struct config_address address = {0};
    enum config_value_status status = CONFIG_VALUE_OK;

    if (key->kind == CONFIG_KIND_ADDRESS_OR_OFF && (text[0] == '\0' || strcmp(text, "off") == 0)) {
        address.text = strdup("off");
        status = address.text == NULL ? CONFIG_VALUE_NO_MEMORY : CONFIG_VALUE_OK;
    } else {
        status = config_parse_address(text, &address);
    }
    if (status != CONFIG_VALUE_OK) {
        return complain_of_value(problem, status);
    }
    free(field->text);
    *field = address;
    return true;
}

static bool can_be_read(const char *path)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return false;
    }
    (void)fclose(file); /* nothing was written */
    return true;
}

/* Secrets are named "file:PATH" elsewhere, so that is taken here, too. */
static const char *without_scheme(const char *text)
{
    static const char scheme[] = "file:";

    return strncmp(text, scheme, sizeof scheme - 1) == 0 ? text + sizeof scheme - 1 : text;
}

/* A path is kept as this process will open it. */
static bool set_path(const struct config_key *key, const char *text, const char *directory,
                     char **field, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    const char *named = key->kind == CONFIG_KIND_PRIVATE_FILE ? without_scheme(text) : text;
    bool is_word = text[0] == '\0' || (key->kind == CONFIG_KIND_LOG_SINK &&
                                       (strcmp(text, "stderr") == 0 || strcmp(text, "off") == 0));
    char *path = is_word ? strdup(text) : config_path_resolve(directory, named);

    if (path == NULL) {
        return complain_of_value(problem, CONFIG_VALUE_NO_MEMORY);
    }
    if (key->kind == CONFIG_KIND_READABLE_FILE && !is_word && !can_be_read(path)) {
        free(path);
        return complain(problem, "no such file, or it cannot be read");
    }
    free(*field);
    *field = path;
    return true;
}

static bool set_text(const struct config_key *key, const char *text, const char *directory,
                     char **field, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    const char *words = config_text_problem(key, text);

    if (words != NULL) {
        return complain(problem, words);
    }
    if (key->kind == CONFIG_KIND_READABLE_FILE || key->kind == CONFIG_KIND_PRIVATE_FILE ||
        key->kind == CONFIG_KIND_LOG_SINK) {
        return set_path(key, text, directory, field, problem);
    }
    if (key->kind == CONFIG_KIND_URL &&
        !upstream_url_check(text, problem, CONFIG_PROBLEM_BYTES_MAX)) {
        return false;
    }
    return keep_text(text, field, problem);
}

#define NO_CHOICE (-1)

static int choice_index(const char *const *names, const char *text)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            return i;
        }
    }
    return NO_CHOICE;
}

/* One of two words: the field is a bool that says whether it is the second. */
static bool is_two_sided(const struct config_key *key)
{
    return key->kind == CONFIG_KIND_UPSTREAM_ERRORS || key->kind == CONFIG_KIND_SWITCH ||
           key->kind == CONFIG_KIND_UNKNOWN_PARAMETERS;
}

/* The value of a choosing kind goes into a field of its own type. */
static bool set_choice(const struct config_key *key, const char *text, void *field)
{
    int index = choice_index(config_key_choices(key), text);

    if (index == NO_CHOICE) {
        return false;
    }
    if (is_two_sided(key)) {
        *(bool *)field = index != 0;
    } else if (key->kind == CONFIG_KIND_LOG_LEVEL) {
        *(enum log_level *)field = (enum log_level)index;
    } else if (key->kind == CONFIG_KIND_LOG_FORMAT) {
        *(enum log_format *)field = (enum log_format)index;
    } else if (key->kind == CONFIG_KIND_REASONING) {
        *(enum config_reasoning *)field = (enum config_reasoning)index;
    } else if (key->kind == CONFIG_KIND_SANDBOX) {
        *(enum config_sandbox *)field = (enum config_sandbox)index;
    } else if (key->kind == CONFIG_KIND_TRACE) {
        *(enum config_trace *)field = (enum config_trace)index;
    } else {
        *(enum upstream_dialect *)field = (enum upstream_dialect)index;
    }
    return true;
}

static int get_choice(const struct config_key *key, const void *field)
{
    if (is_two_sided(key)) {
        return *(const bool *)field ? 1 : 0;
    }
    if (key->kind == CONFIG_KIND_LOG_LEVEL) {
        return (int)*(const enum log_level *)field;
    }
    if (key->kind == CONFIG_KIND_LOG_FORMAT) {
        return (int)*(const enum log_format *)field;
    }
    if (key->kind == CONFIG_KIND_REASONING) {
        return (int)*(const enum config_reasoning *)field;
    }
    if (key->kind == CONFIG_KIND_SANDBOX) {
        return (int)*(const enum config_sandbox *)field;
    }
    if (key->kind == CONFIG_KIND_TRACE) {
        return (int)*(const enum config_trace *)field;
    }
    return (int)*(const enum upstream_dialect *)field;
}

static bool set_format(const char *text, const struct format **field)
{
    const struct format *format = format_find(span_from_string(text));

    if (format == NULL) {
        return false;
    }
    *field = format;
    return true;
}

bool config_key_set(const struct config_key *key, const char *text, const char *directory,
                    void *record, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    void *field = (char *)record + key->offset;

    switch (config_key_class(key)) {
    case CONFIG_CLASS_NUMBER:
        return set_number(key, text, field, problem);
    case CONFIG_CLASS_TEXT:
        return set_text(key, text, directory, field, problem);
    case CONFIG_CLASS_CHOICE:
        return set_choice(key, text, field) || complain(problem, "unknown choice");
    case CONFIG_CLASS_FORMAT:
        return set_format(text, field) || complain(problem, "unknown choice");
    case CONFIG_CLASS_ADDRESS:
        return set_address(key, text, field, problem);
    }
    return complain(problem, "unknown kind");
}

static const char *get_number(const struct config_key *key, const void *field, char *room)
{
    if (key->kind == CONFIG_KIND_SIZE) {
        config_render_size((int64_t) * (const size_t *)field, room);
    } else if (key->kind == CONFIG_KIND_COUNT || key->kind == CONFIG_KIND_WORKERS) {
        (void)snprintf(room, CONFIG_VALUE_TEXT_BYTES_MAX, "%" PRId64,
                       *(const int64_t *)field); /* at most 20 characters */
    } else if (key->kind == CONFIG_KIND_DURATION_OR_OFF && *(const int64_t *)field == 0) {
        return "off";
    } else {
        config_render_duration(*(const int64_t *)field, room);
    }
    return room;
}

const char *config_key_get(const struct config_key *key, const void *record,
                           char room[CONFIG_VALUE_TEXT_BYTES_MAX])
{
    const void *field = (const char *)record + key->offset;

    switch (config_key_class(key)) {
    case CONFIG_CLASS_NUMBER:
        return get_number(key, field, room);
    case CONFIG_CLASS_TEXT:
        return *(char *const *)field;
    case CONFIG_CLASS_CHOICE:
        return config_key_choices(key)[get_choice(key, field)];
    case CONFIG_CLASS_FORMAT:
        return (*(const struct format *const *)field)->name;
    case CONFIG_CLASS_ADDRESS:
        return ((const struct config_address *)field)->text;
    }
    return "";
}

void config_key_clear(const struct config_key *key, void *record)
{
    void *field = (char *)record + key->offset;
    char **text = NULL;

    if (config_key_class(key) == CONFIG_CLASS_TEXT) {
        text = field;
    } else if (config_key_class(key) == CONFIG_CLASS_ADDRESS) {
        text = &((struct config_address *)field)->text;
    }
    if (text != NULL) {
        free(*text);
        *text = NULL;
    }
}

static void allowed_numbers(const struct config_key *key, char *out, size_t out_size)
{
    char min[CONFIG_VALUE_TEXT_BYTES_MAX] = "";
    char max[CONFIG_VALUE_TEXT_BYTES_MAX] = "";

    if (key->kind == CONFIG_KIND_COUNT || key->kind == CONFIG_KIND_WORKERS) {
        (void)snprintf(out, out_size, "%s%" PRId64 " to %" PRId64,
                       key->kind == CONFIG_KIND_WORKERS ? "\"auto\", " : "", key->min, key->max);
        return;
    }
    if (key->kind == CONFIG_KIND_SIZE) {
        config_render_size(key->min, min);
        config_render_size(key->max, max);
        (void)snprintf(out, out_size, "\"%s\" to \"%s\", units b k m g", min, max);
        return;
    }
    config_render_duration(key->min, min);
    config_render_duration(key->max, max);
    (void)snprintf(out, out_size, "%s\"%s\" to \"%s\", units %s",
                   key->kind == CONFIG_KIND_DURATION_OR_OFF ? "\"off\", " : "", min, max,
                   key->kind == CONFIG_KIND_WHOLE_SECONDS ? "s m" : "ms s m h");
}

static void allowed_choices(const struct config_key *key, char *out, size_t out_size)
{
    const char *const *names = config_key_choices(key);
    const char *quote = config_key_is_bare(key) ? "" : "\"";
    size_t length = 0;

    for (; *names != NULL && length + sizeof(", \"\"") < out_size; names++) {
        int written = snprintf(out + length, out_size - length, "%s%s%s%s", length == 0 ? "" : ", ",
                               quote, *names, quote);
        length += written < 0 ? 0 : (size_t)written;
    }
}

/* In words, for the kinds of text. */
static const char *allowed_text(enum config_kind kind)
{
    if (kind == CONFIG_KIND_ASCII) {
        return "printable ASCII";
    }
    if (kind == CONFIG_KIND_NAME) {
        return "letters, digits, \".\", \"_\", \"-\"";
    }
    if (kind == CONFIG_KIND_URL) {
        return "http:// or https://, host, optional port, path";
    }
    if (kind == CONFIG_KIND_MODEL) {
        return "publisher/name, optional :provider";
    }
    if (kind == CONFIG_KIND_PATTERN) {
        return "letters, digits, . _ - / : and the wildcards * ?";
    }
    if (kind == CONFIG_KIND_SOURCE) {
        return "env:NAME or file:PATH";
    }
    if (kind == CONFIG_KIND_READABLE_FILE) {
        return "a file that can be read";
    }
    if (kind == CONFIG_KIND_PRIVATE_FILE) {
        return "a file that only its owner can read";
    }
    if (kind == CONFIG_KIND_LOG_SINK) {
        return "\"stderr\", \"off\" or a path";
    }
    if (kind == CONFIG_KIND_USER) {
        return "USER or USER:GROUP, names or numbers";
    }
    return "text without control characters";
}

void config_key_allowed(const struct config_key *key, char *out, size_t out_size)
{
    switch (config_key_class(key)) {
    case CONFIG_CLASS_NUMBER:
        allowed_numbers(key, out, out_size);
        return;
    case CONFIG_CLASS_CHOICE:
        allowed_choices(key, out, out_size);
        return;
    case CONFIG_CLASS_FORMAT:
        (void)snprintf(out, out_size, "%s", format_names());
        return;
    case CONFIG_CLASS_ADDRESS:
        (void)snprintf(out, out_size, "%s",
                       key->kind == CONFIG_KIND_ADDRESS
                           ? "ADDRESS:PORT, [IPV6]:PORT or localhost:PORT"
                           : "ADDRESS:PORT, [IPV6]:PORT, localhost:PORT or \"off\"");
        return;
    case CONFIG_CLASS_TEXT:
        (void)snprintf(out, out_size, "%s",
                       key->kind == CONFIG_KIND_PROMPT_TEMPLATE ? prompt_template_names()
                                                                : allowed_text(key->kind));
        if (key->max > 0) {
            size_t length = strlen(out);
            (void)snprintf(out + length, out_size - length, ", at most %" PRId64 " bytes",
                           key->max);
        }
        return;
    }
}
