/* SPDX-License-Identifier: MIT */
/*
 * trace.c - W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/).
 */
#include "gateway/trace.h"

#include <string.h>

#define FLAG_SAMPLED 0x01U
#define VERSION_FORBIDDEN 0xffU
#define KEY_BYTES_MAX 256
#define TENANT_BYTES_MAX 241
#define SYSTEM_BYTES_MAX 14
#define VALUE_BYTES_MAX 256

static const char hex_digits[] = "0123456789abcdef";

void trace_render_hex(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 0x0f];
    }
    out[2 * count] = '\0';
}

/* -- traceparent -- */

/* HEXDIGLC of section 3.2.2: upper case is not hex here. 16 for everything else. */
static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Take <count> bytes written as hex off the front of <text>. */
static bool take_hex(struct span *text, uint8_t *bytes, size_t count)
{
    if (text->length < 2 * count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned high = hex_value(text->data[2 * i]);
        unsigned low = hex_value(text->data[2 * i + 1]);

        if (high > 15 || low > 15) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *text = span_skip(*text, 2 * count);
    return true;
}

static bool take_dash(struct span *text)
{
    if (text->length == 0 || text->data[0] != '-') {
        return false;
    }
    *text = span_skip(*text, 1);
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/*
 * Section 3.2.4: of a later version what this one knows is read, and whatever follows it
 * behind another dash is passed over. All other bits of the flags are for later versions.
 */
static bool parse_parent(struct span text, struct trace *trace)
{
    uint8_t version;
    uint8_t flags;

    if (!take_hex(&text, &version, 1) || version == VERSION_FORBIDDEN || !take_dash(&text) ||
        !take_hex(&text, trace->trace_id, TRACE_ID_BYTES) || !take_dash(&text) ||
        !take_hex(&text, trace->parent_id, TRACE_SPAN_BYTES) || !take_dash(&text) ||
        !take_hex(&text, &flags, 1)) {
        return false;
    }
    if (text.length > 0 && (version == 0 || text.data[0] != '-')) {
        return false;
    }
    trace->is_sampled = (flags & FLAG_SAMPLED) != 0;
    return !is_zero(trace->trace_id, TRACE_ID_BYTES) &&
           !is_zero(trace->parent_id, TRACE_SPAN_BYTES);
}

/* An id of zeros is none: sections 3.2.2.3 and 3.2.2.4. */
static void set_id(uint8_t *id, const uint8_t *random, size_t count)
{
    memcpy(id, random, count);
    if (is_zero(id, count)) {
        id[count - 1] = 1;
    }
}

void trace_begin(struct trace *trace, struct span traceparent,
                 const uint8_t random[TRACE_RANDOM_BYTES])
{
    *trace = (struct trace){.is_on = true};
    trace->is_continued = parse_parent(traceparent, trace);
    if (!trace->is_continued) {
        set_id(trace->trace_id, random, TRACE_ID_BYTES);
        trace->is_sampled = false;
    }
    set_id(trace->span_id, random + TRACE_ID_BYTES, TRACE_SPAN_BYTES);
}

void trace_render_parent(const struct trace *trace, char out[TRACE_PARENT_LENGTH])
{
    char hex[2 * TRACE_ID_BYTES + 1];

    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a span, not a string */
    memcpy(out, "00-", 3);
    trace_render_hex(trace->trace_id, TRACE_ID_BYTES, hex);
    memcpy(out + 3, hex, sizeof(hex) - 1);
    out[35] = '-';
    trace_render_hex(trace->span_id, TRACE_SPAN_BYTES, hex);
    memcpy(out + 36, hex, 2 * TRACE_SPAN_BYTES);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): as above */
    memcpy(out + 52, trace->is_sampled ? "-01" : "-00", 3);
}

/* -- tracestate -- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* All of <text> may stand in a key, behind its first byte, and there is some of it. */
static bool is_key_text(struct span text, size_t length_max)
{
    if (text.length == 0 || text.length > length_max) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!is_lower_or_digit(c) && c != '_' && c != '-' && c != '*' && c != '/') {
            return false;
        }
    }
    return true;
}

static bool begins_with_letter(struct span text)
{
    return text.data[0] >= 'a' && text.data[0] <= 'z';
}

/* simple-key or tenant "@" system, section 3.3.1.3.1. */
static bool is_key(struct span key)
{
    const char *at = key.length == 0 ? NULL : memchr(key.data, '@', key.length);

    if (at == NULL) {
        return is_key_text(key, KEY_BYTES_MAX) && begins_with_letter(key);
    }
    struct span tenant = span_of(key.data, (size_t)(at - key.data));
    struct span system = span_skip(key, tenant.length + 1);
    return is_key_text(tenant, TENANT_BYTES_MAX) && is_lower_or_digit(tenant.data[0]) &&
           is_key_text(system, SYSTEM_BYTES_MAX) && begins_with_letter(system);
}

/* Printable ASCII but "," and "=", no space at the end: section 3.3.1.3.2. */
static bool is_value(struct span value)
{
    if (value.length == 0 || value.length > VALUE_BYTES_MAX ||
        value.data[value.length - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c < ' ' || c > '~' || c == ',' || c == '=') {
            return false;
        }
    }
    return true;
}

/* A list on its way out. */
struct joined {
    char *bytes;
    size_t length;
    struct span keys[TRACE_STATE_MEMBERS_MAX]; /* into the client's lines */
    size_t count;
    bool is_cut; /* a member did not fit: none behind it is kept */
};

static bool has_key(const struct joined *out, struct span key)
{
    for (size_t i = 0; i < out->count; i++) {
        if (span_equals(out->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static void append(struct joined *out, struct span member)
{
    size_t comma = out->length > 0 ? 1 : 0;

    out->is_cut = out->is_cut || out->length + comma + member.length > TRACE_STATE_BYTES_MAX;
    if (out->is_cut) {
        return;
    }
    if (comma > 0) {
        out->bytes[out->length] = ',';
    }
    memcpy(out->bytes + out->length + comma, member.data, member.length);
    out->length += comma + member.length;
}

/* False: against the grammar, or one too many. Of a repeated key the first is the newest. */
static bool take_member(struct joined *out, struct span member)
{
    const char *equals = member.length == 0 ? NULL : memchr(member.data, '=', member.length);
    struct span key;

    if (member.length == 0) {
        return true; /* empty members are allowed, section 3.3.1.2 */
    }
    if (equals == NULL) {
        return false;
    }
    key = span_of(member.data, (size_t)(equals - member.data));
    if (!is_key(key) || !is_value(span_skip(member, key.length + 1))) {
        return false;
    }
    if (has_key(out, key)) {
        return true;
    }
    if (out->count == TRACE_STATE_MEMBERS_MAX) {
        return false;
    }
    out->keys[out->count++] = key;
    append(out, member);
    return true;
}

static bool take_line(struct joined *out, struct span line)
{
    while (line.length > 0) {
        const char *comma = memchr(line.data, ',', line.length);
        size_t length = comma == NULL ? line.length : (size_t)(comma - line.data);

        if (!take_member(out, span_trim(span_of(line.data, length)))) {
            return false;
        }
        line = span_skip(line, comma == NULL ? length : length + 1);
    }
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through <joined> */
size_t trace_render_state(const struct trace_state *state, char out[TRACE_STATE_BYTES_MAX])
{
    struct joined joined = {.bytes = out};

    for (size_t i = 0; i < state->count; i++) {
        if (!take_line(&joined, state->lines[i])) {
            return 0;
        }
    }
    return joined.length;
}
