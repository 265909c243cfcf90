/* SPDX-License-Identifier: MIT */
/*
 * config_table.c - the rows of config_keys.h as data.
 */
#include "gateway/config_table.h"

#define OPTIONAL false
#define REQUIRED true
#define RESTART false
#define RELOAD true

#define ROW(type, section, key, kind, field, min, max, text, presence, applies, help)              \
    {section, key, CONFIG_KIND_##kind, offsetof(struct type, field), min, max, text, presence,     \
     applies, help},
#define CONFIG_ROW(...) ROW(config, __VA_ARGS__)
#define LISTEN_ROW(...) ROW(config_listener, __VA_ARGS__)
#define SECRET_ROW(...) ROW(config_secret, __VA_ARGS__)
#define UPSTREAM_ROW(...) ROW(config_upstream, __VA_ARGS__)
#define ALIAS_ROW(...) ROW(config_alias, __VA_ARGS__)
#define MODEL_FORMAT_ROW(...) ROW(config_model_format, __VA_ARGS__)

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct config_key config_keys[] = {CONFIG_KEYS(CONFIG_ROW)};
const size_t config_key_count = LENGTH_OF(config_keys);

static const struct config_key listen_keys[] = {CONFIG_LISTEN_KEYS(LISTEN_ROW)};
static const struct config_key secret_keys[] = {CONFIG_SECRET_KEYS(SECRET_ROW)};
static const struct config_key upstream_keys[] = {CONFIG_UPSTREAM_KEYS(UPSTREAM_ROW)};
static const struct config_key alias_keys[] = {CONFIG_ALIAS_KEYS(ALIAS_ROW)};
static const struct config_key model_format_keys[] = {CONFIG_MODEL_FORMAT_KEYS(MODEL_FORMAT_ROW)};

/* The rows of a record, their number, and whether a text may stand for a record. */
#define KEYS_OF_LISTEN listen_keys, LENGTH_OF(listen_keys), true
#define KEYS_OF_TRUSTED_PROXIES NULL, 0, false
#define KEYS_OF_UPSTREAMS upstream_keys, LENGTH_OF(upstream_keys), false
#define KEYS_OF_SECRETS secret_keys, LENGTH_OF(secret_keys), false
#define KEYS_OF_REQUIRE NULL, 0, false
#define KEYS_OF_ALLOW NULL, 0, false
#define KEYS_OF_RETIRED NULL, 0, false
#define KEYS_OF_ORIGINS NULL, 0, false
#define KEYS_OF_ALIAS alias_keys, LENGTH_OF(alias_keys), false
#define KEYS_OF_MODEL_FORMATS model_format_keys, LENGTH_OF(model_format_keys), false

