/* SPDX-License-Identifier: MIT */
/*
 * config_secret.c - the secrets that the conf file points to.
 *
 * They are read while the operator still looks: a missing variable or a loose file
 * is a line on the terminal at start, not a 401 in the night. No message holds a
 * byte of a secret.
 */
#include "gateway/config_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keys.h"
#include "gateway/config_text.h"

#define WHERE_BYTES_MAX 64
#define PROBLEM_BYTES_MAX 256

static const char file_scheme[] = "file:";

/* "file:PATH" with the path made relative to the conf file; others as they are. Owned. */
static char *resolve_source(const struct config_reader *reader, const char *source)
{
    size_t scheme_length = sizeof file_scheme - 1;
    size_t path_length = 0;
    char *path = NULL;
    char *resolved = NULL;

    if (strncmp(source, file_scheme, scheme_length) != 0) {
        return strdup(source);
    }
    path = config_path_resolve(reader->directory, source + scheme_length);
    if (path == NULL) {
        return NULL;
    }
    path_length = strlen(path);
    resolved = malloc(scheme_length + path_length + 1);
    if (resolved != NULL) {
        memcpy(resolved, file_scheme, scheme_length);
        memcpy(resolved + scheme_length, path, path_length + 1);
    }
    free(path);
    return resolved;
}

static bool read_source(struct config_reader *reader, const char *source, unsigned line,
                        const char *where, struct secret *secret)
{
    char problem[PROBLEM_BYTES_MAX] = "";
    char *resolved = resolve_source(reader, source);
    enum secret_status status = SECRET_NO_MEMORY;

    if (resolved != NULL) {
        status = secret_load(resolved, secret);
    }
    if (status != SECRET_OK) {
        (void)snprintf(problem, sizeof problem, "%.180s: %s", resolved == NULL ? source : resolved,
                       secret_status_text(status));
        config_reader_complain(reader, line, where, problem,
                               "env:NAME, or file:PATH that only its owner can read");
    }
    free(resolved);
    return status == SECRET_OK;
}

static const char *keys_problem(enum auth_keys_status status)
{
    switch (status) {
    case AUTH_KEYS_OK:
        return "no problem";
    case AUTH_KEYS_TOO_SHORT:
        return "secret too short for HS256, see RFC 7518 section 3.2";
    case AUTH_KEYS_REPEATED:
        return "another secret has this kid";
    case AUTH_KEYS_BAD_KID:
        return "kid too long, or not printable ASCII";
    case AUTH_KEYS_FULL:
        return "too many secrets";
    case AUTH_KEYS_NO_MEMORY:
        return "out of memory";
    }
    return "unknown problem";
}

static const char *keys_allowed(enum auth_keys_status status)
{
    switch (status) {
    case AUTH_KEYS_TOO_SHORT:
        return "32 bytes or more";
    case AUTH_KEYS_REPEATED:
        return "each kid once, and one secret without";
    case AUTH_KEYS_OK:
    case AUTH_KEYS_BAD_KID:
    case AUTH_KEYS_FULL:
    case AUTH_KEYS_NO_MEMORY:
        break;
    }
    return NULL;
}

/* Where <member> of the <index>th record of <list> is written; the record's line if it is not. */
static unsigned line_of_member(const config_setting_t *list, size_t index, const char *member)
{
    const config_setting_t *record = config_setting_get_elem(list, (unsigned)index);
    const config_setting_t *setting = NULL;

    if (config_setting_is_group(record) != CONFIG_FALSE) {
        setting = config_setting_get_member(record, member);
    }
    return config_setting_source_line(setting == NULL ? record : setting);
}

static void load_auth_secrets(struct config_reader *reader, const config_setting_t *list,
                              struct config *config)
{
    struct auth_keys *keys = auth_keys_new();

    if (keys == NULL) {
        config_reader_complain(reader, 1, "auth.secrets", "out of memory", NULL);
        return;
    }
    for (size_t i = 0; i < config->secret_count; i++) {
        struct config_secret *secret = &config->secrets[i];
        unsigned line = line_of_member(list, i, "secret");
        char where[WHERE_BYTES_MAX] = "";
        enum auth_keys_status status = AUTH_KEYS_OK;

        (void)snprintf(where, sizeof where, "auth.secrets[%zu].secret", i);
        if (secret->source[0] == '\0' ||
            !read_source(reader, secret->source, line, where, &secret->secret)) {
            continue; /* complained of, here or when the key was read */
        }
        status = auth_keys_add(keys, span_from_string(secret->kid), secret_span(&secret->secret));
        if (status != AUTH_KEYS_OK) {
            config_reader_complain(reader, line, where, keys_problem(status), keys_allowed(status));
        }
    }
    auth_keys_free(keys);
}

/* RFC 6750 section 2.1: what can stand behind "Bearer ". */
static bool is_bearer_token(const struct secret *token)
{
    for (size_t i = 0; i < token->length; i++) {
        if (token->bytes[i] <= ' ' || token->bytes[i] > '~') {
            return false;
        }
    }
    return true;
}

/* False when the file has a token key that was refused: the field then holds the default. */
static bool source_was_taken(const config_setting_t *list, size_t index, const char *source)
{
    const config_setting_t *record = config_setting_get_elem(list, (unsigned)index);
    const config_setting_t *setting = NULL;

    if (config_setting_is_group(record) == CONFIG_FALSE) {
        return false;
    }
    setting = config_setting_get_member(record, "token");
    return setting == NULL || (config_setting_type(setting) == CONFIG_TYPE_STRING &&
                               strcmp(config_setting_get_string(setting), source) == 0);
}

static void load_tokens(struct config_reader *reader, const config_setting_t *list,
                        struct config *config)
{
    for (size_t i = 0; i < config->upstream_count; i++) {
        struct config_upstream *upstream = &config->upstreams[i];
        unsigned line = line_of_member(list, i, "token");
        char where[WHERE_BYTES_MAX] = "";

        (void)snprintf(where, sizeof where, "upstreams[%zu].token", i);
        if (upstream->token_source[0] == '\0' ||
            !source_was_taken(list, i, upstream->token_source) ||
            !read_source(reader, upstream->token_source, line, where, &upstream->token)) {
            continue;
        }
        if (!is_bearer_token(&upstream->token)) {
            config_reader_complain(reader, line, where,
                                   "the token holds a byte that a header field may not",
                                   "printable ASCII without spaces");
        }
    }
}

void config_secrets_load(struct config_reader *reader, const config_setting_t *root,
                         struct config *config)
{
    const config_setting_t *auth = config_setting_get_member(root, "auth");

    /* Records exist only if their list does, so no NULL is looked into. */
    if (config->secret_count > 0) {
        load_auth_secrets(reader, config_setting_get_member(auth, "secrets"), config);
    }
    if (config->upstream_count > 0) {
        load_tokens(reader, config_setting_get_member(root, "upstreams"), config);
    }
}
