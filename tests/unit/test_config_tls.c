/* SPDX-License-Identifier: MIT */
/*
 * test_config_tls.c - the tls group of a listener: which certificates and keys are taken,
 * and in which words the others are refused.
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

#include <unistd.h>

#include "gateway/config.h"
#include "gateway/config_listen.h"
#include "tests/unit/pem_maker.h"

#define REST                                                                                       \
    "auth: { secrets = ( { secret = \"env:TEST_SECRET\"; } ); };\n"                                \
    "upstreams = ( { name = \"a\"; url = \"http://127.0.0.1:1/v1\"; token = \"\"; } );\n"          \
    "models: { allow = [ \"a/*\" ]; };\n"

static char folder[] = "/tmp/tidegate-test-XXXXXX";
static char problems[8192];

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Load a conf whose first line is `listen = <listen>`; paths in it are relative to the folder. */
static struct config *load(const char *listen)
{
    FILE *out = fmemopen(problems, sizeof(problems), "w");
    char text[2048];
    struct config *config;

    assert_non_null(out);
    problems[0] = '\0';
    (void)snprintf(text, sizeof(text), "listen = %s;\n" REST, listen);
    config = config_load_text(path_of("test.conf"), span_from_string(text), out);
    (void)fclose(out);
    return config;
}

#define TLS(certificate, key)                                                                      \
    "( { address = \"127.0.0.1:1\";\n tls = {\n certificate = \"" certificate "\";\n key = \"" key \
    "\"; }; } )"

static const struct {
    const char *name;
    const char *listen;
    const char *problem;
} refused[] = {
    {"no certificate file", TLS("none.pem", "key.pem"), "test.conf:3: listen[0].tls.certificate: "},
    {"no key file", TLS("cert.pem", "none.pem"), "test.conf:4: listen[0].tls.key: "},
    {"key that others can read", TLS("cert.pem", "loose.pem"),
     "the file is open to its group or to others (chmod 600)"},
    {"text where the certificate should be", TLS("text.pem", "key.pem"),
     "no certificate in PEM in it"},
    {"key where the certificate should be", TLS("key.pem", "key.pem"),
     "no certificate in PEM in it"},
    {"text where the key should be", TLS("cert.pem", "text.pem"), "no private key in PEM in it"},
    {"certificate where the key should be", TLS("cert.pem", "cert-0600.pem"),
     "test.conf:4: listen[0].tls.key: "},
    {"key of another certificate", TLS("cert.pem", "other.pem"),
     "the private key does not belong to the certificate"},
    {"key of another kind", TLS("cert.pem", "weak-key.pem"),
     "the private key does not belong to the certificate"},
    {"encrypted key", TLS("cert.pem", "locked.pem"), "the private key is encrypted"},
    {"RSA of 1024 bits", TLS("weak.pem", "weak-key.pem"), "too weak"},
    {"broken certificate in the chain", TLS("broken-chain.pem", "key.pem"),
     "a certificate behind the first one cannot be read"},
    {"no key", "( { address = \"127.0.0.1:1\"; tls = { certificate = \"cert.pem\"; }; } )",
     "listen[0].tls.key: missing"},
    {"no certificate", "( { address = \"127.0.0.1:1\"; tls = { key = \"key.pem\"; }; } )",
     "listen[0].tls.certificate: missing"},
    {"nothing in the group", "( { address = \"127.0.0.1:1\"; tls = { }; } )",
     "listen[0].tls.certificate: missing"},
    {"unknown key",
     "( { address = \"127.0.0.1:1\"; tls = { certificate = \"cert.pem\"; key = \"key.pem\"; "
     "ciphers = \"x\"; }; } )",
     "listen[0].tls.ciphers: unknown key (allowed: certificate, key)"},
    {"not a group", "( { address = \"127.0.0.1:1\"; tls = \"cert.pem\"; } )",
     "listen[0].tls: not a group"},
    {"a group of another name", "( { address = \"127.0.0.1:1\"; ssl = { }; } )",
     "listen[0].ssl: unknown key (allowed: address"},
};

static void each_mistake_is_named_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct config *config = load(refused[i].listen);
        if (config != NULL) {
            config_free(config);
            fail_msg("row '%s' was taken", refused[i].name);
        }
        if (strstr(problems, refused[i].problem) == NULL) {
            fail_msg("row '%s': '%s' is not in\n%s", refused[i].name, refused[i].problem, problems);
        }
        assert_null(strstr(problems, "PRIVATE"));
    }
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

static void a_pair_is_read_and_printed_without_the_key(void **state)
{
    struct config *config = load(TLS("chain.pem", "file:key.pem"));
    char key[64];
    char *printed;

    (void)state;
    if (config == NULL) {
        fail_msg("%s", problems);
    }
    assert_string_equal(problems, "");
    assert_string_equal(config->listen[0].tls_key, path_of("key.pem"));
    assert_true(config->listen[0].tls_certificate_pem.length > 0);
    assert_true(config->listen[0].tls_key_pem.length > 100);
    memcpy(key, config->listen[0].tls_key_pem.bytes + 30, 40); /* of the base64 */
    key[40] = '\0';
    printed = print(config);
    config_free(config);

    assert_null(strstr(printed, key));
    assert_null(strstr(printed, "PRIVATE"));
    assert_non_null(strstr(printed, "    tls = {\n      certificate = "));
    FILE *out = fmemopen(problems, sizeof(problems), "w");
    config = config_load_text("printed.conf", span_from_string(printed), out);
    (void)fclose(out);
    if (config == NULL) {
        fail_msg("%s", problems);
    }
    char *again = print(config);
    assert_string_equal(printed, again);
    free(again);
    free(printed);
    config_free(config);
}

