/* SPDX-License-Identifier: MIT */
/*
 * cors_origin.c - see cors_origin.h.
 */
#include "gateway/cors_origin.h"

#include <string.h>

#include "base/span.h"
#include "gateway/head_grammar.h"

static bool is_scheme(struct span scheme)
{
    for (size_t i = 0; i < scheme.length; i++) {
        char c = scheme.data[i];
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && (i == 0 || !is_other)) {
            return false;
        }
    }
    return scheme.length > 0;
}

static bool has_capital(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

bool cors_origin_is_valid(const char *origin)
{
    const char *colon = strstr(origin, "://");
    struct span host;

    if (strcmp(origin, "*") == 0) {
        return true;
    }
    if (colon == NULL || strchr(origin, '*') != NULL || strlen(origin) > CORS_ORIGIN_BYTES_MAX) {
        return false;
    }
    host = span_from_string(colon + strlen("://"));
    return is_scheme(span_of(origin, (size_t)(colon - origin))) && !has_capital(host) &&
           head_host_is_valid(host) && host.data[host.length - 1] != ':';
}
