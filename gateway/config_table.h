/* SPDX-License-Identifier: MIT */
/*
 * config_table.h - the rows of config_keys.h as data.
 *
 * What is done to the conf file as a whole (config.c, config_document.c) walks these
 * tables and knows hardly a key by name.
 */
#ifndef GATEWAY_CONFIG_TABLE_H
#define GATEWAY_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config_types.h"

enum config_kind {
    CONFIG_KIND_WORKERS = 0,
    CONFIG_KIND_ADDRESS,
    CONFIG_KIND_ADDRESS_OR_OFF,
    CONFIG_KIND_UPSTREAM_ERRORS,
    CONFIG_KIND_SWITCH,
    CONFIG_KIND_UNKNOWN_PARAMETERS,
    CONFIG_KIND_DURATION,
    CONFIG_KIND_DURATION_OR_OFF,
    CONFIG_KIND_WHOLE_SECONDS,
    CONFIG_KIND_SIZE,
    CONFIG_KIND_COUNT,
    CONFIG_KIND_TEXT,
    CONFIG_KIND_ASCII,
    CONFIG_KIND_NAME,
    CONFIG_KIND_URL,
    CONFIG_KIND_MODEL,
    CONFIG_KIND_PATTERN,
    CONFIG_KIND_SOURCE,
    CONFIG_KIND_READABLE_FILE,
    CONFIG_KIND_PRIVATE_FILE,
    CONFIG_KIND_LOG_SINK,
    CONFIG_KIND_PROMPT_TEMPLATE,
    CONFIG_KIND_FORMAT,
    CONFIG_KIND_LOG_LEVEL,
    CONFIG_KIND_LOG_FORMAT,
    CONFIG_KIND_DIALECT,
    CONFIG_KIND_USER,
    CONFIG_KIND_SANDBOX,
    CONFIG_KIND_REASONING,
    CONFIG_KIND_TRACE,
};

/* What the kinds have in common: the type of the field and who owns it. */
enum config_class {
    CONFIG_CLASS_NUMBER = 0, /* int64_t, or size_t for a size */
    CONFIG_CLASS_TEXT,       /* char *, owned */
    CONFIG_CLASS_CHOICE,     /* an enum, or bool */
    CONFIG_CLASS_FORMAT,     /* const struct format *, static */
    CONFIG_CLASS_ADDRESS,    /* struct config_address, its text owned */
};

struct config_key {
    const char *section; /* "" at the top level and in records */
    const char *name;
    enum config_kind kind;
    size_t offset; /* of the field in its struct */
    int64_t min, max;
    const char *default_text; /* an example when required */
    bool is_required;
    bool is_reloadable;
    const char *help;
};

enum config_list_id {
    CONFIG_LIST_LISTEN = 0,
    CONFIG_LIST_TRUSTED_PROXIES,
    CONFIG_LIST_UPSTREAMS,
    CONFIG_LIST_SECRETS,
    CONFIG_LIST_REQUIRE,
    CONFIG_LIST_ALLOW,
    CONFIG_LIST_RETIRED,
    CONFIG_LIST_ORIGINS,
    CONFIG_LIST_ALIAS,
    CONFIG_LIST_MODEL_FORMATS,
};

struct config_list {
    const char *section;
    const char *name;
    enum config_list_id id;
    const char *item; /* what one item is, in a word */
    size_t least, most;
    const char *default_items; /* separated by spaces; an example when required */
    bool is_required;
    bool is_reloadable;
    const char *help;
    const struct config_key *keys; /* of a record; NULL when the items are texts */
    size_t key_count;
    bool takes_text; /* a record may be written as a text: its first key */
};

struct config_section {
    const char *name;
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;
extern const struct config_list config_lists[];
extern const size_t config_list_count;
extern const struct config_section config_sections[];
extern const size_t config_section_count;

bool config_key_is_number(const struct config_key *key);

/* True when the value is written without quotes in the conf file: a number, true or false. */
bool config_key_is_bare(const struct config_key *key);

enum config_class config_key_class(const struct config_key *key);

/* The words that a key of a choosing kind may be, NULL at the end; NULL for other kinds. The
 * index of a word is the value of the field. */
const char *const *config_key_choices(const struct config_key *key);

#endif
