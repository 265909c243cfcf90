/* SPDX-License-Identifier: MIT */
/*
 * metrics_model.h - what is measured for each model: the gen_ai series of OpenTelemetry.
 *
 * The label is the row of models.allow that let a request pass, never what the client wrote,
 * so the set of labels is closed; rows that find no room share the label "other".
 */
#ifndef GATEWAY_METRICS_MODEL_H
#define GATEWAY_METRICS_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/metrics_histogram.h"

#define METRICS_MODELS 32
#define METRICS_MODEL_NAME_BYTES 136

struct metrics_model {
    char name[METRICS_MODEL_NAME_BYTES];   /* NUL-terminated; "": free */
    struct metrics_histogram first_token;  /* microseconds, as all times */
    struct metrics_histogram per_token;    /* mean of one answer */
    struct metrics_histogram duration;     /* of all that reached an upstream */
    struct metrics_histogram input_tokens; /* as the upstream counts them */
    struct metrics_histogram output_tokens;
};

/* What one exchange adds. Times in milliseconds; -1: not known. */
struct metrics_answer {
    int64_t first_token_ms;
    int64_t streaming_ms; /* from the first token to the last */
    int64_t duration_ms;
    int64_t input_tokens;
    int64_t output_tokens;
    uint64_t deltas;
};

struct metrics;

/* The place of <name> among <models>, made if need be; the first, "other", when all are taken. */
struct metrics_model *metrics_model(struct metrics_model models[METRICS_MODELS], const char *name);

void metrics_model_add(struct metrics_model *model, const struct metrics_answer *answer);

/* The part of /metrics that is about models. */
void metrics_render_models(const struct metrics *metrics, FILE *out);

struct json_writer;

/* The part of /status: the time to the first token of all, and a record for each model. */
void metrics_put_first_token(const struct metrics *metrics, struct json_writer *writer);
void metrics_put_models(const struct metrics *metrics, struct json_writer *writer);

#endif
