/* SPDX-License-Identifier: MIT */
/*
 * test_config.c - the conf file: what is taken, what is refused and in which words, and
 * that the files made from the table are up to date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/config_listen.h"
#include "gateway/format.h"
#include "gateway/manual.h"

#define SECRETS "auth: { secrets = ( { secret = \"env:TEST_SECRET\"; } ); };\n"
#define UPSTREAMS                                                                                  \
    "upstreams = ( { name = \"a\"; url = \"http://127.0.0.1:1/v1\"; token = \"\"; } );\n"
#define MODELS "models: { allow = [ \"a/*\" ]; };\n"
#define LEAST SECRETS UPSTREAMS MODELS

static char problems[8192];

/* Load <text>; what was complained about is in <problems>. */
static struct config *load(const char *text)
{
    FILE *out = fmemopen(problems, sizeof(problems), "w");
    struct config *config;

    assert_non_null(out);
    problems[0] = '\0';
    config = config_load_text("test.conf", span_from_string(text), out);
    (void)fclose(out);
    return config;
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    config_print(config, out);
    (void)fclose(out);
    return text;
}

static void the_least_conf_loads_with_every_default(void **state)
{
    struct config *config = load(LEAST);

    (void)state;
    if (config == NULL) {
        fail_msg("%s", problems);
    }
    assert_string_equal(config->listen[0].address.text, "0.0.0.0:8080");
    assert_ptr_equal(config->stream_format, &format_text);
    assert_int_equal(config->stream_buffer_bytes, 64 * 1024);
    assert_int_equal(config->stream_write_timeout_ms, 30000);
    assert_int_equal(config->stream_total_timeout_ms, 0);
    assert_int_equal(config->drain_timeout_ms, 60000);
    assert_int_equal(config->limits_connections, 10000);
    assert_int_equal(config->limits_max_body_bytes, 1024 * 1024);
    assert_int_equal(config->limits_head_timeout_ms, 10000);
    assert_int_equal(config->upstreams[0].first_token_timeout_ms, 60000);
    assert_int_equal(config->upstreams[0].max_event_bytes, 256 * 1024);
    assert_false(config->upstream_errors_as_gateway);
    assert_true(config->require_exp && config->require_sub);
    assert_false(config->require_nbf || config->require_iat);
    assert_true(config->workers >= 1);
    config_free(config);
}

struct row {
    const char *name;
    const char *text;
    const char *problem; /* has to be among the problems */
};

