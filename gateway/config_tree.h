/* SPDX-License-Identifier: MIT */
/*
 * config_tree.h - from libconfig's tree to struct config.
 */
#ifndef GATEWAY_CONFIG_TREE_H
#define GATEWAY_CONFIG_TREE_H

#include <libconfig.h>

#include "gateway/config_reader.h"
#include "gateway/config_types.h"

/*
 * Fill <config>, zeroed but for its path, from the tree under <root>, and read the
 * secrets it points to. Problems go to <reader>; with any, <config> is only good for
 * config_free().
 */
void config_tree_read(struct config_reader *reader, config_setting_t *root, struct config *config);

#endif
