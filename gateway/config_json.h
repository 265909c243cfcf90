/* SPDX-License-Identifier: MIT */
/*
 * config_json.h - the effective conf for whoever looks at a running gateway.
 */
#ifndef GATEWAY_CONFIG_JSON_H
#define GATEWAY_CONFIG_JSON_H

#include "gateway/config.h"
#include "gateway/json_writer.h"

/*
 * One object: each key by its whole name ("limits.exchanges", "upstreams[0].url") with its
 * value as the conf file would have it and its default, null when it has none. Secrets are
 * shown as where they come from, never what they are, and no URL of the conf file can hold one.
 */
void config_put_json(const struct config *config, struct json_writer *writer, const char *name);

#endif
