/* SPDX-License-Identifier: MIT */
/*
 * config_document.c - the conf file written down: the effective one, the default one,
 * and the page of the manual.
 *
 * All three walk the tables in the same order: keys and lists of the top level, then
 * section by section. A conf that is NULL stands for the defaults.
 */
#include <string.h>

#include "gateway/config.h"
#include "gateway/config_key.h"
#include "gateway/config_list.h"
#include "gateway/config_table.h"

#define HELP_COLUMNS 88
#define ALLOWED_BYTES_MAX 256

/* What is being written: a conf, or the defaults with their help. */
struct document {
    FILE *out;
    const struct config *config; /* NULL: the defaults, with help */
};

static void indent(FILE *out, unsigned depth)
{
    fprintf(out, "%*s", (int)(depth * 2), "");
}

static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

/* A paragraph of comment lines, broken between words. */
static void print_comment(FILE *out, unsigned depth, const char *text)
{
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > HELP_COLUMNS) {
            length = HELP_COLUMNS;
            while (length > 0 && text[length] != ' ') {
                length--;
            }
        }
        indent(out, depth);
        fprintf(out, "# %.*s\n", (int)length, text);
        text += length;
        text += *text == ' ' ? 1 : 0;
    }
}

static void print_help(const struct document *document, unsigned depth, const char *help,
                       const char *allowed)
{
    char line[ALLOWED_BYTES_MAX + 16];

    if (document->config != NULL) {
        return;
    }
    fputc('\n', document->out);
    print_comment(document->out, depth, help);
    (void)snprintf(line, sizeof(line), "Allowed: %s.", allowed);
    print_comment(document->out, depth, line);
}

static void print_key(const struct document *document, unsigned depth, const struct config_key *key,
                      const void *record)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];
    char allowed[ALLOWED_BYTES_MAX];
    const char *value = record == NULL ? key->default_text : config_key_get(key, record, room);

    config_key_allowed(key, allowed, sizeof(allowed));
    print_help(document, depth, key->help, allowed);
    indent(document->out, depth);
    fprintf(document->out, "%s = ", key->name);
    if (config_key_is_bare(key)) {
        fprintf(document->out, "%s;\n", value);
    } else {
        print_quoted(document->out, value);
        fprintf(document->out, ";\n");
    }
}

/* A group of a record is there or not; what it requires is empty when it is not. */
static bool has_group(const struct config_key *first, const void *record)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];

    return record == NULL || first->section[0] == '\0' ||
           config_key_get(first, record, room)[0] != '\0';
}

/* The keys from <first> on that stand in one group of a record, or in none; returns their number. */
static size_t print_group(const struct document *document, unsigned depth,
                          const struct config_list *list, size_t first, const void *record)
{
    const char *group = list->keys[first].section;
    bool is_there = has_group(&list->keys[first], record);
    bool has_braces = is_there && group[0] != '\0';
    size_t i = first;

    if (has_braces) {
        indent(document->out, depth++);
        fprintf(document->out, "%s = {\n", group);
    }
    for (; i < list->key_count && strcmp(list->keys[i].section, group) == 0; i++) {
        if (is_there) {
            print_key(document, depth, &list->keys[i], record);
        }
    }
    if (has_braces) {
        indent(document->out, depth - 1);
        fprintf(document->out, "};\n");
    }
    return i - first;
}

static void print_record(const struct document *document, unsigned depth,
                         const struct config_list *list, const void *record)
{
    indent(document->out, depth);
    fprintf(document->out, "{\n");
    for (size_t i = 0; i < list->key_count;) {
        i += print_group(document, depth + 1, list, i, record);
    }
    indent(document->out, depth);
    fputc('}', document->out);
}

static void print_records(const struct document *document, unsigned depth,
                          const struct config_list *list)
{
    const void *record;

    fprintf(document->out, "%s = (", list->name);
    if (document->config == NULL && list->is_required) {
        fputc('\n', document->out);
        print_record(document, depth + 1, list, NULL);
    }
    for (size_t i = 0; document->config != NULL &&
                       (record = config_list_record(list, document->config, i)) != NULL;
         i++) {
        fprintf(document->out, "%s\n", i == 0 ? "" : ",");
        print_record(document, depth + 1, list, record);
    }
    fprintf(document->out, " );\n");
}

