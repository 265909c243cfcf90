/* SPDX-License-Identifier: MIT */
/*
 * proxy_protocol.c - the header by which a load balancer names the client.
 *
 * Sections in the comments are those of HAProxy's proxy-protocol.txt.
 */
#include "gateway/proxy_protocol.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define V1_BYTES_MAX 107 /* section 2.1, with CR LF */
#define V2_FIXED_BYTES 16
#define TCP4_BYTES 12 /* two addresses and two ports */
#define TCP6_BYTES 36
#define UNIX_BYTES 216
#define PORT_DIGITS_MAX 5

static const struct span v1_name = SPAN_LITERAL("PROXY ");
static const struct span v2_signature = SPAN_LITERAL("\r\n\r\n\0\r\nQUIT\n");

static enum proxy_header_status refuse(const char **problem, const char *words)
{
    *problem = words;
    return PROXY_HEADER_REFUSED;
}

/* True as long as <bytes> and <beginning> agree in what both have. */
static bool agrees(struct span bytes, struct span beginning)
{
    size_t length = bytes.length < beginning.length ? bytes.length : beginning.length;

    return length == 0 || memcmp(bytes.data, beginning.data, length) == 0;
}

/* -- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80" CR LF, section 2.1 -- */

/* The part before the next space, or all that is left; it is cut off with that space. */
static struct span take_word(struct span *line)
{
    const char *space = line->length == 0 ? NULL : memchr(line->data, ' ', line->length);
    size_t length = space == NULL ? line->length : (size_t)(space - line->data);
    struct span word = span_of(line->data, length);

    *line = span_skip(*line, space == NULL ? length : length + 1);
    return word;
}

