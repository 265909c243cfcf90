/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proxy.c - any bytes as the header that a load balancer puts in front.
 *
 * The verdict must not depend on how the bytes were cut: what is refused stays refused
 * and what is whole stays whole whatever follows, one byte less than a whole header is a
 * good beginning, and nobody is kept waiting for more than the header may have.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "gateway/proxy_protocol.h"
#include "tests/fuzz/fuzz_target.h"

/* Every cut up to here, then in strides: long headers hold nothing but extensions. */
#define CUTS_MAX 256
#define STRIDE 97

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static enum proxy_header_status parse(struct span bytes, size_t length, struct proxy_header *header)
{
    const char *problem = NULL;
    enum proxy_header_status status;

    bytes.length = length;
    status = proxy_header_parse(bytes, header, &problem);
    must(status != PROXY_HEADER_REFUSED || problem != NULL);
    must(status != PROXY_HEADER_OK ||
         (header->length <= length && header->length <= PROXY_HEADER_BYTES_MAX));
    must(status != PROXY_HEADER_MORE || length < PROXY_HEADER_BYTES_MAX);
    return status;
}

static void check_cuts(struct span bytes, enum proxy_header_status whole,
                       const struct proxy_header *header)
{
    bool has_refused = false;

    for (size_t cut = 0; cut < bytes.length; cut += cut < CUTS_MAX ? 1 : STRIDE) {
        struct proxy_header early = {.length = 0};
        enum proxy_header_status status = parse(bytes, cut, &early);

        must(!has_refused || status == PROXY_HEADER_REFUSED);
        has_refused = status == PROXY_HEADER_REFUSED;
        if (status == PROXY_HEADER_OK) {
            must(whole == PROXY_HEADER_OK && early.length == header->length);
            must(early.client.is_known == header->client.is_known);
            must(!early.client.is_known || address_equal(&early.client, &header->client));
        }
    }
    must(!has_refused || whole == PROXY_HEADER_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of((const char *)data, size);
    struct proxy_header header = {.length = 0};
    struct proxy_header again = {.length = 0};
    enum proxy_header_status whole = parse(bytes, size, &header);

    check_cuts(bytes, whole, &header);
    if (whole == PROXY_HEADER_OK) {
        must(header.length > 0);
        must(parse(bytes, header.length, &again) == PROXY_HEADER_OK);
        must(parse(bytes, header.length - 1, &again) == PROXY_HEADER_MORE);
    }
    return 0;
}
