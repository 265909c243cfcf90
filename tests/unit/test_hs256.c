/* SPDX-License-Identifier: MIT */
/*
 * test_hs256.c - HMAC-SHA256 with a kept key, also when memory runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "auth/hs256.h"

/* OpenSSL's allocations are counted; number <fail_at> and all after it fail. 0: none. */
static unsigned allocation_count;
static unsigned fail_at;

static bool allocation_fails(void)
{
    allocation_count++;
    return fail_at != 0 && allocation_count >= fail_at;
}

static void *counting_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return allocation_fails() ? NULL : malloc(size);
}

static void *counting_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return allocation_fails() ? NULL : realloc(memory, size);
}

static void counting_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

static void parse_hex(const char *hex, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

struct row {
    const char *name;
    char key_byte; /* 0: <key> is used, else this byte <key_length> times */
    const char *key;
    size_t key_length;
    const char *input;
    const char *mac_hex;
    const char *spec;
};

static const struct row rows[] = {
    {"key of 20 bytes", 0x0b, NULL, 20, "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "RFC 4231 section 4.2"},
    {"key shorter than the MAC", 0, "Jefe", 4, "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231 section 4.3"},
    {"key longer than a block", (char)0xaa, NULL, 131,
     "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "RFC 4231 section 4.7"},
    {"key and data longer than a block", (char)0xaa, NULL, 131,
     "This is a test using a larger than block-size key and a larger than block-size data. The "
     "key needs to be hashed before being used by the HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", "RFC 4231 section 4.8"},
    {"no data", 0, "key", 3, "", "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0",
     "RFC 2104 section 2"},
};

static struct hs256 *key_of(const struct row *row)
{
    char bytes[200];

    if (row->key != NULL) {
        return hs256_new(span_of(row->key, row->key_length));
    }
    memset(bytes, row->key_byte, row->key_length);
    return hs256_new(span_of(bytes, row->key_length));
}

/* Each key signs three times with other work between: the context must start afresh. */
static void published_vectors_hold_at_every_use_of_a_key(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hs256 *key = key_of(&rows[i]);
        uint8_t expected[HS256_MAC_BYTES];
        uint8_t mac[HS256_MAC_BYTES];

        assert_non_null(key);
        parse_hex(rows[i].mac_hex, expected, sizeof expected);
        for (int use = 0; use < 3; use++) {
            uint8_t other[HS256_MAC_BYTES];

            assert_true(hs256_sign(key, span_from_string(rows[i].input), mac));
            if (memcmp(mac, expected, sizeof mac) != 0) {
                print_error("row failed: %s (%s), use %d\n", rows[i].name, rows[i].spec, use);
                failures++;
            }
            assert_true(hs256_sign(key, span_from_string("something else"), other));
        }
        hs256_free(key);
    }
    assert_int_equal(failures, 0);
}

/* RFC 7515 section 5.2 step 8: all 32 bytes, and nothing but 32 bytes. */
static void only_the_whole_mac_matches(void **state)
{
    struct hs256 *key = hs256_new(span_from_string("a key for this test only"));
    const struct span input = SPAN_LITERAL("header.claims");
    char mac[HS256_MAC_BYTES + 1] = {0};
    uint8_t right[HS256_MAC_BYTES];

    (void)state;
    assert_non_null(key);
    assert_true(hs256_sign(key, input, right));
    memcpy(mac, right, sizeof right);

    assert_int_equal(hs256_verify(key, input, span_of(mac, HS256_MAC_BYTES)), HS256_MATCH);
    for (size_t length = 0; length < HS256_MAC_BYTES; length++) {
        assert_int_equal(hs256_verify(key, input, span_of(mac, length)), HS256_MISMATCH);
    }
    assert_int_equal(hs256_verify(key, input, span_of(mac, sizeof mac)), HS256_MISMATCH);
    for (size_t bit = 0; bit < (size_t)HS256_MAC_BYTES * 8; bit++) {
        mac[bit / 8] = (char)(mac[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(hs256_verify(key, input, span_of(mac, HS256_MAC_BYTES)), HS256_MISMATCH);
        mac[bit / 8] = (char)(mac[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(hs256_verify(key, input, span_of(mac, HS256_MAC_BYTES)), HS256_MATCH);
    hs256_free(key);
}

static void an_empty_secret_makes_no_key(void **state)
{
    (void)state;
    assert_null(hs256_new(span_of(NULL, 0)));
    assert_null(hs256_new(span_of("", 0)));
    hs256_free(NULL);
}

/* Whichever allocation fails, the answer is NULL, and no error waits for a TLS call. */
static void a_key_without_memory_is_null_and_leaves_no_error(void **state)
{
    struct hs256 *key = NULL;
    unsigned attempt = 0;

    (void)state;
    do {
        attempt++;
        assert_true(attempt < 1000);
        allocation_count = 0;
        fail_at = attempt;
        key = hs256_new(span_from_string("a key for this test only"));
        fail_at = 0;
        assert_int_equal(ERR_peek_error(), 0);
    } while (key == NULL);
    assert_true(attempt > 1);
    hs256_free(key);
}

/* A signature that cannot be made is no signature, and the key works again afterwards. */
static void signing_without_memory_fails_and_leaves_no_error(void **state)
{
    struct hs256 *key = hs256_new(span_from_string("a key for this test only"));
    const struct span input = SPAN_LITERAL("header.claims");
    uint8_t right[HS256_MAC_BYTES];
    uint8_t mac[HS256_MAC_BYTES];
    unsigned attempt = 0;
    enum hs256_result result = HS256_FAILED;

    (void)state;
    assert_non_null(key);
    assert_true(hs256_sign(key, input, right));
    do {
        attempt++;
        assert_true(attempt < 1000);
        allocation_count = 0;
        fail_at = attempt;
        result = hs256_verify(key, input, span_of((const char *)right, sizeof right));
        fail_at = 0;
        assert_int_not_equal(result, HS256_MISMATCH);
        assert_int_equal(ERR_peek_error(), 0);
    } while (result == HS256_FAILED);
    assert_true(hs256_sign(key, input, mac));
    assert_memory_equal(mac, right, sizeof mac);
    hs256_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold_at_every_use_of_a_key),
        cmocka_unit_test(only_the_whole_mac_matches),
        cmocka_unit_test(an_empty_secret_makes_no_key),
        cmocka_unit_test(a_key_without_memory_is_null_and_leaves_no_error),
        cmocka_unit_test(signing_without_memory_fails_and_leaves_no_error),
    };

    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1) {
        return 1; /* only possible before OpenSSL has allocated anything */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
