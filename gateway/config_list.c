/* SPDX-License-Identifier: MIT */
/*
 * config_list.c - the keys of the conf file that hold several values.
 */
#include "gateway/config_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "gateway/config_text.h"
#include "gateway/config_value.h"
#include "gateway/cors_origin.h"

/* The claims that auth.require may name, in the order they are printed. */
static const char *const claim_names[] = {"exp", "sub", "nbf", "iat"};
#define CLAIM_COUNT (sizeof claim_names / sizeof claim_names[0])

static bool *claim_flag(struct config *config, size_t claim)
{
    bool *const flags[CLAIM_COUNT] = {&config->require_exp, &config->require_sub,
                                      &config->require_nbf, &config->require_iat};
    return flags[claim];
}

static bool claim_is_required(const struct config *config, size_t claim)
{
    const bool flags[CLAIM_COUNT] = {config->require_exp, config->require_sub, config->require_nbf,
                                     config->require_iat};
    return flags[claim];
}

const struct config_list *config_list_of(enum config_list_id id)
{
    const struct config_list *list = config_lists;

    while (list->id != id) { /* each id has a row */
        list++;
    }
    return list;
}

bool config_list_reserve(const struct config_list *list, struct config *config, size_t count)
{
    count += count == 0 ? 1 : 0; /* calloc() of nothing may give NULL */
    switch (list->id) {
    case CONFIG_LIST_LISTEN:
        config->listen = calloc(count, sizeof *config->listen);
        return config->listen != NULL;
    case CONFIG_LIST_TRUSTED_PROXIES:
        config->trusted_proxies = calloc(count, sizeof *config->trusted_proxies);
        return config->trusted_proxies != NULL;
    case CONFIG_LIST_UPSTREAMS:
        config->upstreams = calloc(count, sizeof *config->upstreams);
        return config->upstreams != NULL;
    case CONFIG_LIST_SECRETS:
        config->secrets = calloc(count, sizeof *config->secrets);
        return config->secrets != NULL;
    case CONFIG_LIST_REQUIRE:
        return true;
    case CONFIG_LIST_ALLOW:
        config->models_allow = calloc(count, sizeof *config->models_allow);
        return config->models_allow != NULL;
    case CONFIG_LIST_RETIRED:
        config->models_retired = calloc(count, sizeof *config->models_retired);
        return config->models_retired != NULL;
    case CONFIG_LIST_ORIGINS:
        config->cors_origins = calloc(count, sizeof *config->cors_origins);
        return config->cors_origins != NULL;
    case CONFIG_LIST_ALIAS:
        config->aliases = calloc(count, sizeof *config->aliases);
        return config->aliases != NULL;
    case CONFIG_LIST_MODEL_FORMATS:
        config->model_formats = calloc(count, sizeof *config->model_formats);
        return config->model_formats != NULL;
    }
    return false;
}

static bool complain(char problem[CONFIG_PROBLEM_BYTES_MAX], const char *words)
{
    (void)snprintf(problem, CONFIG_PROBLEM_BYTES_MAX, "%s", words); /* cut at worst */
    return false;
}

static bool add_network(struct config *config, const char *text,
                        char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    switch (network_parse(span_from_string(text),
                          &config->trusted_proxies[config->trusted_proxy_count])) {
    case NETWORK_OK:
        config->trusted_proxy_count++;
        return true;
    case NETWORK_MALFORMED:
        return complain(problem, "not an address or a network");
    case NETWORK_BAD_PREFIX:
        return complain(problem, "the number of bits behind the / is out of range");
    case NETWORK_HOST_BITS:
        return complain(problem, "the address has bits set behind the /");
    }
    return false;
}

static bool add_claim(struct config *config, const char *text,
                      char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        if (strcmp(text, claim_names[i]) == 0) {
            if (*claim_flag(config, i)) {
                return complain(problem, "named twice");
            }
            *claim_flag(config, i) = true;
            return true;
        }
    }
    return complain(problem, "unknown claim");
}

static bool add_pattern(char **patterns, size_t *count, const char *text,
                        char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    char *copy = NULL;

    if (!config_text_is_pattern(text)) {
        return complain(problem, "not a pattern over publisher/name");
    }
    copy = strdup(text);
    if (copy == NULL) {
        return complain(problem, "out of memory");
    }
    patterns[(*count)++] = copy;
    return true;
}

