/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proxy_protocol.c - any bytes as the beginning of a connection from a balancer.
 *
 * The verdict must not depend on how many bytes have come: what is taken whole was a good
 * beginning all the way and is taken with the same length whatever follows; what is
 * refused stays refused; and the parser never waits for more than its bound.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/proxy_protocol.h"
#include "tests/fuzz/fuzz_target.h"

/* Prefixes that are tried. */
#define STEPS_MAX 300

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* On a copy of exactly this size, so that the sanitizer sees a byte read too far. */
static enum proxy_header_status parse(const char *bytes, size_t length, struct proxy_header *header)
{
    const char *problem = NULL;
    char *copy = malloc(length + 1);
    enum proxy_header_status status;

    require(copy != NULL);
    if (length > 0) {
        memcpy(copy + 1, bytes, length);
    }
    status = proxy_header_parse(span_of(copy + 1, length), header, &problem);
    require((status == PROXY_HEADER_REFUSED) == (problem != NULL));
    free(copy);
    return status;
}

static void look_at(const struct proxy_header *header, size_t size)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct address again;

    require(header->length > 0 && header->length <= size);
    require(header->length <= PROXY_HEADER_BYTES_MAX);
    address_render(&header->client, text);
    if (header->client.is_known) {
        require(address_parse(span_from_string(text), &again));
        require(address_equal(&header->client, &again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct proxy_header whole = {.length = 0};
    enum proxy_header_status status = parse(bytes, size, &whole);
    bool was_refused = false;

    require(status != PROXY_HEADER_MORE || size < PROXY_HEADER_BYTES_MAX);
    if (status == PROXY_HEADER_OK) {
        look_at(&whole, size);
    }
    for (size_t length = 0; length < size && length < STEPS_MAX; length++) {
        struct proxy_header header = {.length = 0};
        enum proxy_header_status part = parse(bytes, length, &header);
        require(!was_refused || part == PROXY_HEADER_REFUSED);
        was_refused = part == PROXY_HEADER_REFUSED;
        if (status == PROXY_HEADER_OK) {
            require(part == (length < whole.length ? PROXY_HEADER_MORE : PROXY_HEADER_OK));
            require(part != PROXY_HEADER_OK || header.length == whole.length);
        }
    }
    require(!was_refused || status == PROXY_HEADER_REFUSED);
    return 0;
}
