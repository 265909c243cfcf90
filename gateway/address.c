/* SPDX-License-Identifier: MIT */
/*
 * address.c - Internet addresses and networks, IPv4 and IPv6 in one form.
 */
#include "gateway/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAPPED_BITS 96 /* of an IPv4-mapped address, before the IPv4 part */
#define ALL_BITS 128
#define IPV6_CLIENT_BYTES 8
#define PORT_DIGITS_MAX 5

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct address address_of_bytes(const uint8_t *bytes, size_t length)
{
    struct address address = {.is_known = true};

    if (length == sizeof(struct in_addr)) {
        memcpy(address.bytes, mapped_prefix, sizeof(mapped_prefix));
        memcpy(address.bytes + sizeof(mapped_prefix), bytes, length);
    } else if (length == ADDRESS_BYTES) {
        memcpy(address.bytes, bytes, length);
    } else {
        address.is_known = false;
    }
    return address;
}

struct address address_of_sockaddr(const struct sockaddr *from)
{
    const void *any = from;

    if (from != NULL && from->sa_family == AF_INET) {
        const struct sockaddr_in *four = any;
        return address_of_bytes((const uint8_t *)&four->sin_addr, sizeof(four->sin_addr));
    }
    if (from != NULL && from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = any;
        return address_of_bytes((const uint8_t *)&six->sin6_addr, sizeof(six->sin6_addr));
    }
    return (struct address){.is_known = false};
}

bool address_parse(struct span text, struct address *address)
{
    char copy[ADDRESS_TEXT_BYTES_MAX];
    uint8_t bytes[ADDRESS_BYTES];

    if (text.length == 0 || text.length >= sizeof(copy) ||
        memchr(text.data, '\0', text.length) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        *address = address_of_bytes(bytes, sizeof(struct in_addr));
        return true;
    }
    if (inet_pton(AF_INET6, copy, bytes) == 1) {
        *address = address_of_bytes(bytes, ADDRESS_BYTES);
        return true;
    }
    return false;
}

/* ":" 1*5DIGIT, or nothing. */
static bool is_port(struct span text)
{
    if (text.length == 0) {
        return true;
    }
    if (text.data[0] != ':' || text.length < 2 || text.length > 1 + PORT_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 1; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return true;
}

bool address_parse_node(struct span text, struct address *address)
{
    const char *end;

    if (text.length == 0) {
        return false;
    }
    if (text.data[0] == '[') {
        end = memchr(text.data, ']', text.length);
        if (end == NULL) {
            return false;
        }
        size_t inside = (size_t)(end - text.data) - 1;
        return is_port(span_skip(text, inside + 2)) &&
               memchr(text.data, ':', inside) != NULL && /* an IPv4 address has no brackets */
               address_parse(span_of(text.data + 1, inside), address);
    }
    end = memchr(text.data, ':', text.length);
    if (end != NULL && memchr(text.data, '.', (size_t)(end - text.data)) != NULL) {
        size_t length = (size_t)(end - text.data);
        return is_port(span_skip(text, length)) &&
               address_parse(span_of(text.data, length), address);
    }
    return address_parse(text, address);
}

void address_render(const struct address *address, char text[ADDRESS_TEXT_BYTES_MAX])
{
    bool is_four = is_ipv4(address);
    const uint8_t *from = address->bytes + (is_four ? sizeof(mapped_prefix) : 0);

    if (!address->is_known ||
        inet_ntop(is_four ? AF_INET : AF_INET6, from, text, ADDRESS_TEXT_BYTES_MAX) == NULL) {
        text[0] = '\0';
    }
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->is_known && b->is_known && memcmp(a->bytes, b->bytes, ADDRESS_BYTES) == 0;
}

struct address address_client_key(const struct address *address)
{
    struct address key = *address;

    if (!is_ipv4(address)) {
        memset(key.bytes + IPV6_CLIENT_BYTES, 0, ADDRESS_BYTES - IPV6_CLIENT_BYTES);
    }
    return key;
}

/* -- networks -- */

/* True when the first <bits> bits are the same. */
static bool share_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool has_host_bits(const struct address *address, unsigned prefix)
{
    for (unsigned bit = prefix; bit < ALL_BITS; bit++) {
        if ((address->bytes[bit / 8] & (0x80U >> (bit % 8))) != 0) {
            return true;
        }
    }
    return false;
}

/* 1*3DIGIT without a zero in front, at most <most>. */
static bool parse_bits(struct span digits, unsigned most, unsigned *bits)
{
    unsigned value = 0;

    if (digits.length == 0 || digits.length > 3 || (digits.length > 1 && digits.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(digits.data[i] - '0');
    }
    *bits = value;
    return value <= most;
}

enum network_verdict network_parse(struct span text, struct network *network)
{
    const char *slash = text.length == 0 ? NULL : memchr(text.data, '/', text.length);
    size_t length = slash == NULL ? text.length : (size_t)(slash - text.data);
    struct network parsed = {.prefix = ALL_BITS};
    char base[ADDRESS_TEXT_BYTES_MAX];
    unsigned before;
    unsigned bits;

    if (!address_parse(span_of(text.data, length), &parsed.base)) {
        return NETWORK_MALFORMED;
    }
    before = is_ipv4(&parsed.base) ? MAPPED_BITS : 0;
    bits = ALL_BITS - before;
    if (slash != NULL && !parse_bits(span_skip(text, length + 1), ALL_BITS - before, &bits)) {
        return NETWORK_BAD_PREFIX;
    }
    parsed.prefix = before + bits;
    if (has_host_bits(&parsed.base, parsed.prefix)) {
        return NETWORK_HOST_BITS;
    }
    address_render(&parsed.base, base);
    (void)snprintf(parsed.text, sizeof(parsed.text), "%s/%u", base, bits);
    *network = parsed;
    return NETWORK_OK;
}

bool network_has(const struct network *network, const struct address *address)
{
    return address->is_known && share_prefix(network->base.bytes, address->bytes, network->prefix);
}

bool networks_have(const struct network *networks, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (network_has(&networks[i], address)) {
            return true;
        }
    }
    return false;
}
