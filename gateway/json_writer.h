/* SPDX-License-Identifier: MIT */
/*
 * json_writer.h - JSON written value by value, well-formed whatever the texts hold.
 *
 * Not for the way of a token: it prints. A name is NULL inside an array, and for the root.
 * Errors of the stream are the stream's: whoever opened it asks it at the end.
 */
#ifndef GATEWAY_JSON_WRITER_H
#define GATEWAY_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

struct json_writer {
    FILE *out;        /* borrowed */
    bool needs_comma; /* before the next value */
};

void json_open_object(struct json_writer *writer, const char *name);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer, const char *name);
void json_close_array(struct json_writer *writer);

/* Any bytes: what is not UTF-8 becomes U+FFFD. */
void json_put_span(struct json_writer *writer, const char *name, struct span text);

/* The same, NUL-terminated; NULL: null. */
void json_put_text(struct json_writer *writer, const char *name, const char *text);
void json_put_count(struct json_writer *writer, const char *name, uint64_t value);
void json_put_bool(struct json_writer *writer, const char *name, bool value);

/* value / divisor, as short as it can be exact to a double's 15 digits. <divisor> at least 1. */
void json_put_ratio(struct json_writer *writer, const char *name, uint64_t value, uint64_t divisor);

/* Rounded to six digits; null when it is not a finite number. */
void json_put_real(struct json_writer *writer, const char *name, double value);

/* A value that is JSON already. */
void json_put_raw(struct json_writer *writer, const char *name, const char *json);

#endif
