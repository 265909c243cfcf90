/* SPDX-License-Identifier: MIT */
/*
 * config_value.h - durations, sizes, counts and addresses, as text and back. Pure.
 *
 * A duration or a size without its unit is refused, because "30" means seconds to
 * one reader and milliseconds to another.
 */
#ifndef GATEWAY_CONFIG_VALUE_H
#define GATEWAY_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/config_types.h"

enum config_value_status {
    CONFIG_VALUE_OK = 0,
    CONFIG_VALUE_NO_UNIT,      /* a bare number where a unit is needed */
    CONFIG_VALUE_BAD_UNIT,     /* a number, then something that is no unit */
    CONFIG_VALUE_BAD_NUMBER,   /* no digits where they are needed */
    CONFIG_VALUE_TOO_LARGE,    /* beyond what the type can hold */
    CONFIG_VALUE_BAD_HOST,     /* not a numeric address, and not localhost */
    CONFIG_VALUE_BAD_PORT,     /* no port, or not 0 to 65535 */
    CONFIG_VALUE_OUT_OF_RANGE, /* for callers that know a range */
    CONFIG_VALUE_NO_MEMORY,
};

/* What is wrong, in words. Static text. */
const char *config_value_status_text(enum config_value_status status);

/* "250ms", "30s", "5m", "1h". Units are lower case, nothing may stand between. */
enum config_value_status config_parse_duration(const char *text, int64_t *milliseconds) MUST_USE;

/* "512b", "64k", "1m", "1g"; powers of 1024. */
enum config_value_status config_parse_size(const char *text, int64_t *bytes) MUST_USE;

/* Decimal digits, with an optional minus sign. */
enum config_value_status config_parse_count(const char *text, int64_t *count) MUST_USE;

/*
 * "127.0.0.1:8080", "[::1]:8080" or "localhost:8080" (which is 127.0.0.1). No name is
 * ever looked up. On success <address> owns a copy of <text>.
 */
enum config_value_status config_parse_address(const char *text,
                                              struct config_address *address) MUST_USE;

/* Room that the texts below never exceed. */
#define CONFIG_VALUE_TEXT_BYTES_MAX 32

/* The shortest text with a unit that means exactly this: 60000 is "1m". */
void config_render_duration(int64_t milliseconds, char out[CONFIG_VALUE_TEXT_BYTES_MAX]);
void config_render_size(int64_t bytes, char out[CONFIG_VALUE_TEXT_BYTES_MAX]);

#endif
