/* SPDX-License-Identifier: MIT */
/*
 * exchange_judge.c - whether an exchange may go on, once its head is there.
 */
#include "base/clock.h"
#include "gateway/exchange_internal.h"

static enum end_reason admit(struct exchange *ex)
{
    switch (admission_acquire(ex->set->admission, ex->judged.identity.subject, &ex->slot)) {
    case ADMISSION_OK:
        metrics_store(&ex->set->services.metrics->admitted,
                      admission_in_flight(ex->set->admission));
        return END_DONE;
    case ADMISSION_FULL:
        ex->record.problem = "limits.exchanges reached";
        return END_GATEWAY_FULL;
    case ADMISSION_SUBJECT_FULL:
        ex->record.problem = "limits.exchanges_per_subject reached";
        return END_RATE_LIMITED;
    case ADMISSION_NO_MEMORY:
        return END_NO_MEMORY;
    }
    return END_NO_MEMORY;
}

static void prepare_relay(struct exchange *ex)
{
    const struct config *config = ex->set->services.config;
    const struct relay_settings settings = {
        .format = ex->judged.format,
        .stream = {.id = span_from_string(ex->request_id),
                   .model = ex->judged.model.upstream_model,
                   .created_unix_s = clock_wall_unix_s()},
        .reasoning = config->stream_reasoning,
        .buffer_bytes = config->stream_buffer_bytes,
    };

    relay_init(&ex->relay, &settings);
}

enum end_reason exchange_judge(struct exchange *ex, const struct request_head *head)
{
    const struct exchange_services *services = &ex->set->services;
    enum end_reason verdict = connection_verdict(ex->connection, &ex->record.problem);

    if (verdict != END_DONE) {
        return verdict;
    }
    verdict = judge_head(services->config, services->checker, head, &ex->judged);
    ex->record.problem = ex->judged.problem;
    if (verdict != END_DONE) {
        return verdict;
    }
    if (ex->judged.format != NULL) { /* what is just read has none */
        prepare_relay(ex);
    }
    return admit(ex);
}
