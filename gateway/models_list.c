/* SPDX-License-Identifier: MIT */
/*
 * models_list.c - see models_list.h. Names come from the conf file, whose check lets through
 * no byte that JSON would have to escape.
 */
#include "gateway/models_list.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/models.h"
#include "gateway/route.h"

#define MODEL_BYTES_MAX 512

struct list {
    FILE *out;
    const struct config *config;
    size_t count;
};

size_t models_list_entry_render(const char *model, char out[MODELS_LIST_ENTRY_BYTES_MAX])
{
    char publisher[ROUTE_SEGMENT_BYTES_MAX + 1];
    size_t publisher_length = strcspn(model, "/");
    int length;

    if (publisher_length >= sizeof(publisher)) {
        return 0; /* no model that can be asked for */
    }
    memcpy(publisher, model, publisher_length);
    publisher[publisher_length] = '\0';
    length = snprintf(out, MODELS_LIST_ENTRY_BYTES_MAX,
                      "{\"id\":\"%s\",\"object\":\"model\",\"created\":0,\"owned_by\":\"%s\"}",
                      model, publisher);
    return length > 0 && length < MODELS_LIST_ENTRY_BYTES_MAX ? (size_t)length : 0;
}

static bool is_pattern(const char *row)
{
    return strpbrk(row, "*?") != NULL;
}

/* What can be asked for by this name, and is no pattern. */
static bool is_served(const struct config *config, const char *model)
{
    char room[MODEL_BYTES_MAX];
    struct models_choice choice;
    struct route route;

    route_parse_model(span_from_string(model), &route);
    return route.model_is_valid && models_resolve(config, span_from_string(model), room,
                                                  sizeof(room), &choice) == MODELS_ALLOWED;
}

static void add(struct list *list, const char *model)
{
    char entry[MODELS_LIST_ENTRY_BYTES_MAX];

    if (is_served(list->config, model) && models_list_entry_render(model, entry) > 0) {
        fprintf(list->out, "%s%s", list->count++ == 0 ? "" : ",", entry);
    }
}

static bool is_among(char *const *rows, size_t count, const char *model)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i], model) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_earlier_alias(const struct config *config, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->aliases[i].from, config->aliases[index].from) == 0) {
            return true;
        }
    }
    return false;
}

static void add_all(struct list *list)
{
    const struct config *config = list->config;

    for (size_t i = 0; i < config->models_allow_count; i++) {
        if (!is_among(config->models_allow, i, config->models_allow[i])) {
            add(list, config->models_allow[i]);
        }
    }
    for (size_t i = 0; i < config->alias_count; i++) {
        const char *from = config->aliases[i].from;
        if (!is_among(config->models_allow, config->models_allow_count, from) &&
            !is_earlier_alias(config, i)) {
            add(list, from);
        }
    }
}

static void add_patterns(struct list *list)
{
    const struct config *config = list->config;
    size_t count = 0;

    for (size_t i = 0; i < config->models_allow_count; i++) {
        if (is_pattern(config->models_allow[i])) {
            fprintf(list->out, "%s\"%s\"", count++ == 0 ? "" : ",", config->models_allow[i]);
        }
    }
}

char *models_list_new(const struct config *config, size_t *length)
{
    char *text = NULL;
    struct list list = {.out = open_memstream(&text, length), .config = config};

    if (list.out == NULL) {
        return NULL;
    }
    fputs("{\"object\":\"list\",\"data\":[", list.out);
    add_all(&list);
    fputs("],\"patterns\":[", list.out);
    add_patterns(&list);
    fputs("]}", list.out);
    bool is_whole = ferror(list.out) == 0;
    if (fclose(list.out) != 0 || !is_whole) {
        free(text);
        return NULL;
    }
    return text;
}
