/* SPDX-License-Identifier: MIT */
/*
 * config_tls.h - the certificates and keys of listeners.
 */
#ifndef GATEWAY_CONFIG_TLS_H
#define GATEWAY_CONFIG_TLS_H

#include <libconfig.h>

#include "gateway/config_reader.h"
#include "gateway/config_types.h"

/*
 * Read what the tls groups of listen point to, and check that it can be served. <root>
 * is the tree that <config> was read from, for line numbers.
 */
void config_tls_load(struct config_reader *reader, const config_setting_t *root,
                     struct config *config);

#endif