static const struct row refused[] = {
    {"unknown key", LEAST "nonsense = 1;\n", "test.conf:4: nonsense: "},
    {"unknown key in a section", LEAST "stream: { bufer = \"1k\"; };\n", "stream.bufer: "},
    {"unknown key in a record",
     SECRETS MODELS
     "upstreams = ( { name = \"a\"; url = \"http://h/\"; token = \"\"; colour = 1; } );\n",
     "upstreams[0].colour: "},
    {"unknown section", LEAST "steam: { };\n", "steam: "},
    {"repeated key", LEAST "workers = \"1\";\nworkers = \"2\";\n", "test.conf:5: "},
    {"syntax", LEAST "workers = ;\n", "test.conf:4: syntax error"},
    {"not terminated", "listen = [ \"127.0.0.1:1\"", "test.conf:1: "},
    {"include", "@include \"other.conf\"\n" LEAST, "test.conf:1: "},
    {"duration without a unit", LEAST "drain_timeout = \"30\";\n", "drain_timeout: "},
    {"duration as a number", LEAST "drain_timeout = 30;\n", "drain_timeout: "},
    {"duration of an unknown unit", LEAST "drain_timeout = \"1 parsec\";\n", "drain_timeout: "},
    {"duration below", LEAST "drain_timeout = \"1ms\";\n", "(allowed: \"10ms\" to \"24h\""},
    {"duration above", LEAST "drain_timeout = \"25h\";\n", "drain_timeout: "},
    {"duration beyond any number", LEAST "drain_timeout = \"99999999999999999999h\";\n",
     "drain_timeout: "},
    {"negative duration", LEAST "drain_timeout = \"-1s\";\n", "drain_timeout: "},
    {"off where it is not allowed", LEAST "drain_timeout = \"off\";\n", "drain_timeout: "},
    {"size without a unit", LEAST "stream: { buffer = \"65536\"; };\n", "stream.buffer: "},
    {"size below", LEAST "stream: { buffer = \"1k\"; };\n", "stream.buffer: "},
    {"size above", LEAST "stream: { buffer = \"17m\"; };\n", "stream.buffer: "},
    {"count as a text", LEAST "limits: { connections = \"10\"; };\n", "limits.connections: "},
    {"count of zero", LEAST "limits: { connections = 0; };\n", "limits.connections: "},
    {"fraction", LEAST "limits: { connections = 1.5; };\n", "limits.connections: "},
    {"unknown choice", LEAST "log: { level = \"loud\"; };\n",
     "log.level: unknown choice (allowed: \"error\", \"warn\", \"info\", \"debug\")"},
    {"unknown format", LEAST "stream: { format = \"html\"; };\n", "stream.format: "},
    {"wrong type", LEAST "workers = [ 1 ];\n", "workers: "},
    {"too many workers", LEAST "workers = \"65\";\n", "workers: "},
    {"listen without a port", LEAST "listen = [ \"127.0.0.1\" ];\n", "listen"},
    {"listen on a name", LEAST "listen = [ \"example:80\" ];\n", "listen"},
    {"listen on port 65536", LEAST "listen = [ \"127.0.0.1:65536\" ];\n", "listen"},
    {"listen on nothing", LEAST "listen = [ ];\n", "listen: "},
    {"listen record without an address", LEAST "listen = ( { } );\n",
     "test.conf:4: listen[0].address: missing (allowed: ADDRESS:PORT"},
    {"listen record with a bad address",
     LEAST "listen = ( \"127.0.0.1:1\", { address = \"off\"; } );\n", "listen[1].address: "},
    {"listen record with an unknown key",
     LEAST "listen = ( { address = \"127.0.0.1:1\"; port = 1; } );\n",
     "listen[0].port: unknown key (allowed: address"},
    {"listen on a number", LEAST "listen = [ 8080 ];\n", "listen[0]: "},
    {"unknown claim",
     "auth: { secrets = ( { secret = \"env:TEST_SECRET\"; } );"
     " require = [ \"jti\" ]; };\n" UPSTREAMS MODELS,
     "auth.require"},
    {"no secrets", UPSTREAMS MODELS, "auth.secrets: "},
    {"no upstreams", SECRETS MODELS, "upstreams: "},
    {"no models", SECRETS UPSTREAMS, "models.allow: "},
    {"secret as a value", "auth: { secrets = ( { secret = \"hunter2\"; } ); };\n" UPSTREAMS MODELS,
     "auth.secrets[0].secret: "},
    {"secret absent", "auth: { secrets = ( { secret = \"env:NO_SUCH\"; } ); };\n" UPSTREAMS MODELS,
     "env:NO_SUCH"},
    {"secret too short",
     "auth: { secrets = ( { secret = \"env:TEST_SHORT\"; } ); };\n" UPSTREAMS MODELS,
     "auth.secrets[0].secret: "},
    {"two secrets of one kid",
     "auth: { secrets = ( { kid = \"k\"; secret = \"env:TEST_SECRET\"; },"
     " { kid = \"k\"; secret = \"env:TEST_SECRET\"; } ); };\n" UPSTREAMS MODELS,
     "auth.secrets[1]"},
    {"upstream without a url", SECRETS MODELS "upstreams = ( { name = \"a\"; token = \"\"; } );\n",
     "upstreams[0].url: "},
    {"url with a query",
     SECRETS MODELS "upstreams = ( { name = \"a\"; url = \"http://h/?x\"; token = \"\"; } );\n",
     "upstreams[0].url: "},
    {"token absent",
     SECRETS MODELS
     "upstreams = ( { name = \"a\"; url = \"http://h/\"; token = \"env:NO_SUCH\"; } );\n",
     "upstreams[0].token: env:NO_SUCH"},
    {"ca_file absent",
     SECRETS MODELS "upstreams = ( { name = \"a\"; url = \"http://h/\"; token = \"\"; ca_file = "
                    "\"/no/such\"; } );\n",
     "upstreams[0].ca_file: "},
    {"format of a pattern with a space",
     SECRETS UPSTREAMS "models: { allow = [ \"a/*\" ]; formats = ( { model = \"a b\"; format = "
                       "\"ui\"; } ); };\n",
     "models.formats[0].model: "},
    {"format of a model unknown",
     SECRETS UPSTREAMS "models: { allow = [ \"a/*\" ]; formats = ( { model = \"a/*\"; format = "
                       "\"xml\"; } ); };\n",
     "models.formats[0].format: unknown choice (allowed: text, data, ui, openai)"},
    {"format of a model without a format",
     SECRETS UPSTREAMS "models: { allow = [ \"a/*\" ]; formats = ( { model = \"a/*\"; } ); };\n",
     "models.formats[0].format: missing"},
    {"heartbeat of no time", LEAST "stream: { heartbeat = \"0s\"; };\n", "stream.heartbeat: "},
    {"coalesce for too long", LEAST "stream: { coalesce = \"2s\"; };\n", "stream.coalesce: "},
    {"unknown way with reasoning", LEAST "stream: { reasoning = \"show\"; };\n",
     "stream.reasoning: unknown choice (allowed: \"auto\", \"keep\", \"drop\")"},
    {"pattern with a space", SECRETS UPSTREAMS "models: { allow = [ \"a b\" ]; };\n",
     "models.allow"},
};