/* "0" to "65535", no zero in front. */
static bool is_port(struct span word)
{
    unsigned value = 0;

    if (word.length == 0 || word.length > PORT_DIGITS_MAX ||
        (word.length > 1 && word.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < word.length; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(word.data[i] - '0');
    }
    return value <= UINT16_MAX;
}

/* An address in the form of its family: IPv6 has colons, IPv4 has none. */
static bool parse_of_family(struct span word, bool is_six, struct address *address)
{
    bool has_colon = word.length > 0 && memchr(word.data, ':', word.length) != NULL;

    return has_colon == is_six && address_parse(word, address);
}

/* What is between "PROXY " and CR LF. */
static bool parse_v1_line(struct span line, struct address *client)
{
    struct span family = take_word(&line);
    bool is_six = span_equals_string(family, "TCP6");
    struct address source;
    struct address target;

    if (span_equals_string(family, "UNKNOWN")) {
        *client = (struct address){.is_known = false};
        return true; /* whatever follows */
    }
    if ((!is_six && !span_equals_string(family, "TCP4")) ||
        !parse_of_family(take_word(&line), is_six, &source) ||
        !parse_of_family(take_word(&line), is_six, &target) || !is_port(take_word(&line)) ||
        !is_port(line)) { /* the last word: nothing may follow it, not even a space */
        return false;
    }
    *client = source;
    return true;
}

static enum proxy_header_status parse_v1(struct span bytes, struct proxy_header *header,
                                         const char **problem)
{
    struct span line = span_skip(bytes, v1_name.length);
    struct address client;
    size_t end = 0;

    while (end < line.length && line.data[end] != '\r' && line.data[end] != '\n') {
        end++;
    }
    if (v1_name.length + end + 2 > V1_BYTES_MAX) {
        return refuse(problem, "version 1: longer than 107 bytes");
    }
    if (end == line.length || (end + 1 == line.length && line.data[end] == '\r')) {
        return PROXY_HEADER_MORE;
    }
    if (line.data[end] != '\r' || line.data[end + 1] != '\n') {
        return refuse(problem, "version 1: the line does not end in CR LF");
    }
    if (!parse_v1_line(span_of(line.data, end), &client)) {
        return refuse(problem, "version 1: not two addresses and two ports");
    }
    *header = (struct proxy_header){.length = v1_name.length + end + 2, .client = client};
    return PROXY_HEADER_OK;
}

/* -- version 2: signature, version and command, family, length, addresses, section 2.2 -- */

struct v2_fixed {
    unsigned version;
    unsigned command;
    unsigned family;   /* high bits: 0 none, 1 IPv4, 2 IPv6, 3 UNIX */
    unsigned protocol; /* 0 none, 1 stream, 2 datagram */
    size_t length;     /* of what follows */
};

enum {
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_NONE = 0,
    FAMILY_IPV4 = 1,
    FAMILY_IPV6 = 2,
    FAMILY_UNIX = 3,
    PROTOCOL_NONE = 0,
    PROTOCOL_STREAM = 1,
    PROTOCOL_DATAGRAM = 2,
};

static struct v2_fixed read_fixed(struct span bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data + v2_signature.length;

    return (struct v2_fixed){
        .version = at[0] >> 4,
        .command = at[0] & 0xfU,
        .family = at[1] >> 4,
        .protocol = at[1] & 0xfU,
        .length = ((size_t)at[2] << 8) | at[3],
    };
}

/* Bytes that the addresses of this family take, before the extensions. */
static size_t address_bytes(unsigned family)
{
    static const size_t bytes[] = {0, TCP4_BYTES, TCP6_BYTES, UNIX_BYTES};

    return bytes[family];
}

/* NULL, or what is wrong. */
static const char *problem_of_fixed(const struct v2_fixed *fixed)
{
    if (fixed->version != 2) {
        return "version 2: another version in the binary header";
    }
    if (fixed->command > COMMAND_PROXY) {
        return "version 2: unknown command";
    }
    if (V2_FIXED_BYTES + fixed->length > PROXY_HEADER_BYTES_MAX) {
        return "version 2: longer than 4096 bytes";
    }
    if (fixed->command == COMMAND_LOCAL) {
        return NULL; /* the rest is to be skipped, whatever it is */
    }
    if (fixed->family > FAMILY_UNIX || fixed->protocol > PROTOCOL_DATAGRAM ||
        (fixed->family == FAMILY_NONE) != (fixed->protocol == PROTOCOL_NONE)) {
        return "version 2: unknown address family";
    }
    if (fixed->length < address_bytes(fixed->family)) {
        return "version 2: too short for its addresses";
    }
    return NULL;
}

/* Of no TCP client the balancer's own address stands, as section 2.2 allows. */
static struct address v2_client(const struct v2_fixed *fixed, struct span bytes)
{
    const uint8_t *addresses = (const uint8_t *)bytes.data + V2_FIXED_BYTES;

    if (fixed->command != COMMAND_PROXY || fixed->protocol != PROTOCOL_STREAM ||
        fixed->family == FAMILY_UNIX) {
        return (struct address){.is_known = false};
    }
    return address_of_bytes(addresses, fixed->family == FAMILY_IPV4 ? 4 : ADDRESS_BYTES);
}

static enum proxy_header_status parse_v2(struct span bytes, struct proxy_header *header,
                                         const char **problem)
{
    struct v2_fixed fixed;
    const char *words;

    if (bytes.length < V2_FIXED_BYTES) {
        return PROXY_HEADER_MORE;
    }
    fixed = read_fixed(bytes);
    words = problem_of_fixed(&fixed);
    if (words != NULL) {
        return refuse(problem, words);
    }
    if (bytes.length < V2_FIXED_BYTES + fixed.length) {
        return PROXY_HEADER_MORE;
    }
    header->length = V2_FIXED_BYTES + fixed.length;
    header->client = v2_client(&fixed, bytes);
    return PROXY_HEADER_OK;
}

enum proxy_header_status proxy_header_parse(struct span bytes, struct proxy_header *header,
                                            const char **problem)
{
    if (agrees(bytes, v2_signature)) {
        return bytes.length < v2_signature.length ? PROXY_HEADER_MORE
                                                  : parse_v2(bytes, header, problem);
    }
    if (agrees(bytes, v1_name)) {
        return bytes.length < v1_name.length ? PROXY_HEADER_MORE : parse_v1(bytes, header, problem);
    }
    return refuse(problem, "no PROXY protocol header");
}
