/* SPDX-License-Identifier: MIT */
/*
 * config_secret.h - the secrets that the conf file points to.
 */
#ifndef GATEWAY_CONFIG_SECRET_H
#define GATEWAY_CONFIG_SECRET_H

#include <libconfig.h>

#include "gateway/config_reader.h"
#include "gateway/config_types.h"

/*
 * Read what auth.secrets and the tokens of the upstreams point to, and check that it
 * can be used. <root> is the tree that <config> was read from, for line numbers.
 */
void config_secrets_load(struct config_reader *reader, const config_setting_t *root,
                         struct config *config);

#endif
