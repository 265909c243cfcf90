/* SPDX-License-Identifier: MIT */
/*
 * models.c - aliases, the retired list, the allow-list; see models.h.
 */
#include "gateway/models.h"

/*
 * Shell pattern: "*" any bytes, "?" one byte. Only the last star is ever tried again,
 * so the time is bounded by the product of the lengths, whatever the pattern.
 */
static bool matches(const char *pattern, struct span text)
{
    const char *star = NULL;
    size_t at = 0;
    size_t star_at = 0;

    while (at < text.length) {
        if (*pattern == '*') {
            star = pattern++;
            star_at = at;
        } else if (*pattern == '?' || (*pattern != '\0' && *pattern == text.data[at])) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static struct span without_provider(struct span model)
{
    const char *colon = model.length == 0 ? NULL : memchr(model.data, ':', model.length);

    return colon == NULL ? model : span_of(model.data, (size_t)(colon - model.data));
}

/* The first pattern that matches, else <count>. Without a colon it says nothing of the provider. */
static size_t find_match(char *const *patterns, size_t count, struct span model)
{
    for (size_t i = 0; i < count; i++) {
        bool is_exact = strchr(patterns[i], ':') != NULL;
        if (matches(patterns[i], is_exact ? model : without_provider(model))) {
            return i;
        }
    }
    return count;
}

/* The alias's target, with the caller's provider when it has none of its own. */
static struct span apply_alias(const struct config *config, struct span model, char *room,
                               size_t room_size)
{
    struct span name = without_provider(model);

    for (size_t i = 0; i < config->alias_count; i++) {
        struct span to = span_from_string(config->aliases[i].to);
        if (span_equals_string(model, config->aliases[i].from)) {
            return to;
        }
        if (!span_equals_string(name, config->aliases[i].from)) {
            continue;
        }
        struct span suffix = span_skip(model, name.length);
        if (strchr(config->aliases[i].to, ':') != NULL || to.length + suffix.length > room_size) {
            return to;
        }
        memcpy(room, to.data, to.length);
        memcpy(room + to.length, suffix.data, suffix.length);
        return span_of(room, to.length + suffix.length);
    }
    return model;
}

/* The format that models.formats has for it, or NULL. */
static const struct format *find_format(const struct config *config, struct span model)
{
    for (size_t i = 0; i < config->model_format_count; i++) {
        char *const *pattern = &config->model_formats[i].model;
        if (find_match(pattern, 1, model) == 0) {
            return config->model_formats[i].format;
        }
    }
    return NULL;
}

enum models_verdict models_resolve(const struct config *config, struct span model, char *room,
                                   size_t room_size, struct models_choice *choice)
{
    struct span wanted = apply_alias(config, model, room, room_size);

    size_t pattern = find_match(config->models_allow, config->models_allow_count, wanted);

    if (find_match(config->models_retired, config->models_retired_count, wanted) <
        config->models_retired_count) {
        return MODELS_RETIRED;
    }
    if (pattern == config->models_allow_count) {
        return MODELS_UNKNOWN;
    }
    *choice = (struct models_choice){
        .upstream_model = wanted,
        .format = find_format(config, wanted),
        .pattern = pattern,
    };
    return MODELS_ALLOWED;
}