static bool add_origin(struct config *config, const char *text,
                       char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    bool is_any = strcmp(text, "*") == 0;
    char *copy = NULL;

    if (!cors_origin_is_valid(text)) {
        return complain(problem, "not an origin");
    }
    if (config->cors_origin_count > 0 && (is_any || strcmp(config->cors_origins[0], "*") == 0)) {
        return complain(problem, "\"*\" must be the only one");
    }
    copy = strdup(text);
    if (copy == NULL) {
        return complain(problem, "out of memory");
    }
    config->cors_origins[config->cors_origin_count++] = copy;
    return true;
}

bool config_list_add_text(const struct config_list *list, struct config *config, const char *text,
                          char problem[CONFIG_PROBLEM_BYTES_MAX])
{
    switch (list->id) {
    case CONFIG_LIST_TRUSTED_PROXIES:
        return add_network(config, text, problem);
    case CONFIG_LIST_REQUIRE:
        return add_claim(config, text, problem);
    case CONFIG_LIST_ALLOW:
        return add_pattern(config->models_allow, &config->models_allow_count, text, problem);
    case CONFIG_LIST_RETIRED:
        return add_pattern(config->models_retired, &config->models_retired_count, text, problem);
    case CONFIG_LIST_ORIGINS:
        return add_origin(config, text, problem);
    case CONFIG_LIST_LISTEN:
    case CONFIG_LIST_UPSTREAMS:
    case CONFIG_LIST_SECRETS:
    case CONFIG_LIST_ALIAS:
    case CONFIG_LIST_MODEL_FORMATS:
        break;
    }
    return complain(problem, "not a list of texts");
}

void *config_list_add_record(const struct config_list *list, struct config *config)
{
    switch (list->id) {
    case CONFIG_LIST_LISTEN:
        return &config->listen[config->listen_count++];
    case CONFIG_LIST_UPSTREAMS:
        return &config->upstreams[config->upstream_count++];
    case CONFIG_LIST_SECRETS:
        return &config->secrets[config->secret_count++];
    case CONFIG_LIST_ALIAS:
        return &config->aliases[config->alias_count++];
    case CONFIG_LIST_MODEL_FORMATS:
        return &config->model_formats[config->model_format_count++];
    case CONFIG_LIST_TRUSTED_PROXIES:
    case CONFIG_LIST_REQUIRE:
    case CONFIG_LIST_ALLOW:
    case CONFIG_LIST_RETIRED:
    case CONFIG_LIST_ORIGINS:
        break;
    }
    return NULL;
}

static const char *required_claim(const struct config *config, size_t index)
{
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        if (claim_is_required(config, i) && index-- == 0) {
            return claim_names[i];
        }
    }
    return NULL;
}

const char *config_list_text(const struct config_list *list, const struct config *config,
                             size_t index)
{
    switch (list->id) {
    case CONFIG_LIST_TRUSTED_PROXIES:
        return index < config->trusted_proxy_count ? config->trusted_proxies[index].text : NULL;
    case CONFIG_LIST_REQUIRE:
        return required_claim(config, index);
    case CONFIG_LIST_ALLOW:
        return index < config->models_allow_count ? config->models_allow[index] : NULL;
    case CONFIG_LIST_RETIRED:
        return index < config->models_retired_count ? config->models_retired[index] : NULL;
    case CONFIG_LIST_ORIGINS:
        return index < config->cors_origin_count ? config->cors_origins[index] : NULL;
    case CONFIG_LIST_LISTEN:
    case CONFIG_LIST_UPSTREAMS:
    case CONFIG_LIST_SECRETS:
    case CONFIG_LIST_ALIAS:
    case CONFIG_LIST_MODEL_FORMATS:
        break;
    }
    return NULL;
}

