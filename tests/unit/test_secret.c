/* SPDX-License-Identifier: MIT */
/*
 * test_secret.c - where secrets may come from, and which files are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"
#include "base/secret_variable.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct fixture {
    char directory[64];
    char path[96];
    char source[128];
};

static int set_up(void **state)
{
    static struct fixture fixture;

    snprintf(fixture.directory, sizeof(fixture.directory), "/tmp/tidegate-secret-XXXXXX");
    if (mkdtemp(fixture.directory) == NULL) {
        return -1;
    }
    snprintf(fixture.path, sizeof(fixture.path), "%s/key", fixture.directory);
    snprintf(fixture.source, sizeof(fixture.source), "file:%s", fixture.path);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    (void)unlink(fixture->path); /* not every test makes one */
    return rmdir(fixture->directory);
}

static void write_file(const struct fixture *fixture, struct span bytes, mode_t mode)
{
    FILE *file = fopen(fixture->path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.length, file), bytes.length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fixture->path, mode), 0);
}

static void expect_load(const char *source, enum secret_status expected, struct span bytes,
                        const char *name)
{
    struct secret secret = {NULL, 77};
    enum secret_status status = secret_load(source, &secret);

    if (status != expected) {
        fail_msg("%s: %s, expected %s", name, secret_status_text(status),
                 secret_status_text(expected));
    }
    if (status != SECRET_OK) {
        assert_null(secret.bytes);
        assert_int_equal(secret.length, 77);
        return;
    }
    if (!span_equals(secret_span(&secret), bytes) || secret.bytes[secret.length] != '\0') {
        fail_msg("%s: other bytes than expected", name);
    }
    secret_fini(&secret);
    assert_null(secret.bytes);
    assert_int_equal(secret.length, 0);
}

static void sources_of_another_form_are_refused(void **state)
{
    static const char *const sources[] = {
        "", "env:", "file:", "hf_0123456789", "ENV:HOME", "env", "file", " env:HOME", "FILE:/x",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(sources); i++) {
        expect_load(sources[i], SECRET_BAD_SOURCE, span_of(NULL, 0), sources[i]);
    }
}

static void a_variable_is_taken_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(setenv("TIDEGATE_TEST_SECRET", " a b\n", 1), 0);
    expect_load("env:TIDEGATE_TEST_SECRET", SECRET_OK, span_from_string(" a b\n"), "spaces");
    assert_int_equal(setenv("TIDEGATE_TEST_SECRET", "", 1), 0);
    expect_load("env:TIDEGATE_TEST_SECRET", SECRET_EMPTY, span_of(NULL, 0), "empty");
    assert_int_equal(unsetenv("TIDEGATE_TEST_SECRET"), 0);
    expect_load("env:TIDEGATE_TEST_SECRET", SECRET_ABSENT, span_of(NULL, 0), "absent");
}

/* The bytes that getenv() gave, not a copy: what /proc shows of a process is that memory. */
static void a_variable_that_was_read_is_wiped_where_it_stood_and_still_found(void **state)
{
    char *shown;

    (void)state;
    assert_int_equal(setenv("TIDEGATE_TEST_HIDDEN", "hidden secret", 1), 0);
    assert_int_equal(setenv("TIDEGATE_TEST_PLAIN", "plain", 1), 0);
    expect_load("env:TIDEGATE_TEST_HIDDEN", SECRET_OK, span_from_string("hidden secret"), "shown");
    shown = getenv("TIDEGATE_TEST_HIDDEN");
    secret_variables_hide();

    for (size_t i = 0; i < strlen("hidden secret"); i++) {
        assert_int_equal(shown[i], '\0');
    }
    assert_null(getenv("TIDEGATE_TEST_HIDDEN"));
    assert_string_equal(getenv("TIDEGATE_TEST_PLAIN"), "plain"); /* nobody asked for it */
    expect_load("env:TIDEGATE_TEST_HIDDEN", SECRET_OK, span_from_string("hidden secret"), "hidden");

    secret_variables_hide(); /* twice is harmless */
    assert_true(secret_variables_show());
    assert_string_equal(getenv("TIDEGATE_TEST_HIDDEN"), "hidden secret");

    secret_variables_hide();
    secret_variables_forget();
    expect_load("env:TIDEGATE_TEST_HIDDEN", SECRET_ABSENT, span_of(NULL, 0), "forgotten");
}

