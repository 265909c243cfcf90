/* SPDX-License-Identifier: MIT */
/*
 * fuzz_address.c - any bytes as an address, a network, or a chain of X-Forwarded-For.
 *
 * The first byte says which: A, N or F, whose lines stand behind each other. What was
 * accepted must mean the same when it is written and read again; and whoever writes
 * something in front of what our proxies wrote must not become another client.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/address.h"
#include "gateway/forwarded.h"
#include "tests/fuzz/fuzz_target.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_address(struct span text)
{
    char written[ADDRESS_TEXT_BYTES_MAX];
    struct address address = {.is_known = false};
    struct address again = {.is_known = false};

    if (!address_parse(text, &address)) {
        must(!address_parse_node(text, &again) || again.is_known);
        return;
    }
    must(address.is_known);
    address_render(&address, written);
    must(address_parse(span_from_string(written), &again) && address_equal(&address, &again));
    must(address_parse_node(text, &again) && address_equal(&address, &again));
    again = address_client_key(&address);
    must(again.is_known);
}

static void check_network(struct span text)
{
    struct network network;
    struct network again;

    if (network_parse(text, &network) != NETWORK_OK) {
        return;
    }
    must(network.prefix <= 128 && network.base.is_known);
    must(network_has(&network, &network.base));
    must(network_parse(span_from_string(network.text), &again) == NETWORK_OK);
    must(again.prefix == network.prefix && address_equal(&again.base, &network.base));
}

static struct forwarded split(struct span lines)
{
    struct forwarded chain = {.count = 0};

    while (chain.count < FORWARDED_LINES_MAX) {
        const char *end = lines.length == 0 ? NULL : memchr(lines.data, '\n', lines.length);
        struct span line = lines;
        if (end != NULL) {
            line.length = (size_t)(end - lines.data);
        }
        chain.lines[chain.count++] = line;
        if (end == NULL) {
            break;
        }
        lines = span_skip(lines, line.length + 1);
    }
    return chain;
}

static void check_chain(struct span lines)
{
    static const char claim[] = "203.0.113.66, ";
    struct forwarded chain = split(lines);
    struct network ours;
    struct address peer;
    struct address client;
    struct address with_claim;
    char *spoofed = malloc(sizeof(claim) + chain.lines[0].length);

    must(spoofed != NULL && network_parse(span_from_string("10.0.0.0/8"), &ours) == NETWORK_OK);
    must(address_parse(span_from_string("10.1.2.3"), &peer));
    client = forwarded_client(&chain, &peer, &ours, 1);
    must(client.is_known);
    memcpy(spoofed, claim, sizeof(claim) - 1);
    if (chain.lines[0].length > 0) {
        memcpy(spoofed + sizeof(claim) - 1, chain.lines[0].data, chain.lines[0].length);
    }
    chain.lines[0] = span_of(spoofed, sizeof(claim) - 1 + chain.lines[0].length);
    with_claim = forwarded_client(&chain, &peer, &ours, 1);
    must(network_has(&ours, &client) || address_equal(&client, &with_claim));
    free(spoofed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text;

    if (size == 0) {
        return 0;
    }
    text = span_of((const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'A':
        check_address(text);
        break;
    case 'N':
        check_network(text);
        break;
    case 'F':
        check_chain(text);
        break;
    default:
        break;
    }
    return 0;
}
