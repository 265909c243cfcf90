/* SPDX-License-Identifier: MIT */
/*
 * config_text.c - which texts the conf file may hold.
 *
 * Some of them end up in header fields or in JSON, so what could break out of there
 * is refused here, where the operator still sees it.
 */
#include "gateway/config_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_user.h"
#include "upstream/request_body.h"

/* Longest "publisher/name:provider" that a request can ask for (route.h). */
#define MODEL_BYTES_MAX 258

static bool is_in_charset(const char *text, const char *others)
{
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && strchr(others, *text) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_printable_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* "publisher/name", and nothing that a model's name may not hold. */
static bool is_model(const char *text)
{
    const char *slash = strchr(text, '/');

    return is_in_charset(text, "._-/:") && slash != NULL && slash != text && slash[1] != '\0' &&
           strchr(slash + 1, '/') == NULL;
}

static bool is_source(const char *text)
{
    return text[0] == '\0' || ((strncmp(text, "env:", 4) == 0 || strncmp(text, "file:", 5) == 0) &&
                               strchr(text, ':')[1] != '\0');
}

const char *config_text_problem(const struct config_key *key, const char *text)
{
    size_t length = strlen(text);
    struct config_user user;

    if (key->max > 0 && (length < (size_t)key->min || length > (size_t)key->max)) {
        return length == 0 ? "must not be empty" : "too long";
    }
    if (has_control(text)) {
        return "holds a control character";
    }
    if (key->kind == CONFIG_KIND_ASCII && !is_printable_ascii(text)) {
        return "holds a character that is not printable ASCII";
    }
    if (key->kind == CONFIG_KIND_NAME && !is_in_charset(text, "._-")) {
        return "holds a character that is not allowed";
    }
    if (key->kind == CONFIG_KIND_MODEL && !is_model(text)) {
        return "not the name of a model";
    }
    if (key->kind == CONFIG_KIND_PATTERN && !config_text_is_pattern(text)) {
        return "not a pattern over publisher/name";
    }
    if (key->kind == CONFIG_KIND_SOURCE && !is_source(text)) {
        return "not the source of a secret";
    }
    if (key->kind == CONFIG_KIND_USER && !config_user_find(text, &user)) {
        return "no such user or group";
    }
    if (key->kind == CONFIG_KIND_PROMPT_TEMPLATE && !prompt_template_exists(text)) {
        return "unknown choice";
    }
    return NULL;
}

bool config_text_is_pattern(const char *text)
{
    return text[0] != '\0' && strlen(text) <= MODEL_BYTES_MAX && is_in_charset(text, "._-/:*?");
}

char *config_path_resolve(const char *directory, const char *path)
{
    size_t directory_length = strlen(directory);
    size_t path_length = strlen(path);
    char *joined = NULL;

    if (path[0] == '/' || strcmp(directory, ".") == 0) {
        return strdup(path);
    }
    joined = malloc(directory_length + path_length + 2);
    if (joined != NULL) {
        memcpy(joined, directory, directory_length);
        joined[directory_length] = '/';
        memcpy(joined + directory_length + 1, path, path_length + 1);
    }
    return joined;
}