static void each_mistake_is_named_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct config *config = load(refused[i].text);
        if (config != NULL) {
            config_free(config);
            fail_msg("row '%s' was taken", refused[i].name);
        }
        if (strstr(problems, refused[i].problem) == NULL ||
            strncmp(problems, "test.conf:", 10) != 0) {
            fail_msg("row '%s': '%s' is not in\n%s", refused[i].name, refused[i].problem, problems);
        }
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    size_t lines = 0;

    (void)state;
    assert_null(load(SECRETS UPSTREAMS "workers = \"0\";\nnonsense = 1;\n"
                                       "stream: { buffer = \"1\"; format = \"x\"; };\n"
                                       "limits: { max_body = 5; };\n"));
    for (const char *at = problems; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 6); /* those five, and no models */
}

static void a_problem_never_shows_a_secret(void **state)
{
    (void)state;
    assert_null(
        load("auth: { secrets = ( { secret = \"hunter2hunter2\"; } ); };\n" UPSTREAMS MODELS));
    assert_null(strstr(problems, "hunter2"));
    assert_null(
        load("auth: { secrets = ( { secret = \"env:TEST_SHORT\"; } ); };\n" UPSTREAMS MODELS));
    assert_null(strstr(problems, "too-short-a-secret"));
}

static void a_secret_file_that_others_can_read_is_refused(void **state)
{
    char path[] = "/tmp/tidegate-test-XXXXXX";
    char text[512];
    int fd = mkstemp(path);
    struct config *config;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789012345678901234567890123456789\n", 41), 41);
    (void)close(fd);
    (void)snprintf(text, sizeof(text),
                   "auth: { secrets = ( { secret = \"file:%s\"; } ); };\n" UPSTREAMS MODELS, path);
    (void)chmod(path, 0644);
    assert_null(load(text));
    assert_non_null(strstr(problems, "auth.secrets[0].secret: "));
    (void)chmod(path, 0600);
    config = load(text);
    (void)unlink(path);
    assert_non_null(config);
    assert_int_equal(config->secrets[0].secret.length, 40); /* without the line end */
    config_free(config);
}

static void what_is_printed_loads_again_and_shows_no_secret(void **state)
{
    struct config *config =
        load(LEAST "stream: { format = \"data\"; buffer = \"8k\"; total_timeout = \"90s\"; };\n"
                   "log: { level = \"debug\"; format = \"json\"; access = \"off\"; };\n"
                   "upstream_errors = \"gateway\";\nlisten = [ \"127.0.0.1:0\", \"[::1]:81\" ];\n");
    char *first;
    char *second;

    (void)state;
    assert_non_null(config);
    first = print(config);
    config_free(config);
    assert_null(strstr(first, getenv("TEST_SECRET")));
    config = load(first);
    if (config == NULL) {
        fail_msg("%s\n%s", problems, first);
    }
    second = print(config);
    assert_string_equal(first, second);
    assert_ptr_equal(config->stream_format, &format_data);
    assert_true(config->upstream_errors_as_gateway);
    assert_int_equal(config->log_level, LOG_DEBUG);
    config_free(config);
    free(first);
    free(second);
}

static void a_listener_is_a_text_or_a_record(void **state)
{
    struct config *config =
        load(LEAST "listen = ( \"127.0.0.1:81\",\n { address = \"[::1]:82\"; } );\n");
    char *printed;

    (void)state;
    if (config == NULL) {
        fail_msg("%s", problems);
    }
    assert_int_equal(config->listen_count, 2);
    assert_string_equal(config->listen[0].address.text, "127.0.0.1:81");
    assert_string_equal(config->listen[1].address.text, "[::1]:82");
    assert_int_equal(config->listen[1].address.socket_address.ss_family, AF_INET6);
    printed = print(config);
    assert_non_null(strstr(printed, "\"127.0.0.1:81\""));
    free(printed);
    config_free(config);
}

