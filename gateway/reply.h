/* SPDX-License-Identifier: MIT */
/*
 * reply.h - the heads and the local answers, as bytes ready to send. Pure but for the date.
 *
 * An error is two members of JSON, indented by two spaces, or that of openai_error.h; all
 * else that helps is in the header: X-Request-Id, X-Tidegate-Reason, Retry-After,
 * WWW-Authenticate, Allow.
 */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "gateway/cors.h"
#include "gateway/end_reason.h"
#include "gateway/format.h"
#include "gateway/openai_error.h"

/* Room that every rendered head or answer fits in. */
#define REPLY_BYTES_MAX 4096

struct reply_error {
    enum end_reason reason;
    const char *request_id;
    bool is_persistent;                /* else Connection: close */
    bool has_body;                     /* false for HEAD: only the head is rendered */
    bool sent_token;                   /* a token was sent, so 401 says invalid_token */
    bool upstream_as_gateway;          /* upstream failures keep 502/503/504 instead of 500 */
    int64_t retry_after_s;             /* for 429 and 503, folded or not; below 0: not known */
    bool is_final;                     /* a repeat is pointless, which some clients are told so */
    const char *allow;                 /* methods, for 405 and 204; NULL: POST, OPTIONS */
    const struct cors *cors;           /* NULL: nothing is said of it */
    const struct openai_error *openai; /* the words of the doors; NULL: the documented ones */
};

/* Render a whole error answer; returns its length in bytes. */
size_t reply_error_render(const struct reply_error *error, char out[REPLY_BYTES_MAX]);

/* The status that reply_error_render() writes. */
int reply_error_status(const struct reply_error *error);

/*
 * Render the beginning of a page's head: all that is not constant, without the empty line
 * that ends it. <status>: "200 OK". Returns its length in bytes.
 */
size_t reply_page_head_render(const char *status, const char *request_id, bool is_persistent,
                              char out[REPLY_BYTES_MAX]);

/* What the head of a 200 says beside its kind of body. */
struct reply_head {
    const char *request_id;
    bool is_persistent;
    const struct cors *cors; /* NULL: nothing is said of it */
};

/* Render the head of a streamed 200; returns its length in bytes. */
size_t reply_stream_head_render(const struct format *format, const struct reply_head *head,
                                char out[REPLY_BYTES_MAX]);

/* Render the head of a 200 whose body is <length> bytes of JSON; returns its own length. */
size_t reply_json_head_render(size_t length, const struct reply_head *head,
                              char out[REPLY_BYTES_MAX]);

#endif
