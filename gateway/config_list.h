/* SPDX-License-Identifier: MIT */
/*
 * config_list.h - the keys of the conf file that hold several values.
 *
 * Each list has its own member of struct config; this module is the one place that
 * knows which.
 */
#ifndef GATEWAY_CONFIG_LIST_H
#define GATEWAY_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config_key.h"

/* The row of a list. */
const struct config_list *config_list_of(enum config_list_id id);

/* Make room for <count> items, zeroed; nothing is in the list yet. False: no memory. */
bool config_list_reserve(const struct config_list *list, struct config *config,
                         size_t count) MUST_USE;

/*
 * Add one text to a list of texts that has room for it. On failure <problem> says why,
 * without the text itself.
 */
bool config_list_add_text(const struct config_list *list, struct config *config, const char *text,
                          char problem[CONFIG_PROBLEM_BYTES_MAX]) MUST_USE;

/* Add one zeroed record to a list of records that has room for it; borrowed. */
void *config_list_add_record(const struct config_list *list, struct config *config) MUST_USE;

/* Look: NULL behind the last one. */
const char *config_list_text(const struct config_list *list, const struct config *config,
                             size_t index);
const void *config_list_record(const struct config_list *list, const struct config *config,
                               size_t index);

/* What one item may be, in words. */
const char *config_list_allowed(const struct config_list *list);

/* Free everything that the list holds; secrets are wiped. */
void config_list_clear(const struct config_list *list, struct config *config);

#endif
