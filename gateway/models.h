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

#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/config.h"

enum models_verdict {
    MODELS_ALLOWED = 0,
    MODELS_UNKNOWN,
    MODELS_RETIRED,
};

struct models_choice {
    struct span upstream_model;
    const struct format *format; /* of models.formats; NULL: none is set for this model */
    size_t pattern;              /* index of the row of models.allow that let it pass */
};

/*
 * Decide on "publisher/name[:provider]". The provider suffix takes no part in
 * matching a pattern that has no colon. On MODELS_ALLOWED <choice> has the name to
 * send on: <model> itself or the alias's target (then with the caller's
 * suffix dropped if the target has its own). Borrowed from <model>, from the
 * conf, or from <room>, which has <room_size> bytes.
 */
enum models_verdict models_resolve(const struct config *config, struct span model, char *room,
                                   size_t room_size, struct models_choice *choice) MUST_USE;

#endif
