/* SPDX-License-Identifier: MIT */
/*
 * route.c - matches the raw target; see route.h.
 */
#include "gateway/route.h"

#include "base/attrs.h"

static const char prefix[] = "/api/ai/huggingface/";
static const char door_prefix[] = "/v1/";
static const char models_path[] = "/v1/models";
#define PROVIDER_BYTES_MAX 64

/* The part up to <end>, or all of it; <rest> becomes what follows. */
static struct span take_until(struct span *rest, char end)
{
    const char *at = rest->length == 0 ? NULL : memchr(rest->data, end, rest->length);
    size_t length = at == NULL ? rest->length : (size_t)(at - rest->data);
    struct span part = span_of(rest->data, length);

    *rest = span_skip(*rest, at == NULL ? length : length + 1);
    return part;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Decode once into <out>, NUL-terminated; false when it is malformed, has a NUL, or does not fit. */
static bool percent_decode(struct span text, char *out, size_t size)
{
    size_t length = 0;

    while (text.length > 0) {
        char byte = text.data[0];
        size_t used = 1;
        if (byte == '%') {
            int high = text.length < 3 ? -1 : hex_value(text.data[1]);
            int low = text.length < 3 ? -1 : hex_value(text.data[2]);
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (char)(high * 16 + low);
            used = 3;
        }
        if (byte == '\0' || length + 1 >= size) {
            return false;
        }
        out[length++] = byte;
        text = span_skip(text, used);
    }
    out[length] = '\0';
    return true;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* 1 to <bytes_max> letters, digits or any of <others>. */
static bool is_word(struct span text, size_t bytes_max, const char *others)
{
    if (text.length == 0 || text.length > bytes_max) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '\0' || (!is_alphanumeric(c) && strchr(others, c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool is_name(struct span text, size_t bytes_max)
{
    return is_word(text, bytes_max, "._-") && !span_equals_string(text, ".") &&
           !span_equals_string(text, "..");
}

/* "name" or "name:provider". */
static bool is_model_name(struct span text)
{
    bool has_provider = memchr(text.data, ':', text.length) != NULL;
    struct span name = take_until(&text, ':');

    return is_name(name, ROUTE_SEGMENT_BYTES_MAX) &&
           (!has_provider || is_name(text, PROVIDER_BYTES_MAX));
}

static void parse_model(struct span publisher_raw, struct span name_raw, struct route *route)
{
    char *publisher = route->model;
    char *name;
    size_t length;

    if (!percent_decode(publisher_raw, publisher, ROUTE_SEGMENT_BYTES_MAX + 1)) {
        return;
    }
    length = strlen(publisher);
    name = publisher + length + 1;
    if (!is_name(span_of(publisher, length), ROUTE_SEGMENT_BYTES_MAX) ||
        !percent_decode(name_raw, name, sizeof(route->model) - length - 1) ||
        !is_model_name(span_from_string(name))) {
        return;
    }
    publisher[length] = '/';
    route->model_is_valid = true;
}

static bool parse_chat_id(struct span value, struct route *route)
{
    return percent_decode(value, route->chat_id, sizeof(route->chat_id)) &&
           is_word(span_from_string(route->chat_id), ROUTE_CHAT_ID_BYTES_MAX, "._~-");
}

static bool parse_format(struct span value, struct route *route)
{
    return percent_decode(value, route->format, sizeof(route->format)) &&
           is_word(span_from_string(route->format), ROUTE_FORMAT_BYTES_MAX, "-");
}

/* chat_id once, or at most once where it need not come; format at most once. Others are not ours. */
static bool parse_query(struct span query, struct route *route)
{
    unsigned chat_ids = 0;
    unsigned formats = 0;

    while (query.length > 0) {
        struct span value = take_until(&query, '&');
        struct span key = take_until(&value, '=');
        char decoded[16];
        if (!percent_decode(key, decoded, sizeof(decoded))) {
            continue; /* longer than any key of ours */
        }
        if (strcmp(decoded, "chat_id") == 0) {
            chat_ids++;
            if (!parse_chat_id(value, route)) {
                return false;
            }
        } else if (strcmp(decoded, "format") == 0 && route->id == ROUTE_CHAT) {
            formats++;
            if (!parse_format(value, route)) {
                return false;
            }
        }
    }
    return (chat_ids == 1 || (chat_ids == 0 && route->id != ROUTE_CHAT)) && formats <= 1;
}

static struct span path_of(struct span target)
{
    return take_until(&target, '?');
}

/* {publisher}/{name}/... of a path that begins with <prefix>; <path> becomes what follows. */
static void take_model(struct span *path, struct span *publisher, struct span *name)
{
    *path = span_skip(*path, sizeof(prefix) - 1);
    *publisher = take_until(path, '/');
    *name = take_until(path, '/');
}

static enum route_id find_door(struct span path)
{
    if (span_equals_string(path, "/v1/chat/completions")) {
        return ROUTE_COMPLETIONS;
    }
    if (!span_starts_with(path, models_path)) {
        return ROUTE_UNKNOWN;
    }
    path = span_skip(path, sizeof(models_path) - 1);
    if (path.length == 0) {
        return ROUTE_MODELS;
    }
    return path.length > 1 && path.data[0] == '/' ? ROUTE_MODEL : ROUTE_UNKNOWN;
}

void route_find(struct span target, struct route *route)
{
    struct span path = path_of(target);
    struct span publisher;
    struct span name;

    *route = (struct route){.id = ROUTE_UNKNOWN};
    if (span_starts_with(path, door_prefix)) {
        route->is_openai = true;
        route->id = find_door(path);
        return;
    }
    if (!span_starts_with(path, prefix)) {
        return;
    }
    take_model(&path, &publisher, &name);
    if (span_equals_string(path, "chat")) {
        route->id = ROUTE_CHAT;
    } else if (span_equals_string(path, "chat/completions")) {
        route->id = ROUTE_CHAT_COMPLETIONS;
        route->is_openai = true;
    }
}

void route_parse_model(struct span model, struct route *route)
{
    struct span name = model;
    struct span publisher = take_until(&name, '/');

    route->model_is_valid =
        is_name(publisher, ROUTE_SEGMENT_BYTES_MAX) && name.length > 0 && is_model_name(name);
    if (route->model_is_valid) {
        memcpy(route->model, model.data, model.length);
        route->model[model.length] = '\0';
    }
}

/* Some clients escape the slash inside a model's name, others do not. */
static void parse_listed_model(struct span path, struct route *route)
{
    char decoded[sizeof(route->model)];
    struct span name = path;
    struct span publisher = take_until(&name, '/');

    if (name.length > 0) {
        parse_model(publisher, name, route);
    } else if (percent_decode(path, decoded, sizeof(decoded))) {
        route_parse_model(span_from_string(decoded), route);
    }
}

void route_parse(struct span target, struct route *route)
{
    struct span query = target;
    struct span path = take_until(&query, '?');
    struct span publisher;
    struct span name;

    route_find(target, route);
    switch (route->id) {
    case ROUTE_UNKNOWN:
        return;
    case ROUTE_CHAT:
    case ROUTE_CHAT_COMPLETIONS:
        take_model(&path, &publisher, &name);
        parse_model(publisher, name, route);
        break;
    case ROUTE_MODEL:
        parse_listed_model(span_skip(path, sizeof(models_path)), route);
        break;
    case ROUTE_COMPLETIONS:
    case ROUTE_MODELS:
        break;
    }
    route->query_is_valid = parse_query(query, route);
}

const char *route_name(enum route_id id)
{
    switch (id) {
    case ROUTE_UNKNOWN:
        return NULL;
    case ROUTE_CHAT:
        return "chat";
    case ROUTE_CHAT_COMPLETIONS:
        return "chat_completions";
    case ROUTE_COMPLETIONS:
        return "v1_chat_completions";
    case ROUTE_MODELS:
        return "v1_models";
    case ROUTE_MODEL:
        return "v1_model";
    }
    return NULL;
}

bool route_is_read(enum route_id id)
{
    return id == ROUTE_MODELS || id == ROUTE_MODEL;
}
