/* SPDX-License-Identifier: MIT */
/*
 * metrics_model.c - see metrics_model.h.
 *
 * Names and bounds are those of OpenTelemetry's semantic conventions for generative AI, in
 * Prometheus spelling.
 */
#include "gateway/metrics_model.h"

#include <string.h>

#include "gateway/json_writer.h"
#include "gateway/metrics.h"

#define OTHER "other"
#define US_PER_MS 1000
#define US_PER_S 1000000

/* clang-format off */
static const struct metrics_bounds first_token_bounds = {16, US_PER_S,
    {1000, 5000, 10000, 20000, 40000, 60000, 80000, 100000, 250000, 500000, 750000, 1000000,
     2500000, 5000000, 7500000, 10000000}};
static const struct metrics_bounds per_token_bounds = {13, US_PER_S,
    {10000, 25000, 50000, 75000, 100000, 150000, 200000, 300000, 400000, 500000, 750000, 1000000,
     2500000}};
static const struct metrics_bounds duration_bounds = {14, US_PER_S,
    {10000, 20000, 40000, 80000, 160000, 320000, 640000, 1280000, 2560000, 5120000, 10240000,
     20480000, 40960000, 81920000}};
static const struct metrics_bounds token_bounds = {14, 1,
    {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}};

static const struct family {
    const char *name;
    const char *help;
    const struct metrics_bounds *bounds;
    size_t offset;
    const char *more_labels;
    bool is_continued; /* the family's head has been printed by the row before */
} families[] = {
    {"gen_ai_server_time_to_first_token_seconds",
     "From the request's head to the first text on its way to the client.", &first_token_bounds,
     offsetof(struct metrics_model, first_token), "", false},
    {"gen_ai_server_time_per_output_token_seconds",
     "Mean time between two tokens of an answer, after the first.", &per_token_bounds,
     offsetof(struct metrics_model, per_token), "", false},
    {"gen_ai_server_request_duration_seconds",
     "From the request's head to the end, of all requests that reached an upstream.",
     &duration_bounds, offsetof(struct metrics_model, duration), "", false},
    {"gen_ai_client_token_usage",
     "Tokens of a request and its answer, as the upstream counts them.", &token_bounds,
     offsetof(struct metrics_model, input_tokens), ",gen_ai_token_type=\"input\"", false},
    {"gen_ai_client_token_usage", "", &token_bounds,
     offsetof(struct metrics_model, output_tokens), ",gen_ai_token_type=\"output\"", true},
};
/* clang-format on */

static struct metrics_model *take(struct metrics_model *place, const char *name)
{
    if (place->name[0] == '\0') {
        (void)snprintf(place->name, sizeof(place->name), "%s", name);
    }
    return place;
}

struct metrics_model *metrics_model(struct metrics_model models[METRICS_MODELS], const char *name)
{
    struct metrics_model *other = take(&models[0], OTHER);

    if (strlen(name) >= METRICS_MODEL_NAME_BYTES) {
        return other;
    }
    for (size_t i = 1; i < METRICS_MODELS; i++) {
        if (models[i].name[0] == '\0' || strcmp(models[i].name, name) == 0) {
            return take(&models[i], name);
        }
    }
    return other;
}

static void add_time(struct metrics_histogram *histogram, const struct metrics_bounds *bounds,
                     int64_t ms)
{
    if (ms >= 0) {
        metrics_histogram_add(histogram, bounds, (uint64_t)ms * US_PER_MS, 1);
    }
}

static void add_tokens(struct metrics_histogram *histogram, int64_t tokens)
{
    if (tokens >= 0) {
        metrics_histogram_add(histogram, &token_bounds, (uint64_t)tokens, 1);
    }
}

void metrics_model_add(struct metrics_model *model, const struct metrics_answer *answer)
{
    /* A provider may pack several tokens into one event. */
    uint64_t tokens = answer->output_tokens > 0 ? (uint64_t)answer->output_tokens : answer->deltas;

    add_time(&model->first_token, &first_token_bounds, answer->first_token_ms);
    add_time(&model->duration, &duration_bounds, answer->duration_ms);
    add_tokens(&model->input_tokens, answer->input_tokens);
    add_tokens(&model->output_tokens, answer->output_tokens);
    if (answer->streaming_ms >= 0 && tokens > 1) {
        uint64_t us = (uint64_t)answer->streaming_ms * US_PER_MS / (tokens - 1);
        metrics_histogram_add(&model->per_token, &per_token_bounds, us, 1);
    }
}