static void a_certificate_that_is_out_of_date_is_taken_with_a_warning(void **state)
{
    static const struct {
        const char *listen;
        const char *warning;
    } rows[] = {
        {TLS("expired.pem", "key.pem"), "test.conf:3: listen[0].tls.certificate: warning: "},
        {TLS("expired.pem", "key.pem"), "the certificate has expired\n"},
        {TLS("future.pem", "key.pem"), "the certificate is not valid yet\n"},
        {TLS("soon.pem", "key.pem"), "the certificate expires within a week\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *config = load(rows[i].listen);
        assert_non_null(config);
        if (strstr(problems, rows[i].warning) == NULL) {
            fail_msg("'%s' is not in\n%s", rows[i].warning, problems);
        }
        config_free(config);
    }
}

/* At a reload the sockets stay and the certificate changes. */
static void a_reload_takes_the_new_certificate_for_an_old_address(void **state)
{
    struct config *now = load(TLS("cert.pem", "key.pem"));
    struct config *next =
        load("( \"127.0.0.1:2\", { address = \"127.0.0.1:1\"; tls = { certificate = "
             "\"other-cert.pem\"; key = \"other.pem\"; }; } )");
    struct config *plain = load("[ \"127.0.0.1:2\" ]");

    (void)state;
    assert_true(now != NULL && next != NULL && plain != NULL);
    assert_true(config_listen_keep(next, now));
    assert_int_equal(next->listen_count, 1);
    assert_string_equal(next->listen[0].tls_key, path_of("other.pem"));
    assert_false(span_equals(secret_span(&next->listen[0].tls_key_pem),
                             secret_span(&now->listen[0].tls_key_pem)));

    assert_true(config_listen_keep(plain, now)); /* the address is gone: as it was */
    assert_string_equal(plain->listen[0].address.text, "127.0.0.1:1");
    assert_true(span_equals(secret_span(&plain->listen[0].tls_key_pem),
                            secret_span(&now->listen[0].tls_key_pem)));
    config_free(now);
    config_free(next);
    config_free(plain);
}

/* -- the files -- */

static void append_file(const char *to, const char *from, const char *more)
{
    char bytes[8192];
    FILE *in = fopen(path_of(from), "r");
    FILE *out;
    size_t length;

    assert_non_null(in);
    length = fread(bytes, 1, sizeof(bytes), in);
    (void)fclose(in);
    out = fopen(path_of(to), "a");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    (void)fputs(more, out);
    (void)fclose(out);
}

static void write_certificate(const char *name, EVP_PKEY *key, long from_s, long until_s)
{
    X509 *x509 = pem_certificate_new(key, from_s, until_s);

    pem_write_certificate(path_of(name), x509);
    X509_free(x509);
}

static int make_files(void **state)
{
    EVP_PKEY *key = pem_key_new();
    EVP_PKEY *other = pem_key_new();
    EVP_PKEY *weak = pem_weak_key_new();
    char passphrase[] = "secret";

    (void)state;
    if (mkdtemp(folder) == NULL ||
        setenv("TEST_SECRET", "a-secret-that-is-long-enough-for-hs256", 1) != 0) {
        return 1;
    }
    pem_write_key(path_of("key.pem"), key, 0600, NULL);
    pem_write_key(path_of("loose.pem"), key, 0644, NULL);
    pem_write_key(path_of("locked.pem"), key, 0600, passphrase);
    pem_write_key(path_of("other.pem"), other, 0600, NULL);
    pem_write_key(path_of("weak-key.pem"), weak, 0600, NULL);
    pem_write_text(path_of("text.pem"), "nothing\n", 0600);
    write_certificate("cert.pem", key, -60, 30 * PEM_DAY_S);
    write_certificate("other-cert.pem", other, -60, 30 * PEM_DAY_S);
    write_certificate("weak.pem", weak, -60, 30 * PEM_DAY_S);
    write_certificate("expired.pem", key, -2 * PEM_DAY_S, -PEM_DAY_S);
    write_certificate("future.pem", key, PEM_DAY_S, 2 * PEM_DAY_S);
    write_certificate("soon.pem", key, -60, 3 * PEM_DAY_S);
    append_file("chain.pem", "cert.pem", "");
    append_file("chain.pem", "other-cert.pem", "\n# the end\n");
    append_file("broken-chain.pem", "cert.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    append_file("cert-0600.pem", "cert.pem", "");
    (void)chmod(path_of("cert-0600.pem"), 0600);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(weak);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {
        "key.pem",   "loose.pem",     "locked.pem", "other.pem",      "weak-key.pem",
        "text.pem",  "cert.pem",      "weak.pem",   "soon.pem",       "expired.pem",
        "chain.pem", "cert-0600.pem", "future.pem", "other-cert.pem", "broken-chain.pem"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(path_of(names[i]));
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_named_with_its_place),
        cmocka_unit_test(a_pair_is_read_and_printed_without_the_key),
        cmocka_unit_test(a_certificate_that_is_out_of_date_is_taken_with_a_warning),
        cmocka_unit_test(a_reload_takes_the_new_certificate_for_an_old_address),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
