/* SPDX-License-Identifier: MIT */
/*
 * config_value.c - durations, sizes, counts and addresses, as text and back.
 *
 * Why not strtoll(): it skips blanks, takes "+" and depends on errno; a conf value
 * has one spelling.
 */
#include "gateway/config_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Ascending, so that rendering can look for the largest one that divides. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
static const struct unit size_units[] = {
    {"b", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}};

#define UNIT_COUNT 4
_Static_assert(sizeof duration_units / sizeof duration_units[0] == UNIT_COUNT, "unit table");
_Static_assert(sizeof size_units / sizeof size_units[0] == UNIT_COUNT, "unit table");

const char *config_value_status_text(enum config_value_status status)
{
    switch (status) {
    case CONFIG_VALUE_OK:
        return "no problem";
    case CONFIG_VALUE_NO_UNIT:
        return "a number without a unit";
    case CONFIG_VALUE_BAD_UNIT:
        return "unknown unit";
    case CONFIG_VALUE_BAD_NUMBER:
        return "not a number";
    case CONFIG_VALUE_TOO_LARGE:
        return "number too large";
    case CONFIG_VALUE_BAD_HOST:
        return "not a numeric address, and not localhost";
    case CONFIG_VALUE_BAD_PORT:
        return "no port, or not a port";
    case CONFIG_VALUE_OUT_OF_RANGE:
        return "out of range";
    case CONFIG_VALUE_NO_MEMORY:
        return "out of memory";
    }
    return "unknown problem";
}

/* Reads digits at <*at> and moves it behind them. */
static enum config_value_status read_digits(const char **at, int64_t *value)
{
    int64_t sum = 0;
    const char *p = *at;

    if (*p < '0' || *p > '9') {
        return CONFIG_VALUE_BAD_NUMBER;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *p - '0', &sum)) {
            return CONFIG_VALUE_TOO_LARGE;
        }
    }
    *at = p;
    *value = sum;
    return CONFIG_VALUE_OK;
}

static enum config_value_status parse_with_unit(const char *text, const struct unit *units,
                                                int64_t *value)
{
    int64_t number = 0;
    enum config_value_status status = read_digits(&text, &number);

    if (status != CONFIG_VALUE_OK) {
        return status;
    }
    if (*text == '\0') {
        return CONFIG_VALUE_NO_UNIT;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(text, units[i].name) == 0) {
            int64_t product = 0;
            if (__builtin_mul_overflow(number, units[i].factor, &product)) {
                return CONFIG_VALUE_TOO_LARGE;
            }
            *value = product;
            return CONFIG_VALUE_OK;
        }
    }
    return CONFIG_VALUE_BAD_UNIT;
}

enum config_value_status config_parse_duration(const char *text, int64_t *milliseconds)
{
    return parse_with_unit(text, duration_units, milliseconds);
}

enum config_value_status config_parse_size(const char *text, int64_t *bytes)
{
    return parse_with_unit(text, size_units, bytes);
}

enum config_value_status config_parse_count(const char *text, int64_t *count)
{
    bool is_negative = *text == '-';
    int64_t number = 0;
    enum config_value_status status = CONFIG_VALUE_OK;

    if (is_negative) {
        text++;
    }
    status = read_digits(&text, &number);
    if (status != CONFIG_VALUE_OK) {
        return status;
    }
    if (*text != '\0') {
        return CONFIG_VALUE_BAD_NUMBER;
    }
    *count = is_negative ? -number : number;
    return CONFIG_VALUE_OK;
}

/* Longest numeric host: an IPv6 address with an embedded IPv4 one. */
#define HOST_BYTES_MAX INET6_ADDRSTRLEN

static bool set_ipv4(const char *host, in_port_t port, struct config_address *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};

    if (inet_pton(AF_INET, host, &in.sin_addr) != 1) {
        return false;
    }
    memcpy(&address->socket_address, &in, sizeof in);
    address->socket_address_length = sizeof in;
    return true;
}

static bool set_ipv6(const char *host, in_port_t port, struct config_address *address)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

    if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1) {
        return false;
    }
    memcpy(&address->socket_address, &in6, sizeof in6);
    address->socket_address_length = sizeof in6;
    return true;
}

static bool set_host(const char *host, bool is_bracketed, in_port_t port,
                     struct config_address *address)
{
    if (is_bracketed) {
        return set_ipv6(host, port, address);
    }
    return set_ipv4(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, address);
}

enum config_value_status config_parse_address(const char *text, struct config_address *address)
{
    struct config_address result = {0};
    char host[HOST_BYTES_MAX + 1] = "";
    bool is_bracketed = text[0] == '[';
    const char *host_start = is_bracketed ? text + 1 : text;
    size_t host_length = strcspn(host_start, is_bracketed ? "]" : ":");
    const char *after = host_start + host_length;
    int64_t port = 0;

    if (host_length == 0 || host_length > HOST_BYTES_MAX || (is_bracketed && *after != ']')) {
        return CONFIG_VALUE_BAD_HOST;
    }
    memcpy(host, host_start, host_length);
    after += is_bracketed ? 1 : 0;
    if (*after != ':') {
        return CONFIG_VALUE_BAD_PORT;
    }
    after++;
    if (read_digits(&after, &port) != CONFIG_VALUE_OK || port > UINT16_MAX) {
        return CONFIG_VALUE_BAD_PORT;
    }
    if (*after != '\0') {
        /* "::1:8080" without brackets comes here: its second colon is not a port's end. */
        return *after == ':' ? CONFIG_VALUE_BAD_HOST : CONFIG_VALUE_BAD_PORT;
    }
    if (!set_host(host, is_bracketed, htons((uint16_t)port), &result)) {
        return CONFIG_VALUE_BAD_HOST;
    }
    result.text = strdup(text);
    if (result.text == NULL) {
        return CONFIG_VALUE_NO_MEMORY;
    }
    *address = result;
    return CONFIG_VALUE_OK;
}

static void render_with_unit(int64_t value, const struct unit *units,
                             char out[CONFIG_VALUE_TEXT_BYTES_MAX])
{
    const struct unit *best = &units[0];

    for (size_t i = 1; i < UNIT_COUNT; i++) {
        if (value != 0 && value % units[i].factor == 0) {
            best = &units[i];
        }
    }
    (void)snprintf(out, CONFIG_VALUE_TEXT_BYTES_MAX, "%" PRId64 "%s", value / best->factor,
                   best->name); /* cannot be cut: 20 digits and a unit */
}

void config_render_duration(int64_t milliseconds, char out[CONFIG_VALUE_TEXT_BYTES_MAX])
{
    render_with_unit(milliseconds, duration_units, out);
}

void config_render_size(int64_t bytes, char out[CONFIG_VALUE_TEXT_BYTES_MAX])
{
    render_with_unit(bytes, size_units, out);
}