static const struct metrics_model *find(const struct metrics_slot *slot, const char *name)
{
    for (size_t i = 0; i < METRICS_MODELS; i++) {
        if (strcmp(slot->models[i].name, name) == 0) {
            return &slot->models[i];
        }
    }
    return NULL;
}

/* True when a slot before <index> knows <name>, and has shown it. */
static bool is_shown(const struct metrics *metrics, size_t index, const char *name)
{
    for (size_t i = 0; i < index; i++) {
        if (find(metrics_look(metrics, i), name) != NULL) {
            return true;
        }
    }
    return false;
}

/* One histogram of a model, over the slots. */
static void sum_of(const struct metrics *metrics, const char *name, size_t offset,
                   struct metrics_histogram *sum)
{
    const struct metrics_slot *slot;

    *sum = (struct metrics_histogram){.sum = 0};
    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        const struct metrics_model *model = find(slot, name);
        if (model != NULL) {
            metrics_histogram_merge(sum, (const void *)((const char *)model + offset));
        }
    }
}

/* One model, summed over the slots; "other" only when something was counted for it. */
static void render_one(FILE *out, const struct metrics *metrics, const struct family *family,
                       const char *name)
{
    struct metrics_histogram sum;
    char labels[METRICS_MODEL_NAME_BYTES + 64];

    sum_of(metrics, name, family->offset, &sum);
    if (strcmp(name, OTHER) == 0 && metrics_histogram_count(&sum) == 0) {
        return;
    }
    (void)snprintf(labels, sizeof(labels), "gen_ai_request_model=\"%s\"%s", name,
                   family->more_labels);
    metrics_histogram_render(&sum, family->bounds, family->name, labels, out);
}

static void render_family(FILE *out, const struct metrics *metrics, const struct family *family)
{
    const struct metrics_slot *slot;

    if (!family->is_continued) {
        fprintf(out, "# HELP %s %s\n# TYPE %s histogram\n", family->name, family->help,
                family->name);
    }
    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        for (size_t j = 0; j < METRICS_MODELS; j++) {
            const char *name = slot->models[j].name;
            if (name[0] != '\0' && !is_shown(metrics, i, name)) {
                render_one(out, metrics, family, name);
            }
        }
    }
}

void metrics_render_models(const struct metrics *metrics, FILE *out)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        render_family(out, metrics, &families[i]);
    }
}

/* -- for /status -- */

static void put_one(const struct metrics *metrics, struct json_writer *writer, const char *name)
{
    struct metrics_histogram sum;

    sum_of(metrics, name, offsetof(struct metrics_model, duration), &sum);
    if (strcmp(name, OTHER) == 0 && metrics_histogram_count(&sum) == 0) {
        return;
    }
    json_open_object(writer, NULL);
    json_put_text(writer, "name", name);
    json_put_count(writer, "requests", metrics_histogram_count(&sum));
    sum_of(metrics, name, offsetof(struct metrics_model, input_tokens), &sum);
    json_put_count(writer, "input_tokens", sum.sum);
    sum_of(metrics, name, offsetof(struct metrics_model, output_tokens), &sum);
    json_put_count(writer, "output_tokens", sum.sum);
    sum_of(metrics, name, offsetof(struct metrics_model, first_token), &sum);
    metrics_histogram_put_json(&sum, &first_token_bounds, writer, "time_to_first_token_seconds");
    json_close_object(writer);
}

void metrics_put_models(const struct metrics *metrics, struct json_writer *writer)
{
    const struct metrics_slot *slot;

    json_open_array(writer, "models");
    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        for (size_t j = 0; j < METRICS_MODELS; j++) {
            const char *name = slot->models[j].name;
            if (name[0] != '\0' && !is_shown(metrics, i, name)) {
                put_one(metrics, writer, name);
            }
        }
    }
    json_close_array(writer);
}

void metrics_put_first_token(const struct metrics *metrics, struct json_writer *writer)
{
    struct metrics_histogram sum = {.sum = 0};
    const struct metrics_slot *slot;

    for (size_t i = 0; (slot = metrics_look(metrics, i)) != NULL; i++) {
        for (size_t j = 0; j < METRICS_MODELS; j++) {
            metrics_histogram_merge(&sum, &slot->models[j].first_token);
        }
    }
    metrics_histogram_put_json(&sum, &first_token_bounds, writer, "time_to_first_token_seconds");
}
