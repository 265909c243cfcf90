/* SPDX-License-Identifier: MIT */
/*
 * config_tree.c - from libconfig's tree to struct config.
 *
 * Every field gets its default; then the tree is walked and each member looked up in
 * the tables of config_table.h, so that what is not in a table is an unknown key.
 * Nothing stops at the first problem: an operator mends a file in one go.
 */
#include "gateway/config_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_group.h"
#include "gateway/config_key.h"
#include "gateway/config_list.h"
#include "gateway/config_secret.h"
#include "gateway/config_tls.h"

/* Room for "upstreams[7].first_token_timeout" and the like. */
#define WHERE_BYTES_MAX 160
#define ALLOWED_BYTES_MAX 512

/* The value as text in <room>, or a complaint in <problem> when it is of the wrong type. */
static const char *text_of_value(const config_setting_t *setting, const struct config_key *key,
                                 char room[32], const char **problem)
{
    bool takes_number = config_key_is_number(key) || key->kind == CONFIG_KIND_WORKERS;
    int type = config_setting_type(setting);

    if (key->kind == CONFIG_KIND_SWITCH) {
        *problem = "not true or false, without quotes";
        if (type != CONFIG_TYPE_BOOL) {
            return NULL;
        }
        return config_setting_get_bool(setting) == CONFIG_TRUE ? "true" : "false";
    }
    if (type == CONFIG_TYPE_STRING) {
        *problem = "a text where a number is needed, without quotes";
        return config_key_is_number(key) ? NULL : config_setting_get_string(setting);
    }
    if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) {
        long long number = type == CONFIG_TYPE_INT ? config_setting_get_int(setting)
                                                   : config_setting_get_int64(setting);
        if (takes_number) {
            (void)snprintf(room, 32, "%lld", number); /* at most 20 characters */
            return room;
        }
        *problem = config_key_class(key) == CONFIG_CLASS_NUMBER ? "a number without a unit"
                                                                : "a number where a text is needed";
        return NULL;
    }
    *problem = takes_number ? "not a whole number" : "not a text in quotes";
    return NULL;
}

static void read_value(struct config_reader *reader, const config_setting_t *setting,
                       const struct config_key *key, const char *where, void *record)
{
    char room[32] = "";
    char allowed[ALLOWED_BYTES_MAX] = "";
    char problem[CONFIG_PROBLEM_BYTES_MAX] = "";
    const char *words = problem;
    const char *text = text_of_value(setting, key, room, &words);

    if (text != NULL) {
        if (config_key_set(key, text, reader->directory, record, problem)) {
            return;
        }
        words = problem;
    }
    config_key_allowed(key, allowed, sizeof allowed);
    config_reader_complain(reader, config_line_of(setting), where, words, allowed);
}

/* Everything a record or the whole struct holds, at its default. */
static bool set_defaults(struct config_reader *reader, const struct config_key *keys, size_t count,
                         void *record)
{
    for (size_t i = 0; i < count; i++) {
        char problem[CONFIG_PROBLEM_BYTES_MAX] = "";
        const char *text = keys[i].default_text;
        struct config_key key = keys[i];

        if (key.is_required && config_key_class(&key) != CONFIG_CLASS_FORMAT) {
            /* A text that never reaches anyone: its absence has been complained of. */
            key.kind = CONFIG_KIND_TEXT;
            key.min = 0;
            text = "";
        }
        if (!config_key_set(&key, text, ".", record, problem)) {
            config_reader_complain(reader, 1, keys[i].name, problem, NULL);
            return false;
        }
    }
    return true;
}

static bool has_member(const config_setting_t *group, const char *name)
{
    return group != NULL && config_setting_get_member(group, name) != NULL;
}

/* Each required key that is not there. */
static void check_presence(struct config_reader *reader, const struct config_group *group,
                           unsigned line)
{
    char where[WHERE_BYTES_MAX] = "";
    char allowed[ALLOWED_BYTES_MAX] = "";

    for (size_t i = 0; i < group->key_count; i++) {
        const struct config_key *key = &group->keys[i];
        if (key->is_required && strcmp(key->section, group->section) == 0 &&
            !has_member(group->setting, key->name)) {
            (void)snprintf(where, sizeof where, "%s%s", group->prefix, key->name);
            config_key_allowed(key, allowed, sizeof allowed);
            config_reader_complain(reader, line, where, "missing", allowed);
        }
    }
    for (size_t i = 0; i < config_list_count && !group->is_record; i++) {
        const struct config_list *list = &config_lists[i];
        if (list->is_required && strcmp(list->section, group->section) == 0 &&
            !has_member(group->setting, list->name)) {
            (void)snprintf(where, sizeof where, "%s%s", group->prefix, list->name);
            config_reader_complain(reader, line, where, "missing, at least one is needed",
                                   config_list_allowed(list));
        }
    }
}