static void print_default_items(FILE *out, const char *items)
{
    bool is_first = true;

    while (*items != '\0') {
        size_t length = strcspn(items, " ");
        fprintf(out, "%s\"%.*s\"", is_first ? "" : ", ", (int)length, items);
        is_first = false;
        items += length;
        items += *items == ' ' ? 1 : 0;
    }
}

/* True when a text says all there is to say of the record: its first key. */
static bool is_short_record(const struct config_list *list, const void *record)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];

    for (size_t i = 1; i < list->key_count; i++) {
        const struct config_key *key = &list->keys[i];
        if (strcmp(config_key_get(key, record, room), key->is_required ? "" : key->default_text) !=
            0) {
            return false;
        }
    }
    return true;
}

/* Records that may be texts: as short as they can be. */
static void print_short_records(const struct document *document, unsigned depth,
                                const struct config_list *list)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];
    const void *record;

    fprintf(document->out, "%s = (", list->name);
    for (size_t i = 0; (record = config_list_record(list, document->config, i)) != NULL; i++) {
        fprintf(document->out, "%s\n", i == 0 ? "" : ",");
        if (is_short_record(list, record)) {
            indent(document->out, depth + 1);
            print_quoted(document->out, config_key_get(&list->keys[0], record, room));
        } else {
            print_record(document, depth + 1, list, record);
        }
    }
    fprintf(document->out, " );\n");
}

static void print_texts(const struct document *document, const struct config_list *list)
{
    const char *text;

    fprintf(document->out, "%s = [ ", list->name);
    if (document->config == NULL) {
        print_default_items(document->out, list->default_items);
    }
    for (size_t i = 0;
         document->config != NULL && (text = config_list_text(list, document->config, i)) != NULL;
         i++) {
        fprintf(document->out, "%s", i == 0 ? "" : ", ");
        print_quoted(document->out, text);
    }
    fprintf(document->out, " ];\n");
}

static void print_list(const struct document *document, unsigned depth,
                       const struct config_list *list)
{
    print_help(document, depth, list->help, config_list_allowed(list));
    indent(document->out, depth);
    if (list->keys == NULL || (list->takes_text && document->config == NULL)) {
        print_texts(document, list);
    } else if (list->takes_text) {
        print_short_records(document, depth, list);
    } else {
        print_records(document, depth, list);
    }
}

/* The keys and lists of one section, "" being the top level. */
static void print_members(const struct document *document, unsigned depth, const char *section)
{
    for (size_t i = 0; i < config_list_count; i++) {
        if (strcmp(config_lists[i].section, section) == 0) {
            print_list(document, depth, &config_lists[i]);
        }
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0) {
            print_key(document, depth, &config_keys[i], document->config);
        }
    }
}

static void print_document(const struct document *document)
{
    print_members(document, 0, "");
    for (size_t i = 0; i < config_section_count; i++) {
        if (document->config == NULL) {
            fputc('\n', document->out);
            print_comment(document->out, 0, config_sections[i].help);
        }
        fprintf(document->out, "%s: {\n", config_sections[i].name);
        print_members(document, 1, config_sections[i].name);
        fprintf(document->out, "};\n");
    }
}

void config_print(const struct config *config, FILE *out)
{
    const struct document document = {.out = out, .config = config};

    print_document(&document);
}

void config_print_default_file(FILE *out)
{
    const struct document document = {.out = out, .config = NULL};

    print_comment(out, 0,
                  "Tidegate's conf file: every key at its default, where it has one; the others "
                  "hold an example. Made by `tidegate --print-default-conf`.");
    print_comment(out, 0, "Check a file with `tidegate -t -c FILE`.");
    print_document(&document);
}

/* -- the page -- */

