/* SPDX-License-Identifier: MIT */
/*
 * tls.c - a throw-away certificate authority, and a context that serves its certificate.
 *
 * The keys live in this process only and die with it, so there is nothing to
 * renew, to leak or to check in.
 */
#include "tests/sim/tls.h"

#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L
#define NAMES_OF_THIS_MACHINE "DNS:localhost,IP:127.0.0.1,IP:::1"

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension = NULL;
    bool is_added = false;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    is_added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* An unsigned certificate without extensions, valid from <from_s> to <to_s> seconds from now. */
static X509 *new_certificate(const char *common_name, EVP_PKEY *key, long from_s, long to_s)
{
    X509 *cert = X509_new();
    X509_NAME *name = cert == NULL ? NULL : X509_get_subject_name(cert);
    uint64_t serial = 0;

    if (cert == NULL || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1 ||
        X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), from_s) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), to_s) == NULL ||
        X509_set_pubkey(cert, key) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                                   -1, 0) != 1) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static X509 *new_ca(EVP_PKEY *key)
{
    X509 *ca = new_certificate("hfsim throw-away CA", key, -DAY_S * 30, DAY_S * 30);

    if (ca == NULL || X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
        !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(ca, ca, NID_subject_key_identifier, "hash") ||
        X509_sign(ca, key, EVP_sha256()) == 0) {
        X509_free(ca);
        return NULL;
    }
    return ca;
}

static X509 *new_leaf(const struct tls_options *options, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
    long to_s = options->is_expired ? -DAY_S : DAY_S * 30;
    X509 *leaf = new_certificate("hfsim", key, -DAY_S * 10, to_s);
    char names[300];

    (void)snprintf(names, sizeof(names), "%s%.250s", options->name == NULL ? "" : "DNS:",
                   options->name == NULL ? NAMES_OF_THIS_MACHINE : options->name);
    if (leaf == NULL || X509_set_issuer_name(leaf, X509_get_subject_name(ca)) != 1 ||
        !add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(leaf, ca, NID_ext_key_usage, "serverAuth") ||
        !add_extension(leaf, ca, NID_authority_key_identifier, "keyid") ||
        !add_extension(leaf, ca, NID_subject_alt_name, names) ||
        X509_sign(leaf, ca_key, EVP_sha256()) == 0) {
        X509_free(leaf);
        return NULL;
    }
    return leaf;
}

static bool write_ca(const char *path, X509 *ca)
{
    FILE *file = fopen(path, "w");
    bool is_written = false;

    if (file == NULL) {
        return false;
    }
    is_written = PEM_write_X509(file, ca) == 1;
    return fclose(file) == 0 && is_written;
}

static bool use_made_up(SSL_CTX *context, const struct tls_options *options)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key == NULL ? NULL : new_ca(ca_key);
    X509 *leaf = ca == NULL || key == NULL ? NULL : new_leaf(options, key, ca, ca_key);
    bool is_used = leaf != NULL && SSL_CTX_use_certificate(context, leaf) == 1 &&
                   SSL_CTX_use_PrivateKey(context, key) == 1;

    if (is_used && options->ca_out != NULL && !write_ca(options->ca_out, ca)) {
        (void)fprintf(stderr, "hfsim: %s: cannot write\n", options->ca_out);
        is_used = false;
    }
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return is_used;
}

static bool use_files(SSL_CTX *context, const struct tls_options *options)
{
    return options->key_file != NULL &&
           SSL_CTX_use_certificate_chain_file(context, options->cert_file) == 1 &&
           SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) == 1;
}

/* TLS 1.1 and older are below the library's default security level. */
static bool limit_version(SSL_CTX *context, int max_version)
{
    if (max_version == 0) {
        return true;
    }
    if (max_version < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(context, 0);
    }
    return SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, max_version) == 1;
}

SSL_CTX *tls_context_new(const struct tls_options *options)
{
    static const unsigned char session_id[] = "hfsim";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL ||
        SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1) != 1 ||
        !limit_version(context, options->max_version) ||
        !(options->cert_file == NULL ? use_made_up(context, options)
                                     : use_files(context, options))) {
        (void)fprintf(stderr, "hfsim: TLS does not start\n");
        ERR_print_errors_fp(stderr);
        SSL_CTX_free(context);
        return NULL;
    }
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    return context;
}
