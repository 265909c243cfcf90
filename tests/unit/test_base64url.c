/* SPDX-License-Identifier: MIT */
/*
 * test_base64url.c - one spelling for each string of bytes, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/base64url.h"

struct row {
    const char *name;
    struct span text;
    bool is_valid;
    struct span bytes;
    const char *spec;
};

#define GOOD(name, text, bytes, spec)                                                              \
    {                                                                                              \
        name, SPAN_LITERAL(text), true, SPAN_LITERAL(bytes), spec                                  \
    }
#define BAD(name, text, spec)                                                                      \
    {                                                                                              \
        name, SPAN_LITERAL(text), false, {NULL, 0}, spec                                           \
    }

static const struct row rows[] = {
    GOOD("nothing", "", "", "RFC 4648 section 10"),
    GOOD("one byte", "Zg", "f", "RFC 4648 section 10"),
    GOOD("two bytes", "Zm8", "fo", "RFC 4648 section 10"),
    GOOD("three bytes", "Zm9v", "foo", "RFC 4648 section 10"),
    GOOD("four bytes", "Zm9vYg", "foob", "RFC 4648 section 10"),
    GOOD("five bytes", "Zm9vYmE", "fooba", "RFC 4648 section 10"),
    GOOD("six bytes", "Zm9vYmFy", "foobar", "RFC 4648 section 10"),
    GOOD("octets of the example", "A-z_4ME", "\x03\xec\xff\xe0\xc1", "RFC 7515 appendix C"),
    GOOD("zero bytes", "AAAA", "\0\0\0", "RFC 4648 section 5"),
    GOOD("all ones", "____", "\xff\xff\xff", "RFC 4648 section 5"),
    BAD("one lone character", "A", "RFC 7515 appendix C"),
    BAD("one character too many", "Zm9vY", "RFC 7515 appendix C"),
    BAD("padding of one byte", "Zg==", "RFC 7515 section 2"),
    BAD("padding of two bytes", "Zm8=", "RFC 7515 section 2"),
    BAD("padding cut short", "Zg=", "RFC 7515 section 2"),
    BAD("padding alone", "====", "RFC 7515 section 2"),
    BAD("padding in the middle", "Zg==Zg", "RFC 7515 section 2"),
    BAD("four spare bits set", "Zh", "RFC 4648 section 3.5"),
    BAD("highest of four spare bits set", "Zo", "RFC 4648 section 3.5"),
    BAD("two spare bits set", "Zm9", "RFC 4648 section 3.5"),
    BAD("highest of two spare bits set", "Zm-", "RFC 4648 section 3.5"),
    BAD("plus of plain base64", "A+z_", "RFC 4648 section 5"),
    BAD("slash of plain base64", "A-z/", "RFC 4648 section 5"),
    BAD("a dot", "Zm.v", "RFC 4648 section 3.3"),
    BAD("space in front", " Zm9v", "RFC 4648 section 3.3"),
    BAD("line end behind", "Zm9v\n", "RFC 4648 section 3.3"),
    BAD("line end inside", "Zm\n9v", "RFC 4648 section 3.3"),
    BAD("NUL inside", "Zm\0v", "RFC 4648 section 3.3"),
    BAD("NUL behind", "Zm9v\0", "RFC 4648 section 3.3"),
    BAD("byte above ASCII", "Zm\xc3\xa9", "RFC 4648 section 3.3"),
    BAD("byte 255", "Zm9\xff", "RFC 4648 section 3.3"),
    BAD("foreign character in the tail", "Z!", "RFC 4648 section 3.3"),
};

/* Decode from and into memory of exactly the documented sizes. */
static bool decode_tightly(struct span text, uint8_t *out, size_t *length)
{
    char *copy = malloc(text.length + (text.length == 0 ? 1 : 0));
    uint8_t *room = malloc(BASE64URL_DECODED_BYTES(text.length));
    size_t decoded = SIZE_MAX;
    bool is_valid;

    assert_non_null(copy);
    assert_non_null(room);
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    is_valid = base64url_decode(span_of(copy, text.length), room, &decoded);
    if (is_valid) {
        memcpy(out, room, decoded);
        *length = decoded;
    } else {
        assert_int_equal(decoded, SIZE_MAX);
    }
    free(copy);
    free(room);
    return is_valid;
}

static void only_the_canonical_spelling_decodes(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        size_t length = 0;
        bool is_valid = decode_tightly(rows[i].text, bytes, &length);

        if (is_valid != rows[i].is_valid ||
            (is_valid && !span_equals(span_of((const char *)bytes, length), rows[i].bytes))) {
            print_error("row failed: %s (%s)\n", rows[i].name, rows[i].spec);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void encoding_gives_the_text_back(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        size_t length = 0;

        if (!rows[i].is_valid) {
            continue;
        }
        length = base64url_encode(rows[i].bytes, text);
        assert_true(length <= BASE64URL_ENCODED_BYTES(rows[i].bytes.length));
        if (!span_equals(span_of(text, length), rows[i].text)) {
            print_error("row failed: %s (%s)\n", rows[i].name, rows[i].spec);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Of all texts of two characters exactly 256 are valid: one for each byte. */
static void each_byte_has_exactly_one_spelling(void **state)
{
    int spellings[256] = {0};

    (void)state;
    for (int pair = 0; pair < 65536; pair++) {
        const char text[2] = {(char)(pair >> 8), (char)(pair & 0xff)};
        uint8_t byte = 0;
        size_t length = 0;

        if (decode_tightly(span_of(text, 2), &byte, &length)) {
            assert_int_equal(length, 1);
            spellings[byte]++;
        }
    }
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(spellings[byte], 1);
    }
}

static void all_lengths_survive_a_round_trip(void **state)
{
    char bytes[200];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 167 + 13);
    }
    for (size_t length = 0; length <= sizeof bytes; length++) {
        char text[BASE64URL_ENCODED_BYTES(sizeof bytes)];
        uint8_t back[BASE64URL_DECODED_BYTES(sizeof text)];
        size_t text_length = base64url_encode(span_of(bytes, length), text);
        size_t back_length = 0;

        assert_int_equal(text_length, (length * 4 + 2) / 3);
        assert_true(decode_tightly(span_of(text, text_length), back, &back_length));
        assert_int_equal(back_length, length);
        assert_memory_equal(back, bytes, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_canonical_spelling_decodes),
        cmocka_unit_test(encoding_gives_the_text_back),
        cmocka_unit_test(each_byte_has_exactly_one_spelling),
        cmocka_unit_test(all_lengths_survive_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
