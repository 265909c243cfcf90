/* SPDX-License-Identifier: MIT */
/*
 * test_certificate.c - throw-away self-signed certificates.
 *
 * Made anew for each test, so that no key lies in the tree and none can expire
 * there; only the certificate itself goes to a temporary file, as a trust root.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/scripted_upstream.h"

#define DAY_S (24L * 60 * 60)

struct test_certificate {
    EVP_PKEY *key;
    X509 *x509;
    SSL_CTX *server;
    char path[64];
};

static void must(int is_ok, const char *what)
{
    if (!is_ok) {
        (void)fprintf(stderr, "test certificate: %s failed\n", what);
        abort();
    }
}

static void add_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(x509, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

static X509 *make_x509(EVP_PKEY *key, enum test_certificate_kind kind)
{
    X509 *x509 = X509_new();
    const char *names =
        kind == CERTIFICATE_OTHER_HOST ? "DNS:other.example" : "DNS:localhost,IP:127.0.0.1";
    long from = kind == CERTIFICATE_EXPIRED ? -2 * DAY_S : -60;
    long until = kind == CERTIFICATE_EXPIRED ? -DAY_S : DAY_S;
    X509_NAME *name;

    must(x509 != NULL, "X509_new");
    must(X509_set_version(x509, 2) == 1, "version");
    must(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1, "serial");
    must(X509_gmtime_adj(X509_getm_notBefore(x509), from) != NULL, "not before");
    must(X509_gmtime_adj(X509_getm_notAfter(x509), until) != NULL, "not after");
    must(X509_set_pubkey(x509, key) == 1, "public key");
    name = X509_get_subject_name(x509);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"tidegate test", -1, -1, 0) == 1,
         "name");
    must(X509_set_issuer_name(x509, name) == 1, "issuer");
    add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x509, NID_subject_alt_name, names);
    must(X509_sign(x509, key, EVP_sha256()) > 0, "signature");
    return x509;
}

static void write_file(struct test_certificate *certificate)
{
    FILE *file;
    int fd;

    (void)snprintf(certificate->path, sizeof(certificate->path), "/tmp/tidegate-test-ca-XXXXXX");
    fd = mkstemp(certificate->path);
    must(fd >= 0, "mkstemp");
    file = fdopen(fd, "w");
    must(file != NULL && PEM_write_X509(file, certificate->x509) == 1, "PEM_write_X509");
    must(fclose(file) == 0, "fclose");
}

struct test_certificate *test_certificate_new(enum test_certificate_kind kind)
{
    static const unsigned char session_context[] = "test";
    struct test_certificate *certificate = calloc(1, sizeof(*certificate));

    must(certificate != NULL, "calloc");
    certificate->key = EVP_EC_gen("P-256");
    must(certificate->key != NULL, "EVP_EC_gen");
    certificate->x509 = make_x509(certificate->key, kind);
    certificate->server = SSL_CTX_new(TLS_server_method());
    must(certificate->server != NULL, "SSL_CTX_new");
    must(SSL_CTX_use_certificate(certificate->server, certificate->x509) == 1, "certificate");
    must(SSL_CTX_use_PrivateKey(certificate->server, certificate->key) == 1, "key");
    must(SSL_CTX_set_session_id_context(certificate->server, session_context,
                                        sizeof(session_context) - 1) == 1,
         "session context");
    write_file(certificate);
    return certificate;
}

void test_certificate_free(struct test_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    (void)unlink(certificate->path);
    SSL_CTX_free(certificate->server);
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

const char *test_certificate_file(const struct test_certificate *certificate)
{
    return certificate->path;
}

void *test_certificate_server(const struct test_certificate *certificate)
{
    return certificate->server;
}