const void *config_list_record(const struct config_list *list, const struct config *config,
                               size_t index)
{
    switch (list->id) {
    case CONFIG_LIST_LISTEN:
        return index < config->listen_count ? &config->listen[index] : NULL;
    case CONFIG_LIST_UPSTREAMS:
        return index < config->upstream_count ? &config->upstreams[index] : NULL;
    case CONFIG_LIST_SECRETS:
        return index < config->secret_count ? &config->secrets[index] : NULL;
    case CONFIG_LIST_ALIAS:
        return index < config->alias_count ? &config->aliases[index] : NULL;
    case CONFIG_LIST_MODEL_FORMATS:
        return index < config->model_format_count ? &config->model_formats[index] : NULL;
    case CONFIG_LIST_TRUSTED_PROXIES:
    case CONFIG_LIST_REQUIRE:
    case CONFIG_LIST_ALLOW:
    case CONFIG_LIST_RETIRED:
    case CONFIG_LIST_ORIGINS:
        break;
    }
    return NULL;
}

const char *config_list_allowed(const struct config_list *list)
{
    switch (list->id) {
    case CONFIG_LIST_LISTEN:
        return "addresses in [ ], or addresses and records in ( )";
    case CONFIG_LIST_TRUSTED_PROXIES:
        return "ADDRESS or ADDRESS/BITS, such as 192.0.2.0/24 or 2001:db8::/32";
    case CONFIG_LIST_REQUIRE:
        return "\"exp\", \"sub\", \"nbf\", \"iat\", each once";
    case CONFIG_LIST_ALLOW:
    case CONFIG_LIST_RETIRED:
        return "letters, digits, . _ - / : and the wildcards * ?";
    case CONFIG_LIST_ORIGINS:
        return "SCHEME://HOST or SCHEME://HOST:PORT in small letters, no path; or \"*\" alone";
    case CONFIG_LIST_UPSTREAMS:
    case CONFIG_LIST_SECRETS:
    case CONFIG_LIST_ALIAS:
    case CONFIG_LIST_MODEL_FORMATS:
        break;
    }
    return "records in ( { } )";
}

static void clear_patterns(char **patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(patterns[i]);
    }
    free(patterns);
}

static void clear_record(const struct config_list *list, void *record)
{
    for (size_t i = 0; i < list->key_count; i++) {
        config_key_clear(&list->keys[i], record);
    }
}

static void clear_listeners(const struct config_list *list, struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        clear_record(list, &config->listen[i]);
        secret_fini(&config->listen[i].tls_certificate_pem);
        secret_fini(&config->listen[i].tls_key_pem);
    }
    free(config->listen);
}

static void clear_upstreams(const struct config_list *list, struct config *config)
{
    for (size_t i = 0; i < config->upstream_count; i++) {
        clear_record(list, &config->upstreams[i]);
        secret_fini(&config->upstreams[i].token);
    }
    free(config->upstreams);
}

static void clear_secrets(const struct config_list *list, struct config *config)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        clear_record(list, &config->secrets[i]);
        secret_fini(&config->secrets[i].secret);
    }
    free(config->secrets);
}

static void clear_aliases(const struct config_list *list, struct config *config)
{
    for (size_t i = 0; i < config->alias_count; i++) {
        clear_record(list, &config->aliases[i]);
    }
    free(config->aliases);
}

static void clear_model_formats(const struct config_list *list, struct config *config)
{
    for (size_t i = 0; i < config->model_format_count; i++) {
        clear_record(list, &config->model_formats[i]);
    }
    free(config->model_formats);
}

void config_list_clear(const struct config_list *list, struct config *config)
{
    switch (list->id) {
    case CONFIG_LIST_LISTEN:
        clear_listeners(list, config);
        break;
    case CONFIG_LIST_TRUSTED_PROXIES:
        free(config->trusted_proxies);
        break;
    case CONFIG_LIST_UPSTREAMS:
        clear_upstreams(list, config);
        break;
    case CONFIG_LIST_SECRETS:
        clear_secrets(list, config);
        break;
    case CONFIG_LIST_REQUIRE:
        break;
    case CONFIG_LIST_ALLOW:
        clear_patterns(config->models_allow, config->models_allow_count);
        break;
    case CONFIG_LIST_RETIRED:
        clear_patterns(config->models_retired, config->models_retired_count);
        break;
    case CONFIG_LIST_ORIGINS:
        clear_patterns(config->cors_origins, config->cors_origin_count);
        break;
    case CONFIG_LIST_ALIAS:
        clear_aliases(list, config);
        break;
    case CONFIG_LIST_MODEL_FORMATS:
        clear_model_formats(list, config);
        break;
    }
}
