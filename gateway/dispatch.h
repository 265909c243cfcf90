/* SPDX-License-Identifier: MIT */
/*
 * dispatch.h - which upstream answers an exchange, and what its failures add up to.
 *
 * The upstreams of the conf file are tried in their order, each once, for as long as the
 * client has seen nothing; one whose circuit is open is passed over without waiting.
 * Each has its own clocks: a client waits for the sum of them at most, which is what
 * first_token_timeout and connect_timeout of the upstreams, and stream.total_timeout for
 * all of it, are set by.
 */
#ifndef GATEWAY_DISPATCH_H
#define GATEWAY_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "upstream/upstream.h"

struct dispatch {
    struct upstream_origin *const *origins; /* borrowed */
    size_t count;
    size_t next;    /* index of the first that has not been looked at */
    size_t current; /* index of the last that was picked; valid when has_picked */
    bool has_picked;
    bool needs_chat; /* passes over upstreams of other dialects: they cannot say what is asked */
    /*
     * How it ended, as the client is told and the log says: the last call's end, with the
     * attempts of all. But that one does not know the model is believed only when none of
     * the others failed or was passed over, as they might have known it.
     */
    struct upstream_end end;
};

void dispatch_init(struct dispatch *dispatch, struct upstream_origin *const *origins, size_t count);

/* True when there are upstreams that have not been looked at. */
bool dispatch_may_go_on(const struct dispatch *dispatch);

/*
 * The next upstream that may be asked now; NULL: none is left, dispatch.end says why. It says
 * UPSTREAM_OK when no upstream speaks the dialect that is needed.
 */
struct upstream_origin *dispatch_pick(struct dispatch *dispatch) MUST_USE;

/* The call on the upstream that was picked has ended. */
void dispatch_take_end(struct dispatch *dispatch, const struct upstream_end *end);

#endif
