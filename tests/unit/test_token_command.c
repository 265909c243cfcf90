/* SPDX-License-Identifier: MIT */
/*
 * test_token_command.c - `tidegate token` from its command line to its output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/token_command.h"
#include "tests/unit/token_maker.h"

#define ARGUMENTS_MAX 16
#define NOW_UNIX_S 1700000000

/* What one run printed. */
struct run {
    int status;
    char out[1536];
    char err[1024];
};

/* Point <descriptor> at a temporary file; the old one is kept in <saved>. */
static FILE *redirect(int descriptor, int *saved)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    *saved = dup(descriptor);
    assert_true(*saved >= 0);
    assert_true(dup2(fileno(file), descriptor) >= 0);
    return file;
}

static void restore(int descriptor, int saved, FILE *file, char *text, size_t room)
{
    size_t length;

    assert_true(dup2(saved, descriptor) >= 0);
    (void)close(saved);
    rewind(file);
    length = fread(text, 1, room - 1, file);
    text[length] = '\0';
    (void)fclose(file);
}

/* Run the command with these arguments, NULL at the end. */
static struct run run_token(const char *const *arguments)
{
    static char name[] = "token";
    static char copies[ARGUMENTS_MAX][128];
    char *argv[ARGUMENTS_MAX + 2] = {name};
    struct run run;
    int argc = 1;
    int saved_out;
    int saved_err;
    FILE *out;
    FILE *err;

    for (; argc <= ARGUMENTS_MAX && arguments[argc - 1] != NULL; argc++) {
        (void)snprintf(copies[argc - 1], sizeof copies[0], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc - 1];
    }
    (void)fflush(NULL);
    out = redirect(STDOUT_FILENO, &saved_out);
    err = redirect(STDERR_FILENO, &saved_err);
    run.status = token_command(argc, argv);
    (void)fflush(NULL);
    restore(STDOUT_FILENO, saved_out, out, run.out, sizeof run.out);
    restore(STDERR_FILENO, saved_err, err, run.err, sizeof run.err);
    return run;
}

/* Check the one line that was printed, as the gateway would. */
static enum auth_verdict check_line(const struct run *run, struct maker_checker *maker,
                                    int64_t now_unix_s, struct auth_identity *identity)
{
    char value[sizeof run->out + 8];
    size_t length = strlen(run->out);

    assert_int_equal(run->status, 0);
    assert_string_equal(run->err, "");
    assert_true(length > 0 && strchr(run->out, '\n') == run->out + length - 1);
    (void)snprintf(value, sizeof value, "Bearer %.*s", (int)length - 1, run->out);
    return maker_check(maker->checker, span_from_string(value), now_unix_s, identity);
}

static int set_up(void **state)
{
    (void)state;
    clock_set_for_test(0, (int64_t)NOW_UNIX_S * 1000);
    return setenv("TEST_TOKEN_SECRET", SECRET_ONE, 1) | setenv("TEST_TOKEN_SHORT", "too short", 1) |
           unsetenv("TEST_TOKEN_ABSENT");
}

static void a_token_from_a_secret_source_verifies_for_one_hour(void **state)
{
    static const char *const arguments[] = {"--secret", "env:TEST_TOKEN_SECRET", NULL};
    struct run run = run_token(arguments);
    struct maker_checker maker;
    struct auth_identity identity;

    (void)state;
    maker_checker_init(&maker, maker_policy());
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "developer");
    assert_true(identity.expires_unix_s == NOW_UNIX_S + 3600);
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S - 1, &identity), AUTH_NOT_YET_VALID);
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S + 3600, &identity), AUTH_EXPIRED);
    maker_checker_fini(&maker);
}

static void every_option_reaches_its_claim(void **state)
{
    static const char *const arguments[] = {
        "--secret=env:TEST_TOKEN_SECRET", "--kid", "k1",    "--sub", "Ada \"L\"", "--iss",
        "https://issuer.example/",        "--aud", "gates", "--ttl", "90s",       NULL};
    struct run run = run_token(arguments);
    struct maker_checker maker = {.policy = maker_policy()};
    struct auth_identity identity;

    (void)state;
    maker.policy.issuer = span_from_string("https://issuer.example/");
    maker.policy.audience = span_from_string("gates");
    maker.keys = auth_keys_new();
    assert_non_null(maker.keys);
    maker_add_key(maker.keys, "k0", SECRET_TWO);
    maker_add_key(maker.keys, "k1", SECRET_ONE);
    maker.checker = auth_checker_new(maker.keys, &maker.policy);
    assert_non_null(maker.checker);
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S, &identity), AUTH_OK);
    assert_string_equal(identity.subject, "Ada \"L\"");
    assert_true(identity.expires_unix_s == NOW_UNIX_S + 90);
    maker_checker_fini(&maker);
}

/* A conf file with two secrets, in a directory of its own. */
struct conf {
    char directory[64];
    char path[96];
};

static void conf_write(struct conf *conf)
{
    FILE *file = NULL;

    (void)snprintf(conf->directory, sizeof conf->directory, "/tmp/tidegate-token-XXXXXX");
    assert_non_null(mkdtemp(conf->directory));
    (void)snprintf(conf->path, sizeof conf->path, "%s/tidegate.conf", conf->directory);
    assert_int_equal(setenv("TEST_TOKEN_SECOND", SECRET_TWO, 1), 0);
    assert_int_equal(setenv("TEST_TOKEN_UPSTREAM", "hf_not_a_token", 1), 0);
    file = fopen(conf->path, "w");
    assert_non_null(file);
    (void)fputs("auth: {\n"
                "  secrets = ( { kid = \"one\"; secret = \"env:TEST_TOKEN_SECRET\"; },\n"
                "              { kid = \"two\"; secret = \"env:TEST_TOKEN_SECOND\"; } );\n"
                "  issuer = \"https://conf.example/\"; audience = \"conf\";\n"
                "};\n"
                "upstreams = ( { name = \"huggingface\"; token = \"env:TEST_TOKEN_UPSTREAM\";\n"
                "  url = \"https://router.huggingface.co/v1/chat/completions\"; } );\n"
                "models: { allow = [ \"*\" ]; };\n",
                file);
    assert_int_equal(fclose(file), 0);
}