/* What <next> says for the sockets that <now> has opened, as "address address ...". */
static void expect_kept(const char *now_listen, const char *next_listen, const char *expected)
{
    char text[1024];
    char kept[256] = "";
    struct config *now;
    struct config *next;

    (void)snprintf(text, sizeof(text), LEAST "listen = %s;\n", now_listen);
    now = load(text);
    (void)snprintf(text, sizeof(text), LEAST "listen = %s;\n", next_listen);
    next = load(text);
    assert_true(now != NULL && next != NULL);
    assert_true(config_listen_keep(next, now));
    for (size_t i = 0; i < next->listen_count; i++) {
        size_t length = strlen(kept);
        (void)snprintf(kept + length, sizeof(kept) - length, "%s ", next->listen[i].address.text);
    }
    assert_string_equal(kept, expected);
    config_free(now);
    config_free(next);
}

static void a_reload_keeps_the_sockets_there_are(void **state)
{
    (void)state;
    expect_kept("[ \"127.0.0.1:1\", \"127.0.0.1:2\" ]", "[ \"127.0.0.1:2\" ]",
                "127.0.0.1:1 127.0.0.1:2 ");
    expect_kept("[ \"127.0.0.1:1\" ]", "[ \"127.0.0.1:3\", \"127.0.0.1:1\" ]", "127.0.0.1:1 ");
    expect_kept("[ \"127.0.0.1:0\", \"127.0.0.1:0\" ]", "[ \"127.0.0.1:0\", \"127.0.0.1:0\" ]",
                "127.0.0.1:0 127.0.0.1:0 ");
}

static void units_are_read_as_they_say(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {
        {"10ms", 10}, {"250ms", 250}, {"30s", 30000}, {"5m", 300000}, {"24h", 86400000}};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        (void)snprintf(text, sizeof(text), LEAST "drain_timeout = \"%s\";\n", durations[i].text);
        struct config *config = load(text);
        assert_non_null(config);
        assert_int_equal(config->drain_timeout_ms, durations[i].ms);
        config_free(config);
    }
}

/* The file in the tree is what the program prints; <how> says how to make it again. */
static void assert_file_is(const char *path, void (*print_to)(FILE *out), const char *how)
{
    char name[512];
    char *printed = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&printed, &length);
    FILE *file;
    char *stored;

    print_to(out);
    (void)fclose(out);
    (void)snprintf(name, sizeof(name), "%s/%s", TIDEGATE_SOURCE_DIR, path);
    file = fopen(name, "r");
    assert_non_null(file);
    stored = calloc(1, length + 2);
    assert_true(fread(stored, 1, length + 1, file) <= length + 1);
    (void)fclose(file);
    if (strcmp(stored, printed) != 0) {
        fail_msg("%s is not what the table says; make it again: %s > %s", path, how, path);
    }
    free(stored);
    free(printed);
}

static void the_made_files_are_up_to_date(void **state)
{
    (void)state;
    assert_file_is("conf/tidegate.conf", config_print_default_file,
                   "tidegate --print-default-conf");
    assert_file_is("docs/configuration.md", config_print_markdown,
                   "tidegate --print-configuration-md");
    assert_file_is("docs/man/tidegate.8", manual_print_program, "tidegate --print-man");
    assert_file_is("docs/man/tidegate.conf.5", manual_print_conf, "tidegate --print-conf-man");
}

static int set_secrets(void **state)
{
    (void)state;
    return setenv("TEST_SECRET", "a-secret-that-is-long-enough-for-hs256", 1) ||
           setenv("TEST_SHORT", "too-short-a-secret", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_conf_loads_with_every_default),
        cmocka_unit_test(each_mistake_is_named_with_its_place),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(a_problem_never_shows_a_secret),
        cmocka_unit_test(a_secret_file_that_others_can_read_is_refused),
        cmocka_unit_test(what_is_printed_loads_again_and_shows_no_secret),
        cmocka_unit_test(a_listener_is_a_text_or_a_record),
        cmocka_unit_test(a_reload_keeps_the_sockets_there_are),
        cmocka_unit_test(units_are_read_as_they_say),
        cmocka_unit_test(the_made_files_are_up_to_date),
    };

    return cmocka_run_group_tests(tests, set_secrets, NULL);
}
