/* SPDX-License-Identifier: MIT */
/*
 * context.c - what all upstreams of one event loop share, and its two graves.
 *
 * evhttp's callbacks stand on evhttp's stack, so nothing that they can reach may
 * be freed inside them. Whatever ends is silenced at once, put on a dead list, and
 * freed by upstream_context_flush(), which the owner runs at the end of the loop
 * turn: connections first, as they still know the pointers of their calls' requests.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/json.h"
#include "upstream/call.h"
#include "upstream/resolve.h"
#include "upstream/upstream_internal.h"

#define RESOLV_CONF "/etc/resolv.conf"

struct upstream_context *upstream_context_new(struct event_base *base,
                                              const struct upstream_hooks *hooks)
{
    struct upstream_context *context = calloc(1, sizeof(*context));

    if (context == NULL) {
        return NULL;
    }
    context->base = base;
    context->hooks = *hooks;
    TAILQ_INIT(&context->dirty);
    TAILQ_INIT(&context->dead_connections);
    TAILQ_INIT(&context->dead_calls);
    TAILQ_INIT(&context->line);
    context->next_turn = evtimer_new(base, call_on_next_turn, context);
    context->doc = json_doc_new();
    context->scratch = dialect_scratch_new();
    context->names = resolve_service_new(base, RESOLV_CONF);
    if (context->next_turn == NULL || context->doc == NULL || context->scratch == NULL ||
        context->names == NULL) {
        upstream_context_free(context);
        return NULL;
    }
    return context;
}

bool context_use_resolv_conf(struct upstream_context *context, const char *path)
{
    struct resolve_service *names = resolve_service_new(context->base, path);

    if (names == NULL) {
        return false;
    }
    resolve_service_free(context->names);
    context->names = names;
    return true;
}

void context_need_flush(struct upstream_context *context)
{
    if (context->flush_asked) {
        return;
    }
    context->flush_asked = true;
    context->hooks.on_need_flush(context->hooks.hook_arg);
}

static void write_what_waits(struct upstream_context *context)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&context->dirty)) != NULL) {
        TAILQ_REMOVE(&context->dirty, connection, dirty_link);
        connection->is_dirty = false;
        connection_flush(connection);
    }
}

static void bury_the_dead(struct upstream_context *context)
{
    struct connection *connection;
    struct upstream *call;

    while ((connection = TAILQ_FIRST(&context->dead_connections)) != NULL) {
        TAILQ_REMOVE(&context->dead_connections, connection, link);
        connection_free(connection);
    }
    while ((call = TAILQ_FIRST(&context->dead_calls)) != NULL) {
        TAILQ_REMOVE(&context->dead_calls, call, link);
        call_free(call);
    }
}

void upstream_context_flush(struct upstream_context *context)
{
    /* First, so that whatever ends because of the writes below asks again. */
    context->flush_asked = false;
    write_what_waits(context);
    bury_the_dead(context);
}

void upstream_context_free(struct upstream_context *context)
{
    if (context == NULL || BUG_IF(context->origin_count != 0)) {
        return;
    }
    bury_the_dead(context);
    if (context->next_turn != NULL) {
        event_free(context->next_turn);
    }
    resolve_service_free(context->names);
    dialect_scratch_free(context->scratch);
    json_doc_free(context->doc);
    free(context);
}
