/* SPDX-License-Identifier: MIT */
/*
 * cors.c - see cors.h.
 */
#include "gateway/cors.h"

#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "gateway/head_grammar.h"

#define MS_PER_S 1000

/* What pages may read of an answer, beside the few fields that they always may. */
#define EXPOSED                                                                                    \
    "X-Request-Id, X-Tidegate-Reason, X-Should-Retry, Retry-After, WWW-Authenticate, Allow, "      \
    "X-Vercel-AI-Data-Stream, X-Vercel-AI-UI-Message-Stream"

static const char usual_fields[] = "authorization, content-type";

/* The row of the conf file that allows <origin>, compared byte for byte; NULL: none does. */
static const char *find_origin(const struct config *config, struct span origin)
{
    for (size_t i = 0; i < config->cors_origin_count; i++) {
        const char *allowed = config->cors_origins[i];
        if (strcmp(allowed, "*") == 0 || span_equals_string(origin, allowed)) {
            return allowed;
        }
    }
    return NULL;
}

/* Field names with commas between them, and white space around them (RFC 9110 section 5.6.1). */
static bool are_field_names(struct span list)
{
    if (list.length > CORS_REQUEST_FIELDS_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < list.length; i++) {
        char c = list.data[i];
        if (!head_byte_is(c, BYTE_TOKEN) && c != ',' && c != ' ') {
            return false;
        }
    }
    return true;
}

void cors_judge(const struct config *config, const struct request_head *head, struct cors *cors)
{
    *cors = (struct cors){.max_age_s = config->cors_max_age_ms / MS_PER_S};
    if (config->cors_origin_count == 0) {
        return;
    }
    cors->is_varying = strcmp(config->cors_origins[0], "*") != 0;
    if (span_is_empty(head->origin)) {
        return;
    }
    cors->origin = find_origin(config, head->origin);
    cors->is_preflight = head->method == METHOD_OPTIONS && cors->origin != NULL &&
                         !span_is_empty(head->requested_method);
    if (cors->is_preflight && are_field_names(head->requested_fields)) {
        cors->requested_fields = head->requested_fields;
    }
}

static size_t render_preflight(const struct cors *cors, const char *methods, char *out, size_t size)
{
    struct span fields = cors->requested_fields;

    if (span_is_empty(fields)) {
        fields = span_from_string(usual_fields);
    }
    int length = snprintf(out, size,
                          "Access-Control-Allow-Methods: %s\r\n"
                          "Access-Control-Allow-Headers: %.*s\r\n"
                          "Access-Control-Max-Age: %lld\r\n",
                          methods, (int)fields.length, fields.data, (long long)cors->max_age_s);
    return length < 0 || BUG_IF((size_t)length >= size) ? 0 : (size_t)length;
}

size_t cors_render(const struct cors *cors, const char *methods, char *out)
{
    const char *vary = "";
    size_t used;
    int length;

    if (cors->is_preflight && cors->is_varying) {
        vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
    } else if (cors->is_varying) {
        vary = "Vary: Origin\r\n";
    }
    if (cors->origin == NULL) {
        length = snprintf(out, CORS_BYTES_MAX, "%s", vary);
    } else {
        length = snprintf(out, CORS_BYTES_MAX,
                          "%sAccess-Control-Allow-Origin: %s\r\n"
                          "Access-Control-Expose-Headers: " EXPOSED "\r\n",
                          vary, cors->origin);
    }
    if (length < 0 || BUG_IF(length >= CORS_BYTES_MAX)) {
        return 0;
    }
    used = (size_t)length;
    if (cors->is_preflight) {
        used += render_preflight(cors, methods, out + used, CORS_BYTES_MAX - used);
    }
    return used;
}
