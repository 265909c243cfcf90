/* SPDX-License-Identifier: MIT */
/*
 * config_listen.h - the listeners of two conf files, one after the other.
 *
 * The sockets stay open over a reload, but what else holds for the connections that
 * come in by them is the new conf's.
 */
#ifndef GATEWAY_CONFIG_LISTEN_H
#define GATEWAY_CONFIG_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/config_types.h"

/* True when both name the same addresses in the same order. */
bool config_listen_is_same(const struct config *a, const struct config *b);

/*
 * Make the listeners of <next> stand for the sockets of <now>, in their order: each with
 * the settings that <next> has for its address, or with those of <now> where it has none.
 * Addresses that only <next> has are dropped. False when memory is out; then nothing
 * has changed.
 */
bool config_listen_keep(struct config *next, const struct config *now) MUST_USE;

/* When the first of the listeners' certificates expires; 0 when there is none. */
int64_t config_listen_expiry_unix_s(const struct config *config);

#endif
