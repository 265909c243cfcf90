/* SPDX-License-Identifier: MIT */
/*
 * models.h - which models may be asked for. Pure.
 *
 * Aliases are applied first (exact, once), then the retired list, then the
 * allow-list. Patterns are shell patterns over "publisher/name" in which "*"
 * matches anything, "/" included. Case matters.
 */
#ifndef GATEWAY_MODELS_H
#define GATEWAY_MODELS_H

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/config.h"

enum models_verdict {
    MODELS_ALLOWED = 0,
    MODELS_UNKNOWN,
    MODELS_RETIRED,
};

/*
 * Decide on "publisher/name[:provider]". The provider suffix takes no part in
 * matching a pattern that has no colon. On MODELS_ALLOWED <upstream_model> is the
 * name to send on: <model> itself or the alias's target (then with the caller's
 * suffix dropped if the target has its own). Borrowed from <model>, from the
 * conf, or from <room>, which has <room_size> bytes.
 */
enum models_verdict models_resolve(const struct config *config, struct span model, char *room,
                                   size_t room_size, struct span *upstream_model) MUST_USE;

#endif
