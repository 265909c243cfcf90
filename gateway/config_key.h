/* SPDX-License-Identifier: MIT */
/*
 * config_key.h - what each kind of key does.
 *
 * One function reads a text into a field, one writes a field as text, one says in
 * words what is allowed.
 */
#ifndef GATEWAY_CONFIG_KEY_H
#define GATEWAY_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config_table.h"
#include "gateway/config_value.h"

#define CONFIG_PROBLEM_BYTES_MAX 256

/*
 * Read <text> into the field of <key> in <record>; what the field held is freed. On
 * failure nothing changes and <problem> says why, without the text itself.
 * <directory> is what relative paths are relative to.
 */
bool config_key_set(const struct config_key *key, const char *text, const char *directory,
                    void *record, char problem[CONFIG_PROBLEM_BYTES_MAX]) MUST_USE;

/* The field as text, as config_key_set() would take it; borrowed from <record> or <room>. */
const char *config_key_get(const struct config_key *key, const void *record,
                           char room[CONFIG_VALUE_TEXT_BYTES_MAX]);

/* Free what the field owns. */
void config_key_clear(const struct config_key *key, void *record);

/* What is allowed, in words, for messages and for the page. */
void config_key_allowed(const struct config_key *key, char *out, size_t out_size);

#endif
