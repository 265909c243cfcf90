/* SPDX-License-Identifier: MIT */
/*
 * config_json.c - see config_json.h. It walks the tables, and knows no key by name.
 */
#include "gateway/config_json.h"

#include <string.h>

#include "gateway/config_key.h"
#include "gateway/config_list.h"
#include "gateway/config_table.h"

#define NAME_BYTES_MAX 128

static void put_key(struct json_writer *writer, const char *name, const struct config_key *key,
                    const void *record)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];
    const char *value = config_key_get(key, record, room);

    json_open_object(writer, name);
    json_put_text(writer, "value", value);
    json_put_text(writer, "default", key->is_required ? NULL : key->default_text);
    json_close_object(writer);
}

/* <items> are separated by spaces. */
static void put_items(struct json_writer *writer, const char *items)
{
    json_open_array(writer, "default");
    while (*items != '\0') {
        size_t length = strcspn(items, " ");
        json_put_span(writer, NULL, span_of(items, length));
        items += length;
        items += *items == ' ' ? 1 : 0;
    }
    json_close_array(writer);
}

static void put_texts(struct json_writer *writer, const char *name, const struct config_list *list,
                      const struct config *config)
{
    const char *text;

    json_open_object(writer, name);
    json_open_array(writer, "value");
    for (size_t i = 0; (text = config_list_text(list, config, i)) != NULL; i++) {
        json_put_text(writer, NULL, text);
    }
    json_close_array(writer);
    if (list->is_required) {
        json_put_text(writer, "default", NULL);
    } else {
        put_items(writer, list->default_items);
    }
    json_close_object(writer);
}

/* A group that is not there (no TLS) has nothing in it. */
static bool is_absent(const struct config_key *key, const void *record)
{
    char room[CONFIG_VALUE_TEXT_BYTES_MAX];

    return key->section[0] != '\0' && config_key_get(key, record, room)[0] == '\0';
}

static void put_records(struct json_writer *writer, const char *list_name,
                        const struct config_list *list, const struct config *config)
{
    const void *record;

    for (size_t i = 0; (record = config_list_record(list, config, i)) != NULL; i++) {
        for (size_t j = 0; j < list->key_count; j++) {
            const struct config_key *key = &list->keys[j];
            char name[NAME_BYTES_MAX];
            if (is_absent(key, record)) {
                continue;
            }
            (void)snprintf(name, sizeof(name), "%.40s[%zu].%.30s%s%.30s", list_name, i,
                           key->section, key->section[0] == '\0' ? "" : ".", key->name);
            put_key(writer, name, key, record);
        }
    }
}

static void whole_name(const char *section, const char *key, char name[NAME_BYTES_MAX])
{
    (void)snprintf(name, NAME_BYTES_MAX, "%.40s%s%.40s", section, section[0] == '\0' ? "" : ".",
                   key);
}

/* The keys and lists of one section, "" being the top level. */
static void put_section(struct json_writer *writer, const struct config *config,
                        const char *section)
{
    char name[NAME_BYTES_MAX];

    for (size_t i = 0; i < config_list_count; i++) {
        const struct config_list *list = &config_lists[i];
        if (strcmp(list->section, section) == 0) {
            whole_name(section, list->name, name);
            if (list->keys == NULL) {
                put_texts(writer, name, list, config);
            } else {
                put_records(writer, name, list, config);
            }
        }
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0) {
            whole_name(section, config_keys[i].name, name);
            put_key(writer, name, &config_keys[i], config);
        }
    }
}

void config_put_json(const struct config *config, struct json_writer *writer, const char *name)
{
    json_open_object(writer, name);
    put_section(writer, config, "");
    for (size_t i = 0; i < config_section_count; i++) {
        put_section(writer, config, config_sections[i].name);
    }
    json_close_object(writer);
}
