/* SPDX-License-Identifier: MIT */
/*
 * config.h - the conf file: read, checked, and turned into one immutable struct.
 *
 * Every key is a row of config_keys.h; the struct (config_types.h), the checks, the
 * dump, conf/tidegate.conf and docs/configuration.md all come from those rows.
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdio.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/config_types.h"

/*
 * Read and check <path>. All problems are written to <problems>, one line each:
 * "file:line: key: problem (allowed: ...)". NULL when there was any.
 *
 * Paths in the file (file:PATH, ca_file, log.access) that do not begin with "/" are
 * relative to the directory that <path> is in, not to the current one.
 */
struct config *config_load(const char *path, FILE *problems) MUST_USE;

/* The same for bytes that are already at hand; <path> is for messages and for relative paths. */
struct config *config_load_text(const char *path, struct span text, FILE *problems) MUST_USE;

/* Wipe every secret and keep the rest: for a process that serves without them. */
void config_forget_secrets(struct config *config);

/* Wipes secrets; accepts NULL. */
void config_free(struct config *config);

/* The effective conf in conf-file syntax, every key, secrets as their sources only. */
void config_print(const struct config *config, FILE *out);

/* Every key at its default, with its help as comments: conf/tidegate.conf. */
void config_print_default_file(FILE *out);

/* docs/configuration.md, from the same table. */
void config_print_markdown(FILE *out);

#endif
