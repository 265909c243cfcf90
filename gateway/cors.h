/* SPDX-License-Identifier: MIT */
/*
 * cors.h - what a page of another origin may do with an answer (WHATWG Fetch, section 3.2). Pure.
 *
 * Access is by bearer token, never by cookie, so "with credentials" is never granted and an
 * origin that is not allowed is served all the same: its browser keeps the answer from it.
 */
#ifndef GATEWAY_CORS_H
#define GATEWAY_CORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/config.h"
#include "gateway/head_lexer.h"

/* More field names than that are not reflected: the usual ones are named instead. */
#define CORS_REQUEST_FIELDS_BYTES_MAX 768

/* Room that cors_render() never exceeds. */
#define CORS_BYTES_MAX 2048

struct cors {
    bool is_varying;              /* answers depend on the Origin: caches must know */
    const char *origin;           /* to be named; "*"; NULL: none is allowed. Of the conf */
    bool is_preflight;            /* OPTIONS that asks for a method */
    struct span requested_fields; /* of a preflight, checked. Borrowed from the head */
    int64_t max_age_s;            /* of a preflight */
};

/* What <config> grants to the request, of whose head at least the method is known. */
void cors_judge(const struct config *config, const struct request_head *head, struct cors *cors);

/*
 * Write the header lines, CRLF included, to <out>, which has CORS_BYTES_MAX bytes; returns
 * their length. <methods>: what a preflight is told, in the form of Allow.
 */
size_t cors_render(const struct cors *cors, const char *methods, char *out) MUST_USE;

#endif