static void one_line_end_of_a_file_is_dropped(void **state)
{
    static const struct {
        const char *name;
        struct span file;
        struct span value;
        enum secret_status status;
    } rows[] = {
        {"no line end", SPAN_LITERAL("abc"), SPAN_LITERAL("abc"), SECRET_OK},
        {"LF", SPAN_LITERAL("abc\n"), SPAN_LITERAL("abc"), SECRET_OK},
        {"CRLF", SPAN_LITERAL("abc\r\n"), SPAN_LITERAL("abc"), SECRET_OK},
        {"two LF", SPAN_LITERAL("abc\n\n"), SPAN_LITERAL("abc\n"), SECRET_OK},
        {"CR alone", SPAN_LITERAL("abc\r"), SPAN_LITERAL("abc\r"), SECRET_OK},
        {"a line end inside", SPAN_LITERAL("a\nb\n"), SPAN_LITERAL("a\nb"), SECRET_OK},
        {"blanks", SPAN_LITERAL(" a \n"), SPAN_LITERAL(" a "), SECRET_OK},
        {"any byte", SPAN_LITERAL("\0\xFF\n"), SPAN_LITERAL("\0\xFF"), SECRET_OK},
        {"nothing", SPAN_LITERAL(""), SPAN_LITERAL(""), SECRET_EMPTY},
        {"only LF", SPAN_LITERAL("\n"), SPAN_LITERAL(""), SECRET_EMPTY},
        {"only CRLF", SPAN_LITERAL("\r\n"), SPAN_LITERAL(""), SECRET_EMPTY},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        write_file(fixture, rows[i].file, 0600);
        expect_load(fixture->source, rows[i].status, rows[i].value, rows[i].name);
    }
}

static void the_largest_file_passes_with_its_line_end_and_one_byte_more_does_not(void **state)
{
    struct fixture *fixture = *state;
    char bytes[SECRET_BYTES_MAX + 64];

    memset(bytes, 'k', sizeof(bytes));
    bytes[SECRET_BYTES_MAX] = '\r';
    bytes[SECRET_BYTES_MAX + 1] = '\n';
    write_file(fixture, span_of(bytes, SECRET_BYTES_MAX + 2), 0400);
    expect_load(fixture->source, SECRET_OK, span_of(bytes, SECRET_BYTES_MAX), "largest");

    memset(bytes, 'k', sizeof(bytes));
    write_file(fixture, span_of(bytes, SECRET_BYTES_MAX + 1), 0600);
    expect_load(fixture->source, SECRET_TOO_LARGE, span_of(NULL, 0), "one more");
    write_file(fixture, span_of(bytes, sizeof(bytes)), 0600);
    expect_load(fixture->source, SECRET_TOO_LARGE, span_of(NULL, 0), "many more");
}

static void a_file_open_to_group_or_others_is_refused(void **state)
{
    static const struct {
        mode_t mode;
        enum secret_status status;
    } rows[] = {
        {0600, SECRET_OK},         {0400, SECRET_OK},         {0700, SECRET_OK},
        {0640, SECRET_LOOSE_FILE}, {0604, SECRET_LOOSE_FILE}, {0644, SECRET_LOOSE_FILE},
        {0620, SECRET_LOOSE_FILE}, {0602, SECRET_LOOSE_FILE}, {0666, SECRET_LOOSE_FILE},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        char name[32];
        snprintf(name, sizeof(name), "mode %04o", (unsigned)rows[i].mode);
        write_file(fixture, span_from_string("abc"), rows[i].mode);
        expect_load(fixture->source, rows[i].status, span_from_string("abc"), name);
        assert_int_equal(unlink(fixture->path), 0);
    }
}

/* A pipe would hang the start, and what is in a directory is not a secret. */
static void what_is_not_a_file_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    char directory[80];

    snprintf(directory, sizeof(directory), "file:%s", fixture->directory);
    expect_load(directory, SECRET_ABSENT, span_of(NULL, 0), "a directory");
    expect_load(fixture->source, SECRET_ABSENT, span_of(NULL, 0), "no such file");
    expect_load("file:/dev/null", SECRET_ABSENT, span_of(NULL, 0), "a device");
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    expect_load(fixture->source, SECRET_ABSENT, span_of(NULL, 0), "a pipe");
}

static void a_copy_is_its_own_and_wiping_twice_is_harmless(void **state)
{
    char bytes[] = "abcdef";
    struct secret secret = {NULL, 0};

    (void)state;
    assert_true(secret_copy(span_of(bytes, 3), &secret));
    memset(bytes, 'X', sizeof(bytes));
    assert_true(span_equals_string(secret_span(&secret), "abc"));
    assert_int_equal(secret.bytes[3], '\0');
    secret_fini(&secret);
    secret_fini(&secret);
    assert_true(secret_copy(span_of(NULL, 0), &secret));
    assert_null(secret.bytes);
    secret_fini(&secret);
}

static void every_status_has_its_own_words(void **state)
{
    (void)state;
    for (int left = SECRET_OK; left <= SECRET_NO_MEMORY; left++) {
        for (int right = SECRET_OK; right < left; right++) {
            assert_string_not_equal(secret_status_text((enum secret_status)left),
                                    secret_status_text((enum secret_status)right));
        }
    }
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_of_another_form_are_refused),
        cmocka_unit_test(a_variable_is_taken_as_it_is),
        cmocka_unit_test(a_variable_that_was_read_is_wiped_where_it_stood_and_still_found),
        WITH_FILE(one_line_end_of_a_file_is_dropped),
        WITH_FILE(the_largest_file_passes_with_its_line_end_and_one_byte_more_does_not),
        WITH_FILE(a_file_open_to_group_or_others_is_refused),
        WITH_FILE(what_is_not_a_file_is_refused_at_once),
        cmocka_unit_test(a_copy_is_its_own_and_wiping_twice_is_harmless),
        cmocka_unit_test(every_status_has_its_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
