/* SPDX-License-Identifier: MIT */
/*
 * config.c - the conf file: read, checked, and turned into one immutable struct.
 *
 *   config_reader.c   bytes -> libconfig's tree; the list of problems
 *   config_tree.c     tree -> struct config, by the tables
 *     config_table.c    the rows of config_keys.h
 *     config_key.c      one value; config_value.c and config_text.c do the texts
 *     config_list.c     several values
 *     config_secret.c   what env:NAME and file:PATH point to
 *     config_tls.c      the certificates and keys of listeners
 *   config_document.c struct config or defaults -> conf file, page
 */
#include "gateway/config.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_key.h"
#include "gateway/config_list.h"
#include "gateway/config_reader.h"
#include "gateway/config_tree.h"

struct config *config_load_text(const char *path, struct span text, FILE *problems)
{
    struct config_reader reader = {0};
    config_t tree;
    struct config *config = calloc(1, sizeof *config);

    if (!config_reader_init(&reader, path, problems)) {
        free(config);
        return NULL;
    }
    config_init(&tree);
    if (config == NULL || (config->path = strdup(path)) == NULL) {
        config_reader_complain(&reader, 1, NULL, "out of memory", NULL);
    } else if (config_reader_parse(&reader, text, &tree)) {
        config_tree_read(&reader, config_root_setting(&tree), config);
    }
    if (reader.problem_count > 0) {
        config_free(config);
        config = NULL;
    }
    config_destroy(&tree);
    config_reader_fini(&reader);
    return config;
}

struct config *config_load(const char *path, FILE *problems)
{
    struct config_reader reader = {0};
    struct config *config = NULL;
    char *text = NULL;
    size_t length = 0;

    if (!config_reader_init(&reader, path, problems)) {
        return NULL;
    }
    text = config_reader_read_file(&reader, &length);
    if (text != NULL) {
        config = config_load_text(path, span_of(text, length), problems);
    }
    free(text);
    config_reader_fini(&reader);
    return config;
}

void config_forget_secrets(struct config *config)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        secret_fini(&config->secrets[i].secret);
    }
    for (size_t i = 0; i < config->upstream_count; i++) {
        secret_fini(&config->upstreams[i].token);
    }
    for (size_t i = 0; i < config->listen_count; i++) {
        secret_fini(&config->listen[i].tls_key_pem);
    }
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config_list_count; i++) {
        config_list_clear(&config_lists[i], config);
    }
    for (size_t i = 0; i < config_key_count; i++) {
        config_key_clear(&config_keys[i], config);
    }
    free(config->path);
    free(config);
}