static void conf_remove(const struct conf *conf)
{
    (void)unlink(conf->path);
    (void)rmdir(conf->directory);
}

static void a_conf_file_gives_secret_issuer_and_audience(void **state)
{
    struct conf conf = {.path = ""};
    const char *const first[] = {"-c", conf.path, NULL};
    const char *const second[] = {"--config", conf.path, "--kid", "two", NULL};
    const char *const unknown[] = {"-c", conf.path, "--kid", "three", NULL};
    struct maker_checker maker = {.policy = maker_policy()};
    struct auth_identity identity;
    struct run run;

    (void)state;
    conf_write(&conf);
    maker.policy.issuer = span_from_string("https://conf.example/");
    maker.policy.audience = span_from_string("conf");
    maker.keys = auth_keys_new();
    assert_non_null(maker.keys);
    maker_add_key(maker.keys, "one", SECRET_ONE);
    maker_add_key(maker.keys, "two", SECRET_TWO);
    maker.checker = auth_checker_new(maker.keys, &maker.policy);
    assert_non_null(maker.checker);

    run = run_token(first);
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S, &identity), AUTH_OK);
    run = run_token(second);
    assert_int_equal(check_line(&run, &maker, NOW_UNIX_S, &identity), AUTH_OK);
    run = run_token(unknown);
    assert_int_equal(run.status, 2);
    assert_string_equal(run.out, "");
    conf_remove(&conf);
    maker_checker_fini(&maker);
}

struct failing_row {
    const char *name;
    const char *arguments[8];
    int status;
};

#define SOURCE "--secret", "env:TEST_TOKEN_SECRET"

static const struct failing_row failing_rows[] = {
    {"nothing at all", {NULL}, 2},
    {"both sources", {"-c", "x.conf", SOURCE, NULL}, 2},
    {"unknown option", {SOURCE, "--CANARY=CANARY", NULL}, 2},
    {"unknown short option", {SOURCE, "-x", NULL}, 2},
    {"argument behind", {SOURCE, "CANARY", NULL}, 2},
    {"option without its value", {SOURCE, "--ttl", NULL}, 2},
    {"the secret itself", {"--secret", "CANARY of at least 32 bytes, in the open", NULL}, 2},
    {"a file name without file:", {"--secret", "CANARY", NULL}, 2},
    {"no such variable", {"--secret", "env:TEST_TOKEN_ABSENT", NULL}, 1},
    {"no such file", {"--secret", "file:/nonexistent/CANARY", NULL}, 1},
    {"a secret below 32 bytes", {"--secret", "env:TEST_TOKEN_SHORT", NULL}, 1},
    {"no such conf file", {"-c", "/nonexistent/tidegate.conf", NULL}, 2},
    {"empty sub", {SOURCE, "--sub", "", NULL}, 2},
    {"blank sub", {SOURCE, "--sub", "  ", NULL}, 2},
    {"sub that is not ASCII", {SOURCE, "--sub", "J\xc3\xb6rg", NULL}, 2},
    {"line end in iss", {SOURCE, "--iss", "a\nb", NULL}, 2},
    {"ttl without its unit", {SOURCE, "--ttl", "60", NULL}, 2},
    {"ttl of nothing", {SOURCE, "--ttl", "0s", NULL}, 2},
    {"ttl of no number", {SOURCE, "--ttl", "soon", NULL}, 2},
    {"ttl below zero", {SOURCE, "--ttl", "-1h", NULL}, 2},
    {"ttl of a second and a half", {SOURCE, "--ttl", "1500ms", NULL}, 2},
    {"ttl that would overflow", {SOURCE, "--ttl", "99999999999999999999h", NULL}, 2},
    {"ttl of a century", {SOURCE, "--ttl", "876000h", NULL}, 2},
};

/* Also: what was typed is never printed back, for it may be a secret in the wrong place. */
static void wrong_usage_prints_no_token_and_says_why(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof failing_rows / sizeof failing_rows[0]; i++) {
        const struct failing_row *row = &failing_rows[i];
        struct run run = run_token(row->arguments);

        if (run.status != row->status || run.out[0] != '\0' || run.err[0] == '\0' ||
            strstr(run.err, "CANARY") != NULL) {
            print_error("row failed: %s: status %d, out \"%s\", err \"%s\"\n", row->name,
                        run.status, run.out, run.err);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void help_goes_to_stdout_and_names_every_option(void **state)
{
    static const char *const options[] = {"--config", "--secret", "--kid", "--sub",
                                          "--iss",    "--aud",    "--ttl", "--help"};
    static const char *const arguments[] = {"--help", NULL};
    struct run run = run_token(arguments);

    (void)state;
    assert_int_equal(run.status, 0);
    assert_string_equal(run.err, "");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_non_null(strstr(run.out, options[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_from_a_secret_source_verifies_for_one_hour),
        cmocka_unit_test(every_option_reaches_its_claim),
        cmocka_unit_test(a_conf_file_gives_secret_issuer_and_audience),
        cmocka_unit_test(wrong_usage_prints_no_token_and_says_why),
        cmocka_unit_test(help_goes_to_stdout_and_names_every_option),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
