/* SPDX-License-Identifier: MIT */
/*
 * config_group.h - a group of the conf file's tree, and what may stand in it.
 */
#ifndef GATEWAY_CONFIG_GROUP_H
#define GATEWAY_CONFIG_GROUP_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/config_table.h"

/* A group of the tree and the rows that say what may stand in it. */
struct config_group {
    config_setting_t *setting;
    const char *section;           /* of the rows */
    const char *prefix;            /* of the names in messages, with its dot */
    const struct config_key *keys; /* rows of another section are skipped */
    size_t key_count;
    bool is_record; /* no lists inside */
};

/* The row of the key or list <name>; NULL when there is none in this group. */
const struct config_key *config_group_key(const struct config_group *group, const char *name);
const struct config_list *config_group_list(const struct config_group *group, const char *name);

/* True when <name> is a group that may stand in this one. */
bool config_group_has_section(const struct config_group *group, const char *name);

/* The names of everything that may stand in it, for a message. */
void config_group_members(const struct config_group *group, char *out, size_t out_size);

/* Where it is written; 1 for the root, which is nowhere. */
unsigned config_line_of(const config_setting_t *setting);

#endif
