/* SPDX-License-Identifier: MIT */
/*
 * origin.c - one configured upstream: address, trust, pool, dialect.
 *
 * Whatever can be settled before the first request is settled here, so that a
 * request copies prepared texts and cannot fail on configuration.
 */
#include "upstream/upstream_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "upstream/prompt_template.h"
#include "upstream/resolve.h"
#include "upstream/tls.h"

#define SCHEME "Bearer " /* RFC 6750 section 2.1 */

static bool make_authorization(struct upstream_origin *origin)
{
    struct span token = origin->settings.token;
    size_t scheme_length = strlen(SCHEME);

    if (span_is_empty(token)) {
        return true;
    }
    origin->authorization = malloc(scheme_length + token.length + 1);
    if (origin->authorization == NULL) {
        return false;
    }
    memcpy(origin->authorization, SCHEME, scheme_length);
    memcpy(origin->authorization + scheme_length, token.data, token.length);
    origin->authorization[scheme_length + token.length] = '\0';
    return true;
}

struct span origin_token(const struct upstream_origin *origin)
{
    /* Not settings.token: the conf's copy may have been wiped since. */
    return origin->authorization == NULL
               ? span_of(NULL, 0)
               : span_from_string(origin->authorization + sizeof(SCHEME) - 1);
}

/* A line end or a NUL in the token would become a second header field or a cut one. */
static bool token_is_printable(struct span token)
{
    for (size_t i = 0; i < token.length; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool check_settings(struct upstream_origin *origin, char *problem, size_t problem_size)
{
    const struct upstream_settings *settings = &origin->settings;
    const char *why = NULL;

    if (!url_parse(settings->url, &origin->url, &why)) {
        (void)snprintf(problem, problem_size, "%s", why);
        return false;
    }
    if (!token_is_printable(settings->token)) {
        (void)snprintf(problem, problem_size, "the token has characters that no header may hold");
        return false;
    }
    if (settings->dialect == UPSTREAM_DIALECT_TGI &&
        prompt_template_find(settings->prompt_template) == NULL) {
        (void)snprintf(problem, problem_size, "there is no such prompt template");
        return false;
    }
    return true;
}

static bool make_parts(struct upstream_origin *origin, char *problem, size_t problem_size)
{
    const struct url *url = &origin->url;

    (void)snprintf(problem, problem_size, "out of memory");
    if (!pool_init(&origin->pool, origin) || !make_authorization(origin)) {
        return false;
    }
    origin->resolver = resolver_new(origin->context->names, url->host);
    if (origin->resolver == NULL) {
        return false;
    }
    if (url->is_tls) {
        origin->tls = tls_new(url->host, origin->settings.ca_file, problem, problem_size);
    }
    return !url->is_tls || origin->tls != NULL;
}

struct upstream_origin *upstream_origin_new(struct upstream_context *context,
                                            const struct upstream_settings *settings, char *problem,
                                            size_t problem_size)
{
    struct upstream_origin *origin = calloc(1, sizeof(*origin));

    if (origin == NULL) {
        (void)snprintf(problem, problem_size, "out of memory");
        return NULL;
    }
    origin->context = context;
    origin->settings = *settings;
    origin->dialect = dialect_find(settings->dialect);
    circuit_init(&origin->circuit, settings->failures, settings->open_time_ms,
                 settings->open_time_max_ms);
    retry_budget_init(&origin->budget, settings->retry_budget, clock_now_ms());
    TAILQ_INIT(&origin->calls);
    TAILQ_INIT(&origin->pool.idle);
    TAILQ_INIT(&origin->pool.active);
    context->origin_count++;
    if (!check_settings(origin, problem, problem_size) ||
        !make_parts(origin, problem, problem_size)) {
        upstream_origin_free(origin);
        return NULL;
    }
    return origin;
}

void upstream_origin_free(struct upstream_origin *origin)
{
    if (origin == NULL || BUG_IF(origin->call_count != 0)) {
        return;
    }
    pool_fini(&origin->pool);
    resolver_free(origin->resolver);
    tls_free(origin->tls);
    if (origin->authorization != NULL) {
        OPENSSL_cleanse(origin->authorization, strlen(origin->authorization));
        free(origin->authorization);
    }
    origin->context->origin_count--;
    free(origin);
}

void upstream_origin_counts(const struct upstream_origin *origin, struct upstream_counts *counts)
{
    *counts = (struct upstream_counts){
        .calls = origin->call_count,
        .connections = origin->pool.count,
        .idle = origin->pool.idle_count,
        .reused = origin->reused,
        .opened = origin->opened,
        .tls_resumed = origin->tls_resumed,
        .retries = origin->retries,
        .withheld = origin->withheld,
    };
}

/* -- the circuit and the budget -- */

enum upstream_dialect upstream_origin_dialect(const struct upstream_origin *origin)
{
    return origin->settings.dialect;
}

int64_t upstream_origin_wait_ms(const struct upstream_origin *origin)
{
    return circuit_wait_ms(&origin->circuit, clock_now_ms());
}

/* What follows when the circuit is not in the state <before> any more. */
static void after_change(struct upstream_origin *origin, enum circuit_state before,
                         enum upstream_failure cause)
{
    const struct upstream_hooks *hooks = &origin->context->hooks;
    enum circuit_state state = origin->circuit.state;

    if (state == before) {
        return;
    }
    if (state == CIRCUIT_OPEN) {
        /* They lead to what fails; one that hangs would cost a client its whole patience. */
        pool_close_idle(&origin->pool);
    }
    if (hooks->on_circuit != NULL) {
        hooks->on_circuit(hooks->hook_arg, origin, state, cause);
    }
}

bool origin_enter(struct upstream_origin *origin, struct circuit_pass *pass)
{
    enum circuit_state before = origin->circuit.state;

    if (!circuit_enter(&origin->circuit, clock_now_ms(), pass)) {
        return false;
    }
    after_change(origin, before, UPSTREAM_OK);
    return true;
}

void origin_note_text(struct upstream_origin *origin, struct circuit_pass *pass)
{
    enum circuit_state before = origin->circuit.state;

    circuit_note_text(&origin->circuit, pass, clock_now_ms());
    after_change(origin, before, UPSTREAM_OK);
}

void origin_leave(struct upstream_origin *origin, struct circuit_pass *pass,
                  enum upstream_health health, enum upstream_failure failure, int64_t retry_after_s)
{
    enum circuit_state before = origin->circuit.state;
    int64_t asked_ms = retry_after_s < 0 ? -1 : retry_after_s * 1000;

    circuit_leave(&origin->circuit, pass, health, asked_ms, clock_now_ms());
    after_change(origin, before, health == UPSTREAM_SICK ? failure : UPSTREAM_OK);
}

void origin_give_up(struct upstream_origin *origin, struct circuit_pass *pass, int64_t silent_ms)
{
    enum circuit_state before = origin->circuit.state;

    circuit_give_up(&origin->circuit, pass, silent_ms, origin->settings.first_token_timeout_ms,
                    clock_now_ms());
    after_change(origin, before, before == CIRCUIT_CLOSED ? UPSTREAM_FIRST_TIMEOUT : UPSTREAM_OK);
}

bool origin_spend_retry(struct upstream_origin *origin)
{
    bool is_paid = retry_budget_spend(&origin->budget, clock_now_ms());

    origin->retries += is_paid ? 1 : 0;
    origin->withheld += is_paid ? 0 : 1;
    return is_paid;
}
