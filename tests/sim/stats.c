/* SPDX-License-Identifier: MIT */
/*
 * stats.c - counters, and the last request, as JSON.
 */
#include "tests/sim/stats.h"

#include <openssl/evp.h>

#include "tests/sim/request.h"

#define DIGEST_BYTES_SHOWN 8

void stats_remember(struct stats *stats, struct span head, struct bytes *body)
{
    bytes_clear(&stats->last_head);
    bytes_add_span(&stats->last_head, head);
    bytes_fini(&stats->last_body);
    stats->last_body = *body;
    *body = (struct bytes){0};
    bytes_clear(&stats->last_model);
    stats->last_messages = 0;
    stats->last_is_stream = false;
}

void stats_remember_call(struct stats *stats, const struct call *call)
{
    bytes_add_span(&stats->last_model, bytes_span(&call->model));
    stats->last_messages = call->messages;
    stats->last_is_stream = call->is_stream;
}

void stats_fini(struct stats *stats)
{
    bytes_fini(&stats->last_head);
    bytes_fini(&stats->last_body);
    bytes_fini(&stats->last_model);
}

void stats_reset(struct stats *stats)
{
    struct stats fresh = {
        .connections_open = stats->connections_open,
        .streams_open = stats->streams_open,
        .write_blocked_now = stats->write_blocked_now,
    };

    stats_fini(stats);
    *stats = fresh;
}

static bool is_secret(struct span name)
{
    return span_equals_ignore_case(name, "authorization") ||
           span_equals_ignore_case(name, "proxy-authorization") ||
           span_equals_ignore_case(name, "cookie");
}

/* Enough of the SHA-256 to tell whether two secrets are the same, and no more. */
static void add_digest(struct bytes *out, struct span secret)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    bytes_add_string(out, "sha256:");
    if (EVP_Digest(secret.data, secret.length, digest, NULL, EVP_sha256(), NULL) == 1) {
        for (size_t i = 0; i < DIGEST_BYTES_SHOWN; i++) {
            bytes_printf(out, "%02x", (unsigned)digest[i]);
        }
    }
}

static void add_lower(struct bytes *out, struct span name)
{
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c | 0x20);
        }
        bytes_add_json(out, span_of(&c, 1));
    }
}

/* Field values may hold any byte above ASCII; as JSON text they are read as ISO 8859-1. */
static void add_value(struct bytes *out, struct span value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c >= 0x80) {
            bytes_printf(out, "\\u%04x", (unsigned)c);
        } else {
            bytes_add_json(out, span_of(value.data + i, 1));
        }
    }
}

/* Header fields as [name, value] pairs in their order; a repeated one is seen twice. */
static void add_fields(struct bytes *out, struct span head)
{
    struct span name = {0};
    struct span value = {0};
    const char *separator = "";

    bytes_add_string(out, ",\n  \"headers\": [");
    while (request_next_field(&head, &name, &value)) {
        bytes_printf(out, "%s\n    [\"", separator);
        add_lower(out, name);
        bytes_add_string(out, "\", \"");
        if (is_secret(name)) {
            add_digest(out, value);
        } else {
            add_value(out, value);
        }
        bytes_add_string(out, "\"]");
        separator = ",";
    }
    bytes_add_string(out, "]");
}

static void add_last(const struct stats *stats, struct bytes *out)
{
    struct request_head head;
    struct span text = bytes_span(&stats->last_head);

    bytes_add_string(out, ",\n \"last\": ");
    if (request_head_parse(text, &head) != REQUEST_OK) {
        bytes_add_string(out, "null"); /* there was none yet */
        return;
    }
    bytes_add_string(out, "{\"method\": \"");
    bytes_add_json(out, head.method);
    bytes_add_string(out, "\", \"target\": \"");
    bytes_add_json(out, head.target);
    bytes_add_string(out, "\", \"model\": \"");
    bytes_add_json(out, bytes_span(&stats->last_model));
    bytes_printf(out, "\", \"messages\": %zu, \"stream\": %s, \"body_bytes\": %zu",
                 stats->last_messages, stats->last_is_stream ? "true" : "false",
                 stats->last_body.length);
    add_fields(out, text);
    bytes_add_string(out, "}");
}

void stats_render(const struct stats *stats, struct bytes *out)
{
    bytes_add_string(out, "{");
#define X(field, help)                                                                             \
    bytes_printf(out, "\"%s\": %llu,\n ", #field, (unsigned long long)stats->field);
    STATS_COUNTERS(X)
    STATS_GAUGES(X)
#undef X
    bytes_add_string(out, "\"by_status\": {");
    for (unsigned i = 0; i < 5; i++) {
        bytes_printf(out, "%s\"%uxx\": %llu", i == 0 ? "" : ", ", i + 1,
                     (unsigned long long)stats->by_status[i]);
    }
    bytes_add_string(out, "}");
    add_last(stats, out);
    bytes_add_string(out, "}\n");
}