static void read_group(struct config_reader *reader, const struct config_group *group,
                       struct config *config, void *record);

static void read_record(struct config_reader *reader, config_setting_t *item,
                        const struct config_list *list, const char *where, struct config *config)
{
    char prefix[WHERE_BYTES_MAX] = "";
    struct config_group group = {item, "", prefix, list->keys, list->key_count, true};
    void *record = config_list_add_record(list, config);

    if (!set_defaults(reader, list->keys, list->key_count, record)) {
        return;
    }
    if (config_setting_is_group(item) == CONFIG_FALSE) {
        config_reader_complain(reader, config_line_of(item), where, "not a record",
                               "{ key = value; }");
        return;
    }
    (void)snprintf(prefix, sizeof prefix, "%.140s.", where); /* never cut: ours */
    read_group(reader, &group, config, record);
    check_presence(reader, &group, config_line_of(item));
}

/* A text in a list of records: it is the record's first key. */
static bool add_short_record(struct config_reader *reader, const struct config_list *list,
                             const char *text, struct config *config,
                             char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    void *record = config_list_add_record(list, config);

    return set_defaults(reader, list->keys, list->key_count, record) &&
           config_key_set(&list->keys[0], text, reader->directory, record, problem);
}

static bool add_text(struct config_reader *reader, const struct config_list *list, const char *text,
                     struct config *config, char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    return list->takes_text ? add_short_record(reader, list, text, config, problem)
                            : config_list_add_text(list, config, text, problem);
}

/* What one item may be when it is a text. */
static void allowed_text(const struct config_list *list, char *out, size_t out_size)
{
    if (list->takes_text) {
        config_key_allowed(&list->keys[0], out, out_size);
    } else {
        (void)snprintf(out, out_size, "%s", config_list_allowed(list));
    }
}

static void read_item(struct config_reader *reader, config_setting_t *item,
                      const struct config_list *list, const char *where, struct config *config)
{
    char problem[CONFIG_PROBLEM_BYTES_MAX] = "not a text in quotes";
    char allowed[ALLOWED_BYTES_MAX] = "";
    bool is_text = config_setting_type(item) == CONFIG_TYPE_STRING;

    if (list->keys != NULL && !(list->takes_text && is_text)) {
        read_record(reader, item, list, where, config);
        return;
    }
    if (!is_text || !add_text(reader, list, config_setting_get_string(item), config, problem)) {
        allowed_text(list, allowed, sizeof allowed);
        config_reader_complain(reader, config_line_of(item), where, problem, allowed);
    }
}

static void read_list(struct config_reader *reader, const config_setting_t *setting,
                      const struct config_list *list, const char *where, struct config *config)
{
    size_t count = 0;

    if (config_setting_is_array(setting) == CONFIG_FALSE &&
        config_setting_is_list(setting) == CONFIG_FALSE) {
        config_reader_complain(reader, config_line_of(setting), where, "not a list",
                               list->keys != NULL ? "( { ... }, { ... } )"
                                                  : "[ \"...\", \"...\" ]");
        return;
    }
    count = (size_t)config_setting_length(setting);
    if (count < list->least || count > list->most) {
        char allowed[64] = "";
        (void)snprintf(allowed, sizeof allowed, "%zu to %zu", list->least, list->most);
        config_reader_complain(reader, config_line_of(setting), where,
                               count < list->least ? "too few" : "too many", allowed);
        return;
    }
    if (!config_list_reserve(list, config, count)) {
        config_reader_complain(reader, config_line_of(setting), where, "out of memory", NULL);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        char item[WHERE_BYTES_MAX] = "";
        (void)snprintf(item, sizeof item, "%.100s[%u]", where, i); /* never cut: ours */
        read_item(reader, config_setting_get_elem(setting, i), list, item, config);
    }
}

/* A list that is not in the file. */
static void set_default_items(struct config_reader *reader, const struct config_list *list,
                              struct config *config)
{
    const char *items = list->is_required ? "" : list->default_items;
    size_t count = 0;

    for (const char *p = items; *p != '\0'; p += strspn(p, " ")) {
        count++;
        p += strcspn(p, " ");
    }
    if (!config_list_reserve(list, config, count)) {
        config_reader_complain(reader, 1, list->name, "out of memory", NULL);
        return;
    }
    for (const char *p = items; *p != '\0'; p += strspn(p, " ")) {
        char problem[CONFIG_PROBLEM_BYTES_MAX] = "";
        char *item = strndup(p, strcspn(p, " "));
        if (item == NULL || !add_text(reader, list, item, config, problem)) {
            config_reader_complain(reader, 1, list->name, problem, NULL);
        }
        free(item);
        p += strcspn(p, " ");
    }
}

