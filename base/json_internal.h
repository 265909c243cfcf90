/* SPDX-License-Identifier: MIT */
/*
 * json_internal.h - what the three files of the json module share.
 *
 *   json_check.c   the grammar: is this text JSON?
 *   json_string.c  the insides of strings: check, unescape, compare
 *   json.c         tokens, and the readers over them
 *
 * Everybody else includes base/json.h.
 */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/json.h"

/* What the strict pass learns about a text. */
struct json_facts {
    size_t tokens;     /* values and names that jsmn will make of it; valid when JSON_OK */
    size_t problem_at; /* offset of the first offending byte; valid when not JSON_OK */
};

/* json_check(), and the facts besides. <facts> is always written. */
enum json_problem json_check_facts(struct span text, unsigned max_depth,
                                   struct json_facts *facts) MUST_USE;

/*
 * Check one string. <at> points to the opening quote, before <end>; it is moved
 * behind the closing one, or to the problem. RFC 8259 section 7, RFC 3629 section 4.
 */
enum json_problem json_string_check(const unsigned char **at, const unsigned char *end) MUST_USE;

/* Order of two checked strings (insides) by their unescaped bytes: <0, 0 or >0. */
int json_string_compare(struct span left, struct span right);

/* True when a checked string (its inside), unescaped, equals the NUL-terminated <text>. */
bool json_string_matches(struct span raw, const char *text);

#endif
