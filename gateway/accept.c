/* SPDX-License-Identifier: MIT */
/*
 * accept.c - see accept.h.
 */
#include "gateway/accept.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/span.h"

#define WEIGHT_MOST 1000 /* weights have three digits behind the point (RFC 9110 section 12.4.2) */

static struct span trimmed(struct span text)
{
    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text = span_skip(text, 1);
    }
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

/* What stands before <separator>; it and what came before it are taken off <rest>. */
static struct span take_part(struct span *rest, char separator)
{
    const char *end = rest->length == 0 ? NULL : memchr(rest->data, separator, rest->length);
    struct span part = span_of(rest->data, end == NULL ? rest->length : (size_t)(end - rest->data));

    *rest = span_skip(*rest, end == NULL ? rest->length : part.length + 1);
    return trimmed(part);
}

static bool is_word(struct span text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* "0.8" -> 800; what is no weight counts as none at all. */
static int weight_of(struct span text)
{
    int weight = 0;
    int digit_is_worth = WEIGHT_MOST;

    for (size_t i = 0; i < text.length && i < 5; i++) {
        if (i == 1 && text.data[i] == '.') {
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        weight += (text.data[i] - '0') * digit_is_worth;
        digit_is_worth /= 10;
    }
    return weight > WEIGHT_MOST ? WEIGHT_MOST : weight;
}

/* The weight among the parameters of a media range; the most without one. */
static int take_weight(struct span parameters)
{
    while (parameters.length > 0) {
        struct span value = take_part(&parameters, ';');
        struct span name = take_part(&value, '=');
        if (is_word(name, "q")) {
            return weight_of(trimmed(value));
        }
    }
    return WEIGHT_MOST;
}

bool accept_prefers_html(const char *accept)
{
    struct span rest = span_from_string(accept == NULL ? "" : accept);
    int html = 0;
    int json = 0;

    while (rest.length > 0) {
        struct span range = take_part(&rest, ',');
        struct span type = take_part(&range, ';');
        if (is_word(type, "text/html")) {
            html = take_weight(range);
        } else if (is_word(type, "application/json")) {
            json = take_weight(range);
        }
    }
    return html > json;
}