/* In a table cell a bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, out);
    }
}

static void print_row(FILE *out, const char *name, const char *allowed, const char *standard,
                      bool is_reloadable)
{
    fprintf(out, "| `%s` | ", name);
    print_cell(out, allowed);
    fprintf(out, " | %s | %s | ", standard, is_reloadable ? "reload" : "restart");
}

static void print_key_row(FILE *out, const struct config_key *key, bool is_in_record)
{
    char name[ALLOWED_BYTES_MAX];
    char allowed[ALLOWED_BYTES_MAX];
    char standard[ALLOWED_BYTES_MAX];
    const char *quote = config_key_is_bare(key) ? "" : "\"";

    config_key_allowed(key, allowed, sizeof(allowed));
    (void)snprintf(standard, sizeof(standard), "`%s%.200s%s`", quote, key->default_text, quote);
    (void)snprintf(name, sizeof(name), "%.60s%s%.60s", is_in_record ? key->section : "",
                   is_in_record && key->section[0] != '\0' ? "." : "", key->name);
    print_row(out, name, allowed, key->is_required ? "required" : standard, key->is_reloadable);
    print_cell(out, key->help);
    fprintf(out, " |\n");
}

static void print_list_row(FILE *out, const struct config_list *list)
{
    char standard[ALLOWED_BYTES_MAX];

    (void)snprintf(standard, sizeof(standard), "`%.200s`",
                   list->default_items[0] == '\0' ? "none" : list->default_items);
    print_row(out, list->name, config_list_allowed(list), list->is_required ? "required" : standard,
              list->is_reloadable);
    print_cell(out, list->help);
    fprintf(out, " %zu to %zu of them. |\n", list->least, list->most);
}

static void print_table_head(FILE *out)
{
    fprintf(out, "\n| key | allowed | default | applied by | meaning |\n|---|---|---|---|---|\n");
}

static void print_record_tables(FILE *out, const char *section)
{
    for (size_t i = 0; i < config_list_count; i++) {
        const struct config_list *list = &config_lists[i];
        if (list->keys == NULL || strcmp(list->section, section) != 0) {
            continue;
        }
        fprintf(out, "\n### Each record of `%s%s%s`\n", section, section[0] == '\0' ? "" : ".",
                list->name);
        print_table_head(out);
        for (size_t j = 0; j < list->key_count; j++) {
            print_key_row(out, &list->keys[j], true);
        }
    }
}

static void print_section_page(FILE *out, const char *section)
{
    print_table_head(out);
    for (size_t i = 0; i < config_list_count; i++) {
        if (strcmp(config_lists[i].section, section) == 0) {
            print_list_row(out, &config_lists[i]);
        }
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0) {
            print_key_row(out, &config_keys[i], false);
        }
    }
    print_record_tables(out, section);
}

void config_print_markdown(FILE *out)
{
    fprintf(out,
            "# The conf file\n\n"
            "Made by `tidegate --print-configuration-md` from the table in "
            "`gateway/config_keys.h`; a test compares.\n\n"
            "- Syntax: libconfig. Texts in quotes, `key = value;`, groups in `{ }`, lists of texts "
            "in `[ ]`, lists of records in `( )`, comments after `#`. `@include` is refused.\n"
            "- Durations and sizes carry a unit (`\"30s\"`, `\"64k\"`); a bare number is refused.\n"
            "- Secrets are named, never written: `env:NAME` or `file:PATH`. A secret file that "
            "others than its owner can read is refused.\n"
            "- Paths that do not begin with `/` are relative to the conf file's folder.\n"
            "- `tidegate -t -c FILE` checks a file and prints what is in force. Every problem is "
            "one line, all of them at once, `file:line: key: problem (allowed: ...)`; the exit "
            "status is then 2.\n"
            "- *reload*: SIGHUP applies it, by new workers; running answers keep the old value. "
            "*restart*: only a restart does.\n\n"
            "## Top level\n");
    print_section_page(out, "");
    for (size_t i = 0; i < config_section_count; i++) {
        fprintf(out, "\n## `%s`\n\n%s\n", config_sections[i].name, config_sections[i].help);
        print_section_page(out, config_sections[i].name);
    }
}
