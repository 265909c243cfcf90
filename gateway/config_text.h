/* SPDX-License-Identifier: MIT */
/*
 * config_text.h - which texts the conf file may hold. Pure.
 */
#ifndef GATEWAY_CONFIG_TEXT_H
#define GATEWAY_CONFIG_TEXT_H

#include <stdbool.h>

#include "base/attrs.h"
#include "gateway/config_table.h"

/* What is wrong with <text> for this key, in static words; NULL when nothing is. */
const char *config_text_problem(const struct config_key *key, const char *text) MUST_USE;

/* A pattern over publisher/name: the characters of a model's name, "*" and "?". */
bool config_text_is_pattern(const char *text);

/*
 * <path> itself when it is absolute or <directory> is ".", else both joined. Owned by
 * the caller; NULL when memory is out.
 */
char *config_path_resolve(const char *directory, const char *path) MUST_USE;

#endif
