/* SPDX-License-Identifier: MIT */
/*
 * page_reply.c - see page_reply.h.
 *
 * "no-cache" and a tag: a browser keeps the page and asks each time whether it is still the
 * one, so that after an upgrade nobody talks to the new program with the old page.
 */
#include "gateway/page_reply.h"

#include <stdio.h>
#include <string.h>

#include "gateway/reply.h"

#define STATUS_OK 200
#define STATUS_NOT_MODIFIED 304

/* If-None-Match (RFC 9110 section 13.1.2): a list of tags, which a proxy may have made weak. */
static bool has_page(const struct client_leg *leg, const struct page *page)
{
    const char *tags = client_leg_field(leg, "If-None-Match");

    return tags != NULL && (strcmp(tags, "*") == 0 || strstr(tags, page->tag) != NULL);
}

static bool append(struct client_leg *leg, const char *text)
{
    return client_leg_append(leg, span_from_string(text));
}

/* What goes for the page and for the news that it has not changed (RFC 9110 section 15.4.5). */
static bool append_head(struct client_leg *leg, const struct page *page, int status,
                        const char *request_id)
{
    const char *phrase = status == STATUS_OK ? "200 OK" : "304 Not Modified";
    char head[REPLY_BYTES_MAX];
    size_t length = reply_page_head_render(phrase, request_id, client_leg_may_persist(leg), head);

    return client_leg_append(leg, span_of(head, length)) &&
           append(leg, "Cache-Control: no-cache\r\nETag: ") && append(leg, page->tag) &&
           append(leg, "\r\n");
}

static bool append_page_fields(struct client_leg *leg, const struct page *page)
{
    char size[32];

    (void)snprintf(size, sizeof(size), "%zu", page->length);
    return append(leg, "Content-Type: text/html; charset=utf-8\r\nContent-Length: ") &&
           append(leg, size) && append(leg, "\r\nContent-Security-Policy: ") &&
           append(leg, page->policy) &&
           append(leg, "\r\n"
                       "Cross-Origin-Opener-Policy: same-origin\r\n"
                       "Cross-Origin-Resource-Policy: same-origin\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "X-Frame-Options: DENY\r\n");
}

int page_reply_send(struct client_leg *leg, const struct page *page, const char *request_id)
{
    bool is_head = connection_head(leg->connection)->method == METHOD_HEAD;
    int status = has_page(leg, page) ? STATUS_NOT_MODIFIED : STATUS_OK;
    const struct span body = span_of((const char *)page->bytes, page->length);

    if (!append_head(leg, page, status, request_id) ||
        (status == STATUS_OK && !append_page_fields(leg, page)) || !append(leg, "\r\n")) {
        return 0;
    }
    if (status == STATUS_OK && !is_head && !client_leg_append_constant(leg, body)) {
        return 0;
    }
    return status;
}
