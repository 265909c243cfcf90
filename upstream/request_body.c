/* SPDX-License-Identifier: MIT */
/*
 * request_body.c - render the JSON that is sent upstream.
 *
 * Rendered twice by the same code: once to count, once to write, so that one
 * allocation of the exact size holds it and no length is ever guessed.
 */
#include "upstream/request_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

/* While <bytes> is NULL the writer only counts. */
struct writer {
    char *bytes;
    size_t length;
};

static void put(struct writer *out, struct span text)
{
    if (out->bytes != NULL && !span_is_empty(text)) {
        memcpy(out->bytes + out->length, text.data, text.length);
    }
    out->length += text.length;
}

static void put_string(struct writer *out, const char *text)
{
    put(out, span_from_string(text));
}

/* The inside of a JSON string (RFC 8259 section 7) that stands for <text>, which is UTF-8. */
static void put_escaped(struct writer *out, struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char escape[sizeof("\\u0000")];
        if (c >= 0x20 && c != '"' && c != '\\') {
            put(out, span_of(text.data + i, 1));
            continue;
        }
        (void)snprintf(escape, sizeof(escape), "\\u%04x", c); /* always fits */
        put_string(out, escape);
    }
}

/* ,"name":number; nothing when the number is 0. */
static void put_limit(struct writer *out, const char *name, int64_t limit)
{
    if (limit > 0) {
        char member[64];
        (void)snprintf(member, sizeof(member), ",\"%s\":%" PRId64, name, limit); /* names fit */
        put_string(out, member);
    }
}

static void put_content(struct writer *out, const struct upstream_message *message)
{
    for (size_t i = 0; i < message->content_count; i++) {
        put(out, message->content[i]);
    }
}

static const char *role_name(enum upstream_role role)
{
    switch (role) {
    case UPSTREAM_ROLE_USER:
        return "user";
    case UPSTREAM_ROLE_ASSISTANT:
        return "assistant";
    case UPSTREAM_ROLE_SYSTEM:
        return "system";
    }
    return "user";
}

static void render_chat(struct writer *out, const struct upstream_settings *settings,
                        const struct upstream_call *call)
{
    put_string(out, "{\"model\":\"");
    put_escaped(out, call->model);
    put_string(out, "\",\"messages\":[");
    for (size_t i = 0; i < call->message_count; i++) {
        put_string(out, i == 0 ? "{\"role\":\"" : ",{\"role\":\"");
        put_string(out, role_name(call->messages[i].role));
        put_string(out, "\",\"content\":\"");
        put_content(out, &call->messages[i]);
        put_string(out, "\"}");
    }
    put_string(out, "],\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    put_limit(out, "max_tokens", settings->max_new_tokens);
    put_string(out, "}");
}

/* <details> asks for the finish reason and the token counts in the last event. */
static void render_tgi(struct writer *out, const struct upstream_settings *settings,
                       const struct upstream_call *call)
{
    const struct prompt_template *template = prompt_template_find(settings->prompt_template);

    put_string(out, "{\"inputs\":\"");
    for (size_t i = 0; i < call->message_count; i++) {
        const struct prompt_marks *marks = &template->marks[call->messages[i].role];
        put_string(out, i == 0 ? "" : template->between);
        put_string(out, marks->before);
        put_content(out, &call->messages[i]);
        put_string(out, marks->after);
    }
    put_string(out, template->reply);
    put_string(out, "\",\"parameters\":{\"return_full_text\":false,\"details\":true");
    put_limit(out, "max_new_tokens", settings->max_new_tokens);
    put_string(out, "},\"stream\":true}");
}

static void render(struct writer *out, const struct upstream_settings *settings,
                   const struct upstream_call *call)
{
    switch (settings->dialect) {
    case UPSTREAM_DIALECT_CHAT:
        render_chat(out, settings, call);
        break;
    case UPSTREAM_DIALECT_TGI:
        render_tgi(out, settings, call);
        break;
    }
}

char *request_body_render(const struct upstream_settings *settings,
                          const struct upstream_call *call, size_t *length)
{
    struct writer out = {.bytes = NULL, .length = 0};

    render(&out, settings, call);
    size_t counted = out.length;
    char *bytes = malloc(counted > 0 ? counted : 1);
    if (bytes == NULL) {
        return NULL;
    }
    out = (struct writer){.bytes = bytes, .length = 0};
    render(&out, settings, call);
    if (BUG_IF(out.length != counted)) {
        free(bytes);
        return NULL;
    }
    *length = out.length;
    return bytes;
}