#define LIST_ROW(section, key, id, item, least, most, items, presence, applies, help)              \
    {section, key,      CONFIG_LIST_##id, item, least,       most,                                 \
     items,   presence, applies,          help, KEYS_OF_##id},

const struct config_list config_lists[] = {CONFIG_LISTS(LIST_ROW)};
const size_t config_list_count = LENGTH_OF(config_lists);

#define SECTION_ROW(name, help) {name, help},

const struct config_section config_sections[] = {CONFIG_SECTIONS(SECTION_ROW)};
const size_t config_section_count = LENGTH_OF(config_sections);

/* In the order of their enums, so that an index is a value. */
static const char *const upstream_errors_names[] = {"documented", "gateway", NULL};
static const char *const unknown_parameters_names[] = {"pass", "refuse", NULL};
static const char *const switch_names[] = {"false", "true", NULL};
static const char *const log_level_names[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_format_names[] = {"logfmt", "json", NULL};
static const char *const dialect_names[] = {"chat", "tgi", NULL};
static const char *const sandbox_names[] = {"auto", "on", "off", NULL};
static const char *const reasoning_names[] = {"auto", "keep", "drop", NULL};
static const char *const trace_names[] = {"accept", "new", "off", NULL};

_Static_assert(LOG_ERROR == 0 && LOG_DEBUG == 3, "log_level_names");
_Static_assert(LOG_LOGFMT == 0 && LOG_JSON == 1, "log_format_names");
_Static_assert(CONFIG_SANDBOX_AUTO == 0 && CONFIG_SANDBOX_OFF == 2, "sandbox_names");
_Static_assert(CONFIG_REASONING_AUTO == 0 && CONFIG_REASONING_DROP == 2, "reasoning_names");
_Static_assert(CONFIG_TRACE_ACCEPT == 0 && CONFIG_TRACE_OFF == 2, "trace_names");
_Static_assert(UPSTREAM_DIALECT_CHAT == 0 && UPSTREAM_DIALECT_TGI == 1, "dialect_names");

bool config_key_is_number(const struct config_key *key)
{
    return key->kind == CONFIG_KIND_COUNT;
}

bool config_key_is_bare(const struct config_key *key)
{
    return config_key_is_number(key) || key->kind == CONFIG_KIND_SWITCH;
}

const char *const *config_key_choices(const struct config_key *key)
{
    if (key->kind == CONFIG_KIND_UPSTREAM_ERRORS) {
        return upstream_errors_names;
    }
    if (key->kind == CONFIG_KIND_SWITCH) {
        return switch_names;
    }
    if (key->kind == CONFIG_KIND_UNKNOWN_PARAMETERS) {
        return unknown_parameters_names;
    }
    if (key->kind == CONFIG_KIND_LOG_LEVEL) {
        return log_level_names;
    }
    if (key->kind == CONFIG_KIND_LOG_FORMAT) {
        return log_format_names;
    }
    if (key->kind == CONFIG_KIND_DIALECT) {
        return dialect_names;
    }
    if (key->kind == CONFIG_KIND_SANDBOX) {
        return sandbox_names;
    }
    if (key->kind == CONFIG_KIND_REASONING) {
        return reasoning_names;
    }
    if (key->kind == CONFIG_KIND_TRACE) {
        return trace_names;
    }
    return NULL;
}

enum config_class config_key_class(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_KIND_WORKERS:
    case CONFIG_KIND_DURATION:
    case CONFIG_KIND_DURATION_OR_OFF:
    case CONFIG_KIND_WHOLE_SECONDS:
    case CONFIG_KIND_SIZE:
    case CONFIG_KIND_COUNT:
        return CONFIG_CLASS_NUMBER;
    case CONFIG_KIND_ADDRESS:
    case CONFIG_KIND_ADDRESS_OR_OFF:
        return CONFIG_CLASS_ADDRESS;
    case CONFIG_KIND_FORMAT:
        return CONFIG_CLASS_FORMAT;
    case CONFIG_KIND_UPSTREAM_ERRORS:
    case CONFIG_KIND_SWITCH:
    case CONFIG_KIND_UNKNOWN_PARAMETERS:
    case CONFIG_KIND_LOG_LEVEL:
    case CONFIG_KIND_LOG_FORMAT:
    case CONFIG_KIND_DIALECT:
    case CONFIG_KIND_SANDBOX:
    case CONFIG_KIND_REASONING:
    case CONFIG_KIND_TRACE:
        return CONFIG_CLASS_CHOICE;
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_ASCII:
    case CONFIG_KIND_NAME:
    case CONFIG_KIND_URL:
    case CONFIG_KIND_MODEL:
    case CONFIG_KIND_PATTERN:
    case CONFIG_KIND_SOURCE:
    case CONFIG_KIND_READABLE_FILE:
    case CONFIG_KIND_PRIVATE_FILE:
    case CONFIG_KIND_LOG_SINK:
    case CONFIG_KIND_PROMPT_TEMPLATE:
    case CONFIG_KIND_USER:
        return CONFIG_CLASS_TEXT;
    }
    return CONFIG_CLASS_TEXT;
}
