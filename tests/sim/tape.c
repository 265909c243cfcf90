/* SPDX-License-Identifier: MIT */
/*
 * tape.c - loads recorded answers at start, so that a bad folder is seen at once.
 */
#include "tests/sim/tape.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define TAPE_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define META_DEPTH_MAX 32

struct tapes {
    struct tape *list; /* owned */
    size_t count;
};

/* A whole file, owned by the caller; NULL when it cannot be read or is too large. */
static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t got = 0;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0 && (size_t)ftell(file) < TAPE_BYTES_MAX) {
        size_t size = (size_t)ftell(file);
        rewind(file);
        data = malloc(size + 1);
        got = data == NULL ? 0 : fread(data, 1, size, file);
        if (data != NULL && got != size) {
            free(data);
            data = NULL;
        }
    }
    (void)fclose(file); /* only read from */
    *length = got;
    return data;
}

static bool read_meta(struct tape *tape, const char *path)
{
    size_t length = 0;
    char *text = read_file(path, &length);
    struct json_doc *doc = json_doc_new();
    int64_t status = 0;
    bool is_good = false;

    if (text != NULL && doc != NULL &&
        json_parse(doc, span_of(text, length), META_DEPTH_MAX) == JSON_OK) {
        struct span type = json_raw(doc, json_member(doc, 0, "content_type"));
        is_good = json_int64(doc, json_member(doc, 0, "status"), &status) && status >= 200 &&
                  status <= 599 && type.length < sizeof(tape->content_type);
        if (is_good) {
            tape->status = (int)status;
            /* "or without one": some answers were recorded with no type at all */
            (void)snprintf(tape->content_type, sizeof(tape->content_type), "%.*s", (int)type.length,
                           type.data == NULL ? "" : type.data);
        }
    }
    json_doc_free(doc);
    free(text);
    return is_good;
}

static bool load_one(struct tapes *tapes, const char *folder, const char *stem, size_t length)
{
    struct tape tape = {0};
    struct tape *grown = realloc(tapes->list, (tapes->count + 1) * sizeof(tape));
    char path[1024];
    char meta[1024];

    if (grown == NULL) {
        return false;
    }
    tapes->list = grown;
    if (snprintf(path, sizeof(path), "%s/%.*s.body", folder, (int)length, stem) >=
            (int)sizeof(path) ||
        snprintf(meta, sizeof(meta), "%s/%.*s.meta.json", folder, (int)length, stem) >=
            (int)sizeof(meta)) {
        return false;
    }
    tape.name = strndup(stem, length);
    tape.body = read_file(path, &tape.length);
    if (tape.name == NULL || tape.body == NULL || !read_meta(&tape, meta)) {
        free(tape.name);
        free(tape.body);
        return false;
    }
    tapes->list[tapes->count] = tape;
    tapes->count++;
    return true;
}

struct tapes *tapes_load(const char *folder)
{
    static const char suffix[] = ".body";
    struct tapes *tapes = calloc(1, sizeof(*tapes));
    DIR *directory = opendir(folder);
    struct dirent *entry = NULL;

    while (tapes != NULL && directory != NULL && (entry = readdir(directory)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length <= sizeof(suffix) - 1 ||
            strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix) != 0) {
            continue;
        }
        if (!load_one(tapes, folder, entry->d_name, length - (sizeof(suffix) - 1))) {
            (void)fprintf(stderr, "hfsim: %s/%s: cannot read it or its .meta.json\n", folder,
                          entry->d_name);
            tapes_free(tapes);
            tapes = NULL;
        }
    }
    if (directory == NULL) {
        (void)fprintf(stderr, "hfsim: %s: cannot open the folder\n", folder);
        tapes_free(tapes);
        return NULL;
    }
    (void)closedir(directory); /* only read from */
    return tapes;
}

void tapes_free(struct tapes *tapes)
{
    if (tapes == NULL) {
        return;
    }
    for (size_t i = 0; i < tapes->count; i++) {
        free(tapes->list[i].name);
        free(tapes->list[i].body);
    }
    free(tapes->list);
    free(tapes);
}

const struct tape *tapes_find(const struct tapes *tapes, const char *name)
{
    const struct tape *found = NULL;
    size_t length = strlen(name);

    for (size_t i = 0; tapes != NULL && i < tapes->count; i++) {
        if (strcmp(tapes->list[i].name, name) == 0) {
            return &tapes->list[i];
        }
        if (strncmp(tapes->list[i].name, name, length) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = &tapes->list[i];
        }
    }
    return found;
}
