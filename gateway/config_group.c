/* SPDX-License-Identifier: MIT */
/*
 * config_group.c - a group of the conf file's tree, and what may stand in it.
 *
 * At the top level the groups are the sections; in a record they are those that its
 * rows name.
 */
#include "gateway/config_group.h"

#include <stdio.h>
#include <string.h>

const struct config_key *config_group_key(const struct config_group *group, const char *name)
{
    for (size_t i = 0; i < group->key_count; i++) {
        const struct config_key *key = &group->keys[i];
        if (strcmp(key->section, group->section) == 0 && strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

const struct config_list *config_group_list(const struct config_group *group, const char *name)
{
    for (size_t i = 0; i < config_list_count && !group->is_record; i++) {
        const struct config_list *list = &config_lists[i];
        if (strcmp(list->section, group->section) == 0 && strcmp(list->name, name) == 0) {
            return list;
        }
    }
    return NULL;
}

bool config_group_has_section(const struct config_group *group, const char *name)
{
    if (group->section[0] != '\0') {
        return false; /* no groups in groups */
    }
    for (size_t i = 0; i < group->key_count && group->is_record; i++) {
        if (name[0] != '\0' && strcmp(group->keys[i].section, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < config_section_count && !group->is_record; i++) {
        if (strcmp(config_sections[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

unsigned config_line_of(const config_setting_t *setting)
{
    unsigned line = config_setting_source_line(setting);
    return line == 0 ? 1 : line; /* the root has none */
}

static void append_word(char *out, size_t out_size, const char *word)
{
    size_t length = strlen(out);
    (void)snprintf(out + length, out_size - length, "%s%s", length == 0 ? "" : ", ",
                   word); /* a list cut short is still a hint */
}

/* The groups of a record: each row names its own, rows of one group stand together. */
static void append_groups(const struct config_group *group, char *out, size_t out_size)
{
    const char *last = "";

    for (size_t i = 0; i < group->key_count; i++) {
        if (strcmp(group->keys[i].section, last) != 0) {
            last = group->keys[i].section;
            append_word(out, out_size, last);
        }
    }
}

void config_group_members(const struct config_group *group, char *out, size_t out_size)
{
    bool is_top = group->section[0] == '\0';

    out[0] = '\0';
    for (size_t i = 0; i < group->key_count; i++) {
        if (strcmp(group->keys[i].section, group->section) == 0) {
            append_word(out, out_size, group->keys[i].name);
        }
    }
    for (size_t i = 0; i < config_list_count && !group->is_record; i++) {
        if (strcmp(config_lists[i].section, group->section) == 0) {
            append_word(out, out_size, config_lists[i].name);
        }
    }
    for (size_t i = 0; i < config_section_count && !group->is_record && is_top; i++) {
        append_word(out, out_size, config_sections[i].name);
    }
    if (group->is_record && is_top) {
        append_groups(group, out, out_size);
    }
}