/* A group in <outer>: a section of the file, or a part of a record. */
static void read_section(struct config_reader *reader, config_setting_t *setting,
                         const struct config_group *outer, struct config *config, void *record)
{
    char where[WHERE_BYTES_MAX] = "";
    char prefix[WHERE_BYTES_MAX] = "";
    const char *name = config_setting_name(setting);
    struct config_group group = *outer;

    (void)snprintf(where, sizeof where, "%.90s%.50s", outer->prefix, name); /* never cut: ours */
    (void)snprintf(prefix, sizeof prefix, "%.150s.", where);
    if (config_setting_is_group(setting) == CONFIG_FALSE) {
        config_reader_complain(reader, config_line_of(setting), where, "not a group",
                               "{ key = value; }");
        return;
    }
    group.setting = setting;
    group.section = name;
    group.prefix = prefix;
    read_group(reader, &group, config, record);
    if (group.is_record) { /* of a section this is checked even when it is not there */
        check_presence(reader, &group, config_line_of(setting));
    }
}

static void read_member(struct config_reader *reader, config_setting_t *member,
                        const struct config_group *group, struct config *config, void *record)
{
    const char *name = config_setting_name(member);
    const struct config_key *key = config_group_key(group, name);
    const struct config_list *list = config_group_list(group, name);
    char where[WHERE_BYTES_MAX] = "";

    (void)snprintf(where, sizeof where, "%s%.64s", group->prefix, name); /* a long name is cut */
    if (key != NULL) {
        read_value(reader, member, key, where, record);
    } else if (list != NULL) {
        read_list(reader, member, list, where, config);
    } else if (config_group_has_section(group, name)) {
        read_section(reader, member, group, config, record);
    } else {
        char allowed[ALLOWED_BYTES_MAX] = "";
        config_group_members(group, allowed, sizeof allowed);
        config_reader_complain(reader, config_line_of(member), where, "unknown key", allowed);
    }
}

/* Sections and records inside are read by the same function, at most two deep. */
static void read_group(struct config_reader *reader, const struct config_group *group,
                       struct config *config, void *record)
{
    for (unsigned i = 0; i < (unsigned)config_setting_length(group->setting); i++) {
        read_member(reader, config_setting_get_elem(group->setting, i), group, config, record);
    }
}

/* The lists that the tree has not; and in every section, what is required and missing. */
static void complete_section(struct config_reader *reader, config_setting_t *setting,
                             const char *section, struct config *config)
{
    char prefix[WHERE_BYTES_MAX] = "";
    struct config_group group = {setting, section, prefix, config_keys, config_key_count, false};

    if (setting != NULL && config_setting_is_group(setting) == CONFIG_FALSE) {
        return; /* complained of already */
    }
    if (section[0] != '\0') {
        (void)snprintf(prefix, sizeof prefix, "%s.", section);
    }
    for (size_t i = 0; i < config_list_count; i++) {
        if (strcmp(config_lists[i].section, section) == 0 &&
            !has_member(setting, config_lists[i].name)) {
            set_default_items(reader, &config_lists[i], config);
        }
    }
    check_presence(reader, &group, setting == NULL ? 1 : config_line_of(setting));
}

static void check_names(struct config_reader *reader, const struct config *config,
                        const config_setting_t *root)
{
    for (size_t i = 1; i < config->upstream_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (config->upstreams[i].name[0] != '\0' &&
                strcmp(config->upstreams[i].name, config->upstreams[j].name) == 0) {
                config_reader_complain(
                    reader, config_line_of(config_setting_get_member(root, "upstreams")),
                    "upstreams", "two of them have the same name", "each name once");
            }
        }
    }
}

void config_tree_read(struct config_reader *reader, config_setting_t *root, struct config *config)
{
    struct config_group group = {root, "", "", config_keys, config_key_count, false};

    if (!set_defaults(reader, config_keys, config_key_count, config)) {
        return;
    }
    read_group(reader, &group, config, config);
    complete_section(reader, root, "", config);
    for (size_t i = 0; i < config_section_count; i++) {
        const char *name = config_sections[i].name;
        complete_section(reader, config_setting_get_member(root, name), name, config);
    }
    config_secrets_load(reader, root, config);
    config_tls_load(reader, root, config);
    check_names(reader, config, root);
}
